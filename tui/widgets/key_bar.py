"""The line at the bottom: the few keys one needs most here, as they are bound now, and the four screens."""

from collections.abc import Mapping, Sequence

from textual import events
from textual.binding import ActiveBinding
from textual.widgets import Input

from tui.cells import Cell
from tui.keys import BY_ID, KEYS
from tui.widgets.line import Line

AT_MOST = 7
BY_RANK = sorted((key for key in KEYS if key.footer), key=lambda key: key.footer)
TYPING = [
    BY_ID[id]
    for id in ("filter.done", "filter.cancel", "offer.take", "offer.next", "search.done", "search.cancel")
]
"""The keys to name while a text is typed, when letters are text."""
SCREENS = {BY_ID[id].label: id.partition(".")[2] for id in BY_ID if id.startswith("screen.")}
"""The screens' labels and names."""


class KeyBar(Line):
    """Names of keys and what they do; a click does it."""

    DEFAULT_CSS = "KeyBar { background: $panel; }"

    def __init__(self, here: str) -> None:
        super().__init__()
        self.here = here
        self._places: list[tuple[int, int, str]] = []

    def cells(self, index: int) -> Sequence[Cell]:
        """Write as many keys as fit."""
        active: dict[str, ActiveBinding] = {}
        for found in self.screen.active_bindings.values():
            active.setdefault(found.binding.id or "", found)
        self._places = []
        right = self._screens(active)
        room = self.text_width - sum(len(content) for content, _ in right)
        cells: list[Cell] = [(" ", "")]
        left = 1
        typing = isinstance(self.screen.focused, Input)
        ranked = TYPING if typing else BY_RANK
        entries = [active[key.id].binding for key in ranked if key.id in active]
        for binding in entries[:AT_MOST]:
            key = self.app.get_key_display(binding)
            width = len(key) + 1 + len(binding.description)
            if left + width > room:
                break
            cells += [(key, "bold"), (f" {binding.description}  ", "dim")]
            self._places.append((left, left + width, binding.action))
            left += width + 2
        padding = self.text_width - left - (self.text_width - room)
        at = left + padding
        for content, _ in right:
            if name := content.strip("[ ]"):
                self._places.append((at, at + len(content), f"app.screen('{SCREENS.get(name[2:], '')}')"))
            at += len(content)
        return [*cells, (" " * padding, ""), *right]

    def _screens(self, active: Mapping[str, ActiveBinding]) -> list[Cell]:
        """Name the screens, the current one in brackets."""
        cells: list[Cell] = []
        for label, name in SCREENS.items():
            found = active.get(f"screen.{name}")
            if found is None:
                return []
            word = f"{self.app.get_key_display(found.binding)} {label}"
            here = name == self.here
            cells.append((f"[{word}]" if here else f" {word} ", "bold" if here else "dim"))
        return cells

    async def on_click(self, event: events.Click) -> None:  # type: ignore[override]
        """Do what was clicked."""
        for left, right, action in self._places:
            if left <= event.x < right:
                await self.screen.run_action(action)
