"""The plan of a replay towards one real node: what it gets again, each message after the outputs it followed.

Whatever the node had sent before a message reached it can't depend on that message; so to wait for it is
always right, and it keeps a node that is slower today from being overrun.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from recordings.replay.conductor import Cause, Send
from recordings.replay.errors import ReplayError
from recordings.replay.traffic import Passed, Traffic


class OutputKey(NamedTuple):
    """A message of the node that has the same key in every run: the nth of its type and root epoch."""

    kind: str
    epoch: int
    number: int

    def __str__(self) -> str:
        if self.kind == "error":
            return "an error"
        return f"event{f' {self.number}' if self.number > 1 else ''} of epoch {self.epoch}"


class OutputKeys:
    """Gives keys to a node's messages in the order in which they come."""

    def __init__(self) -> None:
        self._seen: Counter[tuple[str, int]] = Counter()

    def next(self, kind: str, epoch: int) -> OutputKey:
        """The key of the next message of that type and root epoch."""
        epoch = epoch if kind == "event" else -1
        self._seen[kind, epoch] += 1
        return OutputKey(kind, epoch, self._seen[kind, epoch])


@dataclass(frozen=True)
class Feed:
    """What to send to `node`, and the rows of what it sent then.

    `expected` names each output's key by its row. `first_epoch` is subtracted from all epochs on the way out:
    a fresh node begins at 0. `ended` are the root epochs that the recording saw come to their end.
    """

    node: str
    sends: tuple[Send, ...]
    expected: dict[int, OutputKey]
    first_epoch: int = 0
    ended: frozenset[int] = field(default_factory=frozenset)


def plan_feed(traffic: Traffic, node: str) -> Feed:
    """Plan the replay towards `node`; raises ReplayError if there is nothing to send to it."""
    traffic.require(node)
    inputs = traffic.reached(node)
    outputs = traffic.sent_by(node)
    if not inputs:
        raise ReplayError(
            f"nothing that is chosen reached node {node}: choose more, or record from its start"
        )
    inputs = [*_starts_for(traffic, inputs, outputs), *inputs]
    epochs = {traffic.epoch_of(one.row) for one in [*inputs, *outputs]} - {-1}
    first, last = min(epochs, default=0), max(epochs, default=0)
    ended = {traffic.epoch_of(one.row) for one in traffic.commands(("epoch_ended",), all_rows=True)}
    keys = OutputKeys()
    sends: list[Send] = []
    expected: dict[int, OutputKey] = {}
    pending: list[Cause] = []
    # At the same time, outputs come first: what was sent by then can't wait for what only just arrived.
    events = sorted(
        [(one.time_ns, 0, one.row) for one in outputs] + [(one.time_ns, 1, one.row) for one in inputs]
    )
    for time_ns, is_input, row in events:
        epoch = traffic.epoch_of(row)
        if not is_input:
            key = keys.next(traffic.type_of(row), epoch)
            expected[row] = key
            pending.append(Cause(key, time_ns))
            continue
        if traffic.knows_deliveries:
            after, pending = pending, []
        else:
            # Times of one listener's sockets: only what is an epoch older is sure to have come before.
            after = [cause for cause in pending if _epoch(cause) < epoch or epoch < 0]
            pending = [cause for cause in pending if cause not in after]
        sends.append(Send(row, time_ns, after=tuple(after), epoch=epoch))
    sends.append(Send(None, events[-1][0], after=tuple(pending)))
    return Feed(
        node, tuple(sends), expected, first, frozenset(epoch for epoch in ended if first <= epoch <= last)
    )


def _epoch(cause: Cause) -> int:
    return cause.key.epoch if isinstance(cause.key, OutputKey) else -1


def _starts_for(traffic: Traffic, inputs: list[Passed], outputs: list[Passed]) -> list[Passed]:
    """The `start` messages that asked for chosen epochs, where they are not chosen themselves.

    They belong to no epoch, so a filter for epochs leaves them out. One from before the chosen part comes
    first.
    """
    chosen = {one.row for one in inputs}
    asked = {traffic.epoch_of(row) for row in chosen if traffic.type_of(row) == "process"}
    wanted = {traffic.epoch_of(one.row) for one in [*inputs, *outputs]} - asked - {-1}
    begin = min(one.time_ns for one in [*inputs, *outputs])
    following = 0
    found = []
    for one in traffic.commands(("process", "start"), all_rows=True):
        if traffic.type_of(one.row) == "process":
            following = max(following, traffic.epoch_of(one.row) + 1)
            continue
        count = traffic.decoded(one.row).get("value")
        last = following + count - 1 if isinstance(count, int) else max(wanted, default=-1)
        if one.row not in chosen and any(following <= epoch <= last for epoch in wanted):
            found.append(Passed(one.row, max(one.time_ns, begin - 1)))
        following = max(following, last + 1)
    return found
