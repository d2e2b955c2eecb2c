"""Copies of recordings: slices, merges and what comes along with them."""

from pathlib import Path

import numpy as np
import pytest

import recordings
from decoders.envelope import read_envelope
from recordings import filters
from recordings.edit.copying import Source, copy, facts_of, new_writer
from recordings.edit.merging import merge
from recordings.edit.slicing import cut, everything
from recordings.errors import RecordingError
from recordings.notes import Notes
from recordings.output_files import OutputError
from recordings.recording import Recording
from recordings.records import Endpoint, Loss, Note, Record
from recordings.writer import RecordingWriter
from tests.support_sample_files import record_sample


def rows_of(recording: Recording) -> list[tuple[object, ...]]:
    """Everything that is known of each message, but for its number."""
    told = []
    for number in range(len(recording.rows)):
        row = recording.rows[number]
        told.append(
            (
                row.time_ns, row.type, row.sender, row.receivers, row.size, row.epoch, row.flags,
                recording.frames(number), recording.deliveries(number),
            )
        )  # fmt: skip
    return told


def session_of(recording: Recording) -> tuple[object, ...]:
    session = recording.session
    return (
        session.endpoints, session.connections, session.processes, session.losses, session.notes,
        sorted((entry.time_ns, entry.kind, entry.text) for entry in session.log),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("sample", "scenario"),
    [("noob-1003.0.0", "basic"), ("noob-1000.0.0", "basic"), ("bug-map-nested-overtake", None)],
)
def test_a_whole_copy_says_the_same(tmp_path: Path, sample: str, scenario: str | None) -> None:
    extra = [
        Note(time_ns=5, message=2, text="here"),
        Loss(time_ns=6, stage="tee", bytes=10, since_ns=1, messages=1),
    ]
    path = record_sample(tmp_path / "in.mcap", scenario, sample, also=extra)
    with Recording.open(path) as original:
        copied = cut(original, everything(original), tmp_path / "out.mcap", why="all of it")
        with Recording.open(tmp_path / "out.mcap") as made:
            assert made.state == "complete"
            assert rows_of(made) == rows_of(original)
            assert session_of(made) == session_of(original)
            assert copied.messages == len(original.rows)
            assert copied.copies == sum(
                len(original.deliveries(row))
                for row in range(len(original.rows))
                if original.rows.receiver_connections(row)[0] >= 0
            )
            assert made.facts["slice"] == "all of it"
            assert made.facts["host"] == original.facts["host"]


def test_a_slice_holds_the_chosen_messages_and_the_session_around_them(tmp_path: Path) -> None:
    path = record_sample(tmp_path / "in.mcap")
    Notes(path).set(14, mark=True, text="first event")
    with Recording.open(path) as original:
        rows = filters.parse("epoch:1..2").rows(original.rows) | filters.parse("row:14").rows(original.rows)
        cut(original, rows, tmp_path / "out.mcap", why="")
        chosen = np.flatnonzero(rows).tolist()
        with Recording.open(tmp_path / "out.mcap") as part:
            told = rows_of(original)
            assert rows_of(part) == [told[row] for row in chosen]
            assert part.session.connections == original.session.connections | part.session.connections
            assert set(part.session.endpoints) == set(original.session.endpoints)
            assert not [entry for entry in part.session.log if entry.kind == "output"]
            (note,) = [note for note in part.session.notes if note.message is not None]
            assert (note.message, note.text) == (chosen.index(14), "first event")


def test_an_existing_file_stays_unless_it_may_be_replaced(tmp_path: Path) -> None:
    path = record_sample(tmp_path / "in.mcap")
    target = tmp_path / "out.mcap"
    target.write_text("precious")
    with Recording.open(path) as original:
        with pytest.raises(OutputError, match="exists already"):
            cut(original, everything(original), target, why="")
        assert target.read_text() == "precious"
        cut(original, everything(original), target, why="", force=True)
    assert target.stat().st_mode & 0o777 == 0o600
    with Recording.open(target) as made:
        assert made.state == "complete"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["in.mcap", "out.mcap"]


def test_a_failed_copy_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = record_sample(tmp_path / "in.mcap")
    target = tmp_path / "out.mcap"
    target.write_text("precious")

    def fail(_: float) -> None:
        raise RecordingError("stop here")

    with Recording.open(path) as original:
        monkeypatch.setattr("recordings.edit.copying.read_envelope", lambda frames: fail(0))
        with pytest.raises(RecordingError, match="stop here"):
            cut(original, everything(original), target, why="", force=True)
    assert target.read_text() == "precious"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["in.mcap", "out.mcap"]


def seen_elsewhere(path: Path, target: Path, home: str, shift_ns: int, delays: dict[str, int]) -> None:
    """Make what another machine would have recorded, where only node `home` runs: by another clock, and what
    each sender sent later (or, of its own, earlier) than the first machine saw it.
    """
    with Recording.open(path) as original:
        writer = new_writer(target, facts_of(original))
        for sender, delay_ns in delays.items():
            rows = filters.parse(f"from:{sender}").rows(original.rows)
            copy([Source(original, rows, lambda record: is_at(record, home), shift_ns + delay_ns)], writer)
        writer.close()


