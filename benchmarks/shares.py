"""Whose the processors are while traffic passes: the program's, the relay's, the recorder's, or nobody's."""

import os
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Self

import psutil

from benchmarks.noob_tubes import TUBES, run_tube
from benchmarks.results import Row, Values, interleave
from benchmarks.routes import folder
from benchmarks.streams import stream

TITLE = "Shares of all processors while the traffic passes"

_EVERY_S = 0.02
_BUSY = 0.15
"""Share of the processors from which on the program counts as at work."""
_LOOKS = 10
_ROLES = {"from proxy.relay import": "relay", "from proxy.recorder import": "recorder"}


class Shares:
    """Samples what the processes that this one has started use, by role, and what nobody uses."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._roles: dict[int, str] = {}
        self._looks: dict[int, int] = {}
        self._used: dict[int, float] = {}
        self._samples: list[tuple[float, dict[str, float]]] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *about: object) -> None:
        self._stop.set()
        self._thread.join()

    def last(self, seconds: float) -> Values:
        """The shares, in %, of the middle 80 % of the last `seconds` in which the program was at work."""
        cores = os.cpu_count() or 1
        end = 0.0
        for (before_s, before), (now_s, now) in zip(self._samples, self._samples[1:], strict=False):
            if now["program"] - before["program"] > _BUSY * cores * (now_s - before_s):
                end = now_s
        first = min(self._samples, key=lambda sample: abs(sample[0] - (end - 0.9 * seconds)))
        last = min(self._samples, key=lambda sample: abs(sample[0] - (end - 0.1 * seconds)))
        if first is last:
            return {}  # too short to tell
        spent = {name: last[1][name] - first[1][name] for name in last[1]}
        whole = (last[0] - first[0]) * cores
        shares = {**spent, "others": max(whole - sum(spent.values()), 0.0)}
        return {f"{name}, %": 100 * value / whole for name, value in shares.items()}

    def _look(self, process: psutil.Process) -> None:
        """Note the role of a process; one that has just been forked still has its parent's command line."""
        looks = self._looks[process.pid] = self._looks.get(process.pid, 0) + 1
        if looks <= _LOOKS:
            line = " ".join(process.cmdline())
            role = next((role for needle, role in _ROLES.items() if needle in line), "program")
            self._roles[process.pid] = role

    def _run(self) -> None:
        mine = psutil.Process()
        while not self._stop.wait(_EVERY_S):
            times = psutil.cpu_times()
            for process in mine.children(recursive=True):
                try:
                    self._look(process)
                    used = process.cpu_times()
                    self._used[process.pid] = used.user + used.system
                except psutil.Error:
                    continue
            totals = {"program": 0.0, "relay": 0.0, "recorder": 0.0}
            for pid, used_s in self._used.items():
                totals[self._roles[pid]] += used_s
            self._samples.append((time.monotonic(), {**totals, "nobody": times.idle + times.iowait}))


def run(quick: bool) -> list[Row]:
    """The loads of the other tables, direct and recorded."""
    part, rounds = (100, 1) if quick else (1, 3)
    cases: dict[str, Callable[[], Values]] = {}
    for way in ("direct", "tubetap, recording"):
        cases[f"burst of 300 B: {way}"] = partial(_stream, way, count=1_000_000 // part)
        cases[f"8 subscribers, 300 B: {way}"] = partial(_stream, way, count=200_000 // part, subscribers=8)
        cases[f"1 MB, noise: {way}"] = partial(
            _stream, way, count=3000 // part, size=1_000_000, content="noise", hwm=4
        )
        for name, (figure, arguments) in TUBES.items():
            if figure == "rate" and not quick:
                cases[f"{name}: {way}"] = partial(_tube, way, arguments)
    order = sorted(cases, key=lambda case: (case.partition(":")[0], case))
    return interleave("shares", {case: cases[case] for case in order}, rounds)


def _stream(way: str, **options: object) -> Values:
    with Shares() as shares:
        done = stream(way, read_back=False, **options)  # type: ignore[arg-type]
    return shares.last(done.seconds)


def _tube(way: str, arguments: Sequence[str]) -> Values:
    longer = [str(3 * int(argument)) if argument.isdigit() else argument for argument in arguments]
    with folder() as place, Shares() as shares:
        told = run_tube(place, longer, tap=way != "direct")
    return shares.last(told["results"] / told["rate"])
