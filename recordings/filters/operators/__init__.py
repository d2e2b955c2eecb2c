"""The operators of the filter language, one class each; `OPERATORS` is the list that everything else is made
from.
"""

from recordings.filters.operators.base import Argument, Example, Operator
from recordings.filters.operators.names import (
    EndpointOperator,
    FromOperator,
    NodeOperator,
    ToOperator,
    TypeOperator,
)
from recordings.filters.operators.numbers import (
    ConnectionOperator,
    EpochOperator,
    RowOperator,
    SizeOperator,
)
from recordings.filters.operators.payload import BodyOperator, RegexOperator, WordOperator
from recordings.filters.operators.states import SHORTHANDS, STATES, StateOperator
from recordings.filters.operators.times import DelayOperator, DeltaOperator, TimeOperator

__all__ = ["OPERATORS", "SHORTHANDS", "STATES", "Argument", "Example", "Operator", "find"]

OPERATORS: tuple[type[Operator], ...] = (
    TypeOperator,
    NodeOperator,
    FromOperator,
    ToOperator,
    EpochOperator,
    SizeOperator,
    TimeOperator,
    DeltaOperator,
    DelayOperator,
    StateOperator,
    EndpointOperator,
    ConnectionOperator,
    RowOperator,
    WordOperator,
    RegexOperator,
    BodyOperator,
)
"""All operators in the order of the manual."""


def find(name: str) -> type[Operator] | None:
    """Find the operator with this name or alias among those that are written with a name."""
    for operator in OPERATORS:
        if operator in (WordOperator, RegexOperator):
            continue
        if name == operator.name or name in operator.aliases:
            return operator
    return None
