"""A decoded message as a tree; a branch is read when it is opened, arrays show a picture of themselves."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.color import Color
from rich.style import Style
from textual import events

from decoders.arrays import ArrayView
from decoders.tree import Item
from tui import picture
from tui.cells import Cell
from tui.widgets.lines import Lines

STYLES = {
    "string": "string",
    "number": "number",
    "bool": "word",
    "null": "word",
    "problem": "error",
    "exception": "error",
    "ndarray": "number",
    "pickle": "warning",
    "more": "dim",
    "bytes": "dim",
}
OPEN_AT_FIRST = 40
"""So many lines are opened by themselves."""
DEPTH_AT_FIRST = 4


@dataclass
class Branch:
    """A line of the tree: an item, or (`art`) a line of an array's picture."""

    item: Item
    depth: int
    opened: bool = False
    art: tuple[list[tuple[int, int]], str] | None = None
    path: tuple[str, ...] = field(default=())


class TreeView(Lines):
    """A tree of items."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines: list[Branch] = []
        self._root: Item | None = None
        self._touched = False
        self._built_height = 0

    def set_root(self, root: Item | None) -> None:
        """Show another tree, its first branches open."""
        self.cursor = self.top = self.left = 0
        self._root, self._touched, self._built_height = root, False, self.size.height
        self._lines = [] if root is None else [Branch(root, 0)]
        depth = 0
        while depth < DEPTH_AT_FIRST and len(self._lines) < OPEN_AT_FIRST:
            for index in range(len(self._lines) - 1, -1, -1):
                branch = self._lines[index]
                if branch.depth == depth and branch.art is None and branch.item.kind != "more":
                    children = self._children(branch)
                    pictured = bool(children) and children[0].art is not None
                    if len(self._lines) + len(children) <= OPEN_AT_FIRST or depth == 0 or pictured:
                        self._open(index, children)
            depth += 1
        self.repaint()

    def _children(self, branch: Branch) -> list[Branch]:
        item = branch.item
        path = (*branch.path, item.name) if branch.depth else ()
        found = []
        if isinstance(item.value, ArrayView):
            found = self._art(branch, item.value)
        if item.children is not None:
            found += [Branch(child, branch.depth + 1, path=path) for child in item.children()]
        return found

    def _art(self, branch: Branch, array: ArrayView) -> list[Branch]:
        if array.picture is None:
            return []
        room = max(8, self.text_width - 2 * branch.depth - 6)
        width, height = picture.fit(
            array.picture, room, max(4, min(picture.MAX_HEIGHT, self.size.height - 2))
        )
        try:
            tall = picture.half_blocks(array.to_gray(width, 2 * height))
            flat = picture.ramp(array.to_gray(width, height))
        except ValueError:
            return []
        return [
            Branch(branch.item, branch.depth + 1, art=(tall[line], flat[line]))
            for line in range(min(len(tall), len(flat)))
        ]

    def _open(self, index: int, children: list[Branch]) -> None:
        branch = self._lines[index]
        if branch.item.kind == "more":
            self._lines[index : index + 1] = [
                Branch(child.item, branch.depth, path=branch.path) for child in children
            ]
            return
        if children:
            branch.opened = True
            self._lines[index + 1 : index + 1] = children

    def line_count(self) -> int:
        """As many as are open."""
        return len(self._lines)

    def cells(self, index: int) -> Sequence[Cell]:
        """Write an item, or a line of a picture."""
        branch = self._lines[index]
        indent = "  " * branch.depth
        if branch.art is not None:
            return self._art_cells(branch, indent)
        item = branch.item
        can_open = item.children is not None or isinstance(item.value, ArrayView)
        sign = "v " if branch.opened else "> " if can_open else "  "
        cells: list[Cell] = [(indent + sign, "dim")]
        if item.name:
            cells += [(item.name, "key"), (": ", "dim")]
        cells.append(
            (item.text, "dim" if can_open and item.kind in ("object", "array") else STYLES.get(item.kind, ""))
        )
        return cells

    def _art_cells(self, branch: Branch, indent: str) -> Sequence[Cell]:
        assert branch.art is not None
        pairs, flat = branch.art
        if self.app.no_color or self.app.native_ansi_color:
            return ((indent + "    ", ""), (flat, ""))
        cells: list[Cell] = [(indent + "    ", "")]
        cells += [("▀", f"gray-{upper}-{lower}") for upper, lower in pairs]
        return cells

    def _component(self, name: str) -> Style:
        """Give the style of a half block in two greys, and of all else as usual."""
        if name.startswith("gray-"):
            _, upper, lower = name.split("-")
            return Style(color=_gray(int(upper)), bgcolor=_gray(int(lower)))
        return super()._component(name)

    # Opening and closing

    def on_resize(self, event: events.Resize) -> None:
        """Draw a picture anew for another size, unless branches were opened or closed by hand."""
        pictured = any(branch.art is not None for branch in self._lines)
        if pictured and not self._touched and event.size.height != self._built_height:
            self.set_root(self._root)
        super().on_resize(event)

    def action_sideways(self, steps: int) -> None:
        """Open or close the branch under the cursor; on a leaf, go to its parent or scroll."""
        if not self._lines:
            return
        self._touched = True
        branch = self._lines[self.cursor]
        if steps > 0 and not branch.opened and branch.art is None and self._openable(branch):
            self._open(self.cursor, self._children(branch))
            self.repaint()
        elif steps < 0 and branch.opened:
            self._close(self.cursor)
        elif steps < 0 and self.left:
            super().action_sideways(steps)
        elif steps < 0:
            for index in range(self.cursor - 1, -1, -1):
                if self._lines[index].depth < branch.depth:
                    self.show(index)
                    return
        else:
            super().action_sideways(steps)

    def action_enter(self) -> None:
        """Open or close the branch under the cursor."""
        if not self._lines:
            return
        self._touched = True
        branch = self._lines[self.cursor]
        if branch.opened:
            self._close(self.cursor)
        elif branch.art is None and self._openable(branch):
            self._open(self.cursor, self._children(branch))
            self.repaint()

    @staticmethod
    def _openable(branch: Branch) -> bool:
        return branch.item.children is not None or isinstance(branch.item.value, ArrayView)

    def _close(self, index: int) -> None:
        branch = self._lines[index]
        end = index + 1
        while end < len(self._lines) and self._lines[end].depth > branch.depth:
            end += 1
        del self._lines[index + 1 : end]
        branch.opened = False
        self.repaint()

    def line_text(self) -> str:
        """Give the value under the cursor, whole where it is a text, to copy."""
        if not self._lines:
            return ""
        item = self._lines[self.cursor].item
        return item.value if isinstance(item.value, str) else item.text


def _gray(value: int) -> Color:
    return Color.from_rgb(value, value, value)
