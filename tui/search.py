"""Searching the shown messages for a text, payloads included, while one goes on looking.

The search runs in the background from the cursor on and comes round to it again. `n` goes to a match as soon
as the stretch before it was searched.
"""

import numpy as np

from recordings.filters import FilterError, parse, quote
from recordings.recording import Recording
from tui.scan import RowNumbers, Scan
from tui.shown import Shown


class Search:
    """The matches of one search text.

    `text` is searched literally, ignoring case; `~…` is a regular expression. Raises FilterError if that is
    wrong.
    """

    def __init__(self, recording: Recording, text: str, first: int) -> None:
        self.text = text
        self.filter = parse(text if text.startswith("~") else _literal(text))
        self.pending = 0
        self._matches: list[RowNumbers] = []
        self._known: RowNumbers = np.empty(0, dtype=np.uint32)
        self._scan = Scan(recording, self.filter, first=first, stop=len(recording.rows))

    @property
    def needle(self) -> str:
        """The text to highlight; "" for a regular expression."""
        return "" if self.text.startswith("~") else self.text

    @property
    def progress(self) -> float | None:
        """How much was searched, 0 to 1; None when all was."""
        return None if self._scan.done else self._scan.scanned / max(1, self._scan.total)

    def update(self, rows: int) -> None:
        """Take in what was found, and tell the search of rows that have come."""
        self._scan.extend(rows)
        if found := self._scan.take():
            self._known = np.unique(np.concatenate([self._known, *found])).astype(np.uint32)

    def count(self, shown: Shown) -> int:
        """Count the matches among the shown rows."""
        return len(self.among(shown))

    def among(self, shown: Shown) -> RowNumbers:
        """Give the matches among the shown rows, rising."""
        if not shown.narrowed:
            return self._known
        return np.intersect1d(self._known, shown.numbers(), assume_unique=True).astype(np.uint32)

    def has(self, row: int) -> bool:
        """Tell whether a row is known to match."""
        at = int(np.searchsorted(self._known, row))
        return at < len(self._known) and int(self._known[at]) == row

    def near(self, shown: Shown, row: int, direction: int) -> int | None:
        """Give the next (or previous) match from a row on, round the end; None if none is known yet."""
        matches = self.among(shown)
        if not len(matches):
            return None
        if direction > 0:
            at = int(np.searchsorted(matches, row, side="right"))
            if at == len(matches):
                if self.progress is not None:
                    return None
                at = 0
        else:
            at = int(np.searchsorted(matches, row)) - 1
        return int(matches[at])

    def close(self) -> None:
        """End the search."""
        self._scan.cancel()


def _literal(text: str) -> str:
    quoted = quote(text)
    return quoted if quoted.startswith('"') else f'"{quoted}"'


__all__ = ["FilterError", "Search"]
