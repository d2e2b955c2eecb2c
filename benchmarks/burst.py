"""A burst of small messages, flat out: what standing in the path costs, and recording all of it."""

from collections.abc import Callable, Sequence
from functools import partial

from benchmarks.results import Goal, Row, Values, at_least, at_most, find, interleave, ratios
from benchmarks.streams import stream

TITLE = "Burst: PUB to SUB over ipc, 2 frames, 300 B, flat out"

ROUTES = (
    "direct",
    "zmq.proxy",
    "zmq.proxy, capture drained",
    "zmq.proxy, Python recorder",
    "tubetap relay alone",
    "tubetap, recording",
)


def run(quick: bool) -> list[Row]:
    """All routes in turn; 500,000 messages each."""
    count, rounds = (20_000, 1) if quick else (500_000, 8)
    names = [name for name in ROUTES if not quick or name in ("direct", "tubetap, recording")]
    cases: dict[str, Callable[[], Values]] = {name: partial(_once, name, count) for name in names}
    rows = interleave("burst", cases, rounds)
    made: list[Row] = []
    for over in names:
        if over in ("direct", "zmq.proxy, capture drained", "tubetap relay alone"):
            made += [
                row
                for row in ratios(rows, "rate", over)
                if row.case.startswith("tubetap") or over == "direct"
            ]
    return rows + made


def _once(name: str, count: int) -> Values:
    done = stream(name, count=count)
    figures: dict[str, float] = {
        "rate, msg/s": done.received / done.seconds,
        "not received": done.sent - done.received + done.out_of_order,
    }
    for role, cost in done.cpu_us.items():
        if cost:
            figures[f"{role} CPU, µs/msg"] = cost
    if done.outcome.file:
        figures["not recorded"] = done.sent - done.recorded
        figures["recorded after, s"] = done.done_s
    return figures


def goals(rows: Sequence[Row]) -> list[Goal]:
    """Issue 7's first line."""
    case = "tubetap, recording"
    return [
        at_least(rows, case, "× tubetap relay alone", 0.95, "recording forwards ≥ 0.95 × the relay alone"),
        at_least(rows, case, "× direct", 0.85, "≥ 0.85 × direct"),
        at_least(rows, case, "× zmq.proxy, capture drained", 1.0, "≥ 1.0 × zmq.proxy with a drained capture"),
        Goal(
            "burst",
            "nothing lost",
            str(int(max(find(rows, case, "not recorded").values))),
            max(find(rows, case, "not recorded").values) == 0,
        ),
        at_most(rows, case, "recorded after", 3.0, "recorder done within 3 s"),
    ]
