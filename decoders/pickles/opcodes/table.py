"""The table of opcodes, which the other modules here fill, and how numbers lie in a stream."""

import struct
from collections.abc import Callable
from typing import TypeAlias

from decoders.pickles.machine import BrokenPickleError, Machine

Step: TypeAlias = Callable[[Machine], None]

STOP = ord(".")
U2 = struct.Struct("<H")
I4 = struct.Struct("<i")
U4 = struct.Struct("<I")
U8 = struct.Struct("<Q")
F8 = struct.Struct(">d")


def _unknown(machine: Machine) -> None:
    code = machine.window[machine.position - 1]
    raise BrokenPickleError(f"0x{code:02x} is no opcode")


TABLE: list[Step] = [_unknown] * 256
"""What to do for each byte; `STOP` is not in it."""


def opcode(code: bytes) -> Callable[[Step], Step]:
    """Register a function for an opcode."""

    def register(step: Step) -> Step:
        TABLE[code[0]] = step
        return step

    return register
