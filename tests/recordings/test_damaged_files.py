"""Damaged files end in the reader's own error, whatever is done with them, or in what is left of them."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recordings import filters
from recordings.edit.slicing import cut, everything
from recordings.errors import RecordingError
from recordings.export.fields import messages
from recordings.export.formats import byte_pieces, find_format, text_pieces
from recordings.export.lines import Clock, Line
from recordings.overview import sum_up
from recordings.recording import Recording
from recordings.redaction import Rules, redact
from tests.support_sample_files import record_sample

FILTER = filters.parse("boom|epoch:0 delay>1us|body.value.x=3|conn:1|late|endpoint:inbox|marked")


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return record_sample(tmp_path_factory.mktemp("sample") / "run.mcap", "error").read_bytes()


def use(path: Path, target: Path) -> None:
    """Do everything with a recording that a verb does."""
    with Recording.open(path) as recording:
        rows = list(range(len(recording.rows)))
        sum_up(recording)
        line = Line(Clock())
        for message in messages(recording, rows):
            line(message)
        for name in ("jsonl", "csv", "mermaid", "trace"):
            list(text_pieces(find_format(name, None), recording, rows))
        list(byte_pieces(recording, rows, "1"))
        list(FILTER.select(recording))
        cut(recording, everything(recording), target, why="", force=True)
        redact(recording, target, Rules(), force=True)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(max_size=9)), min_size=1, max_size=4),
    st.booleans(),
)
def test_only_recording_errors(
    sample: bytes, tmp_path: Path, changes: list[tuple[float, bytes]], cut_off: bool
) -> None:
    data = bytearray(sample)
    for place, new in changes:
        at = int(place * len(data))
        data[at : at + len(new)] = new
    if cut_off:
        del data[int(changes[0][0] * len(data)) :]
    path = tmp_path / "damaged.mcap"
    path.write_bytes(data)
    try:
        use(path, tmp_path / "out.mcap")
    except RecordingError:
        return
    assert (tmp_path / "out.mcap").exists()
