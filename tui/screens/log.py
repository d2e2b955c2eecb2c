"""Screen 4: what happened besides messages: connections, subscriptions, losses, problems, the program's own
output.
"""

from collections.abc import Sequence

from textual.app import ComposeResult

from recordings.session import LogEntry
from tui import text as writing
from tui.cells import Cell
from tui.keys import bindings
from tui.screens.base import RecordingScreen
from tui.viewer import Changes, Viewer
from tui.widgets.lines import Lines
from tui.widgets.search_line import SearchLine

STYLES = {
    "loss": "error",
    "problem": "error",
    "error": "error",
    "output": "",
    "node": "bold",
    "process": "bold",
}


class LogList(Lines):
    """The log, a line an entry."""

    def __init__(self, viewer: Viewer) -> None:
        super().__init__(id="log")
        self.viewer = viewer

    def line_count(self) -> int:
        """One line an entry."""
        return len(self.viewer.session.log)

    def empty_text(self) -> Sequence[str]:
        """Say that nothing happened."""
        return ("Nothing has happened yet.", "Connections, losses and the program's output will stand here.")

    def cells(self, index: int) -> Sequence[Cell]:
        """Write an entry."""
        entry: LogEntry = self.viewer.session.log[index]
        style = STYLES.get(entry.kind, "dim")
        return (
            ("> " if index == self.cursor else "  ", "bold"),
            (writing.clock(entry.time_ns) + "  ", "dim"),
            (writing.fit(writing.safe(entry.kind, 13), 14), style),
            (writing.safe(entry.text, 2_000), style if style != "dim" else ""),
        )

    def action_end(self) -> None:
        """Go to the newest entry and follow."""
        self.follow = True
        self.repaint()

    def line_text(self) -> str:
        """Give the entry under the cursor, to copy."""
        return self.viewer.session.log[self.cursor].text if self.line_count() else ""


class LogScreen(RecordingScreen):
    """The log."""

    name_in_bar = "log"

    BINDINGS = bindings("follow", "back", "search", "search.next", "search.back", "copy")

    def __init__(self, viewer: Viewer) -> None:
        super().__init__(viewer)
        self.log_list = LogList(viewer)
        self.log_list.follow = viewer.live
        self.search_line = SearchLine(viewer, self.search_for, own=True)

    def body(self) -> ComposeResult:
        """The list, and a line to search in it."""
        yield self.log_list
        yield self.search_line

    def on_mount(self) -> None:
        """Start in the list."""
        super().on_mount()
        self.set_focus(self.log_list)

    def ticked(self, changes: Changes, *, slow: bool) -> None:
        """Show what is new, unless the display is stopped."""
        super().ticked(changes, slow=slow)
        if slow and not self.viewer.paused:
            self.log_list.repaint()

    def action_follow(self) -> None:
        """Follow the newest entry, or stop."""
        self.log_list.follow = not self.log_list.follow
        self.log_list.repaint()

    def action_search(self) -> None:
        """Ask what to search."""
        self.search_line.edit()

    def search_for(self, text: str) -> None:
        """Go to the first match; "" ends the search."""
        self.log_list.needle = text
        self.set_focus(self.log_list)
        self.log_list.repaint()
        if text:
            self.action_find(1)
        self.search_line.refreshed()

    def action_find(self, direction: int) -> None:
        """Go to the next or previous match."""
        if not self.log_list.needle:
            self.search_line.edit()
        elif not self.log_list.find(direction):
            self.notify("no such text in the log", markup=False)

    def show_anew(self) -> None:
        """Show the list as it is now."""
        super().show_anew()
        self.log_list.repaint()

    def on_lines_opened(self, message: Lines.Opened) -> None:
        """Show the message that the entry is about."""
        row = self.viewer.session.log[message.index].row
        if row is None:
            self.notify("this entry is about no message", markup=False)
        else:
            self.owner.show_message(row)

    def action_copy(self) -> None:
        """Copy the entry under the cursor."""
        self.owner.copy(self.log_list.line_text())

    def action_back(self) -> None:
        """End the search; back to the messages."""
        if self.log_list.needle:
            self.log_list.needle = ""
            self.log_list.repaint()
        else:
            self.owner.action_screen("messages")
