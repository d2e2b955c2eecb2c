"""Operators that compare numbers: size, epoch, row and connection."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

import numpy as np

from recordings.filters.operators.base import (
    COLUMNS,
    DELIVERIES,
    EQUALITY,
    ORDER,
    Argument,
    ColumnOperator,
    Example,
    Operator,
    check_relation,
)
from recordings.filters.operators.names import COUNTED_ROWS, most_frequent_first
from recordings.filters.values import Mask, Pattern, Span, Value, size, span, whole_number
from recordings.filters.view import View
from recordings.rows import NO_CONNECTION, NO_EPOCH

if TYPE_CHECKING:
    from recordings.filters.message import MessageText
    from recordings.recording import Recording
    from recordings.rows import Rows


class SpanOperator(ColumnOperator):
    """Compares a column of numbers with one or more ranges."""

    column: str
    relations = EQUALITY + ORDER

    def __init__(self, spans: Sequence[Span]) -> None:
        self.spans = tuple(spans)

    @classmethod
    def build(cls, argument: Argument) -> Self:
        """Read one or more numbers or ranges."""
        check_relation(cls, argument)
        return cls([span(value, argument.relation, cls.number) for value in argument.values])

    @classmethod
    def number(cls, value: Value) -> float:
        """Read one number."""
        return whole_number(value)

    def mask(self, view: View) -> Mask:
        """Mark the rows whose number lies within any of the ranges."""
        column = self.numbers(view)
        mask = self.spans[0].mask(column)
        for each in self.spans[1:]:
            mask |= each.mask(column)
        return mask

    def numbers(self, view: View) -> "np.ndarray[tuple[int], np.dtype[np.integer]]":
        """Give the number of each row."""
        return view.column(self.column)


class SizeOperator(SpanOperator):
    """Compares the size of all frames together."""

    name = "size"
    column = "size"
    help = "The size of all frames together, in bytes or with a unit: k, M, G (1000), KiB, MiB, GiB (1024)."
    values_help = "size"
    examples = (
        Example("size>1k", "messages above 1,000 bytes"),
        Example("size:1k..64KiB", "messages of 1,000 to 65,536 bytes"),
    )

    @classmethod
    def number(cls, value: Value) -> float:
        """Read a size."""
        return size(value)


class RowOperator(SpanOperator):
    """Compares the number of the row."""

    name = "row"
    aliases = ("id",)
    column = "number"
    help = "The message's number in the recording, counted from 0 in the order of capture."
    values_help = "number"
    examples = (
        Example("row:199985", "that one message"),
        Example("row:100..200", "messages 100 to 200"),
        Example("id>=5000", "messages from 5,000 on"),
    )

    def numbers(self, view: View) -> "np.ndarray[tuple[int], np.dtype[np.integer]]":
        """Count the rows."""
        return np.arange(view.start, view.stop)


class EpochOperator(Operator):
    """Compares the epoch."""

    name = "epoch"
    relations = EQUALITY + ORDER
    help = (
        'The root epoch the message belongs to; "none" if it belongs to none. '
        "A sub-epoch is written as it is shown, with globs: 5.map1[2] or 5.map1*."
    )
    values_help = "epoch"
    examples = (
        Example("epoch:12", "everything of epoch 12, its sub-epochs included"),
        Example("epoch>=10", "epochs from 10 on"),
        Example("epoch:3..7,12", "epochs 3 to 7, and 12"),
        Example("epoch:none type:event", "events without an epoch"),
        Example("epoch:5.map1[2]", "the third sub-epoch that node map1 made of epoch 5"),
    )

    def __init__(self, spans: Sequence[Span], sub_epochs: Sequence[tuple[int, Pattern]]) -> None:
        self.spans = tuple(spans)
        self.sub_epochs = tuple(sub_epochs)
        self.cost = DELIVERIES if self.sub_epochs else COLUMNS

    @classmethod
    def build(cls, argument: Argument) -> Self:
        """Read epochs, ranges of epochs and sub-epochs."""
        check_relation(cls, argument)
        spans: list[Span] = []
        sub_epochs: list[tuple[int, Pattern]] = []
        for value in argument.values:
            sub_epoch = re.match(r"(\d{1,18})\.(?!\.)", value.text)
            if sub_epoch and argument.relation not in EQUALITY:
                raise value.wrong(f"a sub-epoch can't be compared with {argument.relation}")
            if sub_epoch:
                sub_epochs.append((int(sub_epoch[1]), Pattern(value.text)))
            elif value.text == "none" and argument.relation in EQUALITY:
                spans.append(Span(NO_EPOCH, NO_EPOCH))
            else:
                spans.append(cls._roots(span(value, argument.relation, whole_number)))
        return cls(spans, sub_epochs)

    @staticmethod
    def _roots(epochs: Span) -> Span:
        # Below an epoch there are the earlier ones, but never the messages without any.
        return Span(0, epochs.high, high_open=epochs.high_open) if epochs.low is None else epochs

    def bounds(self, view: View) -> tuple[Mask, Mask]:
        """Compare the root epochs; whether a sub-epoch fits is left open."""
        column = view.column("epoch")
        must = view.nothing
        for each in self.spans:
            must = must | each.mask(column)
        if not self.sub_epochs:
            return must, must
        return must | np.isin(column, [root for root, _ in self.sub_epochs]), must

    def accepts(self, message: "MessageText") -> bool:
        """Compare the sub-epoch in the envelope."""
        sub_epoch = message.envelope.sub_epoch
        return any(each.matches(sub_epoch) for _, each in self.sub_epochs)


class ConnectionOperator(ColumnOperator):
    """Compares the connections that carried the message."""

    name = "conn"
    aliases = ("connection",)
    help = "The number of a connection that carried the message, or a copy of it."
    values_help = "connection"
    examples = (Example("conn:2", "everything that connection 2 carried"),)

    def __init__(self, connections: Sequence[int]) -> None:
        self.connections = frozenset(connections)

    @classmethod
    def build(cls, argument: Argument) -> Self:
        """Read one or more connection numbers."""
        check_relation(cls, argument)
        return cls([whole_number(value) for value in argument.values])

    def mask(self, view: View) -> Mask:
        """Mark the rows that came in on the connections, and those with a copy that went out on one."""
        carried = [
            code
            for code, members in receiver_codes(view.rows, view.start, view.stop)
            if not self.connections.isdisjoint(members)
        ]
        came_in = np.isin(view.column("connection"), list(self.connections))
        return came_in | np.isin(view.column("receivers"), carried)

    @classmethod
    def observed(cls, recording: "Recording") -> Sequence[tuple[str, int]]:
        """Count the messages that came in on each connection."""
        column = recording.rows.connection[-COUNTED_ROWS:]
        numbers, counts = np.unique(column[column != NO_CONNECTION], return_counts=True)
        return most_frequent_first(
            {str(number): count for number, count in zip(numbers.tolist(), counts.tolist(), strict=True)}
        )


def receiver_codes(
    rows: "Rows", start: int = 0, stop: int | None = None
) -> list[tuple[int, tuple[int, ...]]]:
    """List the codes of sets of receivers that occur, each with its connections (-1 - endpoint for a
    binder).
    """
    codes, examples = np.unique(rows.receivers[start:stop], return_index=True)
    return [
        (code, rows.receiver_connections(start + example))
        for code, example in zip(codes.tolist(), examples.tolist(), strict=True)
    ]
