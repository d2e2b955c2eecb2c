"""The values that a filter can name: numbers, sizes, durations, ranges and patterns with globs.

Each reader takes one word of the filter and gives plain data back, or raises `FilterError` at its position.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from recordings import amounts
from recordings.filters.errors import FilterError

Mask = NDArray[np.bool_]
"""One truth value a row."""

Number = TypeVar("Number", int, float)


@dataclass(frozen=True)
class Value:
    """One word after an operator, as written: `quoted` values are literal text without globs or ranges."""

    text: str
    position: int
    quoted: bool = False

    @property
    def end(self) -> int:
        """The offset behind the value (inside the quotes, where there are any)."""
        return self.position + len(self.text)

    def wrong(self, message: str) -> FilterError:
        """Make the error that points at this value."""
        return FilterError(message, self.position, self.end)


@dataclass(frozen=True)
class Span:
    """The numbers from `low` to `high`; None is no limit. Both ends belong to it unless `open` says
    otherwise.
    """

    low: float | None = None
    high: float | None = None
    low_open: bool = False
    high_open: bool = False

    def mask(self, column: NDArray[np.generic]) -> Mask:
        """Mark the numbers of a column that lie within."""
        inside = np.ones(len(column), dtype=np.bool_)
        if self.low is not None:
            inside &= column > self.low if self.low_open else column >= self.low  # type: ignore[operator]
        if self.high is not None:
            inside &= column < self.high if self.high_open else column <= self.high  # type: ignore[operator]
        return inside

    def __contains__(self, number: float) -> bool:
        above = self.low is None or (number > self.low if self.low_open else number >= self.low)
        below = self.high is None or (number < self.high if self.high_open else number <= self.high)
        return above and below


def compared(relation: str, number: float) -> Span:
    """Make the span that `relation number` describes, for `<`, `<=`, `>`, `>=` and equality."""
    match relation:
        case "<":
            return Span(high=number, high_open=True)
        case "<=":
            return Span(high=number)
        case ">":
            return Span(low=number, low_open=True)
        case ">=":
            return Span(low=number)
        case _:
            return Span(low=number, high=number)


def halves(value: Value) -> tuple[Value | None, Value | None] | None:
    """Split `3..7`, `3..` or `..7` at the dots; None if the value is no range."""
    if value.quoted or ".." not in value.text:
        return None
    low, _, high = value.text.partition("..")
    high = high.removeprefix("=")
    if not low and not high:
        raise value.wrong("a range needs a number on one side at least, such as 3..7, 3.. or ..7")
    first = Value(low, value.position) if low else None
    second = Value(high, value.end - len(high)) if high else None
    return first, second


def span(value: Value, relation: str, read: Callable[[Value], float]) -> Span:
    """Read a number or a range, each number with `read`, compared by `relation`."""
    ends = halves(value)
    if ends is None:
        return compared(relation, read(value))
    if relation not in (":", "="):
        raise value.wrong(f"a range can't be compared with {relation}; write :{value.text}")
    low = None if ends[0] is None else read(ends[0])
    high = None if ends[1] is None else read(ends[1])
    if low is not None and high is not None and low > high:
        raise value.wrong(f"the range {value.text} is empty: its first number is the larger one")
    return Span(low=low, high=high)


def whole_number(value: Value) -> int:
    """Read a whole number."""
    if not re.fullmatch(r"-?\d{1,19}", value.text):
        raise value.wrong(f'"{value.text}" is no whole number')
    return int(value.text)


def size(value: Value) -> int:
    """Read a size in bytes: `217`, `1k` (1000), `4KiB` (4096), `1.5M`."""
    return _read(value, amounts.size)


def duration(value: Value) -> int:
    """Read a duration in nanoseconds: `50ms`, `1.5s`, `2m`."""
    return _read(value, amounts.duration)


def duration_step(value: Value) -> int:
    """Give the nanoseconds that one step of a duration's last digit is worth: a second for `5s`."""
    return _read(value, amounts.duration_step)


def _read(value: Value, read: Callable[[str], int]) -> int:
    try:
        return read(value.text)
    except amounts.AmountError as error:
        raise value.wrong(str(error)) from None


@dataclass(frozen=True)
class Pattern:
    """A name to compare with, where `*` stands for any text and `?` for any one character."""

    text: str
    literal: bool = False

    @property
    def plain(self) -> bool:
        """Whether only the very same name matches."""
        return self.literal or not ("*" in self.text or "?" in self.text)

    def matches(self, name: str) -> bool:
        """Tell whether a name fits the pattern from start to end."""
        return name == self.text if self.plain else globs(self.text, name)


def pattern(value: Value) -> Pattern:
    """Read a name; quotes make `*` and `?` ordinary characters."""
    return Pattern(value.text, value.quoted)


def globs(glob: str, name: str) -> bool:
    """Match a glob in time proportional to the product of the lengths at worst, never exponential.

    Only the last `*` is ever reconsidered: an earlier one that took the shortest text it could leaves the
    most to the rest.
    """
    at, star, mark = 0, -1, 0
    position = 0
    while position < len(name):
        if at < len(glob) and glob[at] == "*":
            star, mark = at, position
            at += 1
        elif at < len(glob) and glob[at] in ("?", name[position]):
            at += 1
            position += 1
        elif star >= 0:
            mark += 1
            at, position = star + 1, mark
        else:
            return False
    return all(character == "*" for character in glob[at:])
