"""The list of messages: a line a message, painted from the columns; only the summary needs the payload.

Summaries of the lines on the screen are read before painting, within a time budget; what does not fit is
filled in on the next ticks, so that no key ever waits for a slow disk.
"""

import time
from collections import OrderedDict
from collections.abc import Sequence

from textual import events

from decoders import registry
from recordings.decoding import where_seen
from recordings.errors import RecordingError
from recordings.rows import Flag, Row
from tui import text
from tui.cells import Cell
from tui.columns import STYLES, Column, cell_text, lay_out, term_for
from tui.viewer import Viewer
from tui.widgets.line import Line
from tui.widgets.lines import Lines

SUMMARY_BUDGET_S = 0.02
SUMMARIES_KEPT = 4_000


class MessageList(Lines):
    """The messages that the viewer shows.

    `column` is the index of the cell under the cursor among the columns on display.
    """

    def __init__(self, viewer: Viewer, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.viewer = viewer
        self.columns: list[Column] = lay_out(100, 0)
        self.column = 2
        self.anchor_row = 0
        self._summaries: OrderedDict[int, str] = OrderedDict()
        self._missing = False

    # Lines

    def line_count(self) -> int:
        """One line a shown message."""
        return len(self.viewer.shown)

    def empty_text(self) -> Sequence[str]:
        """Say why there is nothing, and what to do."""
        viewer = self.viewer
        if viewer.only_marked:
            return ("No marked message passes the filter.", "M shows all again; m marks a message.")
        if viewer.filter_text.strip() and viewer.rows:
            if viewer.shown.progress is not None:
                return ("Nothing found yet; still reading payloads.",)
            return (
                "No message matches the filter.",
                viewer.strictest_term(),
                "backspace drops the last term, X all of them; f edits.",
            )
        if viewer.recording.state == "growing":
            return (
                "Waiting for the first message.",
                "1-4 change the screen: the Log (4) shows what connects.",
            )
        return ("This recording holds no messages.", "The Log (4) says what was seen instead; q quits.")

    def cells(self, index: int) -> Sequence[Cell]:
        """Write one message."""
        viewer = self.viewer
        number = viewer.shown.row(index)
        row = viewer.rows[number]
        marked = viewer.is_marked(number)
        here = index == self.cursor
        style = STYLES.get(row.type, "")
        cells: list[Cell] = [(">" if here else " ", "bold"), ("*" if marked else " ", "warning"), (" ", "")]
        for place, column in enumerate(self.columns):
            content, name = self._cell(column, index, row, style)
            if here and self.has_focus and place == self.column:
                name = f"{name} cell".strip()
            cells.append((text.fit(content, column.width, right=column.right), name))
            cells.append(gap_after(column))
        return cells

    def _cell(self, column: Column, index: int, row: Row, style: str) -> Cell:
        match column.name:
            case "time":
                content = self.viewer.time_text(index, row)
                return (content.rjust(12) if self.viewer.times != "clock" else content, "dim")
            case "summary":
                comment = self.viewer.comment_on(row.number)
                if comment:
                    return (f"; {text.safe(comment, column.width)}", "warning")
                return (self._summaries.get(row.number, ""), "error" if style == "error" else "")
            case "type" | "from":
                return (cell_text(column.name, row, self.viewer.session), style)
            case "to":
                content = cell_text("to", row, self.viewer.session, column.width)
                return (content, "warning" if row.flags & Flag.LATE else style)
            case "number" | "size" | "epoch":
                return (cell_text(column.name, row, self.viewer.session), "dim")

    def prepare(self, first: int, last: int) -> None:
        """Read the summaries of the lines that will be painted."""
        self._layout()
        viewer, deadline = self.viewer, time.perf_counter() + SUMMARY_BUDGET_S
        if first <= last:
            viewer.in_view = viewer.shown.row(first)
        self._missing = False
        for index in range(first, last + 1):
            row = viewer.shown.row(index)
            if row in self._summaries:
                self._summaries.move_to_end(row)
            elif time.perf_counter() < deadline:
                self._summaries[row] = self._summary(row)
            else:
                self._missing = True
                break
        while len(self._summaries) > SUMMARIES_KEPT:
            self._summaries.popitem(last=False)

    def forget_summaries(self) -> None:
        """Read summaries anew: the decoder has changed."""
        self._summaries.clear()
        self.repaint()

    def _summary(self, row: int) -> str:
        recording = self.viewer.recording
        try:
            return registry.summary(
                recording.frames(row),
                recording.envelope(row),
                decoder=self.viewer.decoder,
                context=where_seen(recording, row),
            )
        except RecordingError as error:
            return f"unreadable: {text.safe(str(error), 100)}"

    def _layout(self) -> None:
        columns = lay_out(self.text_width, len(self.viewer.rows), self.viewer.rows.names)
        if columns != self.columns:
            name = self.column_name
            self.columns = columns
            names = [column.name for column in columns]
            self.column = names.index(name) if name in names else min(self.column, len(names) - 1)

    # What is under the cursor

    @property
    def column_name(self) -> str:
        """The name of the column under the cursor."""
        return self.columns[min(self.column, len(self.columns) - 1)].name

    @property
    def current(self) -> int | None:
        """The row under the cursor; None if there is none."""
        return self.viewer.shown.row(self.cursor) if self.cursor < self.line_count() else None

    def cell_term(self) -> str:
        """Write the filter term for the cell under the cursor."""
        if self.current is None:
            return ""
        row = self.viewer.rows[self.current]
        column = self.columns[self.column]
        return term_for(column.name, row, self._summaries.get(row.number, ""), text.clock(row.time_ns))

    def cell_value(self) -> str:
        """Give the text of the cell under the cursor."""
        if self.current is None:
            return ""
        row, column = self.viewer.rows[self.current], self.columns[self.column]
        if column.name == "to":
            return cell_text("to", row, self.viewer.session)
        return self._cell(column, self.cursor, row, "")[0].strip()

    @property
    def is_full(self) -> bool:
        """Tell whether there are messages below the last line on the screen."""
        return self.top + self.size.height < self.line_count()

    # Keeping place while rows come and the filter changes

    def refreshed(self) -> None:
        """Follow what has changed in the viewer: more rows, other rows."""
        viewer = self.viewer
        self.follow = viewer.follow
        before = self.current_anchor()
        if not viewer.follow and before is not None:
            offset = self.cursor - self.top
            index = viewer.shown.index(before)
            if index != self.cursor:
                self.cursor = min(index, max(0, self.line_count() - 1))
                self.top = self.cursor - offset
        self.repaint()
        if viewer.follow:
            self.keep_anchor()
        if self.current != before:
            self.post_message(self.Moved(self, self.cursor))

    def current_anchor(self) -> int | None:
        """Give the row that the cursor belongs to."""
        return self.anchor_row if len(self.viewer.rows) else None

    def keep_anchor(self) -> None:
        """Remember the row under the cursor, to come back to when the lines change."""
        if self.current is not None:
            self.anchor_row = self.current

    def show(self, index: int, *, centre: bool = False) -> None:
        """Put the cursor on a line."""
        super().show(index, centre=centre)
        self.keep_anchor()

    def action_page(self, pages: float) -> None:
        """Move by pages."""
        super().action_page(pages)
        self.keep_anchor()

    def show_row(self, row: int) -> bool:
        """Go to a row; tell whether it is shown at all."""
        if not self.viewer.shown.has(row):
            return False
        self.unfollow()
        self.show(self.viewer.shown.index(row), centre=True)
        return True

    def unfollow(self) -> None:
        """Stop following."""
        self.follow = self.viewer.follow = False

    def action_end(self) -> None:
        """Go to the newest message, and follow from there."""
        self.viewer.follow = self.follow = True
        self.refreshed()

    def action_sideways(self, steps: int) -> None:
        """Go to another cell."""
        self.column = min(max(0, self.column + steps), len(self.columns) - 1)
        self.repaint_line(self.cursor)

    def fill_in(self) -> None:
        """Read summaries that had to wait, and paint them."""
        if self._missing:
            self.repaint()

    def clicked(self, index: int, x: int) -> None:
        """Go to the cell that was clicked."""
        left = 3
        for place, column in enumerate(self.columns):
            gap = len(gap_after(column)[0])
            if left <= x < left + column.width + gap:
                self.column = place
                self.repaint_line(index)
            left += column.width + gap

    def on_resize(self, event: events.Resize) -> None:
        """Choose the columns anew."""
        self._layout()
        super().on_resize(event)


class ListHeading(Line):
    """The line above the list with the names of its columns."""

    def __init__(self, messages: MessageList) -> None:
        super().__init__()
        self.messages = messages

    def cells(self, index: int) -> Sequence[Cell]:
        """Write the names of the columns."""
        cells: list[Cell] = [("   ", "")]
        for column in self.messages.columns:
            heading = column.heading
            if column.name == "time" and self.messages.viewer.times != "clock":
                heading = {"delta": "since before", "start": "since start"}[self.messages.viewer.times]
            cells.append((text.fit(heading, column.width, right=column.right), "head"))
            cells.append(gap_after(column))
        return cells


def gap_after(column: Column) -> Cell:
    """Give what stands between a column and the next: an arrow between sender and receivers."""
    return (" > ", "dim") if column.name == "from" else (" ", "")
