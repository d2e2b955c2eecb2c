"""The filter line: a filter works while it is typed, its faults are pointed at, and what can come next is
offered.

While the text is no filter, the last good one stays in force. With an empty line the offers are the filters
used last and those saved under a name.
"""

from collections.abc import Callable

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.timer import Timer
from textual.widget import Widget

from recordings.filters import FilterError, complete, parse
from tui.keys import bindings
from tui.saved import SavedFilters
from tui.viewer import Viewer
from tui.widgets.filter_parts import Count, Fault, Label, Offer, Offers
from tui.widgets.safe_input import SafeInput

PAYLOAD_REST_S = 0.25
"""A filter that must read payloads is started after so long without a key."""
OFFERS_REST_S = 0.05
PLACEHOLDER = "f: type:event,error  node:b  size>1k  epoch:12  a word"


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
