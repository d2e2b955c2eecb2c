"""The explicit proxy on tcp, beside programs that relay tcp and do not know ZeroMQ."""

import shutil
from collections.abc import Callable, Sequence
from functools import partial

from benchmarks.results import Goal, Row, Values, interleave, ratios
from benchmarks.streams import stream

TITLE = "tcp: PUB to SUB over loopback, flat out"

_OURS = "tubetap proxy"
_ROUTES = ("direct", "zmq.proxy", "zmq.proxy, capture drained", "socat", "mitmdump", _OURS)


def run(quick: bool) -> list[Row]:
    """300 B and 1 MB messages; socat and mitmdump only where they are installed."""
    names = [name for name in _ROUTES if name not in ("socat", "mitmdump") or shutil.which(name)]
    if quick:
        names = ["direct", _OURS]
    cases: dict[str, Callable[[], Values]] = {name: partial(_once, name, quick) for name in names}
    rows = interleave("tcp", cases, 1 if quick else 5)
    for figure in ("300 B, msg/s", "1 MB, MB/s"):
        for over in ("direct", "socat"):
            if over in names:
                size = figure.partition(",")[0]
                rows += [
                    Row(row.benchmark, row.case, f"{size}, {row.figure}", row.values)
                    for row in ratios(rows, figure, over)
                ]
    return rows


def _once(name: str, quick: bool) -> Values:
    count, large = (10_000, 20) if quick else (300_000, 1000)
    if name == "mitmdump" and not quick:
        count, large = count // 10, large // 10  # it takes that long
    small = stream(name, count=count, tcp=True)
    big = stream(name, count=large, size=1_000_000, content="noise", hwm=4, tcp=True)
    figures = {
        "300 B, msg/s": small.received / small.seconds,
        "1 MB, MB/s": big.received / big.seconds,
        "not received": small.sent - small.received + big.sent - big.received,
    }
    if small.outcome.file:
        figures["not recorded, 300 B"] = small.sent - small.recorded
        figures["not recorded, 1 MB"] = big.sent - big.recorded
    return figures


def goals(rows: Sequence[Row]) -> list[Goal]:
    """Nothing of the small messages is lost; the rest is for comparison."""
    lost = max(
        value
        for row in rows
        if row.case == _OURS and row.figure in ("not recorded, 300 B", "not received")
        for value in row.values
    )
    return [Goal("tcp", "nothing lost", f"{lost:.0f}", not lost)]
