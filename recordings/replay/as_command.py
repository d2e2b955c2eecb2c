"""Replays to one real node runner: plays the command node and the nodes it depends on, and judges its
answers.

The node gets what it got then, in the order of its arrival, each message after the outputs that came before
it. Its outputs are compared as they come; nothing it sends is ever unpickled.
"""

import time
from collections.abc import Callable, Hashable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from decoders.envelope import read_envelope
from decoders.messages import Message
from decoders.text import safe
from recordings.replay.comparison import Comparison
from recordings.replay.conductor import Conductor
from recordings.replay.errors import ReplayError
from recordings.replay.feed import Feed, OutputKey, OutputKeys, plan_feed
from recordings.replay.handshake import COMMAND, READY, CommandRole, Publish, encode, identity
from recordings.replay.outputs import OutputReader
from recordings.replay.pacing import Controls, Pace, Pacer, Patience
from recordings.replay.paths import Pattern
from recordings.replay.rewriting import NEWEST, Rewriter
from recordings.replay.sockets import Sockets
from recordings.replay.target import NodeProcess, Stage
from recordings.replay.traffic import Traffic
from recordings.replay.trust import refuse_foreign_code
from recordings.replay.values import Tolerance
from recordings.replay.verdict import Verdict

SETTLE_NS = 300_000_000
"""How long a node that has done all it did then is listened to for more, in ns."""

TICK_NS = 200_000_000
"""How often the loop looks whether the node still lives, in ns."""

LAST_WORDS_NS = 100_000_000
"""How long to wait for what an ended node had sent, in ns."""

_RUNNER_ID = "replay"


@dataclass(frozen=True, slots=True)
class Addresses:
    """What a node runner must be started with to reach the replay.

    `node` is what it is called there. A node that tubetap starts gets `runtime_dir` as noob's runtime
    directory (`NOOB_TMP_DIR`), so that its socket is private.
    """

    node: str
    runner_id: str
    command_outbox: str
    command_router: str
    runtime_dir: str


StartNode = Callable[[Addresses], AbstractContextManager[NodeProcess | None]]
"""Starts the node runner, or tells a person how to (then there is no process to watch)."""


@dataclass(frozen=True, slots=True)
class CommandOptions:
    """How to replay to a node runner.

    `timeout_ns` bounds each wait for an output, beyond twice the time it took then; `start_timeout_ns` the
    wait for the node to be ready; None for as long as it takes. `remap` gives nodes other names in the live
    tube, `release` is that of its noob. Pickles beyond plain data are sent only with `trust_recording`.
    """

    pace: Pace = field(default_factory=Pace)
    timeout_ns: int | None = 10_000_000_000
    start_timeout_ns: int | None = 60_000_000_000
    remap: Mapping[str, str] = field(default_factory=dict)
    release: str = NEWEST
    ignore: tuple[Pattern, ...] = ()
    ignore_order: bool = False
    tolerance: Tolerance = field(default_factory=Tolerance)
    trust_recording: bool = False


def replay_as_command(
    traffic: Traffic,
    node: str,
    start: StartNode,
    options: CommandOptions | None = None,
    *,
    say: Callable[[str], None] = lambda text: None,
    controls: Controls | None = None,
) -> Verdict:
    """Feed the real node runner that `start` brings up, and say whether it did what `node` did then.

    `say` gets a line whenever something worth knowing happens, such as a wait. Raises ReplayError if the
    replay could not run; leaves no process, socket or file behind, however it ends.
    """
    options = options or CommandOptions()
    feed = plan_feed(traffic, node)
    traffic.require_all(options.remap)
    if not options.trust_recording:
        refuse_foreign_code(traffic.recording, [send.row for send in feed.sends if send.row is not None])
    began = time.monotonic_ns()
    with Stage() as stage, Sockets() as sockets:
        addresses = Addresses(
            node=options.remap.get(node, node),
            runner_id=_RUNNER_ID,
            command_outbox=stage.address("outbox"),
            command_router=stage.address("inbox"),
            runtime_dir=str(stage.path),
        )
        stage.address(_RUNNER_ID, "nodes", addresses.node, "outbox")
        sockets.publisher(COMMAND, addresses.command_outbox)
        sockets.router(COMMAND, addresses.command_router)
        sockets.subscriber(COMMAND)
        if controls is not None:
            sockets.watch(controls.fileno())
        with start(addresses) as process:
            performance = _Performance(traffic, feed, options, addresses, sockets, process, say, controls)
            performance.shake_hands()
            performance.feed_all()
            performance.settle()
            performance.dismiss()
        return performance.verdict(time.monotonic_ns() - began)


