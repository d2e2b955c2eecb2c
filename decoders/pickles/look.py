"""How a value looks to people: a title, and named parts that are made when someone asks for them.

A `Look` is what the one-line text and the tree both draw from. Titles hold foreign text as it is: whoever
shows one makes it safe first.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from decoders.arrays import ArrayView, BytesBuffer
from decoders.pickles.sources import Blob
from decoders.pickles.values import Call, Collection, Global, Mapping, Value
from decoders.tree import Kind

PARENTHESES = ("(", ")")

Shown: TypeAlias = "Value | ArrayView | Look | list[Any] | tuple[Any, ...] | dict[Any, Any]"
"""What has a look: a value, what is drawn from it, and plain data made of it (see `plain`)."""


class Part(NamedTuple):
    """One member of a look: by `name` ("" for one that has only its place), or by `key` in a dict."""

    name: str
    value: Shown
    key: Value = None


@dataclass(frozen=True, slots=True)
class Look:
    """What to show of a value.

    The line is `title`, then, if there are `brackets`, the first `inline` parts between them; `keyed` parts
    are written `key: value`, others `name=value`. `value` is what a viewer can do more with than show text.
    """

    kind: Kind
    title: str
    brackets: tuple[str, str] | None = None
    count: int = 0
    part: Callable[[int], Part] | None = None
    inline: int | None = None
    keyed: bool = False
    value: object = None


def of_parts(
    kind: Kind,
    title: str,
    parts: Sequence[Part],
    *,
    brackets: tuple[str, str] | None = PARENTHESES,
    inline: int | None = None,
    value: object = None,
) -> Look:
    """Return a look with the given parts."""
    return Look(kind, title, brackets, len(parts), parts.__getitem__, inline, value=value)


def of_items(
    kind: Kind, title: str, brackets: tuple[str, str], items: Sequence[Value], value: object = None
) -> Look:
    """Return the look of something with numbered members."""

    def part(index: int) -> Part:
        return Part("", items[index])

    return Look(kind, title, brackets, len(items), part, value=value)


def of_mapping(title: str, brackets: tuple[str, str], mapping: Mapping) -> Look:
    """Return the look of a dict or something like it."""

    def part(index: int) -> Part:
        key = mapping.keys[index]
        return Part(key if isinstance(key, str) else "", mapping.values[index], key)

    return Look("object", title, brackets, len(mapping.keys), part, keyed=True)


def of_array(view: ArrayView, title: str = "") -> Look:
    """Return the look of an array, with its numbers in the title when they are few."""
    if not title:
        title = view.summary()
        if len(view.shape) < 2 and 0 < view.size <= _FEW:
            values = ", ".join(view.preview(1, _FEW)[0])
            title += f" [{values}]" if view.shape else f" {values}"
    if not view.shape:
        return Look("ndarray", title, value=view)

    def part(index: int) -> Part:
        if len(view.shape) > 1:
            return Part("", of_array(view.sub(index), _row_title(view.sub(index))))
        return Part("", of_element(view, index))

    return Look("ndarray", title, count=len(view), part=part, value=view)


def of_element(view: ArrayView, index: int) -> Look:
    """Return the look of one element of a one-dimensional array."""
    return Look(_KINDS.get(view.kind, "number"), view.text(index))


_FEW = 8
_KINDS: dict[str, Kind] = {"b": "bool", "U": "string", "S": "bytes", "V": "object", "M": "time", "m": "time"}


def _row_title(view: ArrayView) -> str:
    if len(view.shape) == 1:
        return f"[{', '.join(row)}]" if (row := [c for r in view.preview(1, _FEW) for c in r]) else "[]"
    return f"{view.shape}"


def problem(reason: str, parts: Sequence[Part] = ()) -> Look:
    """Return the look of what can't be shown as what it claims to be."""
    return of_parts("problem", reason, parts, brackets=None)


def label(value: object) -> str:
    """Return a plain value as a short label, `…` for anything else."""
    if isinstance(value, str):
        return value[:80]
    if isinstance(value, float) or (isinstance(value, int) and value.bit_length() < 256):
        return str(value)
    return "None" if value is None else "…"


def path_of(value: Value) -> str:
    """Return the dotted name of a class or function, "" for anything else."""
    return value.path if isinstance(value, Global) else ""


def function_path(call: Value) -> str:
    """Return the dotted name of what a call calls, "" if it is no call of something with a name."""
    return path_of(call.function) if isinstance(call, Call) else ""


def items_of(value: Value, kind: str = "tuple") -> list[Value]:
    """Return the items of a collection of that kind, none for anything else."""
    return value.items if isinstance(value, Collection) and value.kind == kind else []


def bytes_of(value: Value) -> BytesBuffer | Blob | None:
    """Return the buffer behind every way to pickle bytes, None for what is no bytes.

    Protocols 0 to 2 write `_codecs.encode(text, 'latin1')`, Python 2 wrote a `str`; a bytearray is a call.
    """
    for _ in range(4):
        match value:
            case bytes():
                return BytesBuffer(value)
            case Blob(encoding=None):
                return value
            case str() | Blob():
                return _latin1(value)
            case Call(args=[text, str()]) if function_path(value) == "_codecs.encode":
                return _latin1(text)
            case Call(args=[]) if function_path(value) in _BYTES:
                return BytesBuffer(b"")
            case Call(args=[inner]) if function_path(value) in _BYTES:
                value = inner
            case _:
                return None
    return None


_BYTES = frozenset({"builtins.bytearray", "builtins.bytes", "pyarrow.lib.py_buffer"})


def _latin1(text: Value) -> BytesBuffer | None:
    try:
        if isinstance(text, Blob):
            return BytesBuffer(text.latin1())
        return BytesBuffer(text.encode("latin-1")) if isinstance(text, str) else None
    except ValueError:
        return None


def integer(value: Value) -> int | None:
    """Return an int of ordinary size, None for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None
