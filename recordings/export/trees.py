"""A decoded message as an indented tree of lines, and as JSON; bounded, as a small message can hold a billion
values.
"""

from collections.abc import Iterator
from typing import Any

from decoders.tree import Item

MAX_ITEMS = 1000
"""How many items of one message are written."""

MAX_DEPTH = 20

_NOT_SHOWN = Item("", "… not shown", "more")


def tree_lines(item: Item, indent: str = "") -> Iterator[str]:
    """Yield a line for each item, safe for a terminal, those further in after more spaces."""
    for depth, one in _items(item):
        name = f"{one.name}: " if one.name else ""
        yield f"{indent}{'  ' * depth}{name}{one.text}"


def tree_object(item: Item) -> dict[str, Any]:
    """Return the tree as JSON: objects with `name`, `kind`, `text`, and `children` where there are some."""
    path: list[dict[str, Any]] = []
    for depth, one in _items(item):
        made = {"name": one.name, "kind": one.kind, "text": one.text}
        del path[depth:]
        if path:
            path[-1].setdefault("children", []).append(made)
        path.append(made)
    return path[0]


def _items(root: Item) -> Iterator[tuple[int, Item]]:
    """Yield items and how deep they are, parents first; of a long level only its first batch."""
    pending = [(0, root)]
    for _ in range(MAX_ITEMS):
        if not pending:
            return
        depth, item = pending.pop()
        yield depth, item
        if item.children is None or item.kind == "more":
            continue
        if depth < MAX_DEPTH:
            pending += [(depth + 1, child) for child in reversed(item.children())]
        else:
            pending.append((depth + 1, _NOT_SHOWN))
    if pending:
        yield pending[-1][0], _NOT_SHOWN
