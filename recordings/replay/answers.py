"""The plan of a replay towards a real command node: what the node runners answer, each after what caused it.

An answer goes out once what its node had got by then has come again: the `process` or `start` of its epoch,
and the events of the nodes it depends on. When all nodes are played, answers also keep the order in which
they reached the command node; that order is what races between nodes are made of.
"""

from collections import Counter
from collections.abc import Collection, Hashable
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeAlias

from recordings.replay.conductor import Cause, Send
from recordings.replay.errors import ReplayError
from recordings.replay.handshake import COMMAND
from recordings.replay.traffic import Passed, Traffic


class Asked(NamedTuple):
    """The command node asks for an epoch: by `process`, or freely by `start`."""

    epoch: int
    free: bool

    def __str__(self) -> str:
        if self.free:
            return f"start from the command node (for epoch {self.epoch})"
        return f"process epoch {self.epoch} from the command node"


class Said(NamedTuple):
    """A real node's event reaches one that is played: the nth of the root epoch."""

    listener: str
    sender: str
    epoch: int
    number: int

    def __str__(self) -> str:
        which = f"event {self.number}" if self.number > 1 else "event"
        return f"{which} of epoch {self.epoch} from node {self.sender}"


class Sent(NamedTuple):
    """An earlier answer of a node that is played goes out."""

    row: int

    def __str__(self) -> str:
        return f"message {self.row} to go out"


@dataclass(frozen=True)
class Answers:
    """What the played `nodes` send, and which node sends each row (`senders`).

    `epochs` are the root epochs there are answers for. `free` are those that a `start` asked for, each with
    the head start in ns that it had in the recording before its first answer: 0 for the first epoch of a
    `start`. `alone` says that all nodes are played.
    """

    nodes: tuple[str, ...]
    sends: tuple[Send, ...]
    senders: dict[int, str]
    epochs: frozenset[int]
    free: dict[int, int]
    alone: bool


def plan_answers(traffic: Traffic, nodes: Collection[str] = ()) -> Answers:
    """Plan the answers of `nodes`, of all that are recorded if none are given.

    Raises ReplayError if there is nothing to answer.
    """
    for node in nodes:
        traffic.require(node)
    played = tuple(sorted(set(nodes) or set(traffic.nodes)))
    alone = set(played) == set(traffic.nodes)
    sends: list[Send] = []
    senders: dict[int, str] = {}
    for node in played:
        answers = _answers_of(traffic, node, played)
        senders |= {send.row: node for send in answers if send.row is not None}
        sends += answers
    if not sends:
        raise ReplayError("the nodes sent nothing that is chosen: choose more, or record from the start")
    sends = [replace(send, after=_still_to_come(send.after, senders)) for send in sends]
    free = _head_starts(sends)
    if alone:
        arrivals = {one.row: one.time_ns for one in traffic.reached(COMMAND)}
        sends = [_in_its_epoch(send) for send in sends]
        sends.sort(key=lambda send: arrivals.get(send.row or 0, send.time_ns))
    epochs = frozenset(send.epoch for send in sends if send.epoch >= 0)
    return Answers(played, tuple(sends), senders, epochs, free, alone)


def _answers_of(traffic: Traffic, node: str, played: tuple[str, ...]) -> list[Send]:
    heard = [(one.time_ns, 0, one.row) for one in traffic.reached(node, all_rows=True)]
    said = [(one.time_ns, 1, one.row) for one in traffic.sent_by(node)]
    numbers: Counter[tuple[str, int]] = Counter()
    asked: dict[int, Cause] = {}
    started: Passed | None = None
    pending: dict[int, list[Cause]] = {}
    latest = -1
    sends = []
    for time_ns, is_answer, row in sorted([*heard, *said]):
        kind, epoch = traffic.type_of(row), traffic.epoch_of(row)
        if not is_answer:
            if kind == "process":
                asked[epoch] = Cause(Asked(epoch, False), time_ns)
                latest = epoch
            elif kind == "start":
                started = Passed(row, time_ns)
            elif kind == "event":
                sender = traffic.sender_of(row)
                numbers[sender, epoch] += 1
                key: Hashable = Sent(row)
                if sender not in played:
                    key = Said(node, sender, epoch, numbers[sender, epoch])
                pending.setdefault(epoch, []).append(Cause(key, time_ns))
                latest = epoch
            continue
        about = epoch if epoch >= 0 else latest
        after = pending.pop(about, [])
        if about in asked:
            after.append(asked[about])
        elif started is not None:
            after.append(Cause(Asked(about, True), started.time_ns))
        sends.append(Send(row, time_ns, node, tuple(after), Sent(row), epoch))
    return sends


