"""Replays to a real command node: plays the node runners of the recording, all of them or some.

The command node gets the recorded answers when it asks for them, after the recorded thinking time.
"""

import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from decoders.envelope import read_envelope
from decoders.epochs import Epoch
from decoders.messages import Message
from decoders.text import safe
from recordings.replay.answers import Answers, Granted, Grants, Said, plan_answers
from recordings.replay.conductor import Conductor, Send
from recordings.replay.errors import ReplayError
from recordings.replay.handshake import COMMAND, NodeRole, Report, identity
from recordings.replay.pacing import Controls, Pace, Pacer, Patience
from recordings.replay.rewriting import NEWEST, Rewriter
from recordings.replay.sockets import Arrival, Sockets
from recordings.replay.target import Stage
from recordings.replay.timing import Deviation
from recordings.replay.traffic import Traffic
from recordings.replay.trust import refuse_foreign_code

TICK_NS = 200_000_000
"""How often the loop looks around, in ns."""

_ALL = "all nodes"


@dataclass(frozen=True, slots=True)
class NodesOptions:
    """How to play node runners: `nodes` are those to play, all if empty.

    `timeout_ns` bounds each wait, None for as long as it takes; `remap` gives nodes other names in the live
    tube. Pickles beyond plain data are sent only with `trust_recording`.
    """

    nodes: tuple[str, ...] = ()
    pace: Pace = field(default_factory=Pace)
    timeout_ns: int | None = 60_000_000_000
    remap: Mapping[str, str] = field(default_factory=dict)
    trust_recording: bool = False


@dataclass(frozen=True)
class Conversation:
    """What came of it: how many messages were `sent` and how many are left, what the command node asked for.

    `unknown` are epochs it asked for that are not in the recording, `ended` those it declared ended;
    `gave_up` says what was waited for in vain, "" if nothing was.
    """

    sent: int
    left: int
    asked: tuple[int, ...]
    ended: tuple[int, ...]
    unknown: tuple[int, ...]
    deviation: Deviation
    gave_up: str = ""

    def __bool__(self) -> bool:
        """Whether the command node got an answer to all it asked for."""
        return not self.unknown and not self.gave_up

    def lines(self) -> Iterator[str]:
        """The report, a line at a time."""
        if self.gave_up:
            yield f"gave up waiting for {self.gave_up}"
        for epoch in self.unknown:
            yield f"the command node asked for epoch {epoch}, which is not in the recording"
        left = f"; {self.left} were not asked for" if self.left else ""
        yield f"sent {self.sent} messages{left}; the command node ended {len(self.ended)} epochs"
        if self.deviation.count:
            yield str(self.deviation)

    def to_json(self) -> dict[str, Any]:
        """The report for programs."""
        return {
            "complete": bool(self),
            "sent": self.sent,
            "left": self.left,
            "asked": list(self.asked),
            "ended": list(self.ended),
            "unknown": list(self.unknown),
            "gave_up": self.gave_up,
            "late_ns": {
                "p50": self.deviation.p50_ns,
                "p99": self.deviation.p99_ns,
                "max": self.deviation.max_ns,
            },
        }


def replay_as_nodes(
    traffic: Traffic,
    command_outbox: str,
    command_router: str,
    options: NodesOptions | None = None,
    *,
    say: Callable[[str], None] = lambda text: None,
    controls: Controls | None = None,
) -> Conversation:
    """Play the recorded node runners to the command node that has these two addresses, until it ends.

    Raises ReplayError if the conversation did not come about; leaves no socket or file behind.
    """
    options = options or NodesOptions()
    traffic.require_all(options.remap)
    answers = plan_answers(traffic, options.nodes)
    if not options.trust_recording:
        refuse_foreign_code(traffic.recording, [send.row for send in answers.sends if send.row is not None])
    with Stage() as stage, Sockets() as sockets:
        performance = _Performance(traffic, answers, options, stage, sockets, say, controls)
        performance.connect(command_outbox, command_router)
        performance.converse()
        return performance.result()


