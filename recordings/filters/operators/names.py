"""Operators that compare names: a message's type, its nodes and its endpoint."""

import difflib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

import numpy as np

from recordings.filters.operators.base import (
    COLUMNS,
    SESSION,
    Argument,
    ColumnOperator,
    Example,
    Operator,
    check_relation,
)
from recordings.filters.values import Mask, Pattern, Value, pattern
from recordings.filters.view import View

if TYPE_CHECKING:
    from recordings.recording import Recording
    from recordings.records import Endpoint

RAW = "raw"
"""What a message that is none of noob's is called; its type is empty."""

NOBODY = "-"
"""Stands for an unknown sender, or for no receiver."""

COUNTED_ROWS = 1_000_000
"""Completion counts values in this many of the latest rows."""


class NameOperator(ColumnOperator):
    """Compares a column of name codes with one or more patterns."""

    def __init__(self, patterns: Sequence[Pattern]) -> None:
        self.patterns = tuple(patterns)

    @classmethod
    def build(cls, argument: Argument) -> Self:
        """Read one or more names."""
        check_relation(cls, argument)
        return cls([pattern(cls.spelled(value)) for value in argument.values])

    @classmethod
    def spelled(cls, value: Value) -> Value:
        """Give the name as the recording spells it."""
        return value

    def matches(self, name: str) -> bool:
        """Tell whether any of the patterns fits."""
        return any(each.matches(name or NOBODY) for each in self.patterns)

    def unseen(self, recording: "Recording") -> Sequence[tuple[str, Sequence[str]]]:
        """Look the plain names up among those observed."""
        seen = [name for name, _ in self.observed(recording)]
        missing = [each.text for each in self.patterns if each.plain and each.text not in seen]
        return [(name, difflib.get_close_matches(name, seen, n=3)) for name in missing]


class TypeOperator(NameOperator):
    """Compares the message type."""

    name = "type"
    help = 'The message type, such as event, process or error; "raw" for messages that are none of noob\'s.'
    values_help = "type"
    examples = (
        Example("type:event", "event messages"),
        Example("type:event,error", "events and errors"),
        Example("type:*ed", "types that end in ed, such as epoch_ended"),
        Example("type!=status", "everything but status messages"),
    )

    @classmethod
    def spelled(cls, value: Value) -> Value:
        """Types are in lower case."""
        return Value(value.text.lower(), value.position, value.quoted)

    def matches(self, name: str) -> bool:
        """Tell whether any of the patterns fits; an empty type is called raw."""
        return any(each.matches(name or RAW) for each in self.patterns)

    def mask(self, view: View) -> Mask:
        """Mark the rows of a matching type."""
        return view.coded("type", map(self.matches, view.rows.types))

    @classmethod
    def observed(cls, recording: "Recording") -> Sequence[tuple[str, int]]:
        """Count the types."""
        rows = recording.rows
        return counted(rows.type[-COUNTED_ROWS:], [name or RAW for name in rows.types])


class FromOperator(NameOperator):
    """Compares the sender."""

    name = "from"
    help = 'The node that sent the message; "command" is the command node, "-" an unknown sender.'
    values_help = "node"
    examples = (
        Example("from:a", "what node a sent"),
        Example("from:camera*", "what any node whose name begins with camera sent"),
    )

    def mask(self, view: View) -> Mask:
        """Mark the rows with a matching sender."""
        return view.coded("sender", map(self.matches, view.rows.names))

    @classmethod
    def observed(cls, recording: "Recording") -> Sequence[tuple[str, int]]:
        """Count the senders."""
        rows = recording.rows
        return counted(rows.sender[-COUNTED_ROWS:], [name or NOBODY for name in rows.names])


class ToOperator(NameOperator):
    """Compares the receivers."""

    name = "to"
    help = 'A node that the message was delivered to; "-" finds messages that no one received.'
    values_help = "node"
    examples = (
        Example("to:command", "what the command node received"),
        Example("from:a !to:b", "what node a sent and node b never got"),
    )

    def mask(self, view: View) -> Mask:
        """Mark the rows with at least one matching receiver."""
        # The sets first: another thread adds names before it adds sets of them.
        sets = list(view.rows.receiver_sets)
        named = [self.matches(name) for name in view.rows.names]
        nobody = self.matches("")
        return view.coded(
            "receivers", (any(named[code] for code in codes) if codes else nobody for codes in sets)
        )

    @classmethod
    def observed(cls, recording: "Recording") -> Sequence[tuple[str, int]]:
        """Count the receivers."""
        rows = recording.rows
        counts = np.bincount(rows.receivers[-COUNTED_ROWS:], minlength=len(rows.receiver_sets))
        by_name: dict[str, int] = {}
        for codes, count in zip(rows.receiver_sets, counts.tolist(), strict=False):
            for name in [rows.names[code] or NOBODY for code in codes] or [NOBODY]:
                by_name[name] = by_name.get(name, 0) + count
        return most_frequent_first(by_name)


