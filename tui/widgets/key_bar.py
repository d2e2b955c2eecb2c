"""The line at the bottom: the few keys one needs most here, as they are bound now."""

from collections.abc import Sequence

from textual import events

from tui.keys import KEYS
from tui.widgets.lines import Cell, Line

AT_MOST = 7


class KeyBar(Line):
    """Names of keys and what they do; a click does it."""

    DEFAULT_CSS = "KeyBar { background: $panel; }"

    def __init__(self) -> None:
        super().__init__()
        self._places: list[tuple[int, int, str]] = []

    def cells(self, index: int) -> Sequence[Cell]:
        """Write as many keys as fit."""
        order = {key.id: place for place, key in enumerate(KEYS)}
        shown = {
            active.binding.id: active
            for active in self.screen.active_bindings.values()
            if active.binding.show and active.binding.id in order and active.enabled
        }
        cells: list[Cell] = [(" ", "")]
        left = 1
        self._places = []
        entries = sorted(shown.values(), key=lambda active: order[active.binding.id or ""])
        for active in entries[:AT_MOST]:
            key = self.app.get_key_display(active.binding)
            width = len(key) + 1 + len(active.binding.description)
            if left + width > self.text_width:
                break
            cells += [(key, "bold"), (f" {active.binding.description}   ", "dim")]
            self._places.append((left, left + width, active.binding.action))
            left += width + 3
        return cells

    async def on_click(self, event: events.Click) -> None:  # type: ignore[override]
        """Do what was clicked."""
        for left, right, action in self._places:
            if left <= event.x < right:
                await self.screen.run_action(action)
