"""Who got the selected message and when, who did not, and who subscribed only later."""

from collections.abc import Sequence

from tui import text
from tui.cells import Cell
from tui.deliveries import Outcome
from tui.widgets.lines import Lines

WORDS = {
    "delivered": ("delivered", "ok"),
    "late": ("delivered late", "warning"),
    "missing": ("NOT DELIVERED", "error"),
    "not subscribed": ("not subscribed", "dim"),
    "subscribed later": ("subscribed later", "warning"),
    "connected later": ("connected later", "dim"),
    "gone": ("had gone", "dim"),
    "on its way": ("on its way", "dim"),
}


class DeliveriesView(Lines):
    """One line a receiver."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._outcomes: list[Outcome] = []

    def set_outcomes(self, outcomes: list[Outcome]) -> None:
        """Show another message's deliveries."""
        self.cursor = self.top = self.left = 0
        self._outcomes = outcomes
        self.repaint()

    def line_count(self) -> int:
        """A heading, and one line a receiver."""
        return len(self._outcomes) + 1 if self._outcomes else 0

    def empty_text(self) -> Sequence[str]:
        """Say that there is no one."""
        return ("No one was connected to receive this message.",)

    def cells(self, index: int) -> Sequence[Cell]:
        """Write who, what, when and on which connection."""
        if not index:
            return ((f"{'receiver':18}{'copy':18}{'after':>11}  {'seen':16}how", "head"),)
        outcome = self._outcomes[index - 1]
        word, style = WORDS[outcome.state]
        delay = f"+{text.duration(outcome.delay_ns)}" if outcome.delay_ns is not None else ""
        when = text.clock(outcome.time_ns, 6) if outcome.time_ns is not None else ""
        return (
            (text.fit(text.safe(outcome.name, 40) or "?", 18), "bold"),
            (text.fit(word, 18), style),
            (text.fit(delay, 11, right=True), style if outcome.state == "late" else ""),
            ("  ", ""),
            (text.fit(when, 16), "dim"),
            (text.safe(outcome.detail, 200), "dim"),
        )

    def line_text(self) -> str:
        """Give the line under the cursor, to copy."""
        return "".join(piece for piece, _ in self.cells(self.cursor)).strip() if self._outcomes else ""