def _still_to_come(causes: tuple[Cause, ...], senders: dict[int, str]) -> tuple[Cause, ...]:
    """The causes without those that are ours but were not chosen to be sent."""
    return tuple(cause for cause in causes if not isinstance(cause.key, Sent) or cause.key.row in senders)


def _in_its_epoch(send: Send) -> Send:
    """The send in one lane with all of its epoch, waiting for nothing but the command node.

    A child's event can overtake its parent's on the way to the command node, and epochs of a free run
    overlap: so none waits for another of ours, and epochs don't wait for each other.
    """
    asked = tuple(cause for cause in send.after if isinstance(cause.key, Asked))
    lane = ",".join(str(cause.key.epoch) for cause in asked if isinstance(cause.key, Asked))
    return replace(send, lane=lane, after=asked)


def _head_starts(sends: list[Send]) -> dict[int, int]:
    offsets: dict[
        int, tuple[int, int]
    ] = {}  # by epoch: when it was started, and how long until its first answer
    for send in sends:
        for cause in send.after:
            if isinstance(cause.key, Asked) and cause.key.free:
                offset = send.time_ns - cause.time_ns
                _, least = offsets.get(cause.key.epoch, (0, offset))
                offsets[cause.key.epoch] = cause.time_ns, min(offset, least)
    first = {started: epoch for epoch, (started, _) in sorted(offsets.items(), reverse=True)}
    return {
        epoch: 0 if first[started] == epoch else offset
        for epoch, (started, offset) in sorted(offsets.items())
    }


Granted: TypeAlias = list[tuple[Asked, int]]
"""What has been asked for, and how long ago (ns) it would have been asked at the recorded pace."""


class Grants:
    """Which epochs a real command node has asked for, as a node runner would understand it.

    `process` asks for one epoch, `start n` for the next n, `start null` for all until `stop`. Epochs are the
    recorded ones: a fresh command node begins at 0, and so does the count of a part of a recording.
    """

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._next = 0
        self._unlimited: list[Asked] = []
        self.shift: int | None = None
        """What to add to a recorded epoch to get the live one; known from the first command on."""
        self.unknown: list[int] = []
        """Epochs that were asked for by `process` and are not in the recording."""

    def process(self, epoch: int | None) -> Granted:
        """Take a `process`; None asks for the next epoch."""
        live = self._next if epoch is None else epoch
        self._next = max(self._next, live + 1)
        recorded = live - self._shift_from(live)
        if recorded not in self._answers.epochs:
            self.unknown.append(live)
        return self._granted([recorded])

    def start(self, count: int | None) -> Granted:
        """Take a `start` for a number of epochs, None for all."""
        first = self._next - self._shift_from(self._next)
        if count is not None:
            self._next += count
            return self._granted([epoch for epoch in self._answers.epochs if first <= epoch < first + count])
        granted = self._granted([epoch for epoch in self._answers.epochs if epoch >= first])
        self._unlimited = [asked for asked, _ in granted]
        return granted

    def stop(self) -> list[Asked]:
        """Take a `stop`: what is no longer asked for, unless it has been answered."""
        withdrawn, self._unlimited = self._unlimited, []
        return withdrawn

    def _granted(self, epochs: list[int]) -> Granted:
        head_start = self._answers.free.get(min(epochs, default=-1), 0)
        return [(Asked(epoch, free), head_start) for epoch in epochs for free in (True, False)]

    def _shift_from(self, live: int) -> int:
        if self.shift is None:
            first = min(self._answers.epochs, default=live)
            self.shift = 0 if live in self._answers.epochs or not self._answers.epochs else live - first
        return self.shift
