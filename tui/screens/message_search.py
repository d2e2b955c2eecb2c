"""What the messages screen does to search: start, go from match to match as they are found, and end."""

from typing import TYPE_CHECKING, Any

from recordings.filters import FilterError
from tui.viewer import Viewer

if TYPE_CHECKING:
    from tui.screens.messages import MessagesScreen


class MessageSearch:
    """Searching on the messages screen; the search itself is the viewer's."""

    viewer: Viewer
    _search_from: int = -1

    @property
    def _screen(self) -> "MessagesScreen":
        screen: Any = self
        return screen  # type: ignore[no-any-return]

    def action_search(self) -> None:
        """Ask what to search."""
        self._screen.search_line.edit()

    def search_for(self, text: str) -> None:
        """Start a search and go to its first match; "" ends it."""
        if not text:
            self.end_search()
            self._screen.set_focus(self._screen.messages)
            return
        try:
            self.viewer.start_search(text, self._screen.messages.current or 0)
        except FilterError as error:
            self._screen.search_line.complain(error.message)
            return
        assert self.viewer.search is not None
        self._set_needle(self.viewer.search.needle)
        self._screen.set_focus(self._screen.messages)
        current = self._screen.messages.current
        self._search_from = -1 if current is None else current - 1
        self.viewer.search.pending = 1
        self.search_on()
        self._screen.search_line.refreshed()

    def action_find(self, direction: int) -> None:
        """Go to the next or previous match."""
        if self.viewer.search is None:
            self._screen.search_line.edit()
            return
        self.viewer.search.pending = direction
        self._search_from = self._screen.messages.current if self._screen.messages.current is not None else -1
        self.search_on()

    def search_on(self) -> None:
        """Go to the match that is asked for, if it is found by now."""
        search = self.viewer.search
        if search is None or not search.pending:
            return
        search.update(len(self.viewer.rows))
        row = search.near(self.viewer.shown, self._search_from, search.pending)
        if row is not None:
            search.pending = 0
            self._screen.messages.show_row(row)
        elif search.progress is None:
            search.pending = 0
        self._screen.search_line.refreshed()

    def end_search(self) -> None:
        """Forget the search."""
        self.viewer.end_search()
        self._set_needle("")
        self._screen.search_line.refreshed()

    def _set_needle(self, needle: str) -> None:
        self._screen.messages.needle = needle
        self._screen.messages.repaint()
        self._screen.detail.set_needle(needle)
