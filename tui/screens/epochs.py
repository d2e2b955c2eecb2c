"""Screen 3: one line an epoch, one column a node: asked, emitted, ended; what is slow or stuck stands out."""

from collections.abc import Sequence

from textual.app import ComposeResult

from tui import text
from tui.cells import Cell
from tui.keys import bindings
from tui.screens.base import RecordingScreen
from tui.stuck import COMMAND, USUAL_FACTOR, begun_ns, usual_ns, waits_for
from tui.viewer import Changes, Viewer
from tui.widgets.line import Line
from tui.widgets.lines import Lines

NODE_WIDTH = 14
LEAST_NODE_WIDTH = 11
LEFT_WIDTH = 37
"""The width of all that stands before the nodes' columns."""


class EpochsList(Lines):
    """The epochs, each with how long after its beginning every node emitted."""

    def __init__(self, viewer: Viewer) -> None:
        super().__init__(id="epochs")
        self.viewer = viewer
        self._usual_ns = 0

    def line_count(self) -> int:
        """One line an epoch."""
        return len(self.viewer.session.epochs)

    def empty_text(self) -> Sequence[str]:
        """Say why there are none."""
        return (
            "No epoch was seen yet.",
            "Epochs begin with process or start messages; see the messages (1).",
        )

    def nodes(self) -> list[str]:
        """The nodes that have columns."""
        return [node for node in list(self.viewer.session.epochs.nodes) if node != COMMAND]

    @property
    def node_width(self) -> int:
        """The width of a node's column: as much as there is for all of them, within bounds."""
        share = (self.text_width - LEFT_WIDTH) // max(1, len(self.nodes()))
        return min(max(LEAST_NODE_WIDTH, share), NODE_WIDTH)

    def prepare(self, first: int, last: int) -> None:
        """Find out what is usual."""
        self._usual_ns = usual_ns(self.viewer.session)

    def cells(self, index: int) -> Sequence[Cell]:
        """Write an epoch."""
        session = self.viewer.session
        line = session.epochs[index]
        begun = begun_ns(session, index)
        waiting = waits_for(session, index) if not line.ended_ns else ()
        cells: list[Cell] = [
            ("> " if index == self.cursor else "  ", "bold"),
            (text.fit(f"{line.number}", 7, right=True), ""),
            ("  " + text.fit(text.clock(begun) if begun else "", 13), "dim"),
        ]
        cells.append(self._end(line.ended_ns, begun, waiting))
        for node in self.nodes():
            cells.append(self._node(node, line.emitted_ns, line.received_ns, begun, node in waiting))
        if waiting:
            names = ", ".join(text.safe(name, 30) for name in waiting[:6])
            cells.append((f"  waits for {names}", "warning"))
        return cells

    def _end(self, ended_ns: int, begun: int, waiting: Sequence[str]) -> Cell:
        if ended_ns:
            span = ended_ns - begun
            slow = self._usual_ns and span > USUAL_FACTOR * self._usual_ns
            return (
                text.fit(text.duration(span) + (" slow" if slow else ""), 13),
                "warning" if slow else "ok",
            )
        span = self.viewer.now_ns() - begun if begun else 0
        return (text.fit(f"open {text.duration(span)}", 13), "warning" if waiting else "dim")

    def _node(
        self, node: str, emitted: dict[str, int], received: dict[str, int], begun: int, waited: bool
    ) -> Cell:
        width = self.node_width
        if node in emitted:
            return (text.fit(f"+{text.duration(emitted[node] - begun)}", width), "")
        if waited:
            return (text.fit("WAITED FOR", width), "error")
        if node in received:
            return (text.fit("has input", width), "dim")
        return (text.fit("-", width), "dim")

    def action_end(self) -> None:
        """Go to the newest epoch and follow."""
        self.follow = True
        self.repaint()


class EpochsHeading(Line):
    """The names of the columns."""

    def __init__(self, epochs: EpochsList) -> None:
        super().__init__()
        self.epochs = epochs

    def cells(self, index: int) -> Sequence[Cell]:
        """Write them."""
        self.left, width = self.epochs.left, self.epochs.node_width
        cells: list[Cell] = [(f"  {'epoch':>7}  {'began':13}{'took':13}", "head")]
        return [
            *cells,
            *((text.fit(text.safe(node, 40), width - 1) + " ", "head") for node in self.epochs.nodes()),
        ]


class EpochsScreen(RecordingScreen):
    """The epochs."""

    name_in_bar = "epochs"

    BINDINGS = bindings("follow", "back")

    def __init__(self, viewer: Viewer) -> None:
        super().__init__(viewer)
        self.epochs = EpochsList(viewer)
        self.epochs.follow = viewer.live
        self.heading = EpochsHeading(self.epochs)

    def body(self) -> ComposeResult:
        """A heading and the list."""
        yield self.heading
        yield self.epochs

    def on_mount(self) -> None:
        """Start in the list."""
        super().on_mount()
        self.set_focus(self.epochs)

    def ticked(self, changes: Changes, *, slow: bool) -> None:
        """Show what is new, unless the display is stopped."""
        super().ticked(changes, slow=slow)
        if slow and not self.viewer.paused:
            self.heading.repaint()
            self.epochs.repaint()

    def show_anew(self) -> None:
        """Show the list as it is now."""
        super().show_anew()
        self.epochs.repaint()

    def on_lines_opened(self, message: Lines.Opened) -> None:
        """Show the epoch's messages."""
        number = int(self.viewer.session.epochs.number[message.index])
        self.owner.show_filtered(f"epoch:{number}")

    def action_follow(self) -> None:
        """Follow the newest epoch, or stop."""
        self.epochs.follow = not self.epochs.follow
        self.epochs.repaint()

    def action_back(self) -> None:
        """Back to the messages."""
        self.owner.action_screen("messages")