class _Performance:
    """One conversation while it runs."""

    def __init__(
        self,
        traffic: Traffic,
        answers: Answers,
        options: NodesOptions,
        stage: Stage,
        sockets: Sockets,
        say: Callable[[str], None],
        controls: Controls | None,
    ) -> None:
        self._traffic = traffic
        self._answers = answers
        self._sockets = sockets
        self._controls = controls
        self._rewriter = Rewriter(options.remap, signals=traffic.signals)
        self._back = {new: old for old, new in options.remap.items()}
        self._roles = {self._rewriter.name(node): self._role(node, stage) for node in answers.nodes}
        self._listener = next(iter(self._roles))
        self._command = ""
        self._conductor = Conductor(answers.sends, chained=False)
        self._pacer = Pacer(self._conductor, options.pace)
        self._patience = Patience(options.timeout_ns, say)
        self._grants = Grants(answers)
        self._numbers: Counter[tuple[str, str, int]] = Counter()
        self._asked: list[int] = []
        self._ended: list[int] = []
        self._over = False
        self._gave_up = ""

    def connect(self, command_outbox: str, command_router: str) -> None:
        """Bind and connect everything, and introduce the nodes."""
        self._command = command_outbox
        if self._controls is not None:
            self._sockets.watch(self._controls.fileno())
        for node, role in self._roles.items():
            owner = self._outbox_of(node)
            if owner == node or node == self._listener:
                self._sockets.publisher(owner, role.identity["outbox"])
        for node, role in self._roles.items():
            self._sockets.dealer(node, command_router)
            self._sockets.subscriber(node, [command_outbox], watch=node == self._listener)
            self._sockets.perform(node, role.begin())

    def converse(self) -> None:
        """Answer what the command node asks, until it ends or is waited for in vain."""
        self._pacer.begin(time.monotonic_ns(), self._answers.sends[0].time_ns)
        while not self._over:
            full = not self._send_due()
            if self._take(self._pacer.pause_ns(time.monotonic_ns(), TICK_NS, full=full)):
                self._patience.answered()
            if self._grants.unknown and self._conductor.done:
                break  # it will wait for that epoch for ever
            waits = self._waits(full=full)
            late = self._patience.look(time.monotonic_ns(), waits)
            if late:
                self._gave_up = next(text for key, text, _ in waits if key == late[0])
                break
        if self._gave_up and not self._asked:
            raise ReplayError(f"gave up waiting for {self._gave_up}; allow more with --timeout")

    def result(self) -> Conversation:
        """Say what came of it."""
        return Conversation(
            sent=self._conductor.sent_count,
            left=self._conductor.remaining,
            asked=tuple(self._asked),
            ended=tuple(self._ended),
            unknown=tuple(self._grants.unknown),
            deviation=self._conductor.deviations.summary(),
            gave_up="" if self._conductor.done else self._gave_up,
        )

    def _role(self, node: str, stage: Stage) -> NodeRole:
        entry = self._rewriter.identity(identity(node, self._traffic.identities.get(node)))
        entry["subscribed_to"] = [self._rewriter.name(name) for name in self._traffic.upstream(node)]
        # One outbox for all keeps their order on the wire; real nodes must not hear those they don't know.
        number = 0 if self._answers.alone else self._answers.nodes.index(node)
        entry["outbox"] = stage.address(f"outbox-{number}")
        ours = frozenset(self._rewriter.name(name) for name in self._answers.nodes)
        return NodeRole(self._rewriter.name(node), entry, ours)

    def _outbox_of(self, node: str) -> str:
        return _ALL if self._answers.alone else node

    def _send_due(self) -> bool:
        """Send what is due; False if a full pipe is in the way."""
        while (send := self._pacer.next(time.monotonic_ns())) is not None:
            if not self._send(send):
                return False
            self._pacer.sent(send, time.monotonic_ns())
            self._take(0)
        return True

    def _send(self, send: Send) -> bool:
        assert send.row is not None
        node = self._rewriter.name(self._answers.senders[send.row])
        frames = self._rewriter.frames(self._traffic.recording.frames(send.row))
        if self._traffic.type_of(send.row) == "error":
            self._sockets.perform(node, [Report(frames[-1])])
            return True
        return self._sockets.publish(self._outbox_of(node), frames)

    def _take(self, timeout_ns: int) -> bool:
        """Take what comes within a time; True if anything came."""
        any_came = False
        for arrival in self._sockets.poll(timeout_ns):
            any_came = True
            match arrival.place:
                case "control" if self._controls is not None:
                    for word in self._controls.read():
                        self._pacer.wish(word, time.monotonic_ns())
                case "subscription":
                    for node, role in self._roles.items():
                        if arrival.who in (_ALL, node):
                            self._sockets.perform(node, role.subscription(arrival.frames[0]))
                case "gone" if self._asked:
                    self._over = True
                case "inbox":
                    self._inbox(arrival)
        return any_came

    def _inbox(self, arrival: Arrival) -> None:
        envelope = read_envelope(arrival.frames)
        position = self._pacer.position(time.monotonic_ns())
        if envelope.type == "event":
            self._heard(arrival.who, envelope.node_id, envelope.epoch, position)
        elif envelope.node_id == COMMAND:
            message = Message.from_bytes(arrival.frames)
            role = self._roles[arrival.who]
            value: Any = message.value
            fields = {"type": message.type_, "value": value}
            self._sockets.perform(arrival.who, role.commanded(fields))
            if arrival.who == self._listener:
                if message.type_ == "process":
                    self._speak_like(message.shape.releases)
                self._commanded(str(message.type_), value, position)

    def _commanded(self, kind: str, value: Any, position: int) -> None:
        match kind:
            case "process" if isinstance(value, dict):
                epoch = value.get("epoch")
                self._grant(self._grants.process(epoch.root if isinstance(epoch, Epoch) else None), position)
                self._asked.append(epoch.root if isinstance(epoch, Epoch) else -1)
            case "start" if value is None or isinstance(value, int):
                self._grant(self._grants.start(value), position)
                self._asked.append(-1)
            case "stop":
                for asked in self._grants.stop():
                    self._conductor.withdraw(asked)
            case "epoch_ended" if isinstance(value, Epoch):
                self._ended.append(value.root)
            case "deinit":
                self._over = True

    def _speak_like(self, releases: Sequence[str]) -> None:
        """Write for the release of the command node, which shows in how it writes an epoch."""
        if releases and NEWEST not in releases:
            self._rewriter = replace(self._rewriter, release=releases[-1])

    def _grant(self, granted: Granted, position: int) -> None:
        for asked, head_start in granted:
            self._conductor.happened(asked, position - head_start)
        if self._grants.shift and self._rewriter.shift != self._grants.shift:
            self._rewriter = replace(self._rewriter, shift=self._grants.shift)

    def _heard(self, listener: str, sender: str, epoch: int, position: int) -> None:
        """Note an event that a real node sent to one of ours."""
        old_listener, old_sender = self._back.get(listener, listener), self._back.get(sender, sender)
        epoch -= self._grants.shift or 0
        self._numbers[listener, sender, epoch] += 1
        number = self._numbers[listener, sender, epoch]
        self._conductor.happened(Said(old_listener, old_sender, epoch, number), position)

    def _waits(self, *, full: bool) -> list[tuple[Hashable, str, int]]:
        if self._conductor.done:
            return [("end", "the command node to end", 0)]
        if not any(role.command_hears for role in self._roles.values()):
            return [("command", f"the command node at {safe(self._command)}", 0)]
        missing = [role.waiting_for() for role in self._roles.values() if role.waiting_for()]
        if missing:
            return [("ready", missing[0], 0)]
        if full:
            return [(("pipe", self._conductor.sent_count), "the command node to take what it was sent", 0)]
        return [
            (cause.key, str(cause.key), 0) for _send, causes in self._conductor.waiting() for cause in causes
        ]
