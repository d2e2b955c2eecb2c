"""Messages of a megabyte: how fast they pass, how fast they are recorded, and what the disk could take."""

import os
import time
from collections.abc import Callable, Sequence
from functools import partial

from benchmarks.results import Goal, Row, Values, at_least, find, interleave, ratios
from benchmarks.routes import folder
from benchmarks.streams import stream

TITLE = "1 MB messages: PUB to SUB over ipc, flat out, at most 4 in each queue"

_MB = 1_000_000
_SEEN = "tubetap, recording"
_ALL = "tubetap, recording, --on-overflow block"


def run(quick: bool) -> list[Row]:
    """Base64 of noise, as camera frames are, and text that compresses."""
    count, rounds = (30, 1) if quick else (2000, 5)
    names = [_SEEN] if quick else ["direct", "zmq.proxy, capture drained", "tubetap relay alone", _SEEN, _ALL]
    cases: dict[str, Callable[[], Values]] = {}
    for content in ("noise",) if quick else ("noise", "text"):
        cases |= {f"{name} ({content})": partial(_once, name, content, count) for name in names}
    if not quick:
        cases |= {
            f"{_SEEN}, offered 400 MB/s ({content})": partial(_once, _SEEN, content, count, 400)
            for content in ("noise", "text")
        }
        cases["the disk alone, write() of 1 MB"] = partial(_disk, count)
    rows = interleave("large", cases, rounds)
    if quick:
        return rows
    for content in ("noise", "text"):
        over = f"zmq.proxy, capture drained ({content})"
        made = ratios(rows, "passed", over)
        rows += [row for row in made if content in row.case and row.case.startswith("tubetap")]
    return rows


def _once(name: str, content: str, count: int, rate: float = 0) -> Values:
    block = "block" if name == _ALL else "drop"
    done = stream(
        name, count=count, size=_MB, content=content, hwm=4, rate=rate, on_overflow=block, read_back=True
    )
    figures = {"passed, MB/s": done.received * _MB / 1e6 / done.seconds}
    if done.outcome.file:
        figures["recorded, MB/s"] = done.recorded * _MB / 1e6 / (done.seconds + done.done_s)
        figures["not recorded"] = done.sent - done.recorded
        wire = (done.sent - done.recorded) * (_MB + 16)
        figures["not recorded and not counted, B"] = wire - done.outcome.lost_bytes
        figures["relay, MB"] = done.meter.peak_mb("relay")
        figures["recorder, MB"] = done.meter.peak_mb("recorder")
        figures["file, B/B"] = done.file_bytes / max(done.recorded * _MB, 1)
    for role, cost in done.cpu_us.items():
        if cost:
            figures[f"{role} CPU, ms/MB"] = cost / 1000
    return figures


def _disk(count: int) -> Values:
    """What the file system takes: into its cache, and until it is on the disk."""
    block = os.urandom(_MB)
    with folder() as place:
        file = os.open(place / "probe", os.O_CREAT | os.O_WRONLY)
        began = time.perf_counter()
        for _ in range(count):
            os.write(file, block)
        cached = time.perf_counter()
        os.fsync(file)
        synced = time.perf_counter()
        os.close(file)
    return {"passed, MB/s": count / (cached - began), "recorded, MB/s": count / (synced - began)}


def goals(rows: Sequence[Row]) -> list[Goal]:
    """Issue 7: forwarding ≥ zmq.proxy with capture; recording 400 MB/s with nothing lost, or the disk."""
    made = []
    for content in ("noise", "text"):
        over = f"× zmq.proxy, capture drained ({content})"
        made.append(
            at_least(
                rows,
                f"{_SEEN} ({content})",
                over,
                1.0,
                f"recording forwards ≥ 1.0 × zmq.proxy with capture ({content})",
            )
        )
        case = f"{_SEEN}, offered 400 MB/s ({content})"
        lost = max(find(rows, case, "not recorded").values)
        passed = find(rows, case, "passed")
        made.append(
            Goal(
                "large",
                f"400 MB/s offered: all recorded ({content})",
                f"{passed.median:.0f} MB/s passed, {lost:.0f} messages not recorded",
                passed.median >= 395 and not lost,
            )
        )
    uncounted = max(
        abs(value)
        for row in rows
        if row.figure.startswith("not recorded and not counted")
        for value in row.values
    )
    made.append(Goal("large", "losses counted to the byte", f"{uncounted:.0f} B not counted", not uncounted))
    return made
