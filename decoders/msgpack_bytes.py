"""How many values a msgpack text holds, found without making any: one byte can make an object of 64.

See the msgpack specification: the first byte of a value tells its kind, and how long it is or how many it
holds.
"""

from typing import NamedTuple

from decoders.errors import DecodeError

MAX_VALUES = 1_000_000
"""The most values in one text."""


class _Layout(NamedTuple):
    """What follows a first byte: `fixed` bytes, and a number of `size` bytes that counts bytes or values."""

    fixed: int
    size: int = 0
    values: int = 0  # for each that is counted: 1 in an array, 2 in a map, 0 if bytes are counted


_LAYOUTS = {
    **{first: _Layout(0) for first in (0xC0, 0xC1, 0xC2, 0xC3)},
    **{first: _Layout(1 << place) for place, first in enumerate((0xCC, 0xCD, 0xCE, 0xCF))},
    **{first: _Layout(1 << place) for place, first in enumerate((0xD0, 0xD1, 0xD2, 0xD3))},
    **{first: _Layout(1 + (1 << place)) for place, first in enumerate((0xD4, 0xD5, 0xD6, 0xD7, 0xD8))},
    **{first: _Layout(0, 1 << place) for place, first in enumerate((0xC4, 0xC5, 0xC6))},
    **{first: _Layout(0, 1 << place) for place, first in enumerate((0xD9, 0xDA, 0xDB))},
    **{first: _Layout(1, 1 << place) for place, first in enumerate((0xC7, 0xC8, 0xC9))},
    0xCA: _Layout(4),
    0xCB: _Layout(8),
    0xDC: _Layout(0, 2, 1),
    0xDD: _Layout(0, 4, 1),
    0xDE: _Layout(0, 2, 2),
    0xDF: _Layout(0, 4, 2),
}


def check(data: bytes) -> None:
    """Raise DecodeError if there are more than `MAX_VALUES`; other faults are left to the reader."""
    if len(data) <= MAX_VALUES:
        return
    place, left = 0, 1
    for _ in range(MAX_VALUES + 1):
        if left <= 0 or place >= len(data):
            return
        first = data[place]
        place += 1
        left -= 1
        if first < 0x80 or first >= 0xE0:  # a small number
            continue
        if first < 0x90:  # a map
            left += 2 * (first & 0x0F)
        elif first < 0xA0:  # an array
            left += first & 0x0F
        elif first < 0xC0:  # a text
            place += first & 0x1F
        else:
            fixed, size, values = _LAYOUTS[first]
            count = int.from_bytes(data[place : place + size])
            place += fixed + size + (0 if values else count)
            left += values * count
    raise DecodeError(f"more than {MAX_VALUES:,} msgpack values")
