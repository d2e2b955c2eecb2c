"""Publishes the recorded publications again, from one socket, for whoever subscribes."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from recordings.replay.conductor import Conductor, Send
from recordings.replay.errors import ReplayError
from recordings.replay.pacing import Controls, Pace, Pacer, Patience
from recordings.replay.rewriting import Rewriter
from recordings.replay.sockets import Sockets
from recordings.replay.timing import Deviation, Deviations
from recordings.replay.traffic import Traffic
from recordings.replay.trust import refuse_foreign_code

TICK_NS = 200_000_000
LINGER_MS = 5000
"""How long, at the end, subscribers may take to fetch what is on its way, in ms."""

_WHO = "publisher"


@dataclass(frozen=True, slots=True)
class PublishOptions:
    """How to publish: begin when `subscribers` have joined, `loop` over and over until interrupted.

    `timeout_ns` bounds the wait for subscribers, to join and to take a message; None for as long as it takes.
    """

    pace: Pace = field(default_factory=lambda: Pace(late="burst"))
    subscribers: int = 1
    loop: bool = False
    timeout_ns: int | None = None
    remap: Mapping[str, str] = field(default_factory=dict)
    trust_recording: bool = False


@dataclass
class Published:
    """What was published; grows while it runs."""

    sent: int = 0
    skipped: int = 0
    rounds: int = 0
    subscribers: int = 0
    deviations: Deviations = field(default_factory=Deviations)

    @property
    def deviation(self) -> Deviation:
        """How late sends went out."""
        return self.deviations.summary()

    def lines(self) -> Iterator[str]:
        """The report, a line at a time."""
        skipped = f", left out {self.skipped} that were overdue" if self.skipped else ""
        listening = f"{self.subscribers} subscriber{'s' * (self.subscribers != 1)} at the end"
        yield f"sent {self.sent} messages{skipped}; {listening}"
        deviation = self.deviation
        if deviation.count:
            yield str(deviation)

    def to_json(self) -> dict[str, Any]:
        """The report for programs."""
        deviation = self.deviation
        return {
            "sent": self.sent,
            "skipped": self.skipped,
            "rounds": self.rounds,
            "subscribers": self.subscribers,
            "late_ns": {
                "p50": deviation.p50_ns,
                "p99": deviation.p99_ns,
                "max": deviation.max_ns,
            },
        }


def publish(
    traffic: Traffic,
    address: str,
    options: PublishOptions | None = None,
    *,
    say: Callable[[str], None] = lambda text: None,
    controls: Controls | None = None,
    published: Published | None = None,
) -> Published:
    """Bind `address` and publish what publishers sent, topics and all, in the order of the recording.

    Pass `published` to see how far it came when it is interrupted. Raises ReplayError if nothing could be
    sent.
    """
    options = options or PublishOptions()
    published = published if published is not None else Published()
    traffic.require_all(options.remap)
    rows = traffic.published()
    if not rows:
        raise ReplayError("no publication is chosen: nothing to publish")
    if not options.trust_recording:
        refuse_foreign_code(traffic.recording, [one.row for one in rows])
    sends = [Send(one.row, one.time_ns, epoch=traffic.epoch_of(one.row)) for one in rows]
    with Sockets(linger_ms=LINGER_MS) as sockets:
        performance = _Performance(traffic, options, sockets, say, controls, published)
        performance.open(address)
        performance.gather()
        while True:
            performance.play(sends)
            if not options.loop:
                return published


class _Performance:
    """One publisher while it runs."""

    def __init__(
        self,
        traffic: Traffic,
        options: PublishOptions,
        sockets: Sockets,
        say: Callable[[str], None],
        controls: Controls | None,
        published: Published,
    ) -> None:
        self._traffic = traffic
        self._options = options
        self._sockets = sockets
        self._say = say
        self._controls = controls
        self._published = published
        self._rewriter = Rewriter(options.remap) if options.remap else None
        self._subscriptions = 0
        self._wishes: list[str] = []

    def open(self, address: str) -> None:
        """Bind the publisher, and tell where that is if it was left open."""
        bound = self._sockets.publisher(_WHO, address, watch=True)
        if bound != address:
            self._say(f"publishing at {bound}")
        if self._controls is not None:
            self._sockets.watch(self._controls.fileno())

    def gather(self) -> None:
        """Wait until enough subscribers have connected and subscribed to something."""
        wanted = self._options.subscribers
        patience = Patience(self._options.timeout_ns, self._say)
        while min(self._published.subscribers, self._subscriptions) < wanted:
            here = self._published.subscribers
            text = f"{wanted} subscribers ({here} here)" if wanted > 1 else "a subscriber"
            if patience.look(time.monotonic_ns(), [("subscribers", text, 0)]):
                raise ReplayError(f"gave up waiting for {text}; allow more with --timeout")
            self._take(TICK_NS)

    def play(self, sends: list[Send]) -> None:
        """Send everything once."""
        conductor = Conductor(sends, late=self._options.pace.late, deviations=self._published.deviations)
        pacer = Pacer(conductor, self._options.pace)
        patience = Patience(self._options.timeout_ns, self._say)
        before = self._published.sent, self._published.skipped
        pacer.begin(time.monotonic_ns(), sends[0].time_ns)
        while not conductor.done:
            full = False
            while not full and (send := pacer.next(time.monotonic_ns())) is not None:
                full = not self._send(send)
                if not full:
                    pacer.sent(send, time.monotonic_ns())
            self._published.sent = before[0] + conductor.sent_count
            self._published.skipped = before[1] + conductor.skipped
            if conductor.done:
                break
            self._take(pacer.pause_ns(time.monotonic_ns(), TICK_NS, full=full))
            text = "a subscriber to take what it was sent"
            if patience.look(time.monotonic_ns(), [(conductor.sent_count, text, 0)] if full else []):
                raise ReplayError(f"gave up waiting for {text}; allow more with --timeout")
            for word in self._wishes:
                pacer.wish(word, time.monotonic_ns())
            self._wishes.clear()
        self._published.rounds += 1

    def _send(self, send: Send) -> bool:
        assert send.row is not None
        frames = self._traffic.recording.frames(send.row)
        return self._sockets.publish(_WHO, self._rewriter.frames(frames) if self._rewriter else frames)

    def _take(self, timeout_ns: int) -> None:
        for arrival in self._sockets.poll(timeout_ns):
            match arrival.place:
                case "control" if self._controls is not None:
                    self._wishes += self._controls.read()
                case "joined":
                    self._published.subscribers += 1
                case "gone":
                    self._published.subscribers -= 1
                case "subscription" if arrival.frames[0][:1] == b"\x01":
                    self._subscriptions += 1
