"""Recordings of every format that there was still read the same; a newer one is refused."""

import json
from pathlib import Path

import pytest

from recordings.layout import FORMAT
from recordings.recording import Recording
from tests.data.make_recordings import describe, write
from tests.support_mcap import run_mcap

DATA = Path(__file__).parent.parent / "data"
GOLDEN = sorted(DATA.glob("format-*.mcap"))


def test_there_is_a_golden_file_of_each_format() -> None:
    names = {path.name for path in GOLDEN}
    assert names >= {f"format-{number}.mcap" for number in range(1, FORMAT + 1)}


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_golden_files_read_the_same_as_ever(path: Path) -> None:
    with Recording.open(path) as recording:
        assert describe(recording) == json.loads(path.with_suffix(".json").read_text())


def test_what_is_written_today_reads_like_the_golden_file(tmp_path: Path) -> None:
    write(tmp_path / "now.mcap")
    with Recording.open(tmp_path / "now.mcap") as recording:
        assert describe(recording) == json.loads((DATA / f"format-{FORMAT}.json").read_text())


def test_a_golden_file_passed_through_another_tool_tells_the_same(tmp_path: Path) -> None:
    run_mcap("recover", DATA / "format-1.mcap", "-o", tmp_path / "a.mcap")
    with Recording.open(tmp_path / "a.mcap") as recording:
        assert describe(recording) == json.loads((DATA / "format-1.json").read_text())
