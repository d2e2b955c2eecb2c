"""One publisher, eight subscribers: every copy passes on a connection of its own and is told as a delivery of
one message."""

from collections.abc import Callable, Sequence
from functools import partial

from benchmarks.results import Goal, Row, Values, at_least, find, interleave, ratios
from benchmarks.streams import stream

TITLE = "Fan-out: 1 publisher, 8 subscribers, 300 B"

_CASE = "tubetap, recording"


def run(quick: bool) -> list[Row]:
    """Copies a second over all subscribers; and the same messages to one subscriber, for the file's size."""
    count, rounds = (2000, 1) if quick else (100_000, 5)
    names = [_CASE] if quick else ["direct", "zmq.proxy", "tubetap relay alone", _CASE]
    cases: dict[str, Callable[[], Values]] = {name: partial(_once, name, count, 8) for name in names}
    cases[f"{_CASE}, 1 subscriber"] = partial(_once, _CASE, count, 1)
    rows = interleave("fanout", cases, rounds)
    if not quick:
        for over in ("direct", "tubetap relay alone"):
            made = ratios(rows, "rate", over)
            rows += [row for row in made if row.case == _CASE or row.case == "tubetap relay alone"]
    sizes = zip(
        find(rows, _CASE, "file").values, find(rows, f"{_CASE}, 1 subscriber", "file").values, strict=True
    )
    rows.append(Row("fanout", _CASE, "× file of 1 subscriber", tuple(many / one for many, one in sizes)))
    return rows


def _once(name: str, count: int, subscribers: int) -> Values:
    done = stream(name, count=count, subscribers=subscribers)
    figures = {"rate, copies/s": done.received / done.seconds}
    if done.received != count * subscribers or done.out_of_order:
        raise RuntimeError(f"{name}: {done.received} copies of {count * subscribers}")
    if done.outcome.file:
        figures["messages not recorded"] = count - done.recorded
        figures["deliveries not recorded"] = count * subscribers - done.deliveries
        figures["recorded after, s"] = done.done_s
        figures["recorder CPU, µs/copy"] = done.cpu_us["recorder"] / subscribers
        figures["file, B/msg"] = done.file_bytes / count
    return figures


def goals(rows: Sequence[Row]) -> list[Goal]:
    """Issue 7's line on fan-out."""
    unmatched = max(
        abs(value)
        for figure in ("messages not recorded", "deliveries not recorded")
        for value in find(rows, _CASE, figure).values
    )
    size = find(rows, _CASE, "× file of 1 subscriber")
    return [
        at_least(rows, _CASE, "× tubetap relay alone", 0.9, "≥ 0.9 × relay alone per delivered copy"),
        Goal(
            "fanout",
            "all copies matched to one message",
            f"{unmatched:.0f} missing or unmatched",
            not unmatched,
        ),
        Goal(
            "fanout",
            "file within 1.2 × of the one with a single subscriber",
            f"{size.median:.2f}",
            size.median <= 1.2,
        ),
    ]
