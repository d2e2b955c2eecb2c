"""A filter as a tree: terms joined by and, or and not, decided for many rows at once.

Some terms can be answered from the columns of the rows alone, others need a message's deliveries or its
payload. So every node gives two bounds: the rows that may match and the rows that must. Where both agree
nothing is read from the file; only the rows in between are looked at one by one, cheapest term first.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from recordings.filters.message import MessageText
from recordings.filters.operators.base import Operator
from recordings.filters.values import Mask
from recordings.filters.view import View

Bounds = tuple[Mask, Mask]
"""The rows that may match, and those that certainly do."""

Extent = tuple[int, int]
"""Where a part of the filter's text begins and ends."""


class Evaluation:
    """The bounds of every term over one stretch of rows, worked out once."""

    def __init__(self, view: View) -> None:
        self.view = view
        self._bounds: dict[int, Bounds] = {}

    def bounds(self, term: "Term") -> Bounds:
        """Give a term's bounds over the stretch."""
        known = self._bounds.get(id(term))
        if known is None:
            known = self._bounds[id(term)] = term.operator.bounds(self.view)
        return known


class Node(ABC):
    """A part of a filter."""

    @property
    @abstractmethod
    def cost(self) -> int:
        """How dear it is to decide one row: the highest cost of its terms."""

    @abstractmethod
    def bounds(self, evaluation: Evaluation) -> Bounds:
        """Narrow down the rows as far as the columns allow."""

    @abstractmethod
    def decide(self, evaluation: Evaluation, index: int, message: MessageText) -> bool:
        """Tell whether the row at `index` of the stretch matches, reading what it takes."""

    @abstractmethod
    def terms(self) -> Iterator["Term"]:
        """Yield the terms from left to right."""


@dataclass(frozen=True, eq=False)
class Everything(Node):
    """The empty filter."""

    cost = 0

    def bounds(self, evaluation: Evaluation) -> Bounds:
        """Let all rows through."""
        everything = np.ones(len(evaluation.view), dtype=np.bool_)
        return everything, everything

    def decide(self, evaluation: Evaluation, index: int, message: MessageText) -> bool:
        """Let every row through."""
        return True

    def terms(self) -> Iterator["Term"]:
        """Yield nothing."""
        return iter(())


@dataclass(frozen=True, eq=False)
class Term(Node):
    """One operator with its argument, and where it stands in the filter's text."""

    operator: Operator
    position: int
    end: int

    @property
    def cost(self) -> int:
        """The operator's cost."""
        return self.operator.cost

    def bounds(self, evaluation: Evaluation) -> Bounds:
        """Ask the operator, once a stretch."""
        return evaluation.bounds(self)

    def decide(self, evaluation: Evaluation, index: int, message: MessageText) -> bool:
        """Take the columns' word for it where they know, else ask the operator to look at the message."""
        may, must = evaluation.bounds(self)
        if must[index]:
            return True
        return bool(may[index]) and self.operator.accepts(message)

    def terms(self) -> Iterator["Term"]:
        """Yield itself."""
        yield self


@dataclass(frozen=True, eq=False)
class Not(Node):
    """What the part behind `!` lets through is left out."""

    part: Node

    @property
    def cost(self) -> int:
        """The part's cost."""
        return self.part.cost

    def bounds(self, evaluation: Evaluation) -> Bounds:
        """Swap the part's bounds: what must match can't, what can't must."""
        may, must = self.part.bounds(evaluation)
        return ~must, ~may

    def decide(self, evaluation: Evaluation, index: int, message: MessageText) -> bool:
        """Say the opposite."""
        return not self.part.decide(evaluation, index, message)

    def terms(self) -> Iterator[Term]:
        """Yield the part's terms."""
        return self.part.terms()


class Several(Node):
    """Two or more parts, and where each stands in the filter's text; decided in the order of their cost."""

    def __init__(self, parts: Sequence[Node], extents: Sequence[Extent]) -> None:
        self.parts = tuple(parts)
        self.extents = tuple(extents)
        self._cheapest_first = sorted(parts, key=lambda part: part.cost)

    @property
    def cost(self) -> int:
        """The dearest part's cost."""
        return self._cheapest_first[-1].cost

    def terms(self) -> Iterator[Term]:
        """Yield the terms of all parts."""
        for part in self.parts:
            yield from part.terms()


class And(Several):
    """All parts must match."""

    def bounds(self, evaluation: Evaluation) -> Bounds:
        """Intersect the parts' bounds."""
        may, must = self.parts[0].bounds(evaluation)
        for part in self.parts[1:]:
            part_may, part_must = part.bounds(evaluation)
            may, must = may & part_may, must & part_must
        return may, must

    def decide(self, evaluation: Evaluation, index: int, message: MessageText) -> bool:
        """Look for a part that does not match."""
        return all(part.decide(evaluation, index, message) for part in self._cheapest_first)


class Or(Several):
    """One part is enough."""

    def bounds(self, evaluation: Evaluation) -> Bounds:
        """Unite the parts' bounds."""
        may, must = self.parts[0].bounds(evaluation)
        for part in self.parts[1:]:
            part_may, part_must = part.bounds(evaluation)
            may, must = may | part_may, must | part_must
        return may, must

    def decide(self, evaluation: Evaluation, index: int, message: MessageText) -> bool:
        """Look for a part that matches."""
        return any(part.decide(evaluation, index, message) for part in self._cheapest_first)
