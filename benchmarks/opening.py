"""Opening a long recording: with its row index, and without (crashed, or still being written)."""

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from benchmarks.results import Goal, Row, Values, find, interleave
from benchmarks.routes import folder, launch

TITLE = "Opening a recording of 200 B noob events (file in the page cache)"


def run(quick: bool) -> list[Row]:
    """1 M and 10 M messages, written by tubetap's writer; each opened in a fresh process."""
    sizes = {"20 k": 20_000} if quick else {"1 M": 1_000_000, "10 M": 10_000_000}
    rows: list[Row] = []
    for name, count in sizes.items():
        with folder() as place:
            cases: dict[str, Callable[[], Values]] = {}
            for case, options in (("", []), (", no row index", ["--cut-off"])):
                file = place / f"{len(options)}.mcap"
                written = _told("write_recording", file, count, *options)
                rows.append(Row("opening", name + case, "written, msg/s", (count / written["seconds"],)))
                rows.append(Row("opening", name + case, "file, B/msg", (written["bytes"] / count,)))
                cases[name + case] = partial(_open, file)
            rows += interleave("opening", cases, 1 if quick else 5 if count < 5_000_000 else 3)
    return rows


def _open(file: Path) -> Values:
    told = _told(
        "open_recording",
        file,
        "--header",
        "type:event from:camera epoch>=5000",
        "--payload",
        '~"value\\":77}"',
    )
    return {
        "first rows, s": told["first_rows_s"],
        "all rows, s": told["all_rows_s"],
        "memory, MB": told["memory_mb"],
        "one message, ms": told["one_message_ms"],
        "header filter, ms": told["header_s"] * 1e3,
        "payload filter, s": told["payload_s"],
    }


def _told(program: str, *arguments: object) -> dict[str, float]:
    process = launch(program, *arguments)
    output, _ = process.communicate()
    if process.returncode:
        raise RuntimeError(f"{program} failed")
    told: dict[str, float] = json.loads(output.splitlines()[-1])
    return told


def goals(rows: Sequence[Row]) -> list[Goal]:
    """What the recordings issue asks for."""
    indexed, torn = "1 M", "1 M, no row index"

    def below(case: str, figure: str, bound: float, text: str, unit: str) -> Goal:
        row = find(rows, case, figure)
        return Goal("opening", text, f"{row.median:.3g} {unit}", row.median < bound)

    return [
        below(indexed, "all rows", 0.5, "1 M messages with row index: open in < 0.5 s", "s"),
        below(indexed, "memory", 150, "and under 150 MB of memory", "MB"),
        below(torn, "first rows", 0.5, "without its end: first rows in < 0.5 s", "s"),
        below(torn, "all rows", 5, "all rows within a few seconds", "s"),
        below("10 M", "all rows", 5, "10 M messages still open", "s"),
        below(
            indexed,
            "header filter",
            100,
            "a header filter over 1 M rows answers within a keystroke (100 ms)",
            "ms",
        ),
    ]
