"""Messages as lines of text for people: the columns of the list in the viewer, or chosen fields behind tabs.

Everything foreign in a line has passed the sanitiser, so a terminal shows it and does not obey it.
"""

import datetime
from collections.abc import Sequence
from typing import Any

import msgspec

from decoders.text import safe
from recordings.export.fields import Field, Message
from recordings.filters.operators.names import NOBODY, RAW
from recordings.rows import Flag

SECOND = 1_000_000_000

RED, YELLOW, DIM, PLAIN = "\x1b[31m", "\x1b[33m", "\x1b[2m", "\x1b[0m"

MAX_ROUTE = 60
MAX_TYPE = 20


class Clock:
    """Times of day with microseconds; the offset from UTC is looked up once a quarter of an hour."""

    def __init__(self, *, utc: bool = False) -> None:
        self._utc = utc
        self._quarter = -1
        self._offset = 0

    def __call__(self, time_ns: int) -> str:
        """Write the time of day."""
        quarter = time_ns // (900 * SECOND)
        if quarter != self._quarter:
            self._quarter = quarter
            self._offset = 0 if self._utc else _offset_seconds(time_ns)
        seconds = (time_ns // SECOND + self._offset) % 86400
        hours, minutes = seconds // 3600, seconds // 60 % 60
        return f"{hours:02}:{minutes:02}:{seconds % 60:02}.{time_ns % SECOND // 1000:06}"


class Line:
    """Writes one message as one line."""

    def __init__(self, clock: Clock, *, color: bool = False) -> None:
        self._clock = clock
        self._color = color

    def __call__(self, message: Message) -> str:
        """Write number, time, type, sender and receivers, epoch, size and summary."""
        row = message.row
        late = row.flags & Flag.LATE
        receivers = ",".join(row.receivers) or NOBODY
        route = safe(f"{row.sender or NOBODY} > {receivers}{'(late)' if late else ''}", MAX_ROUTE)
        epoch = "-" if row.epoch < 0 else str(row.epoch)
        kind = safe(row.type or RAW, MAX_TYPE)
        line = (
            f"{row.number:>8}  {self._clock(row.time_ns)}  {kind:<11} {route:<28} {epoch:>7} {row.size:>8}"
            f"  {message.summary}"
        ).rstrip()
        if not self._color:
            return line
        style = (
            RED if row.flags & Flag.ERROR else YELLOW if late else DIM if row.flags & Flag.UNDECODED else ""
        )
        return f"{style}{line}{PLAIN}" if style else line


def field_line(message: Message, fields: Sequence[Field]) -> str:
    """Write chosen fields with tabs between them."""
    return "\t".join(field_text(field.read(message)) for field in fields)


def field_text(value: Any) -> str:
    """Write one value: nothing for none, lists with commas, JSON for what is structured."""
    if value is None:
        return ""
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return safe(",".join(value))
    if isinstance(value, dict | list):
        return safe(msgspec.json.encode(value).decode("utf-8", "backslashreplace"))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6f}"
    return safe(str(value))


def _offset_seconds(time_ns: int) -> int:
    try:
        offset = datetime.datetime.fromtimestamp(time_ns // SECOND).astimezone().utcoffset()
    except (ValueError, OverflowError, OSError):
        return 0
    return int(offset.total_seconds()) if offset is not None else 0
