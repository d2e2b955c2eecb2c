"""The decoded form of a message as a lazy tree, ready to be shown.

A decoder returns one root `Item`; its children are made when someone opens it, at most `BATCH` a level at a
time, so that a message with a million values costs no more to show than a small one.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec

from decoders.text import safe

Kind = Literal[
    "object",
    "array",
    "string",
    "number",
    "bool",
    "null",
    "bytes",
    "time",
    "ndarray",
    "pickle",
    "exception",
    "problem",
    "more",
]

BATCH = 200
"""How many children of one level are made at a time."""

TEXT_LIMIT = 400
"""How many characters of a value an item's one line shows at most."""


class Item(msgspec.Struct, frozen=True):
    """One line of a decoded tree.

    `name` is the key or index in the parent ("" for the root), `text` the value in one line; both are made
    safe to show here, whoever wrote them. `kind` tells what it is; kind "more" stands for the children that
    did not fit in the batch, and has them as its own children. `children` makes the next level when called,
    None for a leaf. `value` is the value behind the line where a viewer can do more with it than show text
    (an ArrayView, the full string, the bytes).
    """

    name: str
    text: str
    kind: Kind
    children: Callable[[], Sequence["Item"]] | None = None
    value: object | None = None

    def __post_init__(self) -> None:
        for field, text in (("name", self.name), ("text", self.text)):
            clean = safe(text)
            if clean is not text:
                msgspec.structs.force_setattr(self, field, clean)


def batched(count: int, make: Callable[[int], Item], start: int = 0) -> Callable[[], Sequence[Item]]:
    """Return a `children` function for `count` children, of which `make(index)` gives one."""

    def children() -> Sequence[Item]:
        stop = min(start + BATCH, count)
        items = [make(index) for index in range(start, stop)]
        if stop < count:
            items.append(Item("", f"… {count - stop} more", "more", batched(count, make, stop)))
        return items

    return children


def from_value(name: str, value: Any) -> Item:
    """Return the tree of a plain value as a JSON or msgpack reader gives it: dicts, lists, scalars, bytes."""
    name = safe(name, TEXT_LIMIT)
    match value:
        case None:
            return Item(name, "null", "null")
        case bool():
            return Item(name, "true" if value else "false", "bool")
        case int() | float():
            return Item(name, number_text(value), "number", value=value)
        case str():
            return Item(name, quoted(value), "string", value=value)
        case bytes() | bytearray() | memoryview():
            return from_bytes(name, bytes(value))
        case datetime():
            return Item(name, value.isoformat(), "time", value=value)
        case Mapping():
            members = _members(value) if value else None
            return Item(name, counted(len(value), "key"), "object", members)
        case list() | tuple():

            def element(index: int) -> Item:
                return from_value(str(index), value[index])

            elements = batched(len(value), element) if value else None
            return Item(name, counted(len(value), "item"), "array", elements)
        case _:
            return Item(name, safe(f"{type(value).__name__}: {value}", TEXT_LIMIT), "string", value=value)


def from_bytes(name: str, data: bytes) -> Item:
    """Return the line of bytes that are not known to be text."""
    return Item(name, f"{counted(len(data), 'byte')}  {data[:32].hex(' ')}".rstrip(), "bytes", value=data)


def _members(value: Mapping[Any, Any]) -> Callable[[], Sequence[Item]]:
    def children() -> Sequence[Item]:
        keys = list(value)

        def member(index: int) -> Item:
            key = keys[index]
            return from_value(key if isinstance(key, str) else repr(key), value[key])

        return batched(len(keys), member)()

    return children


def problem(reason: str, path: str = "") -> Item:
    """Return the line that says why something could not be decoded, and where."""
    return Item(safe(path, TEXT_LIMIT), safe(reason, TEXT_LIMIT), "problem")


def quoted(text: str, limit: int = TEXT_LIMIT) -> str:
    """Return a string value as it is shown: quoted, in one line, its end cut off when it is long."""
    shown = safe(text, limit)
    quote = '"' if "'" in shown and '"' not in shown else "'"
    return f"{quote}{shown}{quote}"


def number_text(value: float) -> str:
    """Return a number as text; an integer of more than 100 digits only by its size."""
    if isinstance(value, int) and value.bit_length() > 332:
        return f"integer of {value.bit_length():,} bits"
    return str(value)


def counted(count: int, noun: str) -> str:
    """Return `count` and `noun`, the latter in the plural where due."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
