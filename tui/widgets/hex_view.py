"""The frames of a message, byte by byte, as `hexdump -C` prints them; lines are made when they are seen."""

import bisect
from collections.abc import Sequence

from tui import text
from tui.cells import Cell
from tui.widgets.lines import Lines

BYTES_A_LINE = 16
NARROW = 74
"""Below this width a line has 8 bytes."""


class HexView(Lines):
    """Frames as hexadecimal and ASCII."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.frames: tuple[bytes, ...] = ()
        self._starts: list[int] = []
        self._step = BYTES_A_LINE

    def set_frames(self, frames: tuple[bytes, ...]) -> None:
        """Show other frames."""
        self.frames = frames
        self.cursor = self.top = self.left = 0
        self._lay_out()
        self.repaint()

    def _lay_out(self) -> None:
        self._step = BYTES_A_LINE if self.text_width >= NARROW else 8
        self._starts = []
        line = 0
        for frame in self.frames:
            self._starts.append(line)
            line += 1 + (len(frame) + self._step - 1) // self._step
        self._starts.append(line)

    def line_count(self) -> int:
        """A heading and the dump for each frame."""
        return self._starts[-1] if self._starts else 0

    def prepare(self, first: int, last: int) -> None:
        """Fit the number of bytes to the width."""
        if self._step != (BYTES_A_LINE if self.text_width >= NARROW else 8):
            self._lay_out()

    def cells(self, index: int) -> Sequence[Cell]:
        """Write a heading or up to 16 bytes."""
        number = bisect.bisect_right(self._starts, index) - 1
        frame = self.frames[number]
        offset = (index - self._starts[number] - 1) * self._step
        if offset < 0:
            last = number == len(self.frames) - 1
            what = "payload" if last else "topic" if len(self.frames) == 2 else "envelope"
            return (
                (f"frame {number + 1}/{len(self.frames)}", "bold"),
                (f"  {text.count(len(frame))} B  {what}", "dim"),
            )
        part = frame[offset : offset + self._step]
        pairs = part.hex(" ")
        half = 3 * (self._step // 2)
        dump = f"{pairs[:half]} {pairs[half:]}".ljust(3 * self._step + 1)
        shown = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
        return ((f"{offset:08x}  ", "dim"), (dump, ""), (f"|{shown}|", "string"))

    def line_text(self) -> str:
        """Give the bytes of the frame under the cursor as hexadecimal, to copy."""
        if not self.frames:
            return ""
        return self.frames[bisect.bisect_right(self._starts, self.cursor) - 1].hex()
