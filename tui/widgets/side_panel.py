"""The panel at the side: the rate over time, the nodes and the types with their counts; toggling one edits
the filter.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from textual.message import Message

from tui import rates, terms, text
from tui.cells import Cell
from tui.columns import MARKS
from tui.facets import COUNT_BUDGET_S, FROM_KEY, NODE_KEY, TYPE_KEY
from tui.keys import bindings
from tui.node_state import state_of
from tui.viewer import Viewer
from tui.widgets.lines import Lines

LIVE_SPAN_NS = 60 * 1_000_000_000
AT_MOST = 200
"""Nodes listed at most."""


@dataclass(frozen=True)
class Entry:
    """A line of the panel: a heading, the sparkline, or a node or type that can be toggled."""

    kind: Literal["rate", "spark", "heading", "node", "type", "blank"]
    name: str = ""


class SidePanel(Lines):
    """Nodes and types with check boxes.

    A node's box hides what the node sends; "only" shows what it sends and receives. Counts are those of
    messages sent under the filter without this list's own terms; `counted` tells whether all were counted.
    """

    DEFAULT_CSS = """
    SidePanel { width: 28; padding-left: 1; }
    .-roomy SidePanel { width: 34; }
    """

    BINDINGS = bindings("panel.toggle", "panel.only", "panel.all_but")

    class Edited(Message):
        """The filter was changed to `text`."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self, viewer: Viewer, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.viewer = viewer
        self._entries: list[Entry] = []
        self._rates: dict[str, float] = {}
        self.counted = True
        self._ascii = "utf" not in os.environ.get("LC_ALL", os.environ.get("LANG", "utf-8")).lower()

    def refreshed(self) -> None:
        """Take in what has changed."""
        viewer = self.viewer
        self.counted = viewer.facets.update(viewer.recording, viewer.shown.stop, budget_s=COUNT_BUDGET_S)
        current = self._entries[self.cursor] if self.cursor < len(self._entries) else None
        names = sorted(self._node_names(), key=lambda name: (name != "command", name))
        types = sorted(
            (name for name in viewer.rows.types),
            key=lambda name: list(MARKS).index(name) if name in MARKS else len(MARKS),
        )
        self._entries = [
            Entry("rate"),
            Entry("spark"),
            Entry("blank"),
            Entry("heading", "NODES"),
            *(Entry("node", name) for name in names[:AT_MOST]),
            Entry("blank"),
            Entry("heading", "TYPES"),
            *(Entry("type", name) for name in types),
        ]
        if viewer.recording.state == "growing":
            self._rates = rates.by_sender(viewer.rows, viewer.now_ns())
        else:
            self._rates = {}
        if current in self._entries:
            self.cursor = self._entries.index(current)
        else:
            self.cursor = next(
                (place for place, entry in enumerate(self._entries) if entry.kind in ("node", "type")), 0
            )
        self.repaint()

    def _node_names(self) -> set[str]:
        senders = {name for name in self.viewer.rows.names if name}
        return senders | set(self.viewer.session.nodes)

    def line_count(self) -> int:
        """Headings and entries."""
        return len(self._entries)

    def empty_text(self) -> Sequence[str]:
        """Say that nothing was seen."""
        return ("nothing seen yet",)

    def cells(self, index: int) -> Sequence[Cell]:
        """Write one entry."""
        entry = self._entries[index]
        match entry.kind:
            case "rate":
                return self._rate_cells()
            case "spark":
                return ((self._spark(), "event"),)
            case "heading":
                right = "messages"
                if entry.name == "NODES":
                    right = "state /s" if self._rates else "state"
                return ((text.fit(f" {entry.name}", self.text_width - 10), "head"), (right.rjust(9), "dim"))
            case "node":
                return self._node_cells(entry.name)
            case "type":
                return self._type_cells(entry.name)
        return ()

    def _rate_cells(self) -> Sequence[Cell]:
        return ((" RATE ", "head"), (text.duration(self._span()[1] - self._span()[0]), "dim"))

    def _span(self) -> tuple[int, int]:
        viewer = self.viewer
        if viewer.recording.state == "growing":
            end = viewer.now_ns()
            return end - LIVE_SPAN_NS, end
        return viewer.start_ns, viewer.now_ns()

    def _spark(self) -> str:
        start, end = self._span()
        counts = rates.buckets(self.viewer.rows, start, end, max(1, self.text_width - 2))
        return " " + rates.spark(counts, ascii_only=self._ascii)

    def _box(self, key: str, hide: str, name: str) -> Cell:
        shown = terms.is_shown(self.viewer.filter_text, key, hide, name)
        return (" [x] " if shown else " [ ] ", "" if shown else "dim")

    def _node_cells(self, name: str) -> Sequence[Cell]:
        viewer = self.viewer
        box = self._box(NODE_KEY, FROM_KEY, name)
        shown, style = state_of(viewer, name)
        rate = self._rates.get(name, 0.0)
        right = f"{rate:,.0f}" if self._rates else self._count("sender", name)
        if len(right) > len("999,999"):
            right = f"{int(right.replace(',', '')) / 1e6:,.1f} M"
        width = self.text_width - 5
        left = max(4, width - len(right) - len(shown) - 2)
        return (
            box,
            (text.fit(text.safe(name, 60), left), box[1]),
            (f" {shown}", style),
            (right.rjust(max(0, width - left - len(shown) - 1)), "dim"),
        )

    def _type_cells(self, name: str) -> Sequence[Cell]:
        box = self._box(TYPE_KEY, TYPE_KEY, name)
        right = self._count("type", name)
        label = f"{MARKS.get(name, '~')} {text.safe(name, 40) or 'raw'}"
        return (
            box,
            (text.fit(label, self.text_width - 6 - len(right)), box[1]),
            (f" {right}", "dim"),
        )

    def _count(self, column: str, name: str) -> str:
        viewer = self.viewer
        facet, names = (
            (viewer.facets.types, viewer.rows.types)
            if column == "type"
            else (viewer.facets.senders, viewer.rows.names)
        )
        if name not in names:
            return "0"
        code = names.index(name)
        return text.count(int(facet.counts[code])) if code < len(facet.counts) else "0"

    # Editing the filter

    def _edit(self, edit: str) -> None:
        if self.cursor >= len(self._entries):
            return
        entry = self._entries[self.cursor]
        if entry.kind == "node":
            key, hide = NODE_KEY, FROM_KEY
            names = [other.name for other in self._entries if other.kind == "node"]
        elif entry.kind == "type":
            key, hide = TYPE_KEY, TYPE_KEY
            names = [other.name for other in self._entries if other.kind == "type"]
        else:
            return
        filter_text = self.viewer.filter_text
        if edit == "toggle":
            changed = terms.toggle(filter_text, key, hide, entry.name, names)
        elif edit == "only":
            changed = terms.only(filter_text, key, hide, entry.name)
        else:
            changed = terms.all_but(filter_text, key, hide, entry.name)
        self.post_message(self.Edited(changed))

    def action_flip(self) -> None:
        """Show or hide the entry under the cursor."""
        self._edit("toggle")

    def action_only(self) -> None:
        """Show the entry alone."""
        self._edit("only")

    def action_all_but(self) -> None:
        """Hide the entry alone."""
        self._edit("all but")

    def action_move(self, lines: int) -> None:
        """Move to the next entry, over headings."""
        index = self.cursor + lines
        while 0 <= index < len(self._entries) and self._entries[index].kind not in ("node", "type"):
            index += 1 if lines > 0 else -1
        if 0 <= index < len(self._entries):
            self.show(index)

    def clicked(self, index: int, x: int) -> None:
        """Toggle the entry whose box was clicked."""
        if 1 <= x <= 4:
            self._edit("toggle")
