"""The payload as JSON text, laid out in lines, with long strings folded."""

from collections.abc import Sequence

from tui import json_text
from tui.cells import Cell
from tui.widgets.lines import Lines

MAX_BYTES = 8 << 20
"""Only the beginning of a longer payload is laid out."""


class JsonView(Lines):
    """The last frame as JSON; says so if it is none."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines: list[list[Cell]] = []
        self._empty = ""

    def set_payload(self, payload: bytes) -> None:
        """Show another payload."""
        self.cursor = self.top = self.left = 0
        self._lines, self._empty = [], ""
        if payload[:64].lstrip()[:1] in (b"{", b"[", b'"') or payload[:1].isdigit():
            text = payload[:MAX_BYTES].decode("utf-8", "backslashreplace")
            self._lines = json_text.layout(text)
            if len(payload) > MAX_BYTES:
                self._lines.append([(f"… {len(payload) - MAX_BYTES:,} more bytes; see Frames/hex", "dim")])
        else:
            self._empty = (
                "The payload is not JSON; see Frames/hex (d)." if payload else "The payload is empty."
            )
        self.repaint()

    def line_count(self) -> int:
        """As many as the layout has."""
        return len(self._lines)

    def empty_text(self) -> Sequence[str]:
        """Say why there is nothing."""
        return (self._empty,)

    def cells(self, index: int) -> Sequence[Cell]:
        """Give a line of the layout."""
        return self._lines[index]

    def line_text(self) -> str:
        """Give the line under the cursor, to copy."""
        return "".join(piece for piece, _ in self._lines[self.cursor]).strip() if self._lines else ""
