"""How the recorder shares the processors: what it does can wait a little, what the program does can't."""

import ctypes
import os
import platform
import struct
import sys

__all__ = ["SLICE_NS", "ask_for_long_slices", "give_way"]

SLICE_NS = 10_000_000
"""How much processor time at a time the recorder asks for, in ns; Linux gives 3 ms unasked.

Its share stays what it is. But who asks for longer slices has to be there later, so that the processes of the
program need not wait for the end of one when they wake up (Linux since 6.12; before, asking changes nothing).
"""

_SCHED_SETATTR = {"x86_64": 314, "aarch64": 274, "riscv64": 274}
_ATTRIBUTES = struct.Struct("=IIQiIQQQII")  # size, policy, flags, nice, priority, slice, then what stays 0


def ask_for_long_slices() -> bool:
    """Ask for slices of SLICE_NS for this thread; whether the system has taken it."""
    number = _SCHED_SETATTR.get(platform.machine())
    if sys.platform != "linux" or number is None or sys.maxsize < 1 << 32:
        return False
    if os.sched_getscheduler(0) != os.SCHED_OTHER:
        return False  # somebody wants it otherwise
    nice = os.getpriority(os.PRIO_PROCESS, 0)
    asked = _ATTRIBUTES.pack(_ATTRIBUTES.size, os.SCHED_OTHER, 0, nice, 0, SLICE_NS, 0, 0, 0, 0)
    try:
        taken: int = ctypes.CDLL(None).syscall(number, 0, asked, 0)
    except (OSError, AttributeError):
        return False
    return taken == 0


def give_way() -> None:
    """Let others run who wait for this processor."""
    if hasattr(os, "sched_yield"):
        os.sched_yield()