class NodeOperator(NameOperator):
    """Compares the sender and the receivers."""

    name = "node"
    help = "A node at either end: it sent the message or received it."
    values_help = "node"
    examples = (
        Example("node:b", "what node b sent or received"),
        Example("node:a,b type:event", "events that a or b had a part in"),
    )

    def __init__(self, patterns: Sequence[Pattern]) -> None:
        super().__init__(patterns)
        self._ends = (FromOperator(patterns), ToOperator(patterns))

    def mask(self, view: View) -> Mask:
        """Mark the rows with a matching node at either end."""
        sender, receivers = self._ends
        return sender.mask(view) | receivers.mask(view)

    @classmethod
    def observed(cls, recording: "Recording") -> Sequence[tuple[str, int]]:
        """Count the nodes at both ends."""
        by_name: dict[str, int] = {}
        for end in (FromOperator, ToOperator):
            for name, count in end.observed(recording):
                by_name[name] = by_name.get(name, 0) + count
        return most_frequent_first(by_name)


class EndpointOperator(Operator):
    """Compares the endpoint that the message went through."""

    name = "endpoint"
    help = (
        'The bound socket that the message went through: its number, its address, or its role ("command '
        'outbox", "command inbox", "node outbox"). Anything but a number finds a part of the address.'
    )
    values_help = "endpoint"
    examples = (
        Example("endpoint:2", "messages through endpoint 2 of the recording"),
        Example("endpoint:command/inbox", "messages into the command node's inbox"),
        Example('endpoint:"node outbox"', "what nodes published"),
    )

    def __init__(self, patterns: Sequence[Pattern]) -> None:
        self.patterns = tuple(patterns)
        self.cost = COLUMNS if all(is_number(each) for each in self.patterns) else SESSION

    @classmethod
    def build(cls, argument: Argument) -> Self:
        """Read one or more numbers, roles or parts of an address."""
        check_relation(cls, argument)
        return cls([pattern(value) for value in argument.values])

    def bounds(self, view: View) -> tuple[Mask, Mask]:
        """Resolve the endpoints in the session; without one only numbers are known."""
        column = view.column("endpoint")
        numbers = [int(each.text) for each in self.patterns if is_number(each)]
        if view.session is None and len(numbers) < len(self.patterns):
            return view.everything, np.isin(column, numbers)
        endpoints = view.session.endpoints.values() if view.session is not None else ()
        numbers += [endpoint.id for endpoint in endpoints if self._names(endpoint)]
        mask = np.isin(column, numbers)
        return mask, mask

    def _names(self, endpoint: "Endpoint") -> bool:
        for each in self.patterns:
            if is_number(each):
                continue
            part = each if each.literal else Pattern(f"*{each.text}*")
            if each.text == endpoint.role or part.matches(endpoint.address):
                return True
            if each.literal and each.text in endpoint.address:
                return True
        return False

    @classmethod
    def observed(cls, recording: "Recording") -> Sequence[tuple[str, int]]:
        """Count the messages of each endpoint, named by address."""
        counts = np.bincount(recording.rows.endpoint[-COUNTED_ROWS:]).tolist()
        return most_frequent_first(
            {
                endpoint.address: counts[number] if number < len(counts) else 0
                for number, endpoint in recording.session.endpoints.items()
            }
        )


def is_number(part: Pattern) -> bool:
    """Tell whether an endpoint is given by its number."""
    return not part.literal and part.text.isascii() and part.text.isdigit() and len(part.text) < 10


def counted(
    codes: "np.ndarray[tuple[int], np.dtype[np.integer]]", names: Sequence[str]
) -> Sequence[tuple[str, int]]:
    """Count how often each code occurs, by name, most frequent first."""
    counts = np.bincount(codes, minlength=len(names)).tolist()
    return most_frequent_first(dict(zip(names, counts, strict=False)))


def most_frequent_first(counts: dict[str, int]) -> Sequence[tuple[str, int]]:
    """Order by count, then by name; what never occurs is left out."""
    return sorted(
        ((name, count) for name, count in counts.items() if count), key=lambda item: (-item[1], item[0])
    )