def is_at(record: Record, home: str) -> bool:
    return not isinstance(record, Endpoint) or record.node == home


def only_at(path: Path, target: Path, home: str) -> Path:
    with Recording.open(path) as original:
        writer = new_writer(target, facts_of(original))
        copy([Source(original, None, lambda record: is_at(record, home))], writer)
        writer.close()
    return target


def test_clocks_are_compared_by_messages_that_went_both_ways(tmp_path: Path) -> None:
    path = record_sample(tmp_path / "run.mcap")
    first = only_at(path, tmp_path / "a.mcap", "a")
    seen_elsewhere(path, tmp_path / "b.mcap", "b", -5_000_000_000, {"a": 300_000, "b": -200_000})
    with Recording.open(first) as one, Recording.open(tmp_path / "b.mcap") as other:
        merged = merge([one, other], tmp_path / "out.mcap")
        offset = merged.offsets[1]
        assert offset.uncertainty_ns == 250_000
        assert abs(offset.offset_ns - 5_000_000_000) <= offset.uncertainty_ns
        assert offset.common == merged.repeated == len(other.rows)
        with Recording.open(tmp_path / "out.mcap") as both:
            assert [row[7] for row in rows_of(both)] == [row[7] for row in rows_of(one)]
            assert len(both.session.endpoints) == len(one.session.endpoints) + len(other.session.endpoints)


def test_one_way_gives_no_bound(tmp_path: Path) -> None:
    path = record_sample(tmp_path / "run.mcap")
    first = only_at(path, tmp_path / "a.mcap", "a")
    seen_elsewhere(path, tmp_path / "b.mcap", "b", -5_000_000_000, {"a": 300_000})
    with Recording.open(first) as one, Recording.open(tmp_path / "b.mcap") as other:
        offset = merge([one, other], tmp_path / "out.mcap").offsets[1]
        assert offset.uncertainty_ns is None
        assert offset.offset_ns == 5_000_000_000 - 300_000


def test_unrelated_recordings_lie_side_by_side(tmp_path: Path) -> None:
    first = record_sample(tmp_path / "a.mcap")
    second = record_sample(tmp_path / "b.mcap", "error")
    with Recording.open(first) as one, Recording.open(second) as other:
        merged = merge([one, other], tmp_path / "out.mcap", offsets=[0, 7])
        assert merged.offsets[1].offset_ns == 7
        with Recording.open(tmp_path / "out.mcap") as both:
            assert len(both.rows) == len(one.rows) + len(other.rows)
            assert (np.diff(both.rows.time_ns) >= 0).all()
            told = {row[7]: row for row in rows_of(both)}
            for row in range(len(other.rows)):
                time_ns, *_, deliveries = told[other.frames(row)]
                assert time_ns == int(other.rows.time_ns[row]) + 7
                assert isinstance(deliveries, list)
                assert [each.delay_ns for each in deliveries] == [
                    each.delay_ns for each in other.deliveries(row)
                ]
            assert both.session.name_of(len(one.session.connections)) == other.session.name_of(0)


def test_messages_that_several_recorded_can_all_be_kept(tmp_path: Path) -> None:
    path = record_sample(tmp_path / "a.mcap")
    with Recording.open(path) as one, Recording.open(path) as same:
        merged = merge([one, same], tmp_path / "out.mcap", keep_repeated=True)
        assert merged.copied.messages == 2 * len(one.rows)


def test_a_part_knows_the_states_that_nodes_were_in(tmp_path: Path) -> None:
    path = Path(recordings.__file__).parent / "samples" / "failing.mcap"
    with Recording.open(path) as recording:
        rows = filters.parse("epoch:3..4").rows(recording.rows)
        cut(recording, rows, tmp_path / "part.mcap", why="epoch:3..4")
        whole = recording.session.nodes
        with Recording.open(tmp_path / "part.mcap") as part:
            assert set(part.rows.epoch.tolist()) == {3, 4}
            for name in ("countdown", "reciprocal", "report"):
                node = part.session.nodes[name]
                at_first = [state for state in node.history if state[0] < int(part.rows.time_ns[0])]
                assert at_first == [max(s for s in whole[name].history if s[0] < int(part.rows.time_ns[0]))]
                assert at_first[0][1] == "ready"
                assert node.signals == whole[name].signals


def test_a_message_that_no_connection_carried_stays_so(tmp_path: Path) -> None:
    writer = RecordingWriter(tmp_path / "run.mcap", facts={})
    for connection in (None, 3):
        for frames in ([b"t", b"plain"], [b"a", b'{"type":"event","node_id":"a","value":[]}']):
            writer.message(10**18, 1, connection, "out", frames, read_envelope(frames))
    writer.close()
    with Recording.open(tmp_path / "run.mcap") as recording:
        cut(recording, everything(recording), tmp_path / "copy.mcap", why="all")
    for name in ("run.mcap", "copy.mcap"):
        with Recording.open(tmp_path / name) as recording:
            carried = [[each.connection for each in recording.deliveries(row)] for row in range(4)]
            assert carried == [[], [], [3], [3]]
            undelivered = filters.parse("undelivered").rows(recording.rows)
            assert undelivered.tolist() == [True, True, False, False]
