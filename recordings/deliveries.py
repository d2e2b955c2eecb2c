"""Where the deliveries of a message are told: blocks by the range of message ids that they speak of."""

from typing import Final

import numpy as np

from recordings.block import Runs
from recordings.columns import Integers

Place = tuple[str, int, int]
"""How to get a block again: "part" with offset and length of a part of the row index, or "span" with the
offsets between which the chunks are that it was made of."""

_NONE: Final = np.empty(0, dtype=np.int64)


class DeliveryIndex:
    """One entry for each block that has deliveries."""

    def __init__(self) -> None:
        self._first: list[int] = []
        self._last: list[int] = []
        self._places: list[Place] = []
        self._columns: tuple[Integers, Integers] = (_NONE, _NONE)

    def add(self, runs: Runs, place: Place) -> None:
        """Note the deliveries of the block that can be had at `place`."""
        if len(runs):
            self._first.append(int(runs.message.min()))
            self._last.append(int((runs.message + runs.count).max()) - 1)
            self._places.append(place)

    def places(self, message: int) -> list[Place]:
        """The blocks that may tell deliveries of a message."""
        if len(self._columns[0]) != len(self._places):
            self._columns = np.array(self._first, dtype=np.int64), np.array(self._last, dtype=np.int64)
        first, last = self._columns
        return [
            self._places[index] for index in np.flatnonzero((first <= message) & (message <= last)).tolist()
        ]


def copies_of(runs: Runs, message: int) -> list[tuple[int, int]]:
    """Connection and time of each copy of a message."""
    mine = (runs.message <= message) & (message < runs.message + runs.count)
    return list(zip(runs.connection[mine].tolist(), runs.time_ns[mine].tolist(), strict=True))
