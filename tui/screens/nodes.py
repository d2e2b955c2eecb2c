"""Screen 2: the nodes: state, process, rate, errors; and for the one under the cursor its sockets and
subscriptions.
"""

from collections.abc import Sequence

from textual.app import ComposeResult

from recordings.nodes import NodeInfo
from tui import rates, text
from tui.cells import Cell
from tui.keys import bindings
from tui.node_state import state_of, went_alone
from tui.screens.base import RecordingScreen
from tui.viewer import Changes, Viewer
from tui.widgets.line import Line
from tui.widgets.lines import Lines


class NodesList(Lines):
    """A line a node."""

    DEFAULT_CSS = "NodesList { height: auto; max-height: 60%; }"

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        """As high as there are nodes, and one line of air."""
        return max(3, self.line_count()) + 1

    def __init__(self, viewer: Viewer) -> None:
        super().__init__(id="nodes")
        self.viewer = viewer
        self._names: list[str] = []
        self._rates: dict[str, float] = {}

    def prepare(self, first: int, last: int) -> None:
        """Ask for the rates once, not for each line."""
        viewer = self.viewer
        live = viewer.recording.state == "growing"
        self._rates = rates.by_sender(viewer.rows, viewer.now_ns()) if live else {}

    def names(self) -> list[str]:
        """The nodes, the command node first."""
        return sorted(self.viewer.session.nodes, key=lambda name: (name != "command", name))

    def line_count(self) -> int:
        """One line a node."""
        self._names = self.names()
        return len(self._names)

    def empty_text(self) -> Sequence[str]:
        """Say why there are none."""
        return ("No node was seen yet.", "A node shows up with its first identify; see the Log (4).")

    @property
    def current(self) -> NodeInfo | None:
        """The node under the cursor."""
        names = self.names()
        return self.viewer.session.nodes.get(names[self.cursor]) if self.cursor < len(names) else None

    def cells(self, index: int) -> Sequence[Cell]:
        """Write a node."""
        viewer = self.viewer
        name = self._names[index]
        node = viewer.session.nodes[name]
        over = node.state == "gone" and not went_alone(viewer, name)
        since = "" if over or not node.since_ns else text.duration(max(0, viewer.now_ns() - node.since_ns))
        state, state_style = text.safe(node.state, 12), state_of(viewer, name)[1]
        seen = text.duration(max(0, viewer.now_ns() - node.last_seen_ns)) if node.last_seen_ns else "never"
        rate = f"{self._rates.get(name, 0):,.0f}/s" if self._rates else ""
        return (
            ("> " if index == self.cursor else "  ", "bold"),
            (text.fit(text.safe(name, 60), 16), "bold" if index == self.cursor else ""),
            (text.fit(state, 9), state_style),
            (text.fit(since, 9, right=True), "dim"),
            (text.fit(str(node.errors), 7, right=True), "error" if node.errors else "dim"),
            (text.fit(text.count(node.sent), 9, right=True), ""),
            (text.fit(text.count(node.received), 9, right=True), ""),
            (text.fit(rate, 8, right=True), "number"),
            (text.fit(seen, 10, right=True), "dim"),
            (text.fit(str(node.pid or "-"), 9, right=True), "dim"),
        )


class NodesHeading(Line):
    """The names of the columns."""

    def __init__(self, nodes: NodesList) -> None:
        super().__init__()
        self.nodes_list = nodes

    def cells(self, index: int) -> Sequence[Cell]:
        """Write them."""
        self.left = self.nodes_list.left
        heading = f"  {'node':16}{'state':9}{'for':>9}{'errors':>7}{'sent':>9}{'received':>9}{'rate':>8}"
        return ((f"{heading}{'last seen':>10}{'pid':>9}", "head"),)


