"""The highest rate that can go on for ever: nothing lost, memory flat, the recorder never behind."""

import statistics
from collections.abc import Sequence

from benchmarks.results import Goal, Row, find
from benchmarks.streams import Streamed, stream

TITLE = "Sustained: PUB to SUB, 300 B, offered at a steady rate, recorded"

_OURS, _PEER = "tubetap, recording", "zmq.proxy, Python recorder"
_STEP = 1.15
_SPAN_S = 8.0
_LONG_S = 60.0


def run(quick: bool) -> list[Row]:
    """Raise the rate until a route no longer keeps up, both in turn; then our highest for a minute."""
    if quick:
        return _rows(_OURS, 5000, stream(_OURS, count=5000, rate=5000))
    best = {_OURS: 0.0, _PEER: 0.0}
    fails = dict.fromkeys(best, 0)
    rate = 40_000.0
    while min(fails.values()) < 2:
        for name in best:
            if fails[name] < 2:
                if _keeps_up(stream(name, count=int(rate * _SPAN_S), rate=rate), rate):
                    best[name], fails[name] = rate, 0
                else:
                    fails[name] += 1
        rate *= _STEP
    rows = [Row("sustained", name, "highest rate kept, msg/s", (best[name],)) for name in best]
    ratio = best[_OURS] / best[_PEER] if best[_PEER] else float("nan")
    rows.append(Row("sustained", _OURS, f"× {_PEER}", (ratio,)))
    for rate in dict.fromkeys((100_000.0, best[_OURS])):
        done = stream(_OURS, count=int(rate * _LONG_S), rate=rate)
        rows += _rows(f"{_OURS}, {rate:,.0f} msg/s for {_LONG_S:.0f} s", rate, done)
    return rows


def _keeps_up(done: Streamed, rate: float) -> bool:
    return (
        done.received == done.sent == done.recorded
        and done.late_s < 0.5
        and done.sent / done.seconds > 0.97 * rate
        and done.done_s < 2
        and all(_growth(done, role) < 30 for role in ("relay", "recorder", "forwarder"))
    )


def _growth(done: Streamed, role: str) -> float:
    """Resident memory, MB, over the second half against the first, without the first tenth and the end."""
    samples = done.meter.memory_mb(role)
    samples = samples[len(samples) // 10 : -20]
    if len(samples) < 4:
        return 0.0
    middle = len(samples) // 2
    return statistics.median(samples[middle:]) - statistics.median(samples[:middle])


def _rows(case: str, rate: float, done: Streamed) -> list[Row]:
    figures = {
        "rate, msg/s": done.received / done.seconds,
        "not recorded": float(done.sent - done.recorded),
        "recorded after, s": done.done_s,
        "publisher late, s": done.late_s,
        "relay, MB": done.meter.peak_mb("relay"),
        "recorder, MB": done.meter.peak_mb("recorder"),
        "growth, MB": max(_growth(done, "relay"), _growth(done, "recorder")),
        "relay CPU, %": done.meter.cpu_s("relay") / done.seconds * 100,
        "recorder CPU, %": done.meter.cpu_s("recorder") / done.seconds * 100,
        "file, B/msg": done.file_bytes / max(done.recorded, 1),
    }
    return [Row("sustained", case, figure, (value,)) for figure, value in figures.items()]


def goals(rows: Sequence[Row]) -> list[Goal]:
    """Issue 7's second line."""
    best, ratio = find(rows, _OURS, "highest rate kept"), find(rows, _OURS, f"× {_PEER}")
    long = f"{_OURS}, 100,000 msg/s for 60 s"
    lost, growth = find(rows, long, "not recorded"), find(rows, long, "growth")
    return [
        Goal("sustained", "≥ 100 k msg/s with nothing lost", f"{best.median:,.0f}", best.median >= 100_000),
        Goal("sustained", "≥ 1.5 × the Python recorder", f"{ratio.median:.2f}", ratio.median >= 1.5),
        Goal(
            "sustained",
            "100 k msg/s for 60 s: nothing lost, memory flat",
            f"{lost.median:.0f} lost, {growth.median:+.0f} MB",
            not lost.median and growth.median < 20,
        ),
    ]
