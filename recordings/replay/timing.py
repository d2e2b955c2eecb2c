"""When a replay is: a clock that runs in the recording's time, and how far sends strayed from it.

The clock is anchored: its position is always computed from where it last started, never summed up from
sleeps, so that a replay of an hour ends as exactly as it began. It reads no system clock: callers pass
`now_ns`, any monotonic time in nanoseconds.
"""

import math
from dataclasses import dataclass
from typing import Literal

Lateness = Literal["burst", "skip", "slip"]
"""When sends fall behind: catch up at once, leave out what is overdue, or move all that follows."""


class Clock:
    """A position in the recording's time (ns) that runs at `speed`, can pause, jump and change its speed."""

    def __init__(self, position_ns: int, *, speed: float = 1.0) -> None:
        if not speed > 0 or math.isinf(speed):
            raise ValueError(f"a clock's speed must be above 0, not {speed}")
        self._anchor_ns = position_ns
        self._started_ns: int | None = None
        self._speed = speed

    @property
    def running(self) -> bool:
        """Whether the position moves."""
        return self._started_ns is not None

    @property
    def speed(self) -> float:
        """Nanoseconds of the recording per nanosecond of real time."""
        return self._speed

    def position(self, now_ns: int) -> int:
        """Where in the recording's time the clock is, in ns."""
        if self._started_ns is None:
            return self._anchor_ns
        return self._anchor_ns + round((now_ns - self._started_ns) * self._speed)

    def when(self, position_ns: int) -> int | None:
        """The `now_ns` at which the clock will be at `position_ns`; None while it stands still."""
        if self._started_ns is None:
            return None
        return self._started_ns + math.ceil((position_ns - self._anchor_ns) / self._speed)

    def play(self, now_ns: int) -> None:
        """Let the position run on."""
        if self._started_ns is None:
            self._started_ns = now_ns

    def pause(self, now_ns: int) -> None:
        """Hold the position."""
        self._anchor_ns = self.position(now_ns)
        self._started_ns = None

    def seek(self, now_ns: int, position_ns: int) -> None:
        """Jump to a position; a running clock runs on from there."""
        self._anchor_ns = position_ns
        if self._started_ns is not None:
            self._started_ns = now_ns

    def set_speed(self, now_ns: int, speed: float) -> None:
        """Run slower or faster from here on."""
        if not speed > 0 or math.isinf(speed):
            raise ValueError(f"a clock's speed must be above 0, not {speed}")
        self.seek(now_ns, self.position(now_ns))
        self._speed = speed


@dataclass(frozen=True, slots=True)
class Deviation:
    """How late sends went out: the count of timed sends, and percentiles of their lateness in ns."""

    count: int
    p50_ns: int
    p99_ns: int
    max_ns: int

    def __str__(self) -> str:
        if not self.count:
            return "no timed sends"
        p50, p99, most = (duration(value) for value in (self.p50_ns, self.p99_ns, self.max_ns))
        return f"sends were late by p50 {p50}, p99 {p99}, max {most}"


class Deviations:
    """Collects how late each send was; keeps every value (8 bytes a send) so that percentiles are exact."""

    def __init__(self) -> None:
        self._late_ns: list[int] = []

    def add(self, late_ns: int) -> None:
        """Note one send."""
        self._late_ns.append(max(0, late_ns))

    def summary(self) -> Deviation:
        """The percentiles of what was noted (nearest rank)."""
        if not self._late_ns:
            return Deviation(0, 0, 0, 0)
        values = sorted(self._late_ns)

        def rank(share: float) -> int:
            return values[max(0, math.ceil(share * len(values)) - 1)]

        return Deviation(len(values), rank(0.5), rank(0.99), values[-1])


def duration(ns: int) -> str:
    """A duration in ns as people write it: `850 µs`, `12.3 ms`, `4.07 s`, `2 min 5 s`."""
    if abs(ns) < 1_000_000:
        return f"{ns / 1e3:.0f} µs"
    if abs(ns) < 1_000_000_000:
        return f"{ns / 1e6:.1f} ms"
    if abs(ns) < 60_000_000_000:
        return f"{ns / 1e9:.2f} s"
    minutes, seconds = divmod(round(ns / 1e9), 60)
    return f"{minutes} min {seconds} s"
