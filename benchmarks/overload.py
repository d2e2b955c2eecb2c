"""More than the recorder can take: memory stays within the buffer, and what is not recorded is counted."""

from collections.abc import Callable, Sequence
from functools import partial

from benchmarks.results import Goal, Row, Values, interleave
from benchmarks.streams import stream

TITLE = "Overload: flat out with a small --buffer (32 MB)"

_LIMIT = 32 << 20


def run(quick: bool) -> list[Row]:
    """Small and large messages, more of them than the buffer holds."""
    small, large, rounds = (150_000, 100, 1) if quick else (1_000_000, 2000, 3)
    cases: dict[str, Callable[[], Values]] = {
        "300 B": partial(_once, small, 300, 0),
        "1 MB": partial(_once, large, 1_000_000, 4),
    }
    return interleave("overload", cases, rounds)


def _once(count: int, size: int, hwm: int) -> Values:
    done = stream("tubetap, recording", count=count, size=size, hwm=hwm, limit=_LIMIT, content="noise")
    # The topic has a header of 2 bytes and 5 of its own, the payload one of 9.
    wire = (count - done.recorded) * (size + 16)
    return {
        "offered, MB": count * size / 1e6,
        "not received": done.sent - done.received,
        "not recorded": done.sent - done.recorded,
        "not recorded and not counted, B": wire - done.outcome.lost_bytes,
        "relay, MB": done.meter.peak_mb("relay"),
        "recorder, MB": done.meter.peak_mb("recorder"),
    }


def goals(rows: Sequence[Row]) -> list[Goal]:
    """Issue 7: bounded, and counted exactly."""

    def worst(figure: str) -> float:
        return max(abs(value) for row in rows if row.figure.startswith(figure) for value in row.values)

    relay = worst("relay")
    return [
        Goal(
            "overload", "the program loses nothing", f"{worst('not received'):.0f}", not worst("not received")
        ),
        Goal(
            "overload",
            "losses counted to the byte",
            f"{worst('not recorded and not counted'):.0f} B not counted",
            not worst("not recorded and not counted"),
        ),
        Goal("overload", "relay within the buffer and 48 MB", f"{relay:.0f} MB", relay < _LIMIT / 1e6 + 48),
        Goal("overload", "recorder below 150 MB", f"{worst('recorder'):.0f} MB", worst("recorder") < 150),
    ]