class _Performance:
    """One replay while it runs: the loop around the sockets."""

    def __init__(
        self,
        traffic: Traffic,
        feed: Feed,
        options: CommandOptions,
        addresses: Addresses,
        sockets: Sockets,
        process: NodeProcess | None,
        say: Callable[[str], None],
        controls: Controls | None,
    ) -> None:
        self._traffic = traffic
        self._feed = feed
        self._options = options
        self._sockets = sockets
        self._process = process
        self._say = say
        self._controls = controls
        recorded = traffic.identities
        self._rewriter = Rewriter(
            options.remap,
            -feed.first_epoch,
            options.release,
            traffic.signals,
        )
        upstream = {
            self._rewriter.name(name): self._rewriter.identity(identity(name, recorded.get(name)))
            for name in traffic.upstream(feed.node)
        }
        self._known_upstream = frozenset(upstream)
        self._role = CommandRole(addresses.node, addresses.command_outbox, addresses.command_router, upstream)
        self._conductor = Conductor(feed.sends, chained=True, late=options.pace.late)
        self._pacer = Pacer(self._conductor, options.pace)
        self._keys = OutputKeys()
        self._expected = frozenset(feed.expected.values())
        self._comparison = Comparison(
            traffic,
            feed,
            OutputReader({new: old for old, new in options.remap.items()}, feed.first_epoch),
            tolerance=options.tolerance,
            ignore=options.ignore,
            ignore_order=options.ignore_order,
        )
        if "redacted" in traffic.recording.facts:
            self._comparison.note("the recording is redacted: stand-ins are fed and expected as they are")
        self._given_up: set[Hashable] = set()
        self._last_sent_ns = feed.sends[0].time_ns
        self._last_output_ns = 0
        self._ended: int | None = None

    def shake_hands(self) -> None:
        """Wait until the node is ready to be fed."""
        patience = Patience(self._options.start_timeout_ns, self._say)
        next_ping = time.monotonic_ns() + 1_000_000_000
        while not self._role.ready:
            self._take(TICK_NS)
            now = time.monotonic_ns()
            if self._ended is not None:
                raise ReplayError(self._early_end(self._ended))
            if patience.look(now, [("ready", self._role.waiting_for(), 0)]):
                what = self._role.waiting_for()
                raise ReplayError(f"gave up waiting for {what}; allow more with --start-timeout")
            if now >= next_ping and self._role.heard:
                self._sockets.perform(COMMAND, [self._role.ping()])
                next_ping = now + 1_000_000_000
        identify = self._role.identify or {}
        self._comparison.introduced(identify, self._traffic.identities.get(self._feed.node))
        for name in sorted(set(identify.get("subscribed_to") or []) - self._known_upstream):
            self._comparison.note(f"the node depends on {name} now; the recording has nothing from it")

    def feed_all(self) -> None:
        """Send everything, and wait for the outputs that are due."""
        patience = Patience(self._options.timeout_ns, self._say)
        first = self._feed.sends[0]
        if first.row is not None:  # what is slow the first time must not delay the first send
            self._rewriter.frames(self._traffic.recording.frames(first.row))
        self._pacer.begin(time.monotonic_ns(), first.time_ns)
        while not self._conductor.done and self._ended is None:
            full = not self._send_due()
            if self._conductor.done:
                break
            if self._take(self._pacer.pause_ns(time.monotonic_ns(), TICK_NS, full=full)):
                patience.answered()
            pipe = ("pipe", self._conductor.sent_count)
            text = f"node runner {safe(self._role.node)} to take what it was sent"
            late = patience.look(time.monotonic_ns(), [(pipe, text, 0)] if full else self._waits())
            if pipe in late:
                break
            for key in late:
                self._give_up(key)
        unsent = self._conductor.drop_waiting()
        if unsent:
            self._comparison.note(f"{unsent} messages could no longer be sent to it")

    def settle(self) -> None:
        """Listen a little longer for what should not come."""
        since = time.monotonic_ns()
        while self._ended is None and time.monotonic_ns() - max(since, self._last_output_ns) < SETTLE_NS:
            self._take(SETTLE_NS // 4)

    def dismiss(self) -> None:
        """Tell a node that a person started that it is over; one of ours is simply ended."""
        if self._process is None:
            self._sockets.perform(COMMAND, [Publish((b"deinit", encode("deinit", COMMAND, None)))])
            self._take(TICK_NS)

    def verdict(self, elapsed_ns: int) -> Verdict:
        """Say what came of it."""
        return self._comparison.verdict(
            sent=self._conductor.sent_count,
            elapsed_ns=elapsed_ns,
            deviation=self._conductor.deviations.summary(),
        )

    def _send_due(self) -> bool:
        """Send what is due; False if a full pipe is in the way."""
        while (send := self._pacer.next(time.monotonic_ns())) is not None:
            if send.row is not None:
                frames = self._rewriter.frames(self._traffic.recording.frames(send.row))
                if not self._sockets.publish(COMMAND, frames):
                    return False
                self._last_sent_ns = send.time_ns
            self._pacer.sent(send, time.monotonic_ns())
            # What the node says meanwhile must not pile up in its sockets.
            self._take(0)
        return True

    def _take(self, timeout_ns: int) -> bool:
        """Take what comes within a time; True if the node said something about its work."""
        worked = self._listen(timeout_ns)
        if self._ended is None and self._process is not None and self._process.exit_code is not None:
            while self._listen(LAST_WORDS_NS):
                worked = True
            self._ended = self._process.exit_code
            if self._role.status in READY or self._role.status == "stopped":
                self._comparison.ended(self._ended)
        return worked

    def _listen(self, timeout_ns: int) -> bool:
        worked = False
        for arrival in self._sockets.poll(timeout_ns):
            match arrival.place:
                case "control" if self._controls is not None:
                    for word in self._controls.read():
                        self._pacer.wish(word, time.monotonic_ns())
                case "subscription":
                    self._sockets.perform(COMMAND, self._role.subscription(arrival.frames[0]))
                case "report" | "inbox":
                    worked |= self._hear(arrival.frames)
        return worked

    def _hear(self, frames: tuple[bytes, ...]) -> bool:
        envelope = read_envelope(frames)
        if envelope.node_id != self._role.node:
            return False
        if envelope.type in ("event", "error"):
            self._output(frames, envelope.type, envelope.epoch)
            return True
        self._sockets.perform(COMMAND, self._role.reported(_message(frames)))
        return False

    def _output(self, frames: tuple[bytes, ...], kind: str, epoch: int) -> None:
        self._last_output_ns = time.monotonic_ns()
        key = self._keys.next(kind, epoch + self._feed.first_epoch if epoch >= 0 else -1)
        self._comparison.arrived(frames, late=key in self._given_up)
        self._conductor.happened(key, self._pacer.position(self._last_output_ns))
        if key not in self._expected:
            # Where it raised an error then and goes on now, the error is not worth waiting for.
            for _send, causes in self._conductor.waiting():
                for cause in causes:
                    if isinstance(cause.key, OutputKey) and cause.key.kind == "error":
                        self._give_up(cause.key)

    def _waits(self) -> list[tuple[Hashable, str, int]]:
        """What is waited for, with the extra time that it took then."""
        return [
            (
                cause.key,
                f"{cause.key} from node runner {self._role.node}",
                2 * max(0, cause.time_ns - self._last_sent_ns),
            )
            for _send, causes in self._conductor.waiting()
            for cause in causes
        ]

    def _give_up(self, key: Hashable) -> None:
        self._given_up.add(key)
        self._conductor.happened(key, self._pacer.position(time.monotonic_ns()))

    def _early_end(self, exit_code: int) -> str:
        words = self._process.last_words() if self._process is not None else ""
        said = f"; it said:\n{words}" if words else "; see its output above"
        return f"the node runner ended with exit code {exit_code} before it was ready{said}"


def _message(frames: tuple[bytes, ...]) -> dict[str, Any]:
    message = Message.from_bytes(frames)
    return {"type": message.type_, "node_id": message.node_id, "value": message.value}
