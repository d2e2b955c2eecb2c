"""What the capture costs while it runs: the processor time of the processes that relay and record.

They are the process that started the program, and its children that are neither the program's nor this one.
Linux tells of them in /proc; elsewhere, and on another machine than the one that records, nothing is said.
"""

import os
import platform
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from recordings.recording import Recording

EVERY_S = 2.0
PROC = Path("/proc")


class Overhead:
    """Measures a capture. `share` is the share of one core since the measurement before, None if unknown."""

    def __init__(self, proc: Path = PROC) -> None:
        self.share: float | None = None
        self._proc = proc
        self._seconds: dict[int, float] = {}
        self._measured_s = 0.0

    def update(self, recording: Recording, *, now_s: float | None = None) -> None:
        """Measure anew, every other second."""
        now_s = time.monotonic() if now_s is None else now_s
        if self._measured_s and now_s - self._measured_s < EVERY_S:
            return
        facts = recording.facts
        if recording.state != "growing" or facts.get("host") != platform.node():
            self.share = None
            return
        seconds = self._cpu_seconds(facts, list(recording.session.processes))
        if self._seconds and seconds:
            spent = sum(value - self._seconds.get(pid, value) for pid, value in seconds.items())
            self.share = max(0.0, spent) / (now_s - self._measured_s)
        else:
            self.share = None
        self._seconds, self._measured_s = seconds, now_s

    def _cpu_seconds(self, facts: Mapping[str, str], program: Iterable[int]) -> dict[int, float]:
        """Give the processor time of each process of the capture."""
        first = facts.get("user_pid", "")
        if not (first.isascii() and first.isdigit()):
            return {}
        try:
            children = (self._proc / first / "task" / first / "children").read_text().split()
            others = {*program, os.getpid()}
            pids = [int(first), *(int(child) for child in children if int(child) not in others)]
            return {pid: self._cpu_of(pid) for pid in pids}
        except (OSError, ValueError, IndexError):
            return {}

    def _cpu_of(self, pid: int) -> float:
        """Read user and system time (fields 14 and 15 of proc(5)'s stat; the name may hold anything)."""
        fields = (self._proc / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
