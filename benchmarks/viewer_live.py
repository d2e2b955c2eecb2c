"""The viewer on a recording that grows: CPU of its process and late ticks, in a real terminal (tmux)."""

import json
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial

from benchmarks.results import Goal, Row, Values, find, interleave
from benchmarks.routes import PROGRAMS, folder, launch

TITLE = "The viewer live, 120x36 in tmux, following"

_RATES = {"1,000 msg/s": 1000, "20,000 msg/s": 20_000, "50,000 msg/s": 50_000}


def run(quick: bool) -> list[Row]:
    """A writer at a rate in one process, the viewer in another; nothing else."""
    if shutil.which("tmux") is None:
        print("(viewer_live: skipped, needs tmux)")
        return []
    rates = {"1,000 msg/s": 1000} if quick else _RATES
    settle, seconds = (1.0, 2.0) if quick else (3.0, 10.0)
    cases: dict[str, Callable[[], Values]] = {
        name: partial(_once, rate, settle, seconds) for name, rate in rates.items()
    }
    return interleave("viewer_live", cases, 1 if quick else 3)


def _once(rate: int, settle: float, seconds: float) -> Values:
    with folder() as place:
        file, result = place / "run.mcap", place / "result.json"
        lasting = settle + seconds + 4
        writer = launch("write_recording", file, int(rate * lasting), "--rate", rate)
        assert writer.stdout is not None
        writer.stdout.readline()
        view = [
            *(sys.executable, str(PROGRAMS / "view.py"), str(file), str(result)),
            *("--settle", str(settle), "--seconds", str(seconds)),
        ]
        server = f"bench-{place.name}"
        tmux = ["tmux", "-L", server, "-f", "/dev/null"]
        subprocess.run([*tmux, "new-session", "-d", "-x", "120", "-y", "36", shlex.join(view)], check=True)
        try:
            deadline = time.monotonic() + lasting + 30
            while not result.exists() or not result.read_text():
                if time.monotonic() > deadline:
                    raise RuntimeError("the viewer did not finish")
                time.sleep(0.1)
            told = json.loads(result.read_text())
        finally:
            subprocess.run([*tmux, "kill-server"], check=False, capture_output=True)
            writer.kill()
            writer.communicate()
    return {
        "CPU, % of a core": told["cpu"] * 100,
        "ticks on time, %": 100 * (1 - told["late"] / max(told["ticks"], 1)),
        "ticks, % of those due": 100 * told["ticks"] / told["due"],
        "longest stall, ms": told["worst_ms"],
        "memory, MB": told["memory_mb"],
        "rows": told["rows"],
    }


def goals(rows: Sequence[Row]) -> list[Goal]:
    """What the TUI issue asks for at 20,000 messages a second."""
    if not rows:
        return []
    case = "20,000 msg/s"
    cpu, on_time = find(rows, case, "CPU"), find(rows, case, "ticks on time")
    return [
        Goal("viewer_live", "20,000 msg/s with under 25 % of a core", f"{cpu.median:.0f} %", cpu.median < 25),
        Goal("viewer_live", "over 95 % of ticks on time", f"{on_time.median:.1f} %", on_time.median > 95),
    ]
