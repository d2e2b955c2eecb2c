"""A scrolling list of single lines that are painted when they are seen, and only then.

All lists of the app are of this kind: messages, tree, JSON, hex, deliveries, nodes, epochs, log. A subclass
says how many lines there are and what stands on one of them; a million lines cost no more than the twenty on
the screen. It scrolls by itself (Textual's virtual size would lay out the whole screen anew for every line
that arrives).
"""

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from tui.cells import Cell, cut, highlighted, width_of
from tui.keys import bindings
from tui.widgets.line_styles import FAINT, FAINTNESS


class Lines(Widget, can_focus=True):
    """A list of lines with a cursor.

    `cursor` is the index of the line with the cursor, `top` that of the first line shown, `left` the cells
    scrolled out to the left. While `follow` is on, the cursor stays on the last line as lines are added.
    """

    has_cursor: ClassVar[bool] = True

    DEFAULT_CSS = "Lines { width: 1fr; height: 1fr; background: $background; color: $foreground; }"

    BINDINGS = bindings(
        "move.down",
        "move.up",
        "move.page_down",
        "move.page_up",
        "move.half_down",
        "move.half_up",
        "move.start",
        "move.end",
        "move.left",
        "move.right",
        "enter",
    )

    class Moved(Message):
        """The cursor is on another line."""

        def __init__(self, lines: "Lines", index: int) -> None:
            super().__init__()
            self.lines = lines
            self.index = index

        @property
        def control(self) -> "Lines":
            """The list."""
            return self.lines

    class Opened(Message):
        """Enter was pressed on a line, or it was clicked twice."""

        def __init__(self, lines: "Lines", index: int) -> None:
            super().__init__()
            self.lines = lines
            self.index = index

        @property
        def control(self) -> "Lines":
            """The list."""
            return self.lines

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.cursor = 0
        self.top = 0
        self.left = 0
        self.follow = False
        self.needle = ""
        self._styles: dict[tuple[str, int], Style] = {}

    # What a subclass says

    def line_count(self) -> int:
        """Say how many lines there are."""
        return 0

    def cells(self, index: int) -> Sequence[Cell]:
        """Say what stands on a line."""
        return ()

    def empty_text(self) -> Sequence[str]:
        """Say what to show, in the middle, when there are no lines."""
        return ()

    def prepare(self, first: int, last: int) -> None:
        """Get ready to paint these lines (both included); called before each painting of the whole list."""

    # Painting

    @property
    def text_width(self) -> int:
        """The width of a line in cells, without the scroll bar."""
        return max(1, self.size.width - 1)

    def notify_style_update(self) -> None:
        """Forget the styles: the theme has changed."""
        super().notify_style_update()
        self._styles.clear()

    def style_of(self, name: str, cursor: int = 0) -> Style:
        """Give a style by its name; `cursor` is 1 on the cursor's line, 2 if the list has the focus."""
        key = (name, cursor)
        style = self._styles.get(key)
        if style is None:
            style = self.rich_style
            if cursor:
                style += self._component("cursor-focus" if cursor == 2 else "cursor")
            for part in name.split():
                style += self._component(part)
            self._styles[key] = style
        return style

    def _component(self, name: str) -> Style:
        style = self.app.get_component_styles(f"lines--{name}").partial_rich_style
        if name in FAINT and not self.app.native_ansi_color:
            _, _, background, foreground = self.colors
            return Style(color=background.blend(foreground, FAINTNESS).rich_color) + style
        return style

    def render_line(self, y: int) -> Strip:
        """Paint one line of the screen."""
        width = self.text_width
        count = self.line_count()
        if not count:
            return self._empty_line(y, width)
        index = self.top + y
        if index >= count:
            return Strip([Segment(" " * self.size.width, self.style_of(""))], self.size.width)
        cursor = 0 if index != self.cursor or not self.has_cursor else 2 if self.has_focus else 1
        segments = self._segments(self.cells(index), cursor, width)
        if count > self.size.height:
            segments.append(self._bar(y, count))
        else:
            segments.append(Segment(" ", self.style_of("", cursor)))
        return Strip(segments, self.size.width)

    def _segments(self, cells: Sequence[Cell], cursor: int, width: int) -> list[Segment]:
        if self.needle:
            cells = highlighted(cells, self.needle)
        skip, room = self.left, width
        segments: list[Segment] = []
        for place, (text, name) in enumerate(cells):
            if skip:
                length = width_of(text)
                if length <= skip:
                    skip -= length
                    continue
                text, skip = text[skip:], 0
            length = width_of(text)
            if length >= room:
                more = width_of(text.rstrip()) > room or any(part.strip() for part, _ in cells[place + 1 :])
                text = cut(text, room - 1) + "…" if more else cut(text, room)
                length = room
            if length:
                segments.append(Segment(text, self.style_of(name, cursor)))
                room -= length
            if not room:
                break
        if room:
            segments.append(Segment(" " * room, self.style_of("", cursor)))
        return segments

    def _bar(self, y: int, count: int) -> Segment:
        height = self.size.height
        thumb = max(1, height * height // count)
        first = round((height - thumb) * min(1.0, self.top / max(1, count - height)))
        if first <= y < first + thumb:
            return Segment("┃", self.style_of("thumb"))
        return Segment("│", self.style_of("bar"))

    def _empty_line(self, y: int, width: int) -> Strip:
        text = self.empty_text()
        row = y - max(0, (self.size.height - len(text)) // 2)
        line = text[row] if 0 <= row < len(text) else ""
        line = line[:width].center(width) + " "
        return Strip([Segment(line, self.style_of("dim"))], self.size.width)

    def repaint(self) -> None:
        """Paint everything anew, after the lines have changed."""
        self.clamp()
        self.prepare(self.top, min(self.line_count(), self.top + self.size.height) - 1)
        self.refresh()

    def repaint_line(self, index: int) -> None:
        """Paint one line anew, if it is on the screen."""
        y = index - self.top
        if 0 <= y < self.size.height:
            self.refresh(Region(0, y, self.size.width, 1))

    # Moving

    def clamp(self) -> None:
        """Keep cursor and top inside the list."""
        count = self.line_count()
        if self.follow:
            self.cursor = count - 1
        self.cursor = min(max(0, self.cursor), max(0, count - 1))
        if self.follow:
            self.top = count - self.size.height
        self.top = min(max(0, self.top), max(0, count - self.size.height))

    def show(self, index: int, *, centre: bool = False) -> None:
        """Put the cursor on a line and bring it into view."""
        count, height = self.line_count(), max(1, self.size.height)
        before, top = self.cursor, self.top
        self.cursor = min(max(0, index), max(0, count - 1))
        if self.cursor < self.top or self.cursor >= self.top + height:
            if centre:
                self.top = self.cursor - height // 2
            else:
                self.top = self.cursor if self.cursor < self.top else self.cursor - height + 1
        self.clamp()
        if self.top != top:
            self.repaint()
        else:
            self.repaint_line(before)
            self.repaint_line(self.cursor)
        if self.cursor != before:
            self.post_message(self.Moved(self, self.cursor))

    def unfollow(self) -> None:
        """Stop following, because the person moves."""
        self.follow = False

    def action_move(self, lines: int) -> None:
        """Move the cursor by so many lines."""
        if lines < 0 or self.cursor < self.line_count() - 1:
            self.unfollow()
        self.show(self.cursor + lines)

    def action_page(self, pages: float) -> None:
        """Move the cursor by so many pages."""
        step = max(1, round(abs(pages) * max(1, self.size.height - 1)))
        if pages < 0 or self.cursor < self.line_count() - 1:
            self.unfollow()
        top = self.top + (step if pages > 0 else -step)
        self.top = min(max(0, top), max(0, self.line_count() - self.size.height))
        before = self.cursor
        self.cursor += step if pages > 0 else -step
        self.repaint()
        if self.cursor != before:
            self.post_message(self.Moved(self, self.cursor))

    def action_start(self) -> None:
        """Go to the first line."""
        self.unfollow()
        self.show(0)

    def action_end(self) -> None:
        """Go to the last line."""
        self.show(self.line_count() - 1)

    def action_sideways(self, steps: int) -> None:
        """Scroll sideways."""
        self.left = max(0, self.left + 8 * steps)
        self.repaint()

    def action_enter(self) -> None:
        """Open the line under the cursor."""
        if self.line_count():
            self.post_message(self.Opened(self, self.cursor))

    def find(self, direction: int) -> bool:
        """Move to the next (or previous) line that contains the needle; tell whether there is one."""
        count = self.line_count()
        for distance in range(1, count + 1):
            index = (self.cursor + direction * distance) % count
            if self.needle.casefold() in "".join(text for text, _ in self.cells(index)).casefold():
                self.unfollow()
                self.show(index, centre=True)
                return True
        return False

    # Mouse and size

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Scroll down without moving the cursor."""
        self._scroll(3, event)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Scroll up without moving the cursor."""
        self.unfollow()
        self._scroll(-3, event)

    def _scroll(self, lines: int, event: events.MouseEvent) -> None:
        event.stop()
        self.top += lines
        self.repaint()

    def on_click(self, event: events.Click) -> None:
        """Put the cursor where the mouse was clicked; twice opens."""
        if event.x >= self.text_width and self.line_count() > self.size.height:
            self.unfollow()
            self.top = round(self.line_count() * event.y / max(1, self.size.height))
            self.repaint()
            return
        index = self.top + event.y
        if index < self.line_count():
            self.unfollow()
            self.show(index)
            self.clicked(index, event.x)
            if event.chain == 2:
                self.action_enter()

    def clicked(self, index: int, x: int) -> None:
        """React to a click on a line, at a column."""

    def on_resize(self, event: events.Resize) -> None:
        """Keep the cursor in view."""
        self.top = max(self.top, self.cursor - event.size.height + 1)
        self.repaint()

    def on_focus(self) -> None:
        """Show the cursor as active."""
        self.repaint_line(self.cursor)

    def on_blur(self) -> None:
        """Show the cursor as inactive."""
        self.repaint_line(self.cursor)
