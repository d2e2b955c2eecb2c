"""Sizes and durations as people write them, in filters and on the command line."""

import re
from typing import Final

SIZE_UNITS: Final = {
    "": 1,
    "b": 1,
    "k": 1000,
    "kb": 1000,
    "m": 1000**2,
    "mb": 1000**2,
    "g": 1000**3,
    "gb": 1000**3,
    "ki": 1024,
    "kib": 1024,
    "mi": 1024**2,
    "mib": 1024**2,
    "gi": 1024**3,
    "gib": 1024**3,
}
"""Bytes in each unit of size, as people write them in any case."""

DURATION_UNITS: Final = {
    "ns": 1,
    "us": 1000,
    "µs": 1000,
    "ms": 1000**2,
    "s": 1000**3,
    "m": 60 * 1000**3,
    "min": 60 * 1000**3,
    "h": 3600 * 1000**3,
}
"""Nanoseconds in each unit of time."""

_QUANTITY: Final = re.compile(r"(?P<digits>\d{1,18}(?:\.(?P<decimals>\d{1,9}))?)(?P<unit>[A-Za-zµ]*)")


class AmountError(ValueError):
    """The text is no such amount; the message says what would be."""


def size(text: str) -> int:
    """Read a size in bytes: `217`, `1k` (1000), `4KiB` (4096), `1.5M`."""
    found = _QUANTITY.fullmatch(text)
    factor = SIZE_UNITS.get(found["unit"].lower()) if found else None
    if found is None or factor is None:
        raise AmountError(f'"{text}" is no size; write 217, 1k, 64KiB or 1.5M')
    return round(float(found["digits"]) * factor)


def duration(text: str) -> int:
    """Read a duration in nanoseconds: `50ms`, `1.5s`, `2m`."""
    found = _QUANTITY.fullmatch(text)
    if found is not None and not found["unit"]:
        raise AmountError(f"a duration needs a unit: {text}ms, {text}s or {text}m")
    factor = DURATION_UNITS.get(found["unit"]) if found else None
    if found is None or factor is None:
        raise AmountError(f'"{text}" is no duration; write 200us, 50ms, 1.5s, 2m or 1h')
    return round(float(found["digits"]) * factor)


def duration_step(text: str) -> int:
    """Give the nanoseconds that one step of a duration's last digit is worth: a second for `5s`."""
    found = _QUANTITY.fullmatch(text)
    if found is None or found["unit"] not in DURATION_UNITS:
        raise AmountError(f'"{text}" is no duration')
    digits = len(found["decimals"] or "")
    return max(1, DURATION_UNITS[found["unit"]] // int(10**digits))
