"""A single line without a cursor: headings, the status, the keys."""

from textual import events

from tui.widgets.lines import Lines


class Line(Lines, can_focus=False):
    """A single line without a cursor, such as a heading."""

    has_cursor = False

    DEFAULT_CSS = "Line { height: 1; }"

    def line_count(self) -> int:
        """One line."""
        return 1

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Stay."""

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Stay."""
