"""The parts of the filter line: its label, the count beside it, the offers and the fault below it."""

from collections.abc import Sequence
from dataclasses import dataclass

from tui import text
from tui.cells import Cell
from tui.viewer import Viewer
from tui.widgets.line import Line
from tui.widgets.lines import Lines

OFFERS_SHOWN = 8


@dataclass(frozen=True)
class Offer:
    """Something to put in place of the characters from `start` to `end`."""

    text: str
    start: int
    end: int
    detail: str


class Label(Line):
    """The word in front of the filter."""

    DEFAULT_CSS = "Label { width: 8; }"

    def cells(self, index: int) -> Sequence[Cell]:
        """Write it."""
        return ((" Filter ", "head"),)


class Count(Line):
    """How many messages are shown, of how many."""

    DEFAULT_CSS = "Count { width: auto; }"

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self.viewer = viewer

    def content(self) -> str:
        """Say how many, and how far a scan has come."""
        viewer = self.viewer
        shown, total = len(viewer.shown), viewer.shown.stop
        marks = "marked, " if viewer.only_marked else ""
        if viewer.shown.problem:
            return f"{marks}stopped: {text.safe(viewer.shown.problem, 40)}"
        if viewer.shown.progress is not None:
            return f"{marks}{shown:,} so far, read {viewer.shown.progress:.0%}"
        return f"{marks}{shown:,} of {total:,}" if viewer.shown.narrowed else f"{total:,}"

    def get_content_width(self, container: object, viewport: object) -> int:
        """As wide as the text."""
        return len(self.content()) + 2

    def cells(self, index: int) -> Sequence[Cell]:
        """Write it, at the right."""
        content = self.content()
        return (
            (text.fit(content, self.text_width, right=True), "bold" if self.viewer.shown.narrowed else "dim"),
        )


class Offers(Lines, can_focus=False):
    """The list of offers under the line."""

    DEFAULT_CSS = """
    Offers { layer: above; dock: top; offset: 8 2; width: 66; max-width: 100%; height: auto; max-height: 8;
             background: $panel; display: none; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.offers: list[Offer] = []

    def line_count(self) -> int:
        """One line an offer."""
        return len(self.offers)

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        """As high as the offers."""
        return min(OFFERS_SHOWN, len(self.offers))

    def cells(self, index: int) -> Sequence[Cell]:
        """Write an offer and why it is made."""
        offer = self.offers[index]
        sign = "> " if index == self.cursor else "  "
        left = min(40, max(18, *(len(other.text) for other in self.offers)) + 1)
        return (
            (sign, "bold"),
            (text.fit(text.safe(offer.text, 80), left), "bold" if index == self.cursor else ""),
            (text.safe(offer.detail, 120), "dim"),
        )


class Fault(Line):
    """The line that points at what is wrong with the filter."""

    DEFAULT_CSS = "Fault { display: none; }"

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self.viewer = viewer

    def cells(self, index: int) -> Sequence[Cell]:
        """Point, and say what is wrong."""
        problem = self.viewer.problem
        if problem is None:
            return ()
        message = text.safe(problem.message, 300)
        at = min(8 + problem.position, max(0, self.text_width - 20))
        pointer = "^" * max(1, min(problem.end - problem.position, 20))
        if at + len(pointer) + 1 + len(message) <= self.text_width or at < 12:
            return ((" " * at + pointer + " ", "error"), (message, "warning"))
        room = max(0, at - 1)
        return ((text.fit(message, room, right=True), "warning"), (" " + pointer, "error"))
