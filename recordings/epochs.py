"""The epochs of a tube as a table: when each was asked for, when its inputs reached each node, when each node
emitted, when it ended. One line a root epoch, one column a node, filled from the row columns as they come."""

from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from recordings.columns import Integers, distinct

MAX_NODES: Final = 256
MAX_CELLS: Final = 8 << 20
"""Most cells (epochs times nodes); beyond it the oldest half of the epochs is forgotten."""


class EpochLine(msgspec.Struct, frozen=True):
    """One epoch; times in ns since the Unix epoch, 0 or absent where it has not happened.

    `emitted_ns` is when a node's first event of the epoch was seen, `received_ns` when the last
    event or `process` of the epoch reached it.
    """

    number: int
    asked_ns: int
    ended_ns: int
    emitted_ns: dict[str, int]
    received_ns: dict[str, int]


class EpochTable:
    """Epochs in the order of their numbers."""

    def __init__(self) -> None:
        self.nodes: list[str] = []
        self.forgotten = 0
        self._columns: dict[str, int] = {}
        self._count = 0
        self._number = np.empty(0, dtype=np.int64)
        self._asked = np.empty(0, dtype=np.int64)
        self._ended = np.empty(0, dtype=np.int64)
        self._emitted = np.empty((0, 0), dtype=np.int64)
        self._received = np.empty((0, 0), dtype=np.int64)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> EpochLine:
        if index < 0:
            index += self._count
        if not 0 <= index < self._count:
            raise IndexError(f"no epoch at {index} of {self._count}")
        return EpochLine(
            int(self._number[index]),
            int(self._asked[index]),
            int(self._ended[index]),
            self._cells(self._emitted[index]),
            self._cells(self._received[index]),
        )

    @property
    def number(self) -> NDArray[np.int64]:
        """Root epoch numbers, rising."""
        return self._number[: self._count]

    @property
    def asked_ns(self) -> NDArray[np.int64]:
        """When the command node asked for the epoch (`process`); 0 if it did not, as in free run."""
        return self._asked[: self._count]

    @property
    def ended_ns(self) -> NDArray[np.int64]:
        """When the command node declared the epoch ended; 0 if it has not."""
        return self._ended[: self._count]

    @property
    def emitted_ns(self) -> NDArray[np.int64]:
        """First event of each epoch (line) by each of `nodes` (column), 0 for none."""
        return self._emitted[: self._count, : len(self.nodes)]

    @property
    def received_ns(self) -> NDArray[np.int64]:
        """Last event or `process` of each epoch (line) to reach each of `nodes` (column), 0 for none."""
        return self._received[: self._count, : len(self.nodes)]

    def index_of(self, number: int) -> int | None:
        """The position of an epoch in the table."""
        index = int(np.searchsorted(self.number, number))
        return index if index < self._count and self._number[index] == number else None

    def asked(self, numbers: Integers, times: Integers) -> None:
        """`process` messages by epoch and time."""
        lines, known = self._lines(numbers)
        _set_first(self._asked, lines, times[known])

    def ended(self, numbers: Integers, times: Integers) -> None:
        """`epoch_ended` messages by epoch and time."""
        lines, known = self._lines(numbers)
        _set_first(self._ended, lines, times[known])

    def emitted(self, node: str, numbers: Integers, times: Integers) -> None:
        """Events of one node by epoch and time."""
        column = self._column(node)
        lines, known = self._lines(numbers)
        if column is not None:
            _set_first(self._emitted[:, column], lines, times[known])

    def received(self, node: str, numbers: Integers, times: Integers) -> None:
        """Messages that reached one node by epoch and time; epochs not in the table are passed over."""
        column = self._column(node)
        if column is not None:
            lines, known = self._find(numbers)
            np.maximum.at(self._received[:, column], lines, times[known])

    def _cells(self, line: NDArray[np.int64]) -> dict[str, int]:
        return {node: int(time) for node, time in zip(self.nodes, line, strict=False) if time}

    def _column(self, node: str) -> int | None:
        """The column of a node, a new one if need be; None if there are too many."""
        column = self._columns.get(node)
        if column is None and len(self.nodes) < MAX_NODES:
            column = self._columns[node] = len(self.nodes)
            if column >= self._emitted.shape[1]:
                self._resize(len(self._number), max(4, 2 * column))
            self.nodes.append(node)
        return column

    def _find(self, numbers: Integers) -> tuple[Integers, NDArray[np.bool_]]:
        """The lines of those epochs that have one, and which these are."""
        if not self._count:
            return np.empty(0, dtype=np.int64), np.zeros(len(numbers), dtype=bool)
        lines = np.minimum(np.searchsorted(self.number, numbers), self._count - 1)
        known = self._number[lines] == numbers
        return lines[known], known

    def _lines(self, numbers: Integers) -> tuple[Integers, NDArray[np.bool_]]:
        """As `_find`, making new lines where need be; only the oldest epochs may be left without one."""
        wanted = distinct(numbers)
        known = self.number
        places = np.searchsorted(known, wanted)
        new = np.ones(len(wanted), dtype=bool)
        inside = places < self._count
        new[inside] = known[places[inside]] != wanted[inside]
        if new.any():
            self._insert(wanted[new], places[new])
        return self._find(numbers)

    def _insert(self, numbers: Integers, places: Integers) -> None:
        most = MAX_CELLS // max(self._emitted.shape[1], 1)
        if len(numbers) > most // 2:
            self.forgotten += len(numbers) - most // 2
            numbers, places = numbers[-(most // 2) :], places[-(most // 2) :]
        count, more = self._count, len(numbers)
        if count + more > most:
            drop = count + more - most // 2
            self._forget(drop)
            places = np.maximum(places - drop, 0)
            count = self._count
        if count + more > len(self._number):
            self._resize(max(count + more, 2 * len(self._number), 1024), self._emitted.shape[1])
        if count and places[0] < count:
            for column in self._all():
                column[: count + more] = np.insert(column[:count], places, 0, axis=0)
            self._number[places + np.arange(more)] = numbers
        else:
            self._number[count : count + more] = numbers
        self._count = count + more

    def _forget(self, lines: int) -> None:
        """Drop the lines of the lowest numbers."""
        for column in self._all():
            column[: self._count - lines] = column[lines : self._count].copy()
            column[self._count - lines :] = 0
        self._count -= lines
        self.forgotten += lines

    def _resize(self, lines: int, columns: int) -> None:
        self._number, self._asked, self._ended = (
            _grown(column, (lines,)) for column in (self._number, self._asked, self._ended)
        )
        self._emitted, self._received = (
            _grown(cells, (lines, columns)) for cells in (self._emitted, self._received)
        )

    def _all(self) -> tuple[NDArray[np.int64], ...]:
        return self._number, self._asked, self._ended, self._emitted, self._received


def _grown(old: NDArray[np.int64], shape: tuple[int, ...]) -> NDArray[np.int64]:
    new = np.zeros(shape, dtype=np.int64)
    new[tuple(slice(0, length) for length in old.shape)] = old
    return new


def _set_first(column: NDArray[np.int64], lines: Integers, times: Integers) -> None:
    """Set times where there is none yet; of several for one line the first counts."""
    empty = column[lines] == 0
    column[lines[empty][::-1]] = times[empty][::-1]
