"""The line in which a search is typed, and which then tells how many matches there are."""

from collections.abc import Callable, Sequence

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widget import Widget

from tui import text
from tui.cells import Cell
from tui.keys import bindings
from tui.viewer import Viewer
from tui.widgets.line import Line
from tui.widgets.safe_input import SafeInput


class SearchInput(SafeInput):
    """The text to search."""

    BINDINGS = bindings("search.cancel", "search.done")

    @property
    def line(self) -> "SearchLine":
        """The line around it."""
        return next(node for node in self.ancestors if isinstance(node, SearchLine))

    def action_cancel_search(self) -> None:
        """Search nothing."""
        self.line.cancel()

    def action_search_it(self) -> None:
        """Search."""
        self.line.done()


class SearchState(Line):
    """What was found."""

    DEFAULT_CSS = "SearchState { width: 1fr; }"

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self.viewer = viewer
        self.complaint = ""
        self.row: int | None = None

    def cells(self, index: int) -> Sequence[Cell]:
        """Say what is searched, how many matches there are, and how far the search has come."""
        if self.complaint:
            return ((text.safe(self.complaint, 200), "error"),)
        search = self.viewer.search
        if search is None:
            return ((" literal text, or ~regex; payloads are searched too", "dim"),)
        matches = search.count(self.viewer.shown)
        cells: list[Cell] = [(" /", "bold"), (text.safe(search.text, 60), "bold"), ("  ", "")]
        if search.progress is not None:
            cells.append((f"{matches:,} so far, searched {search.progress:.0%}", "dim"))
        elif matches:
            cells.append((text.plural(matches, "match").replace("matchs", "matches"), "dim"))
        else:
            cells.append(("no match among the shown messages", "warning"))
        cells.append(("   n next  N before  esc ends", "dim"))
        return cells


class SearchLine(Widget):
    """Search, typed and in progress; takes no room while there is none.

    `ask` is called with the text that was entered, "" to end the search.

    `own` is for lists that search by themselves: the line is then only for typing.
    """

    DEFAULT_CSS = """
    SearchLine { height: 1; display: none; }
    SearchLine > Horizontal { height: 1; }
    SearchLine Label { width: 9; }
    SearchLine SafeInput { width: 40; }
    """

    def __init__(self, viewer: Viewer, ask: Callable[[str], None], *, own: bool = False) -> None:
        super().__init__()
        self.viewer = viewer
        self._ask = ask
        self._own = own
        self.label = SearchLabel()
        self.input = SearchInput("", select_on_focus=True)
        self.state = SearchState(viewer)

    def compose(self) -> ComposeResult:
        """Put the parts in their places."""
        with Horizontal():
            yield self.label
            yield self.input
            yield self.state

    def edit(self) -> None:
        """Ask for the text."""
        self.display = True
        self.label.display = self.input.display = True
        self.state.complaint = ""
        self.screen.set_focus(self.input)

    def complain(self, message: str) -> None:
        """Say what is wrong with the text."""
        self.state.complaint = message
        self.state.repaint()

    def cancel(self) -> None:
        """Leave the field."""
        self._ask("")

    def done(self) -> None:
        """Search."""
        self._ask(self.input.value)

    def refreshed(self) -> None:
        """Tell the state of the search."""
        typing = self.input.has_focus
        self.display = typing or (self.viewer.search is not None and not self._own)
        self.label.display = self.input.display = typing
        self.state.repaint()


class SearchLabel(Line):
    """The word in front of the text."""

    DEFAULT_CSS = "SearchLabel { width: 9; }"

    def cells(self, index: int) -> Sequence[Cell]:
        """Write it."""
        return ((" Search ", "head"),)
