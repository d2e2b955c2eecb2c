"""The checksum of MCAP: CRC-32 as zip and zlib have it, by the fastest code at hand.

A recorder of megabytes would spend a quarter of its time on zlib's; processors have instructions for it.
"""

from collections.abc import Callable
from typing import Any

__all__ = ["crc32"]

_crc32: Callable[[Any, int], int]
try:
    from fastcrc.crc32 import iso_hdlc

    _crc32 = iso_hdlc
except ImportError:  # there is none for this platform
    import zlib

    _crc32 = zlib.crc32


def crc32(data: bytes | memoryview, before: int = 0) -> int:
    """Return the checksum of `data` and of what stands before it, which has the checksum `before`."""
    return _crc32(data, before)
