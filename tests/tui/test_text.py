"""How numbers and times are written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tui import text

DAY_NS = 1_767_000_000_000_000_000


@pytest.mark.parametrize(
    ("size", "short"),
    [
        (0, "0"),
        (999, "999"),
        (1_000, "1.0k"),
        (9_949, "9.9k"),
        (9_950, "10k"),
        (999_499, "999k"),
        (999_500, "1.0M"),
    ],
)
def test_short_sizes(size: int, short: str):
    assert text.short_size(size) == short


@given(st.integers(0, 2**50))
def test_short_sizes_fit_their_column(size: int):
    assert len(text.short_size(size)) <= 5


@pytest.mark.parametrize(
    ("span", "written"),
    [
        (0, "0 ns"),
        (210_000, "0.21 ms"),
        (3_200_000_000, "3.2 s"),
        (59_960_000_000, "1 m 00 s"),
        (3_720_000_000_000, "1 h 02 m"),
        (-210_000, "-0.21 ms"),
    ],
)
def test_durations(span: int, written: str):
    assert text.duration(span) == written


@given(st.integers(0, 3600 * 10**9))
def test_durations_never_round_up_to_another_unit(span: int):
    assert "1000 " not in text.duration(span)
    assert not text.duration(span).startswith("60.0 s")


def test_clock_and_back():
    assert text.clock(DAY_NS + 5_994_000_000) == "09:20:05.994"
    assert text.parse_clock("09:20:05.994", DAY_NS) == DAY_NS + 5_994_000_000
    assert text.parse_clock("09:20", DAY_NS) == DAY_NS
    for wrong in ("9", "25:00", "09:61", "09:20:70", "x:y", "09:20:05.1234567890"):
        with pytest.raises(ValueError, match=r"is no time|invalid literal"):
            text.parse_clock(wrong, DAY_NS)


@pytest.mark.parametrize("time_ns", [-(2**63), 2**63 - 1])
def test_a_time_out_of_all_reason_is_still_written(time_ns: int):
    assert text.clock(time_ns)
    assert text.day(time_ns)


def test_seconds_line_up():
    assert text.seconds(12_345_000_000) == "12.345"
    assert text.seconds(3_723_004_000_000) == "1:02:03.004"


@given(st.text(max_size=30), st.integers(0, 40), st.booleans())
def test_fitting_is_exact_in_cells(content: str, width: int, right: bool):
    assert cell_len(text.fit(text.safe(content), width, right=right)) == width
