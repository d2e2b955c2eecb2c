"""Operators that compare times: when a message was captured, how long after the one before, how late it
arrived.
"""

import datetime
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from recordings.filters.errors import FilterError
from recordings.filters.operators.base import (
    DELIVERIES,
    EQUALITY,
    ORDER,
    Argument,
    ColumnOperator,
    Example,
    Operator,
    check_relation,
)
from recordings.filters.operators.numbers import SpanOperator, receiver_codes
from recordings.filters.values import (
    Mask,
    Span,
    Value,
    compared,
    duration,
    duration_step,
    halves,
    span,
)
from recordings.filters.view import View

if TYPE_CHECKING:
    from recordings.filters.message import MessageText
    from recordings.recording import Recording

SECOND = 1_000_000_000
MINUTE = 60 * SECOND

FEW_ROWS = 2000
"""So many rows are looked up one by one rather than going through the whole recording."""
DAY = 24 * 60 * MINUTE

_CLOCK = re.compile(
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:\.(?P<fraction>\d{1,9}))?)?(?P<zone>[Zz]?)"
)
_DATE = re.compile(
    r"(?P<date>\d{4}-\d{2}-\d{2})"
    r"(?:[T_](?P<hour>\d{2})(?::?(?P<minute>\d{2})(?::?(?P<second>\d{2})(?:\.(?P<fraction>\d{1,9}))?)?)?)?"
    r"(?P<zone>[Zz]|[+-]\d{2}:?\d{2})?"
)


@dataclass(frozen=True)
class Moment:
    """A time as written: `ns` counts from the start of the recording, of the day, or of 1970, as `kind` says.

    `step` is what its last digit is worth: `12:04` lasts a minute when compared for equality. `utc` is only
    of meaning for a time of day.
    """

    kind: str
    ns: int
    step: int
    utc: bool = False


@dataclass(frozen=True)
class Interval:
    """The times of one kind that a term lets through; `wraps` when a range of the clock passes midnight."""

    kind: str
    span: Span
    utc: bool = False
    wraps: bool = False

    def mask(self, view: View) -> Mask:
        """Mark the rows captured within."""
        times = view.column("time_ns")
        if not len(view.rows):
            return view.nothing
        first = int(view.rows.time_ns[0])
        if self.kind == "elapsed":
            return self.span.mask(times - first)
        if self.kind == "date":
            return self.span.mask(times)
        of_day = (times + (0 if self.utc else utc_offset(first))) % DAY
        if not self.wraps:
            return self.span.mask(of_day)
        assert self.span.low is not None
        assert self.span.high is not None
        return (of_day >= self.span.low) | (of_day < self.span.high)


class TimeOperator(ColumnOperator):
    """Compares the capture time."""

    name = "time"
    relations = EQUALITY + ORDER
    help = (
        "When the message was captured: a time of day (12:04, 12:04:05.25), a date (2026-11-25, "
        "2026-11-25T12:04:05), or a duration since the recording's first message (5s, 2m). Local time, "
        "unless it ends in Z (UTC) or, for dates, in an offset such as +01:00. A time stands for as long "
        "as its last digit: time:12:04 is that minute. A range ends where its second time begins; it may "
        "pass midnight."
    )
    values_help = "time"
    examples = (
        Example("time:12:04..12:05", "the minute from 12:04 on"),
        Example("time:<5s", "the first five seconds"),
        Example("time:1m..90s", "the second minute's first half"),
        Example("time>=2026-11-25T12:04:05Z", "from that moment (UTC) on"),
        Example("time:23:50..00:10", "twenty minutes around midnight"),
    )

    def __init__(self, intervals: Sequence[Interval]) -> None:
        self.intervals = tuple(intervals)

    @classmethod
    def build(cls, argument: Argument) -> Self:
        """Read times and ranges of times."""
        check_relation(cls, argument)
        return cls([interval(value, argument.relation) for value in argument.values])

    def mask(self, view: View) -> Mask:
        """Mark the rows captured within any of the intervals."""
        mask = view.nothing
        for each in self.intervals:
            mask = mask | each.mask(view)
        return mask


class DeltaOperator(SpanOperator):
    """Compares the time since the message before."""

    name = "delta"
    help = "The time since the message before it in the recording, filtered out or not."
    values_help = "duration"
    examples = (
        Example("delta>50ms", "messages after a silence of more than 50 ms"),
        Example("delta<10us type:event", "events that came in a burst"),
    )

    @classmethod
    def number(cls, value: Value) -> float:
        """Read a duration."""
        return duration(value)

    def mask(self, view: View) -> Mask:
        """Compare the differences; the first message of all has none and never matches."""
        mask = super().mask(view)
        if view.start == 0 and len(mask):
            mask[0] = False
        return mask

    def numbers(self, view: View) -> "np.ndarray[tuple[int], np.dtype[np.integer]]":
        """Subtract each time from the next."""
        before = max(0, view.start - 1)
        times = view.rows.time_ns[before : view.stop]
        if view.start == 0:
            return np.diff(times, prepend=times[:1])
        return np.diff(times)


