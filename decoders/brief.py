"""A value in a few words, for one-line summaries: a large one is cut off, never walked to its end."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from decoders.text import safe
from decoders.tree import counted, number_text, quoted

_MAX_DEPTH = 6


def brief(value: Any, limit: int) -> str:
    """Return a plain value in at most `limit` characters, safe to show: `{x: 1, list: [1, 2…`."""
    pieces: list[str] = []
    length = 0
    for piece in _pieces(value, limit, 0):
        pieces.append(piece)
        length += len(piece)
        if length > limit:
            break
    return safe("".join(pieces), limit)


def _pieces(value: Any, limit: int, depth: int) -> Iterator[str]:
    match value:
        case None:
            yield "null"
        case bool():
            yield "true" if value else "false"
        case int() | float():
            yield number_text(value)
        case str():
            yield quoted(value, limit)
        case bytes():
            yield counted(len(value), "byte")
        case datetime():
            yield value.isoformat()
        case dict() | list() | tuple() if depth >= _MAX_DEPTH:
            yield "…"
        case dict():
            yield "{"
            for index, (key, item) in enumerate(value.items()):
                yield f"{', ' if index else ''}{safe(str(key), limit)}: "
                yield from _pieces(item, limit, depth + 1)
            yield "}"
        case list() | tuple():
            yield "["
            for index, item in enumerate(value):
                if index:
                    yield ", "
                yield from _pieces(item, limit, depth + 1)
            yield "]"
        case _:
            yield safe(str(value), limit)
