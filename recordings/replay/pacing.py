"""How a replay moves on: at the recorded pace or a multiple of it, as fast as causes allow, or step by step.

Joins the conductor (what comes next) with the clock (when that is) and with what a person asks for meanwhile.
Also keeps an eye on how long something has been waited for. Callers pass `now_ns` from a monotonic clock.
"""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Literal, Protocol

from recordings.replay.conductor import Conductor, Send
from recordings.replay.timing import Clock, Lateness

RETRY_NS = 1_000_000
"""How soon a send that found a full pipe is tried again, in ns."""

StepBy = Literal["message", "epoch"]


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast to play.

    `speed` is a multiple of the recorded pace, None for as fast as causes allow. `late` is what to do with
    sends that fall behind. With `step` nothing goes out until it is asked for, one message or one root epoch
    at a time.
    """

    speed: float | None = 1.0
    late: Lateness = "slip"
    step: StepBy | None = None


class Controls(Protocol):
    """Where a person's wishes come from, such as the keyboard."""

    def fileno(self) -> int:
        """What to watch for input."""

    def read(self) -> list[str]:
        """The wishes that have come: "message", "epoch", "go" or "hold"."""


class Pacer:
    """Says when the next send goes out, and keeps the clock."""

    def __init__(self, conductor: Conductor, pace: Pace) -> None:
        self._conductor = conductor
        self._pace = pace
        self._clock = Clock(0, speed=pace.speed or 1.0)
        self._held = pace.step is not None
        self._messages = 0
        self._epoch: int | None = None
        self._opening = False

    @property
    def held(self) -> bool:
        """Whether sends wait for a person."""
        return self._held

    def begin(self, now_ns: int, position_ns: int) -> None:
        """Start the clock at a position of the recording's time."""
        self._clock.seek(now_ns, position_ns)
        if not self._held:
            self._clock.play(now_ns)

    def position(self, now_ns: int) -> int:
        """Where in the recording's time the replay is."""
        return self._clock.position(now_ns)

    def wish(self, word: str, now_ns: int) -> None:
        """Do what a person asks for."""
        match word:
            case "message" if self._held:
                self._messages += 1
            case "epoch" if self._held:
                self._opening = True
            case "go" if self._held:
                self._held = False
                self._clock.play(now_ns)
            case "hold" if not self._held:
                self._held = True
                self._messages, self._epoch = 0, None
                self._clock.pause(now_ns)

    def next(self, now_ns: int) -> Send | None:
        """The message that goes out now, if there is one."""
        while (head := self._conductor.head()) is not None:
            due, send = head
            if self._held:
                return send if self._allowed(send) else None
            position = self._clock.position(now_ns)
            if self._pace.speed is None:
                return send
            if due > position:
                return None
            if send.row is None or not self._conductor.skips(due, position):
                return send
            self._conductor.skip(send)
        return None

    def sent(self, send: Send, now_ns: int) -> None:
        """Note that a message went out."""
        if self._held:
            head = self._conductor.head()
            if head is not None:
                self._clock.seek(now_ns, max(self._clock.position(now_ns), head[0]))
            if send.row is not None:
                self._messages = max(0, self._messages - 1)
        timed = not self._held and self._pace.speed is not None
        speed = self._pace.speed or 1.0
        self._conductor.sent(send, self._clock.position(now_ns), timed=timed, speed=speed)

    def pause_ns(self, now_ns: int, most_ns: int, *, full: bool = False) -> int:
        """How long to listen before the next look: until a send is due, or a `full` pipe may have room."""
        head = self._conductor.head()
        due = self._clock.when(head[0]) if head is not None and not self._held else None
        pause = most_ns if due is None else max(0, min(most_ns, due - now_ns))
        return max(pause, RETRY_NS) if full else pause

    def _allowed(self, send: Send) -> bool:
        if send.row is None or self._messages > 0:
            return True
        if self._opening:
            self._opening = False
            self._epoch = send.epoch
        return self._epoch is not None and send.epoch == self._epoch


class Patience:
    """Watches what is waited for: says so after a second, and says when it has been too long.

    `limit_ns` is how long, None for as long as it takes. Each wait that is given up makes the next ones
    shorter, until something comes again: a peer that stopped answering is not waited for a hundred times
    over.
    """

    SAY_AFTER_NS = 1_000_000_000
    SHORTEST_NS = 250_000_000

    def __init__(self, limit_ns: int | None, say: Callable[[str], None]) -> None:
        self._limit_ns = limit_ns
        self._current_ns = limit_ns
        self._say = say
        self._since: dict[Hashable, int] = {}
        self._said: set[Hashable] = set()

    def look(self, now_ns: int, waits: Iterable[tuple[Hashable, str, int]]) -> list[Hashable]:
        """Take what is waited for now, as (key, description, extra ns allowed); return what took too long.

        Only the first is spoken of.
        """
        waits = list(waits)
        keys = {key for key, _text, _extra in waits}
        self._since = {key: since for key, since in self._since.items() if key in keys}
        too_long = []
        for number, (key, text, extra_ns) in enumerate(waits):
            waited = now_ns - self._since.setdefault(key, now_ns)
            if not number and waited >= self.SAY_AFTER_NS and key not in self._said:
                self._said.add(key)
                self._say(f"waiting for {text}")
            if self._current_ns is not None and waited > self._current_ns + extra_ns:
                too_long.append(key)
        if too_long and self._current_ns is not None:
            self._current_ns = max(self.SHORTEST_NS, self._current_ns // 4)
        return too_long

    def answered(self) -> None:
        """Note that the peer did something."""
        self._current_ns = self._limit_ns
