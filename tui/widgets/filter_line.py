"""The filter line: a filter works while it is typed, its faults are pointed at, and what can come next is
offered.

While the text is no filter, the last good one stays in force. With an empty line the offers are the filters
used last and those saved under a name.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.timer import Timer
from textual.widget import Widget

from recordings.filters import FilterError, complete, parse
from tui import text
from tui.keys import bindings
from tui.saved import SavedFilters
from tui.viewer import Viewer
from tui.widgets.lines import Cell, Line, Lines
from tui.widgets.safe_input import SafeInput

PAYLOAD_REST_S = 0.25
"""A filter that must read payloads is started after so long without a key."""
OFFERS_REST_S = 0.05
OFFERS_SHOWN = 8
PLACEHOLDER = "f: type:event,error  node:b  size>1k  epoch:12  a word"


@dataclass(frozen=True)
class Offer:
    """Something to put in place of the characters from `start` to `end`."""

    text: str
    start: int
    end: int
    detail: str


class FilterInput(SafeInput):
    """The text of the filter."""

    BINDINGS = bindings("offer.next", "offer.back", "offer.take", "filter.done", "filter.cancel")

    @property
    def line(self) -> "FilterLine":
        """The filter line around it."""
        return next(node for node in self.ancestors if isinstance(node, FilterLine))

    def action_offer(self, steps: int) -> None:
        """Choose another offer."""
        self.line.choose(steps)

    def action_take_offer(self) -> None:
        """Put the chosen offer in."""
        self.line.take()

    def action_done(self) -> None:
        """Keep the filter and go back to the list."""
        self.line.done()

    def action_cancel(self) -> None:
        """Go back to the filter from before."""
        self.line.cancel()


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


class FilterLine(Widget):
    """The line with the filter, its faults and its offers; `leave` is called when editing is over."""

    DEFAULT_CSS = """
    FilterLine { height: auto; }
    FilterLine > Horizontal { height: 1; }
    FilterLine SafeInput { width: 1fr; }
    """

    class Applied(Message):
        """Another filter is in force."""

    def __init__(self, viewer: Viewer, saved: SavedFilters, leave: Callable[[], None]) -> None:
        super().__init__()
        self.viewer = viewer
        self._go_back = leave
        self.saved = saved
        self.input = FilterInput(viewer.filter_text, placeholder=PLACEHOLDER, select_on_focus=False)
        self.offers = Offers()
        self.fault = Fault(viewer)
        self.count = Count(viewer)
        self._before = ""
        self._chosen = False
        self._offering: Timer | None = None
        self._applying: Timer | None = None

    def compose(self) -> ComposeResult:
        """Put the parts in their places."""
        with Horizontal():
            yield Label()
            yield self.input
            yield self.count
        yield self.fault

    def edit(self) -> None:
        """Start editing."""
        self._before = self.viewer.filter_text
        self.input.value = self.viewer.filter_text
        self.input.cursor_position = len(self.input.value)
        self.screen.set_focus(self.input)
        self._offer_soon()

    def set_text(self, filter_text: str) -> None:
        """Set the filter from elsewhere (panel, cell, saved filter)."""
        with self.input.prevent(SafeInput.Changed):
            self.input.value = filter_text
        self._apply(filter_text)
        self.saved.used(filter_text)

    def refreshed(self) -> None:
        """Show the counts anew."""
        if self.count.size.width != self.count.get_content_width(None, None):
            self.count.refresh(layout=True)
        self.count.repaint()

    # While typing

    def on_input_changed(self, event: SafeInput.Changed) -> None:
        """Filter by what is typed, and look for offers."""
        event.stop()
        if self._applying is not None:
            self._applying.stop()
        try:
            slow = parse(event.value).needs_payload
        except FilterError:
            slow = False
        if slow:
            self._applying = self.set_timer(PAYLOAD_REST_S, lambda: self._apply(self.input.value))
        else:
            self._apply(event.value)
        self._offer_soon()

    def _apply(self, filter_text: str) -> None:
        good = self.viewer.set_filter(filter_text)
        self.fault.display = not good
        self.fault.repaint()
        if good:
            self.post_message(self.Applied())
        self.refreshed()

    def _offer_soon(self) -> None:
        if self._offering is not None:
            self._offering.stop()
        self._offering = self.set_timer(OFFERS_REST_S, self._offer)

    def _offer(self) -> None:
        if not self.input.has_focus:
            return
        value = self.input.value
        if value.strip():
            offers = [
                Offer(found.text, found.start, found.end, found.detail)
                for found in complete(value, self.input.cursor_position, self.viewer.recording)
                if value[found.start : found.end] != found.text
            ]
        else:
            recent = [Offer(used, 0, len(value), "used before") for used in reversed(self.saved.recent[-20:])]
            named = [
                Offer(used, 0, len(value), f"saved as {name}") for name, used in self.saved.named.items()
            ]
            start = [
                Offer(found.text, 0, len(value), found.detail)
                for found in complete("", 0, self.viewer.recording)
            ]
            offers = [*named, *recent, *start]
        self.offers.offers = offers
        self.offers.cursor = self.offers.top = 0
        self._chosen = False
        self._show_offers(bool(offers))

    def _show_offers(self, on: bool) -> None:
        self.offers.display = on
        if on:
            column = 8 + min(self.offers.offers[0].start, 40)
            row = 3 if self.fault.display else 2
            self.offers.styles.offset = (min(column, max(0, self.screen.size.width - 66)), row)
            self.offers.refresh(layout=True)

    def choose(self, steps: int) -> None:
        """Go to another offer."""
        if self.offers.display and self.offers.offers:
            if self._chosen or steps < 0:
                self.offers.action_move(steps)
            self._chosen = True
            self.offers.repaint()

    def take(self) -> None:
        """Put the chosen offer into the text."""
        if not (self.offers.display and self.offers.offers):
            return
        offer = self.offers.offers[self.offers.cursor]
        value = self.input.value
        rest = value[offer.end :]
        whole = offer.start == 0 and offer.end == len(value) and not value
        space = "" if rest or whole or offer.text.endswith((":", ".")) else " "
        self.input.value = value[: offer.start] + offer.text + space + rest
        self.input.cursor_position = offer.start + len(offer.text) + len(space)

    def done(self) -> None:
        """Keep the filter (or take the offer chosen with the arrow keys first)."""
        if self._chosen and self.offers.display:
            self._chosen = False
            self.take()
            return
        if self._applying is not None:
            self._applying.stop()
        self._apply(self.input.value)
        if self.viewer.problem is None:
            self.saved.used(self.input.value)
            self._leave()

    def cancel(self) -> None:
        """Go back to the filter from before, and leave."""
        if self._applying is not None:
            self._applying.stop()
        with self.input.prevent(SafeInput.Changed):
            self.input.value = self._before
        self._apply(self._before)
        self._leave()

    def _leave(self) -> None:
        self._show_offers(False)
        self._go_back()

    def on_descendant_blur(self, event: events.DescendantBlur) -> None:
        """Take the offers away."""
        self._show_offers(False)
