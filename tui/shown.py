"""Which rows are on display: all of them, or those that a filter lets through, growing with the recording.

Header terms are answered from the columns, millions of rows in a few ticks; payload terms by a scan in the
background, whose results come in bit by bit. Line `i` of the list is row `shown.row(i)`.
"""

import time

import numpy as np

from recordings.filters import Filter
from recordings.recording import Recording
from tui.scan import RowNumbers, Scan

UNSETTLED_ROWS = 4096
"""So many of the newest rows are tested again each time: deliveries still change their receivers."""

BLOCK_ROWS = 1 << 17
TEST_BUDGET_S = 0.015
"""How long rows are tested before the list is shown as far as it is; the rest follows on the next ticks."""


class Numbers:
    """A growing array of row numbers."""

    def __init__(self) -> None:
        self._data: RowNumbers = np.empty(1024, dtype=np.uint32)
        self._length = 0

    def __len__(self) -> int:
        return self._length

    @property
    def array(self) -> RowNumbers:
        """The numbers."""
        return self._data[: self._length]

    def extend(self, numbers: RowNumbers) -> None:
        """Add numbers at the end."""
        length = self._length + len(numbers)
        if length > len(self._data):
            grown = np.empty(max(length, 2 * len(self._data)), dtype=np.uint32)
            grown[: self._length] = self.array
            self._data = grown
        self._data[self._length : length] = numbers
        self._length = length

    def merge(self, found: list[RowNumbers]) -> None:
        """Add numbers anywhere; none of them may be there already."""
        for numbers in found:
            if self._length and len(numbers) and numbers[0] < self._data[self._length - 1]:
                break
            self.extend(numbers)
            found = found[1:]
        if found:
            merged = np.sort(np.concatenate([self.array, *found]), kind="stable")
            self._data, self._length = merged, len(merged)

    def cut(self, length: int) -> None:
        """Keep the first `length` numbers."""
        self._length = min(self._length, length)


class Shown:
    """The rows on display.

    `filter` is what lets rows through (None: all). `stop` is how many rows of the recording were considered.
    """

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.filter: Filter | None = None
        self.stop = 0
        self._numbers: Numbers | None = None
        self._settled = (0, 0)
        self._tested = 0
        self._scan: Scan | None = None
        self._marked: RowNumbers | None = None

    def __len__(self) -> int:
        if self._marked is not None:
            return len(self._marked)
        return self.stop if self._numbers is None else len(self._numbers)

    def row(self, index: int) -> int:
        """Give the row number at a line."""
        if self._marked is not None:
            return int(self._marked[index])
        return index if self._numbers is None else int(self._numbers.array[index])

    def index(self, row: int) -> int:
        """Give the line of a row, or of the first one shown behind it."""
        if self._marked is not None:
            return int(np.searchsorted(self._marked, row))
        if self._numbers is None:
            return min(row, self.stop)
        return int(np.searchsorted(self._numbers.array, row))

    def has(self, row: int) -> bool:
        """Tell whether a row is shown."""
        index = self.index(row)
        return index < len(self) and self.row(index) == row

    def numbers(self) -> RowNumbers:
        """Give all shown row numbers, rising."""
        if self._marked is not None:
            return self._marked
        if self._numbers is None:
            return np.arange(self.stop, dtype=np.uint32)
        return self._numbers.array

    @property
    def narrowed(self) -> bool:
        """Tell whether some rows may be hidden."""
        return self._numbers is not None or self._marked is not None

    @property
    def progress(self) -> float | None:
        """How much of a running scan is done, 0 to 1; None when there is nothing to wait for."""
        if self._scan is not None:
            return None if self._scan.done else self._scan.scanned / max(1, self._scan.total)
        if self._numbers is not None and self._tested < self.stop:
            return self._tested / self.stop
        return None

    @property
    def due(self) -> bool:
        """Tell whether there is, or will be, more to show."""
        if self._scan is not None:
            return self._scan.due
        return self._numbers is not None and self._tested < self.stop

    @property
    def problem(self) -> str:
        """Why a scan ended early, if it did."""
        return self._scan.problem if self._scan is not None else ""

    def set_filter(self, filter: Filter | None, *, first: int = 0, newest_first: bool = False) -> None:
        """Show what another filter lets through (None or an empty one: all rows).

        A scan of payloads begins at row `first`, or goes from the newest row back.
        """
        self.close()
        self.filter = filter if filter is not None and filter.text.strip() else None
        self._numbers = None
        self._settled = (0, 0)
        self._tested = 0
        if self.filter is not None:
            self._numbers = Numbers()
            if self.filter.needs_payload:
                self._scan = Scan(
                    self.recording, self.filter, first=first, stop=self.stop, backwards=newest_first
                )
            else:
                self._test()

    def update(self) -> None:
        """Take in the rows that the recording has gained, and what a scan has found."""
        self.stop = len(self.recording.rows)
        if self._scan is not None and self._numbers is not None:
            self._scan.extend(self.stop)
            self._numbers.merge(self._scan.take())
        elif self._numbers is not None:
            self._test()

    def only(self, marked: list[int] | None) -> None:
        """Show only these rows (those of them that the filter lets through); None ends that."""
        self._marked = None
        if marked is not None:
            rows = np.array(sorted(marked), dtype=np.uint32)
            self._marked = (
                rows if self._numbers is None else np.intersect1d(rows, self._numbers.array).astype(np.uint32)
            )

    def close(self) -> None:
        """End a running scan."""
        if self._scan is not None:
            self._scan.cancel()
            self._scan = None

    def _test(self) -> None:
        """Test rows from the last settled one on, block by block, for as long as the budget allows."""
        assert self._numbers is not None
        assert self.filter is not None
        deadline = time.perf_counter() + TEST_BUDGET_S
        position, kept = self._settled
        self._numbers.cut(kept)
        while position < self.stop:
            end = min(position + BLOCK_ROWS, self.stop)
            mask = self.filter.rows(self.recording.rows, position, end, recording=self.recording)
            self._numbers.extend((np.flatnonzero(mask) + position).astype(np.uint32))
            position = end
            if position < self.stop:
                self._settled = (position, len(self._numbers))
                if time.perf_counter() > deadline:
                    break
        self._tested = position
        settled = self.stop - UNSETTLED_ROWS
        if position == self.stop and settled > self._settled[0] + UNSETTLED_ROWS:
            self._settled = (settled, int(np.searchsorted(self._numbers.array, settled)))
