"""What is plain data in a pickle's tree, as that data: the way from symbols to values for further use."""

from collections.abc import Sequence
from typing import Any

from decoders.pickles.sources import Blob
from decoders.pickles.values import Collection, Mapping, Value

MAX_DEPTH = 20
MAX_ITEMS = 10_000
MAX_TEXT = 1 << 20
"""Characters and bytes of the long strings together; the short ones are in memory already."""


def plain(value: Value) -> Any:
    """Return plain data for what is plain in a tree; other symbols stay as they are.

    Bounded in depth, number and size, over the whole of it, as a tree can hold the same list or string a
    billion times: what lies beyond stays a symbol too.
    """
    return _Copy().of(value, 0)


def plain_all(values: Sequence[Value]) -> tuple[Any, ...]:
    """Return `plain` of each value, within the bounds for one."""
    copy = _Copy()
    return tuple(copy.of(value, 1) for value in values[:MAX_ITEMS])


def text_of(value: Value) -> str:
    """Return a string, however long it is, up to a bound; "" for what is none."""
    if isinstance(value, Blob) and value.encoding is not None:
        try:
            return value.text(MAX_TEXT)
        except ValueError:
            return ""
    return value if isinstance(value, str) else ""


class _Copy:
    def __init__(self) -> None:
        self.items = MAX_ITEMS
        self.text = MAX_TEXT

    def of(self, value: Value, depth: int) -> Any:
        self.items -= 1
        if depth > MAX_DEPTH:
            return value
        match value:
            case Blob() if len(value) <= self.text:
                self.text -= len(value)
                try:
                    return value.read() if value.encoding is None else value.text()
                except ValueError:
                    return value
            case Collection(kind="tuple" | "list", items=items) if len(items) <= self.items:
                made = [self.of(item, depth + 1) for item in items]
                return tuple(made) if value.kind == "tuple" else made
            case Mapping(keys=keys) if len(keys) <= self.items and all(isinstance(key, str) for key in keys):
                pairs = zip(keys, value.values, strict=True)
                return {key: self.of(item, depth + 1) for key, item in pairs}
            case _:
                return value
