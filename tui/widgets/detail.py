"""The detail pane: the selected message decoded, as JSON, as bytes, and where it went.

Only the view on display is built, and only for a message the cursor rests on.
"""

from collections.abc import Sequence

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.widget import Widget

from decoders import registry
from recordings.decoding import where_seen
from recordings.errors import RecordingError
from tui import text
from tui.cells import Cell
from tui.columns import STYLES, names_text, type_text
from tui.deliveries import outcomes
from tui.viewer import Viewer
from tui.widgets.deliveries_view import DeliveriesView
from tui.widgets.hex_view import HexView
from tui.widgets.json_view import JsonView
from tui.widgets.line import Line
from tui.widgets.lines import Lines
from tui.widgets.tree_view import TreeView

TABS = ("Decoded", "JSON", "Frames/hex", "Deliveries")
BESIDE_WIDTH = 110
"""From this width on the bytes stand beside the tree."""


class Tabs(Line):
    """The names of the views, and in short what message this is."""

    DEFAULT_CSS = "Tabs { background: $panel; }"

    class Chosen(Message):
        """A view's name was clicked."""

        def __init__(self, tab: int) -> None:
            super().__init__()
            self.tab = tab

    def __init__(self) -> None:
        super().__init__()
        self.tab = 0
        self.about: Sequence[Cell] = ()

    def cells(self, index: int) -> Sequence[Cell]:
        """Write the names, the current one in brackets."""
        cells: list[Cell] = []
        for place, name in enumerate(TABS):
            here = place == self.tab
            cells.append((f"[{name}]" if here else f" {name} ", "bold" if here else "dim"))
        return [*cells, ("   ", ""), *self.about]

    def on_click(self, event: events.Click) -> None:
        """Choose the view that was clicked."""
        left = 0
        for place, name in enumerate(TABS):
            if left <= event.x < left + len(name) + 2:
                self.post_message(self.Chosen(place))
            left += len(name) + 2


class Detail(Widget):
    """The pane with the four views of one message."""

    DEFAULT_CSS = """
    Detail { height: 2fr; min-height: 4; }
    Detail Horizontal { height: 1fr; }
    Detail HexView.-beside { width: 1fr; min-width: 50; border-left: solid $panel; }
    """

    def __init__(self, viewer: Viewer, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.viewer = viewer
        self.row: int | None = None
        self.tab = 0
        self.tabs = Tabs()
        self.decoded = TreeView(id="tree")
        self.beside = HexView(id="beside")
        self.json = JsonView(id="json")
        self.hex = HexView(id="hex")
        self.deliveries = DeliveriesView(id="deliveries")
        self._stale = True

    def compose(self) -> ComposeResult:
        """Put the views in their places."""
        yield self.tabs
        with Horizontal():
            yield self.decoded
            yield self.beside
            yield self.json
            yield self.hex
            yield self.deliveries

    def on_mount(self) -> None:
        """Show the first view."""
        self.beside.add_class("-beside")
        self._arrange()

    @property
    def views(self) -> tuple[Lines, ...]:
        """The view of each tab."""
        return (self.decoded, self.json, self.hex, self.deliveries)

    @property
    def view(self) -> Lines:
        """The view on display."""
        return self.views[self.tab]

    def _arrange(self) -> None:
        for place, view in enumerate(self.views):
            view.display = place == self.tab
        self.beside.display = self.tab == 0 and self.size.width >= BESIDE_WIDTH
        self.tabs.tab = self.tab
        self.tabs.repaint()

    def on_resize(self) -> None:
        """Show or hide the bytes beside the tree."""
        beside = self.beside.display
        self._arrange()
        if self.beside.display and not beside:
            self._build()

    def choose(self, tab: int) -> None:
        """Show another view."""
        had_focus = self.view.has_focus
        self.tab = tab % len(TABS)
        self._arrange()
        self._build()
        if had_focus:
            self.screen.set_focus(self.view)

    def on_tabs_chosen(self, message: Tabs.Chosen) -> None:
        """Show the view whose name was clicked."""
        message.stop()
        self.choose(message.tab)

    def set_needle(self, needle: str) -> None:
        """Highlight a text in all views."""
        for view in (*self.views, self.beside):
            if view.needle != needle:
                view.needle = needle
                view.repaint()

    def show_row(self, row: int | None) -> None:
        """Show another message."""
        if row == self.row and not self._stale:
            return
        self.row = row
        self._stale = False
        self._build()

    def decode_anew(self) -> None:
        """Show the decoded message: the decoder has changed."""
        self.choose(0)

    def refreshed(self) -> None:
        """Take in deliveries that have come since."""
        if self.row is not None and self.tab == 3 and self.display:
            cursor = self.deliveries.cursor
            self.deliveries.set_outcomes(outcomes(self.viewer.recording, self.row))
            self.deliveries.cursor = cursor
            self.deliveries.repaint()

    def _build(self) -> None:
        if not self.display:
            self._stale = True
            return
        if self.row is None or self.row >= len(self.viewer.rows):
            self._clear()
            return
        recording = self.viewer.recording
        try:
            frames = recording.frames(self.row)
        except (RecordingError, OSError) as error:
            self._clear(text.safe(str(error)))
            return
        self.tabs.about = self._about(self.row)
        self.tabs.repaint()
        if self.tab == 0:
            self._build_tree(frames)
            if self.beside.display:
                self.beside.set_frames(frames)
        elif self.tab == 1:
            self.json.set_payload(frames[-1] if frames else b"")
        elif self.tab == 2:
            self.hex.set_frames(frames)
        else:
            self.deliveries.set_outcomes(outcomes(recording, self.row))

    def _build_tree(self, frames: tuple[bytes, ...]) -> None:
        assert self.row is not None
        context = where_seen(self.viewer.recording, self.row)
        decoded = registry.decode(frames, decoder=self.viewer.decoder, context=context)
        self.decoded.set_root(decoded.item)
        if decoded.problem:
            self.tabs.about = [*self.tabs.about, (f"  {decoded.decoder}: {decoded.problem}", "warning")]
            self.tabs.repaint()

    def _clear(self, reason: str = "") -> None:
        self.tabs.about = ((reason, "error"),) if reason else ()
        self.decoded.set_root(None)
        self.beside.set_frames(())
        self.json.set_payload(b"")
        self.hex.set_frames(())
        self.deliveries.set_outcomes([])
        self.tabs.repaint()

    def _about(self, number: int) -> Sequence[Cell]:
        row = self.viewer.rows[number]
        cells: list[Cell] = [
            (f"#{number:,}  ", "dim"),
            (f"{type_text(row.type)}  ", STYLES.get(row.type, "")),
            (f"{text.safe(row.sender, 40) or '-'} > {names_text(row.receivers, row.flags)}  ", ""),
            (f"{text.size(row.size)}  {text.clock(row.time_ns, 6)}", "dim"),
        ]
        if comment := self.viewer.comment_on(number):
            cells.append((f"  ; {text.safe(comment, 200)}", "warning"))
        return cells
