"""The viewer on a growing recording, for some seconds; then writes down how many ticks it had and how late.

Runs in a real terminal, with everything that the app does there, encoding included.
"""

import argparse
import json
import os
import time
from pathlib import Path

import psutil

from recordings.recording import Recording
from tui.app import TubetapApp


class Measured(TubetapApp):
    """The app with a stopwatch: a timer of its own tells whether keys would have been answered in time."""

    def start_measuring(self, settle: float, seconds: float, result: Path) -> None:
        self._settle, self._seconds, self._result = settle, seconds, result
        self._process = psutil.Process(os.getpid())

    def on_ready(self) -> None:
        self.set_timer(self._settle, self._begin)

    def _begin(self) -> None:
        self._began = time.perf_counter()
        self._cpu_s = sum(self._process.cpu_times()[:2])
        self._ticks, self._late = self.ticks, self.late_ticks
        self._due, self._worst = time.perf_counter() + 0.02, 0.0
        self.set_interval(0.02, self._look)
        self.set_timer(self._seconds, self._end)

    def _look(self) -> None:
        now = time.perf_counter()
        self._worst = max(self._worst, now - self._due)
        self._due = now + 0.02

    def _end(self) -> None:
        took = time.perf_counter() - self._began
        told = {
            "cpu": (sum(self._process.cpu_times()[:2]) - self._cpu_s) / took,
            "ticks": self.ticks - self._ticks,
            "due": took / self.tick_s,
            "late": self.late_ticks - self._late,
            "worst_ms": self._worst * 1e3,
            "memory_mb": self._process.memory_info().rss / 1e6,
            "rows": len(self.viewer.recording.rows),
        }
        self._result.write_text(json.dumps(told))
        self.exit()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path)
    parser.add_argument("result", type=Path)
    parser.add_argument("--settle", type=float, default=2)
    parser.add_argument("--seconds", type=float, default=8)
    options = parser.parse_args()
    with Recording.open(options.file, follow=True) as recording:
        app = Measured(recording, live=True)
        app.start_measuring(options.settle, options.seconds, options.result)
        app.run()


if __name__ == "__main__":
    main()