class NodeFacts(Lines, can_focus=True):
    """What else is known of the node under the cursor."""

    has_cursor = False
    DEFAULT_CSS = "NodeFacts { border-top: solid $panel; }"

    def __init__(self, viewer: Viewer) -> None:
        super().__init__(id="facts")
        self.viewer = viewer
        self._lines: list[Sequence[Cell]] = []

    def line_count(self) -> int:
        """As many as there are facts."""
        return len(self._lines)

    def cells(self, index: int) -> Sequence[Cell]:
        """Write a fact."""
        return self._lines[index]

    def show_node(self, node: NodeInfo | None) -> None:
        """Show another node's facts."""
        self._lines = [] if node is None else list(self._facts(node))
        self.repaint()

    def _facts(self, node: NodeInfo) -> Sequence[Sequence[Cell]]:
        session = self.viewer.session

        def fact(name: str, value: str, style: str = "") -> Sequence[Cell]:
            return ((text.fit(f" {name}", 17), "dim"), (text.safe(value, 400), style))

        lines = [
            fact("node", node.name, "bold"),
            fact("outbox", node.outbox or "-"),
            fact("subscribed to", ", ".join(node.subscribed_to) or "-"),
            fact("subscribers", ", ".join(node.subscribers) or "-"),
        ]
        for endpoint in list(session.endpoints.values()):
            if endpoint.node == node.name:
                lines.append(fact("binds", f"{endpoint.socket_type} {endpoint.address}  ({endpoint.role})"))
                if endpoint.command_line:
                    lines.append(fact("command line", " ".join(endpoint.command_line)))
        for connection in list(session.connections.values()):
            if session.name_of(connection.id) == node.name:
                target = session.endpoints.get(connection.endpoint)
                where = target.address if target is not None else "?"
                owner = (target.node if target is not None else None) or "?"
                lines.append(fact("connected to", f"{owner}: {where}  ({connection.state})"))
        return lines


class NodesScreen(RecordingScreen):
    """The nodes."""

    name_in_bar = "nodes"

    BINDINGS = bindings("back", "pane", "pane.back")

    def __init__(self, viewer: Viewer) -> None:
        super().__init__(viewer)
        self.nodes_list = NodesList(viewer)
        self.heading = NodesHeading(self.nodes_list)
        self.facts = NodeFacts(viewer)

    def body(self) -> ComposeResult:
        """A heading, the list, the facts."""
        yield self.heading
        yield self.nodes_list
        yield self.facts

    def on_mount(self) -> None:
        """Start in the list."""
        super().on_mount()
        self.set_focus(self.nodes_list)

    def ticked(self, changes: Changes, *, slow: bool) -> None:
        """Show what is new, unless the display is stopped."""
        super().ticked(changes, slow=slow)
        if slow and not self.viewer.paused:
            self.show_nodes()

    def show_anew(self) -> None:
        """Show the nodes as they are now."""
        super().show_anew()
        self.show_nodes()

    def show_nodes(self) -> None:
        """Show the list, and the facts of the node under the cursor."""
        if self.nodes_list.size.height != self.nodes_list.get_content_height(None, None, 0):
            self.nodes_list.refresh(layout=True)
        self.nodes_list.repaint()
        self.facts.show_node(self.nodes_list.current)

    def on_lines_moved(self, message: Lines.Moved) -> None:
        """Show the facts of the node under the cursor."""
        if message.lines is self.nodes_list:
            self.facts.show_node(self.nodes_list.current)

    def on_lines_opened(self, message: Lines.Opened) -> None:
        """Show the node's messages."""
        from recordings.filters import quote

        if message.lines is self.nodes_list and (node := self.nodes_list.current) is not None:
            self.owner.show_filtered(f"node:{quote(node.name)}")

    def action_pane(self, steps: int) -> None:
        """Go to the other pane."""
        self.set_focus(self.facts if self.nodes_list.has_focus else self.nodes_list)

    def action_back(self) -> None:
        """Back to the messages."""
        self.owner.action_screen("messages")
