"""Decides which recorded message goes out next: in order within its lane, not before what caused it, and in
time.

Sans-io: it is told what happened and at which position of the recording's time, and answers what may be sent.
Sends wait for causes (something a peer did, or an earlier send of ours) and go out the recorded thinking time
after the last of them.
"""

from collections import deque
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import islice

from recordings.replay.timing import Deviations, Lateness

SLACK_NS = 20_000_000
"""Lateness up to this many ns is a scheduler's noise: nothing is skipped or moved because of it."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Something that comes before a send: `key` names it, `time_ns` is when it happened in the recording."""

    key: Hashable
    time_ns: int


@dataclass(frozen=True, slots=True)
class Send:
    """One recorded message that goes out again.

    `row` is its number in the recording, None for the end of a plan that only waits. `time_ns` is when it was
    on the wire. Sends of one `lane` keep their order. `key` names the send as a cause of others. `epoch` is
    the root epoch, -1 for none.
    """

    row: int | None
    time_ns: int
    lane: str = ""
    after: tuple[Cause, ...] = ()
    key: Hashable = None
    epoch: int = -1


class Conductor:
    """Plays sends against what happens; all positions are ns in the recording's time.

    `chained` sends follow the one before them in their lane at the recorded distance, as one stream does;
    otherwise only causes say when (a send without any goes at its own recorded time). `late` says what
    happens when the position is past a send's time by more than `SLACK_NS`, or a cause came later than it did
    then.
    """

    def __init__(
        self,
        sends: Iterable[Send],
        *,
        chained: bool = True,
        late: Lateness = "slip",
        deviations: Deviations | None = None,
    ) -> None:
        self._lanes: dict[str, deque[Send]] = {}
        self._chained = chained
        self._late = late
        self._happened: dict[Hashable, int] = {}
        self._shift: dict[str, int] = {}
        # Of each lane, only the first send counts: it is ready, or its lane waits for a cause.
        self._ready: list[tuple[int, int, str]] = []
        self._blocked: dict[str, Hashable] = {}
        self._waiting: dict[Hashable, list[str]] = {}
        self._order: dict[str, int] = {}
        self.deviations = deviations if deviations is not None else Deviations()
        self.sent_count = 0
        self.skipped = 0
        for send in sends:
            self._lanes.setdefault(send.lane, deque()).append(send)
        for number, lane in enumerate(self._lanes):
            self._order[lane] = number
            self._look_at(lane)

    @property
    def done(self) -> bool:
        """Whether everything has been sent or skipped."""
        return not self._lanes

    @property
    def remaining(self) -> int:
        """How many messages have not been sent."""
        return sum(send.row is not None for queue in self._lanes.values() for send in queue)

    def happened(self, key: Hashable, position_ns: int) -> bool:
        """Note that a cause has come; False if it had come before (the first time counts)."""
        if key in self._happened:
            return False
        self._happened[key] = position_ns
        for lane in self._waiting.pop(key, ()):
            if self._blocked.get(lane) == key:
                self._look_at(lane)
        return True

    def has_happened(self, key: Hashable) -> bool:
        """Whether a cause has come (or was given up)."""
        return key in self._happened

    def withdraw(self, key: Hashable) -> None:
        """Take a cause back: what waits for it waits again."""
        self._happened.pop(key, None)

    def head(self) -> tuple[int, Send] | None:
        """The next send whose causes have all come, with the position at which it is due, if there is one."""
        while self._ready:
            due, _, lane = self._ready[0]
            send = self._lanes[lane][0]
            if self._missing(send) is None:
                return due, send
            heappop(self._ready)  # a cause was withdrawn
            self._look_at(lane)
        return None

    def waiting(self, most: int = 8) -> list[tuple[Send, list[Cause]]]:
        """The first send of lanes that still wait, with the causes that have not come.

        No lanes while another can go on: it is our turn then, and what others do may depend on that, however
        long a person or a slow pace holds it back.
        """
        found: list[tuple[Send, list[Cause]]] = []
        if self.head() is not None:
            return found
        for lane in islice(self._blocked, most):
            send = self._lanes[lane][0]
            found.append((send, [cause for cause in send.after if cause.key not in self._happened]))
        return found

    def skips(self, due_ns: int, position_ns: int) -> bool:
        """Whether a send that was due at `due_ns` is to be left out by now."""
        return self._late == "skip" and position_ns - due_ns > SLACK_NS

    def skip(self, send: Send) -> None:
        """Leave out the head."""
        self._pop(send)
        self.skipped += 1

    def sent(self, send: Send, position_ns: int, *, timed: bool = True, speed: float = 1.0) -> None:
        """Note that the head has gone out; `timed` when its time was kept to."""
        due = self._due(send)
        at = due if timed else position_ns
        if timed and send.row is not None:
            self.deviations.add(round((position_ns - due) / speed))
        if self._late == "slip":
            moved = position_ns if position_ns - due > SLACK_NS else at
            self._shift[send.lane] = moved - send.time_ns
        self._pop(send)
        if send.key is not None:
            self.happened(send.key, at)
        self.sent_count += send.row is not None

    def drop_waiting(self) -> int:
        """Forget all that is left, and say how many messages that was."""
        count = self.remaining
        self._lanes.clear()
        self._ready.clear()
        self._blocked.clear()
        return count

    def _due(self, send: Send) -> int:
        times = [self._happened[cause.key] + send.time_ns - cause.time_ns for cause in send.after]
        if self._chained or not times:
            times.append(send.time_ns + self._shift.get(send.lane, 0))
        return max(times)

    def _missing(self, send: Send) -> Cause | None:
        return next((cause for cause in send.after if cause.key not in self._happened), None)

    def _look_at(self, lane: str) -> None:
        """See what the first send of a lane waits for: a cause, or its time."""
        send = self._lanes[lane][0]
        missing = self._missing(send)
        if missing is None:
            self._blocked.pop(lane, None)
            heappush(self._ready, (self._due(send), self._order[lane], lane))
        else:
            self._blocked[lane] = missing.key
            self._waiting.setdefault(missing.key, []).append(lane)

    def _pop(self, send: Send) -> None:
        _, _, lane = heappop(self._ready)
        queue = self._lanes[lane]
        assert queue[0] is send, "only the head can go out"
        queue.popleft()
        if queue:
            self._look_at(lane)
        else:
            del self._lanes[lane]
