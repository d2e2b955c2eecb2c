"""The viewer in a real terminal (tmux), everything encoded: 20,000 messages a second live, and millions of
rows.

Keys are timed from outside: sent by tmux, until the screen has changed. That includes tmux itself (a few ms).
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.results import Goal, Row, Values, find

TITLE = "The viewer in a terminal of 120x36"

LIVE_RATE = 20_000
KEYS = ("Space", "Space", "b", "G", "g", "Space")
FILTERS = ("type:event", "node:b size>180", "type:error")

PROBE = """
import json, resource, sys, time
from pathlib import Path
from recordings.recording import Recording
from tui.app import TubetapApp
from tui.keys import Keymap
path, live, out = Path(sys.argv[1]), sys.argv[2] == "live", Path(sys.argv[3])
with Recording.open(path, follow=True) as recording:
    app = TubetapApp(recording, live=live, keymap=Keymap({}))
    began, cpu = time.monotonic(), time.process_time()
    app.run()
    seconds = time.monotonic() - began
    out.write_text(json.dumps({
        "cpu": (time.process_time() - cpu) / seconds,
        "late": app.late_ticks / max(1, app.ticks),
        "ticks": app.ticks / seconds,
        "rows": len(recording.rows),
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }))
"""

WRITER = """
import sys, time
from pathlib import Path
from tests.support_recordings import Tube, read_envelope
path, rate, seconds = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
tube = Tube(path)
tube.now_ns = time.time_ns()
tube.start()
event = {"id": 1, "timestamp": tube.stamp(), "node_id": "a", "signal": "v", "epoch": 0, "value": 1}
frames = [(b"event", tube.message("event", "a", [{**event, "epoch": n, "value": n}])) for n in range(200)]
envelopes = [read_envelope(each) for each in frames]
endpoint, first, second = tube.endpoints["a"], tube.connections["command", "a"], tube.connections["b", "a"]
began, written = time.monotonic(), 0
while (passed := time.monotonic() - began) < seconds:
    now = time.time_ns()
    while written < passed * rate:
        number = tube.writer.message(
            now, endpoint, first, "out", frames[written % 200], envelopes[written % 200]
        )
        tube.writer.delivered(second, number, now + 50_000)
        written += 1
    tube.writer.tick(now)
    time.sleep(0.01)
tube.writer.close()
"""


class Terminal:
    """A terminal of its own in tmux that runs the viewer."""

    def __init__(self, folder: Path, recording: Path, mode: str) -> None:
        self._socket = str(folder / "tmux")
        self._figures = folder / "figures.json"
        self._figures.unlink(missing_ok=True)
        command = [sys.executable, "-c", PROBE, str(recording), mode, str(self._figures)]
        self.tmux("new-session", "-d", "-x", "120", "-y", "36", "-e", "COLORTERM=truecolor", *command)

    def tmux(self, *arguments: str) -> str:
        """Run a tmux command."""
        command = ["tmux", "-S", self._socket, "-f", os.devnull, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout

    def text(self) -> str:
        """Give what is on the screen."""
        return self.tmux("capture-pane", "-p")

    def sees(self, text: str, timeout_s: float = 30) -> float:
        """Wait for a text; give how long it took, in seconds."""
        began = time.monotonic()
        while text not in self.text():
            if time.monotonic() - began > timeout_s:
                raise TimeoutError(f"never saw {text!r}")
        return time.monotonic() - began

    def key(self, key: str, *, literal: bool = False) -> float:
        """Press a key; give how long the screen took to change, in milliseconds."""
        before, began = self.text(), time.monotonic()
        self.tmux("send-keys", *(["-l"] if literal else []), key)
        while self.text() == before and time.monotonic() - began < 5:
            pass
        return (time.monotonic() - began) * 1000

    def quit(self) -> dict[str, float]:
        """Leave the viewer and give its own figures."""
        self.tmux("send-keys", "q")
        began = time.monotonic()
        while not self._figures.exists() and time.monotonic() - began < 10:
            time.sleep(0.02)
        self.tmux("kill-server")
        figures: dict[str, float] = json.loads(self._figures.read_text())
        return figures


def run(quick: bool) -> list[Row]:
    """Measure both, or nothing where tmux is missing."""
    if shutil.which("tmux") is None:
        return []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        live = _live(folder, 3 if quick else 15)
        large = _large(folder, 100_000 if quick else 5_000_000)
    return [
        Row("viewer", case, figure, (value,), "low")
        for case, values in (("live", live), ("large", large))
        for figure, value in values.items()
    ]


def _live(folder: Path, seconds: float) -> Values:
    path = folder / "live.mcap"
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), str(LIVE_RATE), str(seconds + 4)], env=environment
    )
    try:
        while not path.exists() or path.stat().st_size < 10_000:
            time.sleep(0.05)
        terminal = Terminal(folder, path, "live")
        terminal.sees("LIVE > FOLLOW")
        time.sleep(seconds)
        figures = terminal.quit()
    finally:
        writer.wait()
    return {
        "cpu of one core, %": figures["cpu"] * 100,
        "late ticks, %": figures["late"] * 100,
        "messages seen": figures["rows"],
        "memory, MiB": figures["memory"],
    }


def _large(folder: Path, rows: int) -> Values:
    from tests.support_recordings import big_recording

    path = folder / "large.mcap"
    big_recording(path, messages=rows)
    terminal = Terminal(folder, path, "recorded")
    opened = terminal.sees("from > to") + terminal.sees(f"{rows + 7:,} messages")
    keys = [terminal.key(key) for key in KEYS]
    typed: list[float] = []
    for filter_text in FILTERS:
        terminal.key("f")
        time.sleep(0.3)
        for character in filter_text:
            # A space changes nothing that could be waited for.
            if character == " ":
                terminal.tmux("send-keys", "-l", " ")
            else:
                typed.append(terminal.key(character, literal=True))
            time.sleep(0.1)
        terminal.key("Enter")
        time.sleep(0.5)
        terminal.key("X")
        time.sleep(0.5)
    figures = terminal.quit()
    return {
        "rows": rows,
        "opened whole, s": opened,
        "slowest page key, ms": max(keys),
        "slowest filter keystroke, ms": max(typed),
        "median filter keystroke, ms": sorted(typed)[len(typed) // 2],
        "memory, MiB": figures["memory"],
    }


def goals(rows: Sequence[Row]) -> list[Goal]:
    """What issue 5 asks for."""
    if not rows:
        return []
    cpu, late = find(rows, "live", "cpu of one core"), find(rows, "live", "late ticks")
    page, filtering = find(rows, "large", "slowest page key"), find(rows, "large", "slowest filter keystroke")
    return [
        Goal("viewer", "20,000 msg/s live under 25 % of a core", f"{cpu.median:.0f} %", cpu.median < 25),
        Goal("viewer", "over 95 % of ticks on time", f"{100 - late.median:.1f} %", late.median < 5),
        Goal("viewer", "a page of 5 M rows within 100 ms", f"{page.median:.0f} ms", page.median < 100),
        Goal(
            "viewer",
            "a filter keystroke over 5 M rows within 100 ms",
            f"{filtering.median:.0f} ms",
            filtering.median < 100,
        ),
    ]
