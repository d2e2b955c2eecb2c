"""A value as the lazy tree that viewers show."""

from collections.abc import Callable, Sequence

from decoders.arrays import ArrayView
from decoders.pickles.lines import one_line
from decoders.pickles.look import Look, Shown
from decoders.pickles.plain import text_of
from decoders.pickles.recognise import look
from decoders.pickles.sources import Blob
from decoders.text import safe
from decoders.tree import TEXT_LIMIT, Item, batched

_DEEPEST = 200


def to_item(name: str, value: Shown) -> Item:
    """Return the tree of a value: its line now, what it consists of when opened.

    A value inside of itself is shown without its parts, and so is one below 200 levels. Walking a whole
    tree can still take forever, as a small pickle can say the same thing a billion times: stop at a count.
    """
    return _item(name, value, ())


def _item(name: str, value: Shown, ancestors: tuple[int, ...]) -> Item:
    shown = look(value)
    text = one_line(shown)
    again = id(value) in ancestors and not isinstance(value, Look | ArrayView)
    if again:
        text = safe(f"{text} (contains itself)", TEXT_LIMIT)
    if isinstance(value, Blob) and value.encoding is not None:
        return Item(safe(name, TEXT_LIMIT), text, shown.kind, _lines(value), shown.value)
    part = shown.part
    if part is None or not shown.count or again or len(ancestors) >= _DEEPEST:
        return Item(safe(name, TEXT_LIMIT), text, shown.kind, None, shown.value)
    path = (*ancestors, id(value))

    def child(index: int) -> Item:
        member = part(index)
        label = member.name or (one_line(member.key, 80) if shown.keyed else str(index))
        return _item(label, member.value, path)

    return Item(safe(name, TEXT_LIMIT), text, shown.kind, batched(shown.count, child), shown.value)


def _lines(blob: Blob) -> Callable[[], Sequence[Item]]:
    """Return the lines of a long string, such as a traceback, as children that are read when it is opened."""

    def children() -> Sequence[Item]:
        lines = text_of(blob).split("\n")
        return batched(len(lines), lambda index: _item(str(index), lines[index], ()))()

    return children
