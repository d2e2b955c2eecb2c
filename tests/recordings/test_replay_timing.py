"""The replay clock is anchored, and lateness is told truly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordings.replay.timing import Clock, Deviations, duration

SECOND = 1_000_000_000


def test_a_clock_stands_until_it_plays() -> None:
    clock = Clock(5 * SECOND)
    assert clock.position(123) == 5 * SECOND
    assert clock.when(6 * SECOND) is None
    clock.play(100)
    assert clock.position(100 + SECOND) == 6 * SECOND
    assert clock.when(6 * SECOND) == 100 + SECOND


def test_speed_counts_from_the_moment_it_changes() -> None:
    clock = Clock(0)
    clock.play(0)
    clock.set_speed(2 * SECOND, 10)
    assert clock.position(3 * SECOND) == 12 * SECOND
    clock.pause(3 * SECOND)
    assert clock.position(99 * SECOND) == 12 * SECOND
    clock.seek(99 * SECOND, SECOND)
    clock.play(100 * SECOND)
    assert clock.position(101 * SECOND) == 11 * SECOND


@pytest.mark.parametrize("speed", [0, -1, float("inf"), float("nan")])
def test_a_clock_refuses_speeds_that_lead_nowhere(speed: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        Clock(0, speed=speed)
    with pytest.raises(ValueError, match="above 0"):
        Clock(0).set_speed(0, speed)


@given(
    st.lists(st.integers(1, 10**8), min_size=1, max_size=200), st.sampled_from([0.1, 0.3, 1.0, 7.0, 100.0])
)
def test_no_error_adds_up(naps: list[int], speed: float) -> None:
    clock = Clock(0, speed=speed)
    clock.play(0)
    now = 0
    for nap in naps:
        now += nap
        clock.position(now)
    assert abs(clock.position(now) - now * speed) <= 1
    when = clock.when(clock.position(now))
    assert when is not None
    assert abs(when - now) <= 1 + 1 / speed


def test_percentiles_are_exact() -> None:
    deviations = Deviations()
    for value in range(100, 0, -1):
        deviations.add(value)
    deviations.add(-5)  # early is not late
    summary = deviations.summary()
    assert (summary.count, summary.p50_ns, summary.p99_ns, summary.max_ns) == (101, 50, 99, 100)
    assert Deviations().summary().count == 0
    assert str(Deviations().summary()) == "no timed sends"


@pytest.mark.parametrize(
    ("ns", "text"),
    [(850_000, "850 µs"), (12_345_678, "12.3 ms"), (4_070_000_000, "4.07 s"), (125 * SECOND, "2 min 5 s")],
)
def test_durations_read_well(ns: int, text: str) -> None:
    assert duration(ns) == text
