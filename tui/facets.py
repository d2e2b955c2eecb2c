"""Counts for the side panel: how many messages of each type and sender the filter lets through.

A type that is itself filtered out still shows how many there would be: each list is counted under the filter
without its own terms.
"""

import math
import time

import numpy as np
from numpy.typing import NDArray

from recordings.filters import Filter, FilterError, parse
from recordings.recording import Recording
from tui import terms

Counts = NDArray[np.int64]

TYPE_KEY = "type"
NODE_KEY = "node"
FROM_KEY = "from"

BLOCK_ROWS = 1 << 17
COUNT_BUDGET_S = 0.010
"""How long one update of the panel counts; keys wait no longer than that."""


class Facet:
    """Counts of one column's codes under a filter, kept up to date with the rows."""

    def __init__(self, column: str, filter: Filter | None) -> None:
        self.column = column
        self.filter = filter
        self.counts: Counts = np.zeros(0, dtype=np.int64)
        self._stop = 0

    def update(self, recording: Recording, stop: int, codes: int, deadline: float = math.inf) -> bool:
        """Count the rows that have come in up to `stop`, block by block; `codes` is how many codes there are.

        Ends early once `time.perf_counter()` is past the deadline, and tells whether all rows are counted.
        """
        rows = recording.rows
        if len(self.counts) < codes:
            self.counts = np.concatenate([self.counts, np.zeros(codes - len(self.counts), dtype=np.int64)])
        while self._stop < stop:
            end = min(stop, self._stop + BLOCK_ROWS)
            values = getattr(rows, self.column)[self._stop : end]
            if self.filter is not None:
                values = values[self.filter.rows(rows, self._stop, end, recording=recording)]
            self._add(np.bincount(values, minlength=len(self.counts)).astype(np.int64))
            self._stop = end
            if time.perf_counter() > deadline:
                break
        return self._stop >= stop

    def _add(self, counted: Counts) -> None:
        if len(counted) > len(self.counts):
            counted[: len(self.counts)] += self.counts
            self.counts = counted
        else:
            self.counts += counted


class Facets:
    """The counts by type and by sender."""

    def __init__(self, text: str = "") -> None:
        self.set_filter(text)

    def set_filter(self, text: str) -> None:
        """Count anew, under another filter."""
        self.types = Facet("type", _header_filter(terms.without(text, TYPE_KEY)))
        self.senders = Facet("sender", _header_filter(terms.without(text, NODE_KEY, FROM_KEY)))

    def update(self, recording: Recording, stop: int, *, budget_s: float = math.inf) -> bool:
        """Take in the rows up to `stop`, or as many as the budget allows; tell whether those are all."""
        deadline = time.perf_counter() + budget_s
        rows = recording.rows
        counted = self.types.update(recording, stop, len(rows.types), deadline)
        return self.senders.update(recording, stop, len(rows.names), deadline) and counted


def _header_filter(text: str) -> Filter | None:
    """Parse a filter, without those of its terms that would have to read payloads."""
    if not text.strip():
        return None
    try:
        filter = parse(text)
        if filter.needs_payload:
            kept = [term for term in terms.split(text) if not parse(term).needs_payload]
            filter = parse(terms.join(kept)) if not terms.has_or(text) else parse("")
    except FilterError:
        return None
    return filter if filter.text.strip() else None
