"""The benchmarks run and what they measure is whole: nothing is lost on the way or in the recording. How
fast it was is not judged here."""

import json
from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.shares import Shares


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str, str], list[float]]:
    """All figures of a quick run of a few benchmarks, by benchmark, case and figure."""
    file: Path = tmp_path_factory.mktemp("benchmarks") / "figures.json"
    names = ["burst", "fanout", "overload", "opening", "stages"]
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


def test_every_stage_of_the_recorder_is_shown(rows: dict[tuple[str, str, str], list[float]]) -> None:
    cases = {case for benchmark, case, _ in rows if benchmark == "stages"}
    assert len(cases) == 3
    for case in cases:
        stages = {figure: values[0] for (_, named, figure), values in rows.items() if named == case}
        whole = stages.pop("all, µs")
        assert whole == pytest.approx(sum(stages.values()))
        assert len(stages) == 5


def test_shares_are_of_the_time_in_which_the_program_was_at_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    shares = Shares()
    # Two seconds of imports, one of traffic, and one in which only the recorder has something to do.
    for tenth in range(41):
        now = tenth / 10
        busy = min(max(now - 2, 0), 1)
        used = {"program": min(now, 2) + busy, "relay": 0.2 * busy, "recorder": 0.3 * busy + max(now - 3, 0)}
        shares._samples.append((now, {**used, "nobody": 0.4 * busy}))
    assert shares.last(1) == pytest.approx(
        {"program, %": 50, "relay, %": 10, "recorder, %": 15, "nobody, %": 20, "others, %": 5}
    )
    assert shares.last(0.01) == {}  # too short to tell
