"""Screen 1: the messages, with filter line, side panel and detail pane."""

import time

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.timer import Timer
from textual.widget import Widget

from tui import terms
from tui.keys import bindings
from tui.related import related
from tui.screens.base import RecordingScreen
from tui.screens.message_actions import MessageActions
from tui.screens.message_search import MessageSearch
from tui.viewer import Changes, Viewer
from tui.widgets.detail import Detail
from tui.widgets.filter_line import FilterLine
from tui.widgets.lines import Lines
from tui.widgets.message_list import ListHeading, MessageList
from tui.widgets.search_line import SearchLine
from tui.widgets.side_panel import SidePanel

REST_S = 0.06
"""The detail is built once the cursor has rested so long,"""
REST_FOLLOWING_S = 0.5
"""or, while it follows and never rests, this often."""


class MessagesScreen(MessageActions, MessageSearch, RecordingScreen):
    """The list of messages and all that hangs on it."""

    name_in_bar = "messages"

    BINDINGS = bindings(
        "pane",
        "pane.back",
        "goto",
        "back",
        "follow",
        "side",
        "tab.next",
        "tab.back",
        "step.back",
        "step.next",
        "filter",
        "filter.in",
        "filter.out",
        "filter.drop",
        "filter.clear",
        "filter.save",
        "filter.saved",
        "search",
        "search.next",
        "search.back",
        "error.next",
        "error.back",
        "mark",
        "mark.only",
        "mark.next",
        "mark.back",
        "comment",
        "related",
        "decoder",
        "copy",
        "copy.message",
        "export",
        "export.shown",
    )

    DEFAULT_CSS = """
    MessagesScreen #upper { height: 3fr; min-height: 3; }
    MessagesScreen.-narrow SidePanel { display: none; }
    MessagesScreen.-panel SidePanel { display: block; }
    MessagesScreen.-low Detail { display: none; }
    MessagesScreen.-large Detail { display: block; height: 1fr; }
    MessagesScreen.-large.-tall #upper { height: 6; }
    MessagesScreen.-large.-low #upper { display: none; }
    """

    def __init__(self, viewer: Viewer) -> None:
        super().__init__(viewer)
        self.messages = MessageList(viewer, id="messages")
        self.heading = ListHeading(self.messages)
        self.side = SidePanel(viewer, id="side")
        self.detail = Detail(viewer, id="detail")
        self.search_line = SearchLine(viewer, self.search_for)
        self.resting: Timer | None = None
        self._moved_s = 0.0
        self._side_stale = False
        self._below = False

    def body(self) -> ComposeResult:
        """Filter, list and panel, detail."""
        self.filter_line = FilterLine(self.viewer, self.owner.saved, self.go_home)
        yield self.filter_line
        with Horizontal(id="upper"):
            with Vertical():
                yield self.heading
                yield self.messages
            yield self.side
        yield self.detail
        yield self.search_line
        yield self.filter_line.offers

    def on_mount(self) -> None:
        """Start in the list."""
        super().on_mount()
        self.set_focus(self.messages)
        self._rest()

    # Ticks

    def ticked(self, changes: Changes, *, slow: bool) -> None:
        """Show new rows at once, counts and rates a little later."""
        super().ticked(changes, slow=slow)
        viewer = self.viewer
        # Rows that come below the screen change nothing on it but the scroll bar, which need not be quick.
        below = not viewer.follow and self.messages.is_full
        new = changes.shown or (changes.recording and not viewer.paused)
        if (new and not below) or (slow and (new or self._below)):
            self._below = False
            self.messages.refreshed()
        else:
            self._below |= new
            self.messages.fill_in()
        if slow:
            self.filter_line.refreshed()
            if changes.recording or self._side_stale or viewer.recording.state == "growing":
                self._side_stale = False
                self.heading.repaint()
                if self.side.display:
                    self.side.refreshed()
                    self._side_stale = not self.side.counted
                self.detail.refreshed()
        elif self.side.display and not self.side.counted:
            self.side.refreshed()
        if viewer.search is not None:
            self.search_on()
            if slow:
                self.search_line.refreshed()

    def show_again(self) -> None:
        """Show everything anew, after the filter or the marks have changed."""
        self.messages.refreshed()
        self.filter_line.refreshed()
        self.side.repaint()
        self.heading.repaint()
        self._side_stale = True
        self._rest()

    # The detail follows the cursor

    def on_lines_moved(self, message: Lines.Moved) -> None:
        """Build the detail once the cursor rests."""
        if message.lines is self.messages:
            self._rest()

    def _rest(self) -> None:
        now = time.monotonic()
        if self.resting is None:
            self._moved_s = now
        elif now - self._moved_s < REST_FOLLOWING_S:
            self.resting.stop()
        else:
            return
        self.resting = self.set_timer(REST_S, self._rested)

    def _rested(self) -> None:
        self.resting = None
        self.detail.show_row(self.messages.current)

    # Panes

    def panes(self) -> list[Widget]:
        """The panes on display, in the order of the tab key."""
        panes: list[Widget] = [self.messages] if self.messages.region else []
        if self.detail.display and self.detail.region:
            panes.append(self.detail.view)
        if self.side.display and self.side.region:
            panes.append(self.side)
        return panes

    def action_pane(self, steps: int) -> None:
        """Go to another pane."""
        panes = self.panes()
        if not panes:
            return
        here = panes.index(self.focused) if self.focused in panes else -1 if steps > 0 else 0
        self.set_focus(panes[(here + steps) % len(panes)])
        self.messages.repaint_line(self.messages.cursor)

    def action_side(self) -> None:
        """Go to the side panel, showing it where there is no room by default; again: back to the list."""
        if self.side.has_focus:
            self.remove_class("-panel")
            self.set_focus(self.messages)
        else:
            self.add_class("-panel")
            self.side.refreshed()
            self.set_focus(self.side)

    def on_lines_opened(self, message: Lines.Opened) -> None:
        """Enlarge the detail."""
        if message.lines is self.messages:
            self.add_class("-large")
            self.call_after_refresh(self._enter_detail)

    def _enter_detail(self) -> None:
        self.detail.show_row(self.messages.current)
        self.detail.choose(self.detail.tab)
        self.set_focus(self.detail.view)
        self.messages.show(self.messages.cursor)

    def action_back(self) -> None:
        """Go back: from the detail or panel to the list, from a search to none."""
        if self.has_class("-large") or not self.messages.has_focus:
            self.remove_class("-large")
            if self.has_class("-narrow"):
                self.remove_class("-panel")
            self.set_focus(self.messages)
        elif self.viewer.search is not None:
            self.end_search()

    def action_tab(self, steps: int) -> None:
        """Show the detail's next view."""
        if not self.detail.display:
            self.add_class("-large")
        self.detail.show_row(self.messages.current)
        self.detail.choose(self.detail.tab + steps)

    def action_step(self, steps: int) -> None:
        """Go to the message before or behind, from any pane."""
        self.messages.action_move(steps)

    def action_follow(self) -> None:
        """Follow the newest message, or stop following."""
        self.viewer.follow = not self.viewer.follow
        if self.viewer.follow:
            self.owner.unpause()
        self.messages.refreshed()
        self.status.repaint()

    # Filter

    def action_filter(self) -> None:
        """Edit the filter."""
        self.filter_line.edit()

    def on_filter_line_applied(self) -> None:
        """Show what the filter lets through."""
        self.show_again()

    def go_home(self) -> None:
        """Back to the list."""
        self.set_focus(self.messages)

    def on_side_panel_edited(self, message: SidePanel.Edited) -> None:
        """Take over what was toggled."""
        self.filter_line.set_text(message.text)

    def action_by_cell(self, direction: str) -> None:
        """Filter in or out what has the value of the cell under the cursor."""
        term = self.messages.cell_term()
        if not term:
            self.notify("this cell has no value to filter by", markup=False)
            return
        if direction == "out":
            term = f"!{term}"
        self.filter_line.set_text(terms.add(self.viewer.filter_text, term))

    def action_drop_term(self) -> None:
        """Drop the filter's last term."""
        self.filter_line.set_text(terms.drop_last(self.viewer.filter_text))

    def action_clear_filter(self) -> None:
        """Show all messages."""
        self.viewer.show_only_marked(False)
        self.filter_line.set_text("")

    # Jumps

    def jump(self, row: int) -> None:
        """Go to a row; where the filter hides it, say so and let it through."""
        if not self.messages.show_row(row):
            self.viewer.show_only_marked(False)
            self.filter_line.set_text("")
            self.messages.show_row(row)
            self.notify(
                "the filter hid that message and was cleared; its text is in the history (f)", markup=False
            )

    def related_rows(self) -> list[tuple[int, str]]:
        """List the messages related to the one under the cursor."""
        if self.messages.current is None:
            return []
        return [(other.row, other.why) for other in related(self.viewer.recording, self.messages.current)]
