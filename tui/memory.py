"""Memory that is not needed any more goes back to the system, where the C library would keep it."""

import ctypes
from contextlib import suppress


def give_back() -> None:
    """Give back what the C library has freed but kept: some 25 bytes a message when a recording was read.

    glibc does that only when told; elsewhere there is nothing to do.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
