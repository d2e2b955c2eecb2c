"""Which messages belong to one message: what caused it, what it caused, and the ends of its epoch.

Answered from the columns and from who subscribes to whom; nothing is read from the file.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recordings.recording import Recording
from recordings.rows import Row, Rows

COMMAND = "command"
LIMIT = 40


@dataclass(frozen=True)
class Related:
    """A related message: its row and how it belongs to the one asked about."""

    row: int
    why: str


def related(recording: Recording, number: int) -> list[Related]:
    """List the messages that belong to a message, the nearest relation first, each once."""
    found: dict[int, Related] = {}
    for other in _relations(recording, number):
        if other.row != number and other.row not in found:
            found[other.row] = other
        if len(found) >= LIMIT:
            break
    return list(found.values())


def _relations(recording: Recording, number: int) -> Iterator[Related]:
    rows = recording.rows
    row = rows[number]
    if row.type == "event":
        yield from _of_event(recording, row)
    elif row.type == "announce":
        for name in rows.names:
            yield from _last(rows, number, "identify", name, f"the identify of {name} behind it")
    elif row.type == "identify":
        yield from _first(rows, number, "announce", COMMAND, "the announce that tells the others")
        yield from _first(rows, number, "status", row.sender, "the next status of this node")
    elif row.type == "error":
        yield from _last(rows, number, "event", row.sender, "the last event of this node before it failed")
        yield from _last_to(rows, number, row.sender, "the last message this node received")
    elif row.type in ("process", "epoch_ended"):
        yield from _of_epoch(rows, row)
    elif row.type == "status":
        yield from _last(rows, number, "status", row.sender, "the status of this node before")
        yield from _first(rows, number, "status", row.sender, "the next status of this node")
    if row.epoch >= 0 and row.type not in ("process", "epoch_ended"):
        yield from _of_epoch(rows, row)
    yield from _last(rows, number, row.type, row.sender, f"the {row.type or 'message'} of this sender before")
    yield from _first(rows, number, row.type, row.sender, f"the next {row.type or 'message'} of this sender")


def _of_event(recording: Recording, row: Row) -> Iterator[Related]:
    rows = recording.rows
    same = _same_epoch(rows, row.epoch)
    nodes = recording.session.nodes
    node = nodes.get(row.sender)
    sources = set(node.subscribed_to) if node is not None else set()
    events = [other for other in same if rows[other].type == "event"]
    for other in reversed(events):
        if other < row.number and rows[other].sender in sources:
            yield Related(other, f"its input: the event of {rows[other].sender}")
    yield from (
        Related(other, "the process that asked for it") for other in same if rows[other].type == "process"
    )
    for other in events:
        if other > row.number and rows[other].sender in row.receivers:
            yield Related(other, f"what {rows[other].sender} made of it")


def _of_epoch(rows: Rows, row: Row) -> Iterator[Related]:
    why = {"process": "the process of this epoch", "epoch_ended": "the end of this epoch"}
    same = _same_epoch(rows, row.epoch)
    for other in same:
        if rows[other].type in why:
            yield Related(other, why[rows[other].type])
    if row.type in why:
        for other in same[:LIMIT]:
            if rows[other].type == "event":
                yield Related(other, f"the event of {rows[other].sender} in this epoch")


def _same_epoch(rows: Rows, epoch: int) -> list[int]:
    if epoch < 0:
        return []
    return [int(number) for number in np.flatnonzero(rows.epoch[: len(rows)] == epoch)[: 10 * LIMIT]]


def _matching(rows: Rows, start: int, stop: int, type: str, sender: str) -> NDArray[np.intp]:
    if type not in rows.types or sender not in rows.names:
        return np.empty(0, dtype=np.intp)
    types = rows.type[start:stop] == rows.types.index(type)
    return np.flatnonzero(types & (rows.sender[start:stop] == rows.names.index(sender))) + start


def _last(rows: Rows, number: int, type: str, sender: str, why: str) -> Iterator[Related]:
    if len(before := _matching(rows, 0, number, type, sender)):
        yield Related(int(before[-1]), why)


def _first(rows: Rows, number: int, type: str, sender: str, why: str) -> Iterator[Related]:
    if len(after := _matching(rows, number + 1, len(rows), type, sender)):
        yield Related(int(after[0]), why)


def _last_to(rows: Rows, number: int, receiver: str, why: str) -> Iterator[Related]:
    if receiver not in rows.names:
        return
    code = rows.names.index(receiver)
    wanted = np.array([code in names for names in rows.receiver_sets], dtype=np.bool_)
    if len(before := np.flatnonzero(wanted[rows.receivers[:number]])):
        yield Related(int(before[-1]), why)
