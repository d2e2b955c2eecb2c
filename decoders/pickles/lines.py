"""A value as one line of text, such as `Point(x=1, y=2)` or `ndarray (480, 640, 3) uint8`.

A line never costs more than its length: it stops when it is full, and shows `…` beyond a few levels, so that
values that hold themselves or each other a billion times are no different from others.
"""

from decoders.pickles.look import Shown
from decoders.pickles.recognise import look
from decoders.text import safe
from decoders.tree import TEXT_LIMIT

_LEVELS = 8


def one_line(value: Shown, limit: int = TEXT_LIMIT) -> str:
    """Return a value in at most `limit` characters that are safe for a terminal."""
    line = _Line(limit)
    _write(line, value, _LEVELS)
    return safe("".join(line.pieces), limit)


class _Line:
    def __init__(self, room: int) -> None:
        self.room = room + 1  # one more, to see that something was left out
        self.pieces: list[str] = []

    def add(self, text: str) -> None:
        self.pieces.append(text[: self.room])
        self.room -= len(self.pieces[-1])


def _write(line: _Line, value: Shown, levels: int) -> None:
    shown = look(value)
    line.add(shown.title)
    if shown.brackets is None:
        return
    opening, closing = shown.brackets
    count = shown.count if shown.inline is None else shown.inline
    line.add(opening)
    if count and not levels:
        line.add("…")
    elif shown.part is not None:
        for index in range(count):
            if line.room <= 0:
                return
            if index:
                line.add(", ")
            part = shown.part(index)
            if shown.keyed:
                _write(line, part.key, levels - 1)
                line.add(": ")
            elif part.name:
                line.add(f"{part.name}=")
            _write(line, part.value, levels - 1)
    line.add(closing)
