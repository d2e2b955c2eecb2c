"""A recording that plays: the rows and the session as they were at a moment that moves on.

The file is read once; what happened after the moment is held back and let in as the clock goes on, message by
message. A jump back begins anew, with a fresh session: whoever shows the recording must do so too.
"""

from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np

from recordings.block import Block, Runs
from recordings.container import Damage
from recordings.control import decode_control
from recordings.deliveries import DeliveryIndex, Place
from recordings.recording import Delivery, Recording
from recordings.replay.errors import ReplayError
from recordings.replay.timing import Clock
from recordings.rows import Rows
from recordings.session import Session

SPEEDS: Final = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
"""The speeds that "faster" and "slower" lead through."""

LOOP_GAP_NS: Final = 500_000_000
"""How long the end stays before a loop begins again."""


@dataclass
class _Held:
    """A block of which only a part has been let in so far: its first `rows`, `records` and `runs`."""

    block: Block
    place: Place
    record_times: list[int]
    chunk_ends: list[int]
    rows: int = 0
    records: int = 0
    runs: int = 0

    @property
    def done(self) -> bool:
        """Whether all of it has been let in."""
        block = self.block
        return (self.rows, self.records, self.runs) == (len(block), len(block.records), len(block.runs))

    def until(self, time_ns: int) -> Block | None:
        """Cut off what happened up to a time and was not let in yet."""
        block = self.block
        rows = max(self.rows, int(np.searchsorted(block.time_ns, time_ns, "right")))
        records = max(self.records, bisect_right(self.record_times, time_ns))
        runs = max(self.runs, int(np.searchsorted(block.runs.time_ns, time_ns, "right")))
        if (rows, records, runs) == (self.rows, self.records, self.runs):
            return None
        part, run_part = slice(self.rows, rows), slice(self.runs, runs)
        made = Block(
            kinds=block.kinds,
            id=block.id[part],
            time_ns=block.time_ns[part],
            kind=block.kind[part],
            size=block.size[part],
            epoch=block.epoch[part],
            flags=block.flags[part],
            offset=block.offset[part],
            runs=Runs(
                block.runs.connection[run_part],
                block.runs.message[run_part],
                block.runs.count[run_part],
                block.runs.time_ns[run_part],
            ),
            records=block.records[self.records : records],
            payloads=[(row - self.rows, data) for row, data in block.payloads if self.rows <= row < rows],
            chunks=self._chunks(self.rows, rows),
        )
        self.rows, self.records, self.runs = rows, records, runs
        return made

    def _chunks(self, start: int, stop: int) -> list[tuple[int, int]]:
        found = []
        begin = 0
        for (offset, _), end in zip(self.block.chunks, self.chunk_ends, strict=True):
            count = min(stop, end) - max(start, begin)
            if count > 0:
                found.append((offset, count))
            begin = end
        return found


class PlayingRecording(Recording):
    """A finished recording that shows what happened up to `position_ns`.

    Open it with `load`; `advance` and `rewind` move it, `refresh` does nothing.
    """

    def __init__(self, path: Path, file: int) -> None:
        super().__init__(path, file)
        self._held: list[_Held] = []
        self._letting_in = False
        self._position_ns = 0
        self._first_ns = self._last_ns = 0

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Open a recording before its first message. Raises RecordingError, also if it holds none."""
        recording = cls.open(path)
        assert isinstance(recording, cls)
        recording._begin_playing()
        return recording

    @property
    def progress(self) -> float:
        """All of the file has been read."""
        return 1.0

    @property
    def position_ns(self) -> int:
        """Up to when what happened is shown, ns since the Unix epoch."""
        return self._position_ns

    @property
    def first_ns(self) -> int:
        """The time of the first message."""
        return self._first_ns

    @property
    def last_ns(self) -> int:
        """The time of the last message."""
        return self._last_ns

    def rewind(self, position_ns: int) -> None:
        """Begin anew with what had happened up to a time; rows and session are new objects."""
        with self._lock:
            self.session = Session()
            self.rows = Rows(self.session)
            self._chunks = []
            self._deliveries = DeliveryIndex()
            self._names_version = 0
            for held in self._held:
                held.rows = held.records = held.runs = 0
            self._position_ns = position_ns
            self._let_in(position_ns)

    def advance(self, position_ns: int) -> bool:
        """Let in what happened up to a time; True if anything did."""
        with self._lock:
            self._position_ns = max(self._position_ns, position_ns)
            self.state = "complete" if self._position_ns >= self._last_ns else "growing"
            return self._let_in(self._position_ns)

    def next_time_ns(self) -> int | None:
        """When the next message that is not shown yet was sent; None at the end."""
        following = (held for held in self._held if held.rows < len(held.block))
        return min((int(held.block.time_ns[held.rows]) for held in following), default=None)

    def refresh(self, budget_s: float = 0.05) -> bool:
        """Nothing to read: see `advance`."""
        return False

    def deliveries(self, row: int) -> list[Delivery]:
        """The copies of a row's message up to the position."""
        known = {(one.connection, one.time_ns): one for one in super().deliveries(row)}
        return [one for one in known.values() if one.time_ns <= self._position_ns]

    def _begin_playing(self) -> None:
        times = [held.block.time_ns for held in self._held if len(held.block)]
        if not times:
            self.close()
            raise ReplayError(f"{self.path} holds no messages")
        self._first_ns = min(int(column[0]) for column in times)
        self._last_ns = max(int(column[-1]) for column in times)
        self.rewind(self._first_ns - 1)

    def _let_in(self, position_ns: int) -> bool:
        changed = False
        self._letting_in = True
        try:
            for held in self._held:
                if not held.done and (part := held.until(position_ns)) is not None:
                    super()._add(part, held.place)
                    changed = True
        finally:
            self._letting_in = False
        return changed

    def _add(self, block: Block, place: Place) -> None:
        if len(block):
            self._next_id = int(block.id[-1]) + 1
        order = np.argsort(block.runs.time_ns, kind="stable")
        block.runs = Runs(
            block.runs.connection[order],
            block.runs.message[order],
            block.runs.count[order],
            block.runs.time_ns[order],
        )
        ends = np.cumsum([count for _, count in block.chunks]).tolist()
        self._held.append(_Held(block, place, _times(block), ends))


