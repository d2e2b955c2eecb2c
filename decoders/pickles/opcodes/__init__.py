"""Every pickle opcode of protocols 0 to 5, each as a small function on the machine.

`TABLE` has one entry a byte. Names and meanings are those of CPython's `pickletools`; where `pickle` would
import, call or change something, a value that says so is pushed instead.
"""

from decoders.pickles.opcodes import atoms, calls, containers, stack
from decoders.pickles.opcodes.table import STOP, TABLE

__all__ = ["STOP", "TABLE", "atoms", "calls", "containers", "stack"]
