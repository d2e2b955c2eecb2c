"""Columns: what fits, what is counted instead, and how much room the summary keeps."""

import pytest

from recordings.rows import Flag
from tui.columns import lay_out, names_text

LONG = ("countdown", "reciprocal", "report")


@pytest.mark.parametrize(
    ("names", "flags", "width", "expected"),
    [
        ((), Flag(0), 10, "-"),
        (("a", "b"), Flag(0), 10, "a,b"),
        (LONG, Flag(0), 11, "countdown+2"),
        (LONG, Flag(0), 9, "countd…+2"),
        (LONG, Flag(0), 0, "countdown,reciprocal,report"),
        (("command", "b"), Flag.LATE, 13, "comm…+1(late)"),
        (("command",), Flag.LATE, 13, "command(late)"),
    ],
)
def test_receivers_that_do_not_fit_are_counted(
    names: tuple[str, ...], flags: Flag, width: int, expected: str
):
    assert names_text(names, flags, width) == expected


@pytest.mark.parametrize(("screen", "panel", "least"), [(120, 28, 21), (80, 0, 22), (200, 34, 75)])
@pytest.mark.parametrize("names", [("command", "a", "b"), ("command", *LONG)])
def test_the_summary_has_room(screen: int, panel: int, least: int, names: tuple[str, ...]):
    summary = lay_out(screen - panel, 200, names)[-1]
    assert (summary.name, summary.width >= least) == ("summary", True), summary


def test_columns_fit_at_every_width():
    for width in range(60, 260):
        columns = lay_out(width, 5_000_000, ("command", *LONG))
        used = sum(column.width + 1 for column in columns) + 5
        assert used <= width + 1, (width, columns)