def _times(block: Block) -> list[int]:
    """When each control record was made, never falling, so that they can be searched."""
    times: list[int] = []
    for kind, data in block.records:
        try:
            time_ns = decode_control(kind, data).time_ns
        except Damage:
            time_ns = 0
        times.append(max(time_ns, times[-1] if times else 0))
    return times


class Playback:
    """Moves a playing recording: play, pause, speed, step, seek, loop, all within a range of its time.

    `first_ns` and `last_ns` bound the range. `tick` is to be called often; it says when the recording has to
    be shown anew because the position went back.
    """

    def __init__(
        self,
        recording: PlayingRecording,
        *,
        first_ns: int | None = None,
        last_ns: int | None = None,
        speed: float = 1.0,
        loop: bool = False,
    ) -> None:
        self.recording = recording
        self.first_ns = max(recording.first_ns, first_ns or 0)
        self.last_ns = min(recording.last_ns, last_ns or recording.last_ns)
        if self.first_ns > self.last_ns:
            raise ReplayError("the range holds nothing of the recording")
        self.loop = loop
        self._clock = Clock(self.first_ns, speed=speed)
        self._ended_ns: int | None = None
        recording.rewind(self.first_ns - 1)

    @property
    def playing(self) -> bool:
        """Whether time moves on."""
        return self._clock.running

    @property
    def speed(self) -> float:
        """Times the recorded pace."""
        return self._clock.speed

    @property
    def ended(self) -> bool:
        """Whether the end of the range is reached."""
        return self.recording.position_ns >= self.last_ns

    def toggle(self, now_ns: int) -> bool:
        """Play or pause; playing at the end begins again. True if the recording has to be shown anew."""
        if self._clock.running:
            self._clock.pause(now_ns)
            return False
        again = self.ended and self.seek(now_ns, self.first_ns)
        self._clock.play(now_ns)
        return again

    def change_speed(self, now_ns: int, steps: int) -> float:
        """Go that many steps faster (or slower); the new speed."""
        place = bisect_right(SPEEDS, self._clock.speed) - 1
        self._clock.set_speed(now_ns, SPEEDS[max(0, min(len(SPEEDS) - 1, place + steps))])
        return self._clock.speed

    def step(self, now_ns: int) -> None:
        """Pause, and show one more message (with all others of the same instant)."""
        following = self.recording.next_time_ns()
        self._clock.pause(now_ns)
        if following is not None and following <= self.last_ns:
            self._clock.seek(now_ns, following)
            self.recording.advance(following)

    def seek(self, now_ns: int, position_ns: int) -> bool:
        """Jump; True if that was back, so that the recording has to be shown anew."""
        self._ended_ns = None
        position_ns = max(self.first_ns, min(self.last_ns, position_ns))
        self._clock.seek(now_ns, position_ns)
        if position_ns >= self.recording.position_ns:
            self.recording.advance(position_ns)
            return False
        self.recording.rewind(position_ns)
        return True

    def tick(self, now_ns: int) -> bool:
        """Move on with the clock; True if the recording has to be shown anew."""
        position = min(self.last_ns, self._clock.position(now_ns))
        if position > self.recording.position_ns:
            self.recording.advance(position)
        if not self.ended or not self._clock.running:
            return False
        if not self.loop:
            self._clock.pause(now_ns)
            return False
        if self._ended_ns is None:
            self._ended_ns = now_ns
        if now_ns - self._ended_ns < LOOP_GAP_NS:
            return False
        return self.seek(now_ns, self.first_ns)
