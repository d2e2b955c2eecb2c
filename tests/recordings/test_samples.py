"""The recordings that come with tubetap are of today's layout."""

from pathlib import Path

import pytest

import recordings
from recordings.recording import Recording

SAMPLES = sorted((Path(recordings.__file__).parent / "samples").glob("*.mcap"))


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_samples_open_whole_and_without_a_problem(path: Path) -> None:
    with Recording.open(path) as recording:
        assert recording.state == "complete"
        assert len(recording.rows) == int(recording.facts["messages"])
        assert [entry.text for entry in recording.session.log if entry.kind == "problem"] == []


def test_there_are_samples() -> None:
    assert {path.stem for path in SAMPLES} == {"camera", "failing"}
