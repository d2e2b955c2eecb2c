"""The benchmarks run and what they measure is whole: nothing is lost on the way or in the recording. How
fast it was is not judged here."""

import json
from pathlib import Path

import pytest

from benchmarks.__main__ import main


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str, str], list[float]]:
    """All figures of a quick run of a few benchmarks, by benchmark, case and figure."""
    file: Path = tmp_path_factory.mktemp("benchmarks") / "figures.json"
    names = ["burst", "fanout", "overload", "opening"]
    assert main(["--quick", "--only", *names, "--json", str(file)]) == 0
    told = json.loads(file.read_text())
    assert {row["benchmark"] for row in told["rows"]} == set(names)
    return {(row["benchmark"], row["case"], row["figure"]): row["values"] for row in told["rows"]}


def test_a_burst_arrives_and_is_recorded(rows: dict[tuple[str, str, str], list[float]]) -> None:
    assert rows["burst", "direct", "not received"] == [0]
    assert rows["burst", "tubetap, recording", "not received"] == [0]
    assert rows["burst", "tubetap, recording", "not recorded"] == [0]
    assert rows["burst", "tubetap, recording", "rate, msg/s"][0] > 0


def test_all_copies_belong_to_one_message(rows: dict[tuple[str, str, str], list[float]]) -> None:
    assert rows["fanout", "tubetap, recording", "messages not recorded"] == [0]
    assert rows["fanout", "tubetap, recording", "deliveries not recorded"] == [0]


@pytest.mark.parametrize("case", ["300 B", "1 MB"])
def test_losses_are_counted_to_the_byte(rows: dict[tuple[str, str, str], list[float]], case: str) -> None:
    assert rows["overload", case, "not received"] == [0]
    assert rows["overload", case, "not recorded and not counted, B"] == [0]
    assert rows["overload", case, "relay, MB"][0] < 32 * 1.05 + 48


def test_recordings_open_with_and_without_their_end(
    rows: dict[tuple[str, str, str], list[float]],
) -> None:
    for case in ("20 k", "20 k, no row index"):
        assert rows["opening", case, "all rows, s"][0] > 0
