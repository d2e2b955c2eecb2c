"""Message ids to rows and back: the same count with an offset, unless a chunk is missing in between."""

from bisect import bisect_right

import numpy as np

from recordings.columns import Integers


class IdMap:
    """Runs of ids that rise by one, each with its first row."""

    def __init__(self) -> None:
        self._ids: list[int] = []
        self._rows: list[int] = []
        self._count = 0
        self._sorted: tuple[Integers, Integers, Integers] | None = None

    def append(self, ids: Integers) -> None:
        """Ids of the next rows."""
        if not len(ids):
            return
        starts = np.concatenate(([0], np.flatnonzero(np.diff(ids) != 1) + 1))
        for start in starts.tolist():
            first = int(ids[start])
            row = self._count + start
            if not self._ids or first - self._ids[-1] != row - self._rows[-1]:
                self._ids.append(first)
                self._rows.append(row)
        self._count += len(ids)
        self._sorted = None

    def id_of(self, row: int) -> int:
        """The id of a row."""
        run = bisect_right(self._rows, row) - 1
        return self._ids[run] + row - self._rows[run]

    def rows_of(self, ids: Integers) -> Integers:
        """The rows of ids, -1 where there is none."""
        if not self._ids:
            return np.full(len(ids), -1, dtype=np.int64)
        if len(self._ids) == 1:
            rows = ids - self._ids[0]
            rows[(rows < 0) | (rows >= self._count)] = -1
            return rows
        firsts, first_rows, counts = self._runs()
        run = np.maximum(np.searchsorted(firsts, ids, side="right") - 1, 0)
        steps = ids - firsts[run]
        return np.where((steps >= 0) & (steps < counts[run]), first_rows[run] + steps, -1)

    def _runs(self) -> tuple[Integers, Integers, Integers]:
        if self._sorted is None:
            ids, rows = np.array(self._ids, dtype=np.int64), np.array(self._rows, dtype=np.int64)
            counts = np.diff(np.append(rows, self._count))
            order = np.argsort(ids, kind="stable")
            self._sorted = ids[order], rows[order], counts[order]
        return self._sorted
