"""The stretch of rows that a filter is asked about, with what else is known of the recording."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from recordings.filters.values import Mask

if TYPE_CHECKING:
    from collections.abc import Iterable

    from recordings.recording import Recording
    from recordings.rows import Rows
    from recordings.session import Session


@dataclass(frozen=True)
class View:
    """Rows `start` up to, but not including, `stop`; `recording` is None where only the columns are at
    hand.
    """

    rows: "Rows"
    start: int
    stop: int
    recording: "Recording | None" = None

    def __len__(self) -> int:
        return self.stop - self.start

    @property
    def session(self) -> "Session | None":
        """What the recording says of endpoints and connections."""
        return self.recording.session if self.recording is not None else None

    def column(self, name: str) -> NDArray[Any]:
        """Give a column's values over the stretch."""
        column: NDArray[Any] = getattr(self.rows, name)
        return column[self.start : self.stop]

    def flagged(self, flag: int) -> Mask:
        """Mark the rows that carry a flag."""
        mask: Mask = (self.column("flags") & np.uint8(flag)) != 0
        return mask

    def coded(self, column: str, matching: "Iterable[bool]") -> Mask:
        """Mark the rows whose code in `column` stands for something matching, told code by code."""
        table = np.array([*matching, False], dtype=np.bool_)
        if not table.any():
            return self.nothing
        # Another thread may be adding codes: those beyond the table came after we began to look.
        mask: Mask = table[np.minimum(self.column(column), len(table) - 1)]
        return mask

    @cached_property
    def nothing(self) -> Mask:
        """No row."""
        return np.zeros(len(self), dtype=np.bool_)

    @cached_property
    def everything(self) -> Mask:
        """All rows."""
        return np.ones(len(self), dtype=np.bool_)