class DelayOperator(Operator):
    """Compares how long deliveries took."""

    name = "delay"
    relations = EQUALITY + ORDER
    cost = DELIVERIES
    help = (
        "How long after the first copy of the message any one of its copies was seen on its way to a "
        "subscriber. !delay>10ms finds messages none of whose copies was later than that."
    )
    values_help = "duration"
    examples = (
        Example("delay>10ms", "messages with a copy that came more than 10 ms later"),
        Example("delay:1s..", "messages with a copy that was a second or more late"),
    )

    def __init__(self, spans: Sequence[Span]) -> None:
        self.spans = tuple(spans)
        self._known: Mask | None = None

    @classmethod
    def build(cls, argument: Argument) -> Self:
        """Read durations and ranges of durations."""
        check_relation(cls, argument)
        return cls([span(value, argument.relation, duration) for value in argument.values])

    def bounds(self, view: View) -> tuple[Mask, Mask]:
        """Go through all deliveries of the recording at once, where it takes many rows; else leave them
        open.
        """
        if view.recording is None or len(view) < FEW_ROWS:
            return view.everything, view.nothing
        if self._known is None or len(self._known) < view.stop:
            self._known = self._delayed(view.recording)
        mask = self._known[view.start : view.stop]
        return mask, mask

    def accepts(self, message: "MessageText") -> bool:
        """Look for a delivery with such a delay."""
        return any(delivery.delay_ns in each for each in self.spans for delivery in message.deliveries)

    def _delayed(self, recording: "Recording") -> Mask:
        from recordings.edit.parts import parts

        rows = recording.rows
        mask = np.zeros(len(rows), dtype=np.bool_)
        for part in parts(recording):
            numbers = rows.rows_of(part.copies.message)
            known = (numbers >= 0) & (numbers < len(mask))
            numbers = numbers[known]
            delays = part.copies.time_ns[known] - rows.time_ns[numbers]
            for each in self.spans:
                mask[numbers[each.mask(delays)]] = True
        if any(0 in each for each in self.spans):
            # What came in from a connector is its own and only copy.
            inward = [code for code, example in receiver_codes(rows) if min(example, default=0) < 0]
            mask |= np.isin(rows.receivers[: len(mask)], inward)
        return mask


def interval(value: Value, relation: str) -> Interval:
    """Read a time or a range of times."""
    ends = halves(value)
    if ends is None:
        at = moment(value)
        if relation in EQUALITY:
            return Interval(at.kind, Span(at.ns, at.ns + at.step, high_open=True), at.utc)
        return Interval(at.kind, compared(relation, at.ns), at.utc)
    if relation not in EQUALITY:
        raise value.wrong(f"a range can't be compared with {relation}; write time:{value.text}")
    low, high = (None if end is None else moment(end) for end in ends)
    known = low or high
    assert known is not None
    if low and high and (low.kind, low.utc) != (high.kind, high.utc):
        raise value.wrong("both ends of a range of times must be of one kind: a clock, a date or a duration")
    bounds = Span(low.ns if low else None, high.ns if high else None, high_open=True)
    wraps = known.kind == "clock" and low is not None and high is not None and low.ns > high.ns
    if low and high and low.ns > high.ns and not wraps:
        raise value.wrong(f"the range {value.text} is empty: its first time is the later one")
    return Interval(known.kind, bounds, known.utc, wraps)


def moment(value: Value) -> Moment:
    """Read one time."""
    clock = _CLOCK.fullmatch(value.text)
    if clock:
        return Moment("clock", _of_day(value, clock), _step(clock), utc=bool(clock["zone"]))
    date = _DATE.fullmatch(value.text)
    if date:
        return Moment("date", _since_1970(value, date), _step(date))
    try:
        return Moment("elapsed", duration(value), duration_step(value))
    except FilterError as error:
        if value.text.replace(".", "", 1).isdigit():
            raise
        raise value.wrong(
            f'"{value.text}" is no time; write 12:04, 12:04:05.5Z, 2026-11-25T12:04 or 5s'
        ) from error


def utc_offset(time_ns: int) -> int:
    """Give the nanoseconds that this machine's local time was ahead of UTC at a moment."""
    try:
        offset = datetime.datetime.fromtimestamp(time_ns // SECOND).astimezone().utcoffset()
    except (ValueError, OverflowError, OSError):
        return 0
    return int(offset.total_seconds()) * SECOND if offset is not None else 0


def _of_day(value: Value, found: "re.Match[str]") -> int:
    hour, minute, second = (int(found[part] or 0) for part in ("hour", "minute", "second"))
    if hour > 23 or minute > 59 or second > 59:
        raise value.wrong(f'"{value.text}" is no time of day: hours go to 23, minutes and seconds to 59')
    fraction = int((found["fraction"] or "").ljust(9, "0"))
    return hour * 60 * MINUTE + minute * MINUTE + second * SECOND + fraction


def _since_1970(value: Value, found: "re.Match[str]") -> int:
    of_day = _of_day(value, found)
    zone = (found["zone"] or "").upper().replace("Z", "+00:00")
    try:
        day = datetime.datetime.fromisoformat(f"{found['date']}T00:00:00{zone}")
        seconds = round((day + datetime.timedelta(seconds=of_day // SECOND)).timestamp())
    except (ValueError, OverflowError):
        raise value.wrong(f'"{value.text}" is no date of the calendar') from None
    return seconds * SECOND + of_day % SECOND


def _step(found: "re.Match[str]") -> int:
    if found["fraction"]:
        return int(SECOND // 10 ** len(found["fraction"]))
    if found["second"]:
        return SECOND
    if found["minute"]:
        return MINUTE
    return 60 * MINUTE if found["hour"] else DAY
