"""`slice`, `merge`, `recover` and `export` on the command line."""

import json
from pathlib import Path

import pytest

from recordings.recording import Recording
from tests.support_cli import Tubetap
from tests.support_sample_files import record_sample


@pytest.fixture
def tubetap(capsys: pytest.CaptureFixture[str]) -> Tubetap:
    return Tubetap(capsys)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return record_sample(tmp_path / "run.mcap")


def count(path: Path) -> int:
    with Recording.open(path) as recording:
        assert recording.state == "complete"
        return len(recording.rows)


def test_slice(tubetap: Tubetap, run: Path, tmp_path: Path) -> None:
    out = tmp_path / "part.mcap"
    result = tubetap("slice", run, out, "epoch:1..2", "type:event")
    assert (result.code, result.err) == (0, "")
    assert count(out) == len(tubetap("cat", run, "epoch:1..2 type:event").lines)
    assert "4 messages" in result.out


def test_slice_with_context(tubetap: Tubetap, run: Path, tmp_path: Path) -> None:
    out = tmp_path / "part.mcap"
    assert tubetap("slice", run, out, "row:0,10", "--context", 2).code == 0
    lines = tubetap("cat", out, "--fields", "time_ns").lines
    assert lines == tubetap("cat", run, "row:0..2,8..12", "--fields", "time_ns").lines


def test_slice_of_nothing_writes_nothing(tubetap: Tubetap, run: Path, tmp_path: Path) -> None:
    result = tubetap("slice", run, tmp_path / "part.mcap", "type:evnt")
    assert result.code == 1
    assert not (tmp_path / "part.mcap").exists()
    assert 'did you mean "event"' in result.err


@pytest.mark.parametrize(
    "verb",
    [
        ["slice", "IN", "OUT"],
        ["recover", "IN", "OUT"],
        ["merge", "IN", "IN", "-o", "OUT"],
        ["export", "IN", "-o", "OUT"],
    ],
)
def test_nothing_is_overwritten_without_force(
    tubetap: Tubetap, run: Path, tmp_path: Path, verb: list[str]
) -> None:
    out = tmp_path / ("out.csv" if verb[0] == "export" else "out.mcap")
    out.write_text("precious")
    arguments = [{"IN": str(run), "OUT": str(out)}.get(word, word) for word in verb]
    result = tubetap(*arguments)
    assert result.code == 2
    assert "--force" in result.err
    assert out.read_text() == "precious"
    assert tubetap(*arguments, "--force").code == 0
    assert out.read_bytes() != b"precious"
    assert out.stat().st_mode & 0o777 == 0o600
    assert not [each for each in tmp_path.iterdir() if each.name.startswith(".")]


def test_an_input_is_never_the_output(tubetap: Tubetap, run: Path) -> None:
    before = run.read_bytes()
    assert tubetap("recover", run, run, "--force").code == 2
    assert run.read_bytes() == before
    # Written beside it and put in its place at the end, a slice may replace its original.
    assert tubetap("slice", run, run, "type:event", "--force").code == 0
    assert count(run) == 10


def test_merge_tells_the_offsets(tubetap: Tubetap, run: Path, tmp_path: Path) -> None:
    other = record_sample(tmp_path / "other.mcap", "error")
    out = tmp_path / "both.mcap"
    result = tubetap("merge", run, other, "-o", out)
    assert result.code == 0
    assert "nothing to compare the clocks by" in result.out
    assert count(out) == count(run) + count(other)
    result = tubetap("merge", run, other, "-o", out, "--force", "--offset", "-1.5s")
    assert "-1.50 s" in result.out
    with Recording.open(other) as recording:
        first = int(recording.rows.time_ns[0])
    times = tubetap("cat", out, "--fields", "time_ns").lines
    assert str(first - 1_500_000_000) in times


@pytest.mark.parametrize("arguments", [["--offset", "5"], ["--offset", "1s", "--offset", "2s"]])
def test_wrong_offsets_are_refused(tubetap: Tubetap, run: Path, tmp_path: Path, arguments: list[str]) -> None:
    result = tubetap("merge", run, run, "-o", tmp_path / "x.mcap", *arguments)
    assert (result.code, result.err.count("\n")) == (2, 1)


def test_recover_tells_what_is_lost(tubetap: Tubetap, run: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.mcap"
    # Behind the first chunk and into the next.
    cut.write_bytes(run.read_bytes()[: int(run.stat().st_size * 0.55)])
    out = tmp_path / "whole.mcap"
    result = tubetap("recover", cut, out)
    assert result.code == 1
    assert "torn" in result.err
    assert count(out) == len(tubetap("cat", cut).lines)
    assert tubetap("recover", run, tmp_path / "again.mcap").code == 0


def test_export_to_standard_output_and_to_a_file(tubetap: Tubetap, run: Path, tmp_path: Path) -> None:
    out = tmp_path / "run.jsonl"
    assert tubetap("export", run, "-o", out, "type:event").code == 0
    text = tubetap("export", run, "--format", "jsonl", "type:event").out
    assert out.read_text("utf-8") == text
    assert [json.loads(line)["type"] for line in text.splitlines()] == ["event"] * 10


def test_export_with_chosen_fields(tubetap: Tubetap, run: Path) -> None:
    result = tubetap("export", run, "--format", "csv", "--fields", "row,type", "row:3..4")
    assert len(result.lines) == 3
    assert result.lines[0] == "row,type"


def test_export_says_what_it_can(tubetap: Tubetap, run: Path, tmp_path: Path) -> None:
    assert "--format" in tubetap("export", run, "-o", tmp_path / "run.xyz").err
    assert "name a format" in tubetap("export", run).err
    assert "name an output file" in tubetap("export", run, "--format", "pcapng").err
    assert tubetap("export", run, "-o", tmp_path / "run.pcapng").code == 0


@pytest.mark.parametrize(
    "verb", ["cat", "info", "slice", "merge", "recover", "export", "redact", "report", "filters"]
)
def test_every_verb_shows_examples(tubetap: Tubetap, verb: str) -> None:
    result = tubetap(verb, "--help")
    assert result.code == 0
    assert f"Examples:\n    tubetap {verb}" in result.out
