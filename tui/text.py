"""How numbers, times and foreign strings are written on the screen.

Everything that comes from a recording passes `decoders.text.safe` before a widget sees it: a terminal would
obey the control characters in a payload. Pure functions; nothing here knows Textual.
"""

import time
from functools import lru_cache

from rich.cells import cell_len, set_cell_size

from decoders.text import safe

__all__ = [
    "clock",
    "count",
    "day",
    "duration",
    "fit",
    "parse_clock",
    "plural",
    "safe",
    "seconds",
    "short_size",
    "size",
]

SECOND_NS = 1_000_000_000
MINUTE_S = 60
HOUR_S = 3600
DAY_S = 24 * HOUR_S


def count(number: int) -> str:
    """Write a number with thousands separators: `199,981`."""
    return f"{number:,}"


def plural(number: int, noun: str) -> str:
    """Write a number of things: `1 message`, `2,104 messages`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def short_size(size_bytes: int) -> str:
    """Write a size in at most five characters, for a column: `217`, `1.2k`, `12M`."""
    if size_bytes < 1000:
        return str(size_bytes)
    value = float(size_bytes)
    for unit in "kMGT":
        value /= 1000
        if value < 9.95:
            return f"{value:.1f}{unit}"
        if value < 999.5:
            return f"{value:.0f}{unit}"
    return f"{value:.0f}P"


def size(size_bytes: float) -> str:
    """Write a size for a sentence: `217 B`, `12.4 MiB`."""
    value = float(size_bytes)
    if value < 1024:
        return f"{value:.0f} B"
    for unit in ("KiB", "MiB", "GiB"):
        value /= 1024
        if value < 1023.95:
            return f"{value:.1f} {unit}"
    return f"{value / 1024:.1f} TiB"


def duration(span_ns: int) -> str:
    """Write a span of time with a unit that fits it: `850 ns`, `0.21 ms`, `3.2 s`, `2 m 05 s`, `1 h 02 m`."""
    if span_ns < 0:
        return "-" + duration(-span_ns)
    if span_ns < 1_000:
        return f"{span_ns} ns"
    if span_ns < 100_000:
        return f"{span_ns / 1e3:.0f} us"
    if span_ns < 9_995_000:
        return f"{span_ns / 1e6:.2f} ms"
    if span_ns < 999_500_000:
        return f"{span_ns / 1e6:.0f} ms"
    seconds = span_ns / SECOND_NS
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < HOUR_S:
        return f"{whole // MINUTE_S} m {whole % MINUTE_S:02} s"
    if whole < DAY_S:
        return f"{whole // HOUR_S} h {whole % HOUR_S // MINUTE_S:02} m"
    return f"{whole // DAY_S} d {whole % DAY_S // HOUR_S:02} h"


def seconds(span_ns: int) -> str:
    """Write a span in seconds with milliseconds, which line up in a column: `12.345`, `1:02:03.004`."""
    whole, rest = divmod(max(0, span_ns), SECOND_NS)
    milliseconds = rest // 1_000_000
    if whole < MINUTE_S:
        return f"{whole}.{milliseconds:03}"
    if whole < HOUR_S:
        return f"{whole // MINUTE_S}:{whole % MINUTE_S:02}.{milliseconds:03}"
    return f"{whole // HOUR_S}:{whole % HOUR_S // MINUTE_S:02}:{whole % MINUTE_S:02}.{milliseconds:03}"


@lru_cache(4096)
def _second_of_day(second: int) -> str:
    try:
        return time.strftime("%H:%M:%S", time.localtime(second))
    except (OverflowError, OSError, ValueError):
        return "??:??:??"


def clock(time_ns: int, digits: int = 3) -> str:
    """Write a time as local time of day, with so many digits after the second: `22:13:39.994`."""
    second, rest = divmod(time_ns, SECOND_NS)
    if not digits:
        return _second_of_day(second)
    return f"{_second_of_day(second)}.{rest // 10 ** (9 - digits):0{digits}}"


@lru_cache(256)
def _day(second: int) -> str:
    try:
        return time.strftime("%Y-%m-%d", time.localtime(second))
    except (OverflowError, OSError, ValueError):
        return "????-??-??"


def day(time_ns: int) -> str:
    """Write the viewer's local date of a time: `2026-03-01`."""
    return _day(time_ns // SECOND_NS)


def parse_clock(text: str, near_ns: int) -> int:
    """Read a local time of day, `22:13` up to `22:13:39.994`, on the day of `near_ns`.

    Returns nanoseconds since the Unix epoch. Raises ValueError if it is no time of day.
    """
    parts = text.split(":")
    if not 2 <= len(parts) <= 3:
        raise ValueError(f"{text!r} is no time of day")
    hours, minutes = int(parts[0]), int(parts[1])
    whole, _, fraction = (parts[2] if len(parts) == 3 else "0").partition(".")
    seconds = int(whole)
    if not (0 <= hours < 24 and 0 <= minutes < 60 and 0 <= seconds < 61 and len(fraction) <= 9):
        raise ValueError(f"{text!r} is no time of day")
    local = time.localtime(near_ns // SECOND_NS)
    second = time.mktime((local.tm_year, local.tm_mon, local.tm_mday, hours, minutes, seconds, 0, 0, -1))
    return int(second) * SECOND_NS + int(fraction.ljust(9, "0"))


def fit(text: str, width: int, *, right: bool = False) -> str:
    """Make a text exactly `width` terminal cells wide; what does not fit ends in `…`.

    `right` aligns to the right, as for numbers.
    """
    length = len(text) if text.isascii() else cell_len(text)
    if length == width:
        return text
    if length < width:
        return " " * (width - length) + text if right else text + " " * (width - length)
    if width <= 0:
        return ""
    if text.isascii():
        return text[: width - 1] + "…"
    return set_cell_size(text, width - 1) + "…"
