"""A parsed filter, and how rows are picked with it: at once from the columns, or as a scan that can be
cancelled.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from recordings.filters.expression import And, Evaluation, Everything, Extent, Node
from recordings.filters.message import MessageText
from recordings.filters.operators.base import COLUMNS
from recordings.filters.syntax import parse_tree
from recordings.filters.values import Mask
from recordings.filters.view import View

if TYPE_CHECKING:
    from recordings.recording import Recording
    from recordings.rows import Rows

RowNumbers = NDArray[np.int64]
"""Row numbers in ascending order."""

COLUMN_BATCH = 1 << 18
"""Rows whose columns are compared at a time."""

MESSAGE_BATCH = 256
"""Messages that are read before the scan yields what it found."""


@dataclass(frozen=True)
class TermCount:
    """A part of a filter that all messages must pass, and how many of them do.

    Where the part reads payloads `exact` is False, and `matching` only says how many may.
    """

    text: str
    position: int
    end: int
    matching: int
    exact: bool = True


@dataclass(frozen=True)
class Unseen:
    """A name in a filter that the recording never showed, and the names that could have been meant."""

    name: str
    term: str
    suggestions: Sequence[str]


@dataclass(frozen=True, eq=False)
class Filter:
    """A filter ready to be asked; made by `parse`."""

    text: str
    tree: Node

    @property
    def empty(self) -> bool:
        """Whether it lets everything through."""
        return isinstance(self.tree, Everything)

    @property
    def needs_payload(self) -> bool:
        """Whether the columns alone can't answer it: `rows` is then only a bound, `select` is exact."""
        return self.tree.cost > COLUMNS

    def rows(
        self, rows: "Rows", start: int = 0, stop: int | None = None, *, recording: "Recording | None" = None
    ) -> Mask:
        """Mark the rows from `start` up to `stop` that may match; exact unless `needs_payload`."""
        view = View(rows, start, _bounded(stop, len(rows)), recording)
        return self.tree.bounds(Evaluation(view))[0]

    def select(
        self,
        recording: "Recording",
        start: int = 0,
        stop: int | None = None,
        cancel: Callable[[], bool] | None = None,
        progress: Callable[[int], Any] | None = None,
    ) -> Iterator[RowNumbers]:
        """Yield the numbers of the matching rows in batches, in ascending order.

        `cancel` is asked between messages; once it says True nothing more comes. `progress` is told how many
        rows are behind the scan. Raises RecordingError where the file can't be read.
        """
        stop = _bounded(stop, len(recording.rows))
        for begin in range(start, stop, COLUMN_BATCH):
            if cancel is not None and cancel():
                return
            view = View(recording.rows, begin, min(stop, begin + COLUMN_BATCH), recording)
            evaluation = Evaluation(view)
            may, must = self.tree.bounds(evaluation)
            candidates = np.flatnonzero(may)
            open_rows = may & ~must
            if not open_rows.any():
                if len(candidates):
                    yield candidates + begin
            else:
                for found, index in self._scan(recording, evaluation, candidates, open_rows, cancel):
                    if progress is not None:
                        progress(begin - start + index)
                    if len(found):
                        yield found
            if progress is not None and not (cancel is not None and cancel()):
                progress(view.stop - start)

    def matches(self, recording: "Recording", row: int) -> bool:
        """Tell whether one row matches."""
        return any(len(found) for found in self.select(recording, row, row + 1))

    def explain(self, recording: "Recording") -> list[TermCount]:
        """Count for each part that must match how many rows it lets through, so that the strictest one
        shows.
        """
        evaluation = Evaluation(View(recording.rows, 0, len(recording.rows), recording))
        counts: list[TermCount] = []
        for part, (begin, end) in zip(_parts(self.tree), self.extents, strict=True):
            may, must = part.bounds(evaluation)
            exact = bool((may == must).all())
            counts.append(TermCount(self.text[begin:end], begin, end, int(may.sum()), exact))
        return counts

    @property
    def extents(self) -> Sequence[Extent]:
        """Where the parts that must all match begin and end in the text; one for the whole text if it is an
        "or".
        """
        if isinstance(self.tree, And):
            return self.tree.extents
        text = self.text.strip()
        begin = self.text.find(text)
        return [(begin, begin + len(text))] if text else []

    def unseen(self, recording: "Recording") -> list[Unseen]:
        """List the plain names (of types, nodes) that occur nowhere in the recording: likely a slip."""
        return [
            Unseen(name, self.text[term.position : term.end], suggestions)
            for term in self.tree.terms()
            for name, suggestions in term.operator.unseen(recording)
        ]

    def _scan(
        self,
        recording: "Recording",
        evaluation: Evaluation,
        candidates: RowNumbers,
        open_rows: Mask,
        cancel: Callable[[], bool] | None,
    ) -> Iterator[tuple[RowNumbers, int]]:
        """Look at the candidates a batch at a time; yield what matched and how far the scan has come."""
        begin = evaluation.view.start
        for at in range(0, len(candidates), MESSAGE_BATCH):
            batch = candidates[at : at + MESSAGE_BATCH].tolist()
            found: list[int] = []
            for index in batch:
                if cancel is not None and cancel():
                    return
                row = index + begin
                if not open_rows[index] or self.tree.decide(evaluation, index, MessageText(recording, row)):
                    found.append(row)
            yield np.array(found, dtype=np.int64), batch[-1] + 1


def parse(text: str) -> Filter:
    """Understand a filter; raises FilterError, which knows where the trouble is."""
    return Filter(text, parse_tree(text))


def _bounded(stop: int | None, length: int) -> int:
    return length if stop is None else min(stop, length)


def _parts(tree: Node) -> Sequence[Node]:
    if isinstance(tree, And):
        return tree.parts
    return () if isinstance(tree, Everything) else (tree,)
