"""Real noob tubes, direct and under `tubetap run`: epochs a second, start-up, camera frames, file size."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.results import Goal, Row, Values, at_least, at_most, find, interleave, ratios
from benchmarks.routes import PROGRAMS, folder
from recordings.recording import Recording

TITLE = "noob tubes (each node a process of its own)"

TUBES: dict[str, tuple[str, list[str]]] = {
    "4 nodes, process()": ("rate", ["four", "--epochs", "400"]),
    "4 nodes, free-run": ("rate", ["four", "--epochs", "1000", "--free-run"]),
    "VGA camera, process()": ("rate", ["camera", "--epochs", "150"]),
    "VGA camera, free-run": ("rate", ["camera", "--epochs", "150", "--free-run"]),
    "chain of 20, init()": ("init_s", ["chain:20"]),
}
_FEW = {"4 nodes, process()": ("rate", ["four", "--epochs", "20"])}


def run(quick: bool) -> list[Row]:
    """Each tube direct and tapped, in turn."""
    tubes = _FEW if quick else TUBES
    cases: dict[str, Callable[[], Values]] = {}
    for name, (figure, arguments) in tubes.items():
        for way in ("direct", "tubetap run"):
            cases[f"{name}: {way}"] = partial(_once, figure, arguments, tap=way != "direct")
    rows = interleave("noob_tubes", cases, 1 if quick else 7)
    for name, (figure, _) in tubes.items():
        mine = [row for row in rows if row.case.startswith(name)]
        unit = "epochs/s" if figure == "rate" else "init, s"
        rows += [
            Row(row.benchmark, row.case, "× direct", row.values)
            for row in ratios(mine, unit, f"{name}: direct")
        ]
    return rows


def run_tube(place: Path, arguments: Sequence[str], *, tap: bool) -> dict[str, Any]:
    """Run a tube, recorded to `run.mcap` in `place` if tapped; return what its program told."""
    command = [sys.executable, str(PROGRAMS / "noob_tube.py"), *arguments]
    if tap:
        command = [sys.executable, "-m", "tubetap", "run", "-o", str(place / "run.mcap"), "--", *command]
    env = {**os.environ, "NOOB_TMP_DIR": str(place / "noob"), "NOOB_LOGS__DIR": str(place / "logs")}
    done = subprocess.run(command, env=env, check=True, capture_output=True, text=True, timeout=120)
    told: dict[str, Any] = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{")))
    return told


def _once(figure: str, arguments: list[str], *, tap: bool) -> Values:
    with folder() as place:
        file = place / "run.mcap"
        told = run_tube(place, arguments, tap=tap)
        figures = {"init, s": told["init_s"]} if figure == "init_s" else {"epochs/s": told["rate"]}
        if tap:
            with Recording.open(file) as recording:
                events = sum(node.sent for node in recording.session.nodes.values())
                figures["messages"] = len(recording.rows)
                figures["lost, B"] = sum(loss.bytes for loss in recording.session.losses)
                figures["file, B/msg"] = file.stat().st_size / len(recording.rows)
                figures["payload, B/msg"] = float(recording.rows.size.mean())
                assert events or figure == "init_s"
        return figures


def goals(rows: Sequence[Row]) -> list[Goal]:
    """Issue 7's lines on noob."""
    made = [
        at_least(rows, f"{name}: tubetap run", "× direct", 0.9, f"{name}: ≥ 0.9 × direct")
        for name, (figure, _) in TUBES.items()
        if figure == "rate"
    ]
    case = "chain of 20, init(): tubetap run"
    made.append(at_most(rows, case, "× direct", 1.2, "start-up of a 20-node chain ≤ 1.2 × direct"))
    lost = max(value for row in rows if row.figure == "lost, B" for value in row.values)
    made.append(Goal("noob_tubes", "recordings keep all", f"{lost:.0f} B lost", not lost))
    size = find(rows, "4 nodes, free-run: tubetap run", "file")
    made.append(
        Goal("noob_tubes", "≤ 100 B a message in the file", f"{size.median:.0f} B", size.median <= 100)
    )
    return made
