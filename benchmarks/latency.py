"""The round trip of one request and its answer (REQ/REP): what each way in between adds."""

import json
from collections.abc import Callable, Sequence
from functools import partial

from benchmarks.results import Goal, Row, Values, interleave
from benchmarks.routes import folder, launch, route

TITLE = "Round trip: REQ to REP over ipc, 300 B, one at a time"

_ROUTES = ("direct", "zmq.proxy", "tubetap relay alone", "tubetap, recording")


def run(quick: bool) -> list[Row]:
    """Medians and 99th percentiles of a run; what is added is against the direct run of the same round."""
    count, rounds = (200, 1) if quick else (5000, 9)
    cases: dict[str, Callable[[], Values]] = {name: partial(_once, name, count) for name in _ROUTES}
    rows = interleave("latency", cases, rounds)
    made = []
    for row in rows:
        if row.case != "direct":
            base = next(other for other in rows if other.case == "direct" and other.figure == row.figure)
            added = tuple(value - other for value, other in zip(row.values, base.values, strict=True))
            made.append(Row("latency", row.case, f"added {row.figure}", added))
    return rows + made


def _once(name: str, count: int) -> Values:
    with folder() as place, route(name, place, pattern="reqrep") as way:
        server = launch("answer", way.bind, env=way.env)
        try:
            assert server.stdout is not None
            server.stdout.readline()
            client = launch("ask", way.connect, "--count", count)
            told = json.loads(client.communicate(timeout=60)[0])
        finally:
            server.kill()
            server.communicate()
        way.finish()
    return {"p50, µs": told["p50"], "p99, µs": told["p99"]}


def goals(rows: Sequence[Row]) -> list[Goal]:
    """Issue 7: no more than 1.2 × what `zmq.proxy` adds."""
    made = []
    for figure in ("p50", "p99"):
        ours, theirs = (
            next(row for row in rows if row.case == case and row.figure == f"added {figure}, µs")
            for case in ("tubetap, recording", "zmq.proxy")
        )
        text = f"adds ≤ 1.2 × what zmq.proxy adds, {figure}"
        value = f"{ours.median:.0f} µs against {theirs.median:.0f} µs"
        made.append(Goal("latency", text, value, ours.median <= 1.2 * theirs.median))
    return made
