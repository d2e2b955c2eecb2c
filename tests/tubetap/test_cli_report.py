"""`tubetap report` on the command line."""

import zipfile
from pathlib import Path

import pytest

from tests.support_cli import Tubetap
from tests.support_sample_files import record_sample


@pytest.fixture
def tubetap(capsys: pytest.CaptureFixture[str]) -> Tubetap:
    return Tubetap(capsys)


def test_report(tubetap: Tubetap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    record_sample(tmp_path / "run.mcap", "error")
    result = tubetap("report", "run.mcap")
    assert (result.code, result.err) == (0, "")
    assert "run-report.zip" in result.out
    with zipfile.ZipFile(tmp_path / "run-report.zip") as archive:
        assert b"ValueError('boom')" in archive.read("report.md")
    assert tubetap("report", "run.mcap").code == 2
    assert tubetap("report", "run.mcap", "--force", "type:error").code == 0
    assert "1 of 21 messages" in tubetap("report", "run.mcap", "--force", "type:error").out


@pytest.mark.parametrize("arguments", [["--max-size", "big"], ["--rules", "nosuch.toml"], ["typ:x"]])
def test_mistakes_are_one_line(tubetap: Tubetap, tmp_path: Path, arguments: list[str]) -> None:
    path = record_sample(tmp_path / "run.mcap", "error")
    result = tubetap("report", path, "-o", tmp_path / "x.zip", *arguments)
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert not (tmp_path / "x.zip").exists()
