"""What `tubetap run` adds to a short program: starting our processes, and waiting for the recording's end."""

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial

from benchmarks.results import Goal, Row, Values, at_most, interleave
from benchmarks.routes import folder

TITLE = "Start-up: `python -c 'import zmq'` alone and under `tubetap run`"

_PROGRAM = [sys.executable, "-c", "import zmq"]
_BINDING = [
    *(sys.executable, "-c"),
    "import sys, zmq; zmq.Context().socket(zmq.PUB).bind('ipc://' + sys.argv[1])",
]


def run(quick: bool) -> list[Row]:
    """A program that only imports zmq, and one that binds a socket."""
    cases: dict[str, Callable[[], Values]] = {
        "direct": partial(_once, False, False),
        "tubetap run": partial(_once, True, False),
        "direct, one bind": partial(_once, False, True),
        "tubetap run, one bind": partial(_once, True, True),
    }
    rows = interleave("startup", cases, 1 if quick else 15)
    made = []
    for ours, alone in (("tubetap run", "direct"), ("tubetap run, one bind", "direct, one bind")):
        pair = [next(row for row in rows if row.case == case).values for case in (ours, alone)]
        added = tuple(with_us - without for with_us, without in zip(*pair, strict=True))
        made.append(Row("startup", ours, "added, ms", added))
    return rows + made


def _once(tap: bool, bind: bool) -> Values:
    with folder() as place:
        command = [*_BINDING, str(place / "socket")] if bind else _PROGRAM
        if tap:
            command = [sys.executable, "-m", "tubetap", "run", "-o", str(place / "run.mcap"), "--", *command]
        began = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        return {"whole run, ms": (time.perf_counter() - began) * 1e3}


def goals(rows: Sequence[Row]) -> list[Goal]:
    """Issue 7's last line."""
    return [at_most(rows, "tubetap run", "added", 150, "adds ≤ 150 ms to a program that imports zmq")]
