"""What every operator of the filter language is: a small class that knows its name, its help and how to
decide rows.

The manual and the completion are made from these classes, so an operator is described in one place only.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from recordings.filters.errors import FilterError
from recordings.filters.message import MessageText
from recordings.filters.values import Mask, Value
from recordings.filters.view import View

if TYPE_CHECKING:
    from recordings.recording import Recording

EQUALITY = (":", "=")
ORDER = ("<", "<=", ">", ">=")

COLUMNS, SESSION, DELIVERIES, WORDS, BODY = range(5)
"""What it costs to decide a row: the columns alone, the session, its deliveries, a search, decoding the
payload.
"""


@dataclass(frozen=True)
class Argument:
    """One term as written: the operator's name, its relation (`:`, `=`, `<`, ...) and the values behind it.

    `path` holds what follows the name before the relation, in `body.` terms alone.
    """

    name: str
    relation: str
    values: tuple[Value, ...]
    position: int
    end: int
    path: str = ""

    @property
    def text(self) -> str:
        """The term, near enough to how it was written, for messages."""
        return f"{self.name}{self.path}{self.relation}{','.join(value.text for value in self.values)}"


@dataclass(frozen=True)
class Example:
    """A filter and what it finds, shown in the manual and tried by the tests."""

    text: str
    finds: str


class Operator(ABC):
    """One kind of term, built from its argument.

    `name` is what is written before the relation, `help` one sentence for the manual. `values_help` names the
    kind of value for completion. Several values, separated by commas, are alternatives.
    """

    name: ClassVar[str]
    aliases: ClassVar[tuple[str, ...]] = ()
    help: ClassVar[str]
    values_help: ClassVar[str] = "name"
    examples: ClassVar[tuple[Example, ...]]
    relations: ClassVar[tuple[str, ...]] = EQUALITY
    cost: int = COLUMNS

    @classmethod
    @abstractmethod
    def build(cls, argument: Argument) -> Self:
        """Read the argument, or raise FilterError at the value that is wrong."""

    @abstractmethod
    def bounds(self, view: View) -> tuple[Mask, Mask]:
        """Mark the rows that may match and those that must; the same mask twice if the columns know."""

    def accepts(self, message: MessageText) -> bool:
        """Decide one row that the columns leave open."""
        raise NotImplementedError(f"{type(self).__name__} decides from the columns alone")

    @classmethod
    def observed(cls, recording: "Recording") -> Sequence[tuple[str, int]]:
        """List values to complete with, and how many messages have each, most frequent first."""
        return ()

    def unseen(self, recording: "Recording") -> Sequence[tuple[str, Sequence[str]]]:
        """List the plain names in this term that the recording never showed, each with those that it could
        mean.
        """
        return ()


class ColumnOperator(Operator):
    """An operator that the columns answer."""

    @abstractmethod
    def mask(self, view: View) -> Mask:
        """Mark the matching rows."""

    def bounds(self, view: View) -> tuple[Mask, Mask]:
        """Give the same rows as bound from above and below."""
        mask = self.mask(view)
        return mask, mask


class MessageOperator(Operator):
    """An operator that has to look at each message."""

    def bounds(self, view: View) -> tuple[Mask, Mask]:
        """Leave every row open."""
        return view.everything, view.nothing

    @abstractmethod
    def accepts(self, message: MessageText) -> bool:
        """Tell whether the message matches."""


def check_relation(operator: type[Operator], argument: Argument) -> None:
    """Raise FilterError if the operator can't be compared that way."""
    if argument.relation not in operator.relations:
        known = " ".join(operator.relations)
        raise FilterError(
            f"{operator.name} can't be compared with {argument.relation}; it takes {known}",
            argument.position,
            argument.end,
        )
