"""Operators that name a state a message can be in: `is:late`, or short `late`."""

import difflib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from recordings.filters.operators.base import (
    COLUMNS,
    EQUALITY,
    SESSION,
    Argument,
    Example,
    Operator,
    check_relation,
)
from recordings.filters.values import Mask
from recordings.filters.view import View
from recordings.layout import BIG, LATE_NS
from recordings.notes import Notes
from recordings.rows import Flag

if TYPE_CHECKING:
    from recordings.recording import Recording


class State(ABC):
    """One state: what it is called, what it means, and the rows that are in it (None: the columns can't
    tell).
    """

    name: ClassVar[str]
    help: ClassVar[str]

    @classmethod
    @abstractmethod
    def mask(cls, view: View) -> Mask | None:
        """Mark the rows in this state."""


class Error(State):
    """An error message."""

    name = "error"
    help = "reports an error"

    @classmethod
    def mask(cls, view: View) -> Mask | None:
        """Look for the flag."""
        return view.flagged(Flag.ERROR)


class Late(State):
    """A copy was late."""

    name = "late"
    help = f"has a copy that came {LATE_NS // 1_000_000} ms or more after the first (see delay)"

    @classmethod
    def mask(cls, view: View) -> Mask | None:
        """Look for the flag."""
        return view.flagged(Flag.LATE)


class Undelivered(State):
    """No one got it."""

    name = "undelivered"
    help = "no connection carried it to anyone"

    @classmethod
    def mask(cls, view: View) -> Mask | None:
        """Look for empty sets of receivers."""
        return view.coded("receivers", (not names for names in view.rows.receiver_sets))


class Raw(State):
    """None of noob's."""

    name = "raw"
    help = "is none of noob's messages"

    @classmethod
    def mask(cls, view: View) -> Mask | None:
        """Look for the empty type."""
        return view.coded("type", (not name for name in view.rows.types))


class Undecoded(State):
    """Broken."""

    name = "undecoded"
    help = "could not be decoded; the detail pane says why"

    @classmethod
    def mask(cls, view: View) -> Mask | None:
        """Look for the flag."""
        return view.flagged(Flag.UNDECODED)


class SubEpoch(State):
    """Of a sub-epoch."""

    name = "sub-epoch"
    help = "belongs to a sub-epoch, which a map node made"

    @classmethod
    def mask(cls, view: View) -> Mask | None:
        """Look for the flag."""
        return view.flagged(Flag.SUB_EPOCH)


class Big(State):
    """Large."""

    name = "big"
    help = f"is {BIG >> 10} KiB or larger"

    @classmethod
    def mask(cls, view: View) -> Mask | None:
        """Look for the flag."""
        return view.flagged(Flag.BIG)


class Marked(State):
    """Marked by a person."""

    name = "marked"
    help = "carries a mark or a comment"

    @classmethod
    def mask(cls, view: View) -> Mask | None:
        """Look through the notes in the recording and those kept beside it."""
        if view.recording is None:
            return None
        notes = Notes.of(view.recording)
        marked = view.rows.rows_of(np.array(sorted({*notes.marked, *notes.texts}), dtype=np.int64))
        return np.isin(np.arange(view.start, view.stop), marked)


STATES: tuple[type[State], ...] = (Error, Late, Undelivered, Marked, Undecoded, Raw, SubEpoch, Big)
"""The states in the order of the manual."""

SHORTHANDS = ("error", "late", "undelivered", "marked")
"""States that may be written without `is:`; in quotes they are words to search for."""


class StateOperator(Operator):
    """Picks the messages in one of some states."""

    name = "is"
    relations = EQUALITY
    values_help = "state"
    help = "A state: " + "; ".join(f"{state.name} ({state.help})" for state in STATES) + ". "
    help += f"{', '.join(SHORTHANDS[:-1])} and {SHORTHANDS[-1]} may be written without is:."
    examples = (
        Example("error", "errors"),
        Example("late|undelivered", "messages with a late copy, or that no one got"),
        Example("is:raw", "messages that are none of noob's"),
        Example("is:undecoded,error", "what went wrong"),
    )

    def __init__(self, states: Sequence[type[State]]) -> None:
        self.states = tuple(states)
        self.cost = SESSION if Marked in self.states else COLUMNS

    @classmethod
    def build(cls, argument: Argument) -> Self:
        """Look the states up."""
        check_relation(cls, argument)
        known = {state.name: state for state in STATES}
        states: list[type[State]] = []
        for value in argument.values:
            state = known.get(value.text.lower())
            if state is None:
                close = difflib.get_close_matches(value.text.lower(), known, n=1)
                meant = f'did you mean "{close[0]}"?' if close else f"known are {', '.join(known)}"
                raise value.wrong(f'there is no state "{value.text}"; {meant}')
            states.append(state)
        return cls(states)

    def bounds(self, view: View) -> tuple[Mask, Mask]:
        """Unite the states."""
        may, must = view.nothing, view.nothing
        for state in self.states:
            mask = state.mask(view)
            if mask is None:
                may = view.everything
            else:
                may, must = may | mask, must | mask
        return may, must

    @classmethod
    def observed(cls, recording: "Recording") -> Sequence[tuple[str, int]]:
        """Count the messages in each state."""
        rows = recording.rows
        view = View(rows, max(0, len(rows) - 1_000_000), len(rows), recording)
        masks = ((state.name, state.mask(view)) for state in STATES)
        return [(name, int(mask.sum()) if mask is not None else 0) for name, mask in masks]
