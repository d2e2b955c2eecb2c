"""Decides which recorded message goes out next: in order within its lane, not before what caused it, and in
time.

Sans-io: it is told what happened and at which position of the recording's time, and answers what may be sent.
Sends wait for causes (something a peer did, or an earlier send of ours) and go out the recorded thinking time
after the last of them.
"""

from collections import deque
from collections.abc import Hashable, Iterable
from dataclasses import dataclass

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
        self.deviations = deviations if deviations is not None else Deviations()
        self.sent_count = 0
        self.skipped = 0
        for send in sends:
            self._lanes.setdefault(send.lane, deque()).append(send)
        self._lanes = {lane: queue for lane, queue in self._lanes.items() if queue}

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
        return True

    def has_happened(self, key: Hashable) -> bool:
        """Whether a cause has come (or was given up)."""
        return key in self._happened

    def withdraw(self, key: Hashable) -> None:
        """Take a cause back: what waits for it waits again."""
        self._happened.pop(key, None)

    def head(self) -> tuple[int, Send] | None:
        """The next send whose causes have all come, with the position at which it is due, if there is one."""
        best: tuple[int, Send] | None = None
        for queue in self._lanes.values():
            send = queue[0]
            if all(cause.key in self._happened for cause in send.after):
                due = self._due(send)
                if best is None or due < best[0]:
                    best = due, send
        return best

    def waiting(self) -> list[tuple[Send, list[Cause]]]:
        """The first send of every lane that still waits, with the causes that have not come."""
        found = []
        for queue in self._lanes.values():
            missing = [cause for cause in queue[0].after if cause.key not in self._happened]
            if missing:
                found.append((queue[0], missing))
        return found

    def skips(self, due_ns: int, position_ns: int) -> bool:
        """Whether a send that was due at `due_ns` is to be left out by now."""
        return self._late == "skip" and position_ns - due_ns > SLACK_NS

    def skip(self, send: Send) -> None:
        """Leave out the head of a lane."""
        self._pop(send)
        self.skipped += 1

    def sent(self, send: Send, position_ns: int, *, timed: bool = True, speed: float = 1.0) -> None:
        """Note that the head of a lane has gone out; `timed` when its time was kept to."""
        due = self._due(send)
        self._pop(send)
        at = due if timed else position_ns
        if timed and send.row is not None:
            self.deviations.add(round((position_ns - due) / speed))
        if self._late == "slip":
            moved = position_ns if position_ns - due > SLACK_NS else at
            self._shift[send.lane] = moved - send.time_ns
        if send.key is not None:
            self.happened(send.key, at)
        self.sent_count += send.row is not None

    def drop_waiting(self) -> int:
        """Forget all that is left, and say how many messages that was."""
        count = self.remaining
        self._lanes.clear()
        return count

    def _due(self, send: Send) -> int:
        times = [self._happened[cause.key] + send.time_ns - cause.time_ns for cause in send.after]
        if self._chained or not times:
            times.append(send.time_ns + self._shift.get(send.lane, 0))
        return max(times)

    def _pop(self, send: Send) -> None:
        queue = self._lanes[send.lane]
        assert queue[0] is send, "only the first send of a lane can go out"
        queue.popleft()
        if not queue:
            del self._lanes[send.lane]
