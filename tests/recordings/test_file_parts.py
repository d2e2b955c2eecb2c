"""Rotation, the flight recorder, and repair."""

from pathlib import Path
from typing import Any

import pytest

from decoders.envelope import read_envelope
from recordings.errors import DiskError, RecordingError
from recordings.maintain import recover
from recordings.recording import Recording
from recordings.records import Connection, Process, Subscription
from recordings.ring import RingWriter
from recordings.rotation import RotatingWriter, part_path
from recordings.writer import RecordingWriter
from tests.support_mcap import T0, Traffic, check, event, introduce, plain

SECOND = 1_000_000_000


def read(paths: tuple[Path, ...]) -> list[tuple[bytes, ...]]:
    frames = []
    for path in paths:
        with Recording.open(path) as recording:
            assert recording.state == "complete"
            frames += [recording.frames(number) for number in range(len(recording.rows))]
    return frames


def test_rotation_by_size_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "run.mcap"
    writer = RotatingWriter(path, facts={"host": "h"}, rotate_bytes=6000, chunk_age_ns=10_000_000)
    introduce(writer)
    traffic = Traffic(writer)
    traffic.events(300)
    assert writer.messages == 300
    writer.close()
    assert len(writer.paths) > 3
    assert writer.paths[:3] == (path, tmp_path / "run.2.mcap", tmp_path / "run.3.mcap")
    assert read(writer.paths) == [sent.frames for sent in traffic.sent]
    for number, part in enumerate(writer.paths, 1):
        with Recording.open(part) as recording:
            assert recording.facts["part"] == str(number)
            assert recording.facts.get("continues") == (writer.paths[number - 2].name if number > 1 else None)
            assert recording.session.name_of(1) == "b"
            assert recording.session.endpoints[1].node == "a"
            assert recording.rows[0].receivers == ("command",)
            assert recording.deliveries(0)[0].delay_ns == 0


def test_rotation_keeps_the_last_files(tmp_path: Path) -> None:
    path = tmp_path / "run.mcap"
    writer = RotatingWriter(path, facts={}, rotate_ns=SECOND, keep=2)
    traffic = Traffic(writer)
    for epoch in range(100):
        traffic.message(event("a", epoch), step_ns=SECOND // 10)
    writer.close()
    assert sorted(tmp_path.iterdir()) == sorted(writer.paths)
    assert len(writer.paths) == 2
    kept = read(writer.paths)
    assert kept == [sent.frames for sent in traffic.sent[-len(kept) :]]
    assert 10 <= len(kept) <= 30


def test_a_late_copy_of_a_message_in_an_earlier_part_is_no_harm(tmp_path: Path) -> None:
    writer = RotatingWriter(tmp_path / "run.mcap", facts={}, rotate_ns=SECOND)
    traffic = Traffic(writer)
    first = traffic.message(event("a", 1))
    traffic.message(event("a", 2), step_ns=2 * SECOND)
    traffic.message(event("a", 3))
    writer.delivered(7, first, traffic.now_ns)
    writer.close()
    with Recording.open(writer.paths[-1]) as recording:
        assert recording.deliveries(0)[0].connection == 0
        assert len(recording.deliveries(0)) == 1


def test_rotation_goes_round_files_that_are_there(tmp_path: Path) -> None:
    path = tmp_path / "run.mcap"
    part_path(path, 2).write_text("mine")
    writer = RotatingWriter(path, facts={}, rotate_ns=SECOND)
    traffic = Traffic(writer)
    for epoch in range(3):
        traffic.message(event("a", epoch), step_ns=2 * SECOND)
    writer.close()
    assert part_path(path, 2).read_text() == "mine"
    assert part_path(path, 2) not in writer.paths
    assert len(read(writer.paths)) == 3


def test_rotation_stays_where_it_is_if_it_must(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    writer = RotatingWriter(folder / "run.mcap", facts={}, rotate_ns=SECOND)
    traffic = Traffic(writer)
    traffic.message(event("a", 0))
    moved = folder.rename(tmp_path / "moved")
    for epoch in range(1, 5):
        traffic.message(event("a", epoch), step_ns=2 * SECOND)
    writer.close()
    with Recording.open(moved / "run.mcap") as recording:
        check(recording, traffic.sent)


def test_what_no_longer_exists_is_not_told_again(tmp_path: Path) -> None:
    writer = RotatingWriter(tmp_path / "run.mcap", facts={}, rotate_ns=SECOND)
    introduce(writer)
    writer.record(Connection(time_ns=T0, id=1, endpoint=1, state="closed"))
    writer.record(Subscription(time_ns=T0, connection=0, topic=b"", subscribe=False))
    writer.record(Process(time_ns=T0, pid=10, state="exited", exit_code=0))
    traffic = Traffic(writer)
    traffic.events(1)
    traffic.message(event("a", 1), step_ns=2 * SECOND)
    traffic.message(event("a", 2))
    writer.close()
    with Recording.open(writer.paths[1]) as recording:
        assert 1 not in recording.session.connections
        assert recording.session.connections[0].subscriptions == {b"__subscriber__:command": T0}
        assert recording.session.connections[0].opened_ns == T0
        assert not recording.session.processes


def ring(path: Path, **options: Any) -> tuple[RingWriter, Traffic]:
    writer = RingWriter(path, facts={}, ring_ns=10 * SECOND, **options)
    introduce(writer)
    return writer, Traffic(writer)


def test_a_ring_keeps_the_last_seconds_for_the_end(tmp_path: Path) -> None:
    writer, traffic = ring(tmp_path / "ring.mcap")
    for epoch in range(60):
        traffic.message(event("a", epoch), step_ns=SECOND, copies=[1])
    assert list(tmp_path.iterdir()) == []
    writer.close()
    assert writer.paths == (tmp_path / "ring.mcap",)
    with Recording.open(writer.path) as recording:
        kept = [recording.frames(number) for number in range(len(recording.rows))]
        assert kept == [sent.frames for sent in traffic.sent[-len(kept) :]]
        assert 9 <= len(kept) <= 12
        assert recording.session.name_of(1) == "b"
        assert recording.rows[0].receivers == ("command", "b")


def test_a_ring_is_bounded_in_bytes(tmp_path: Path) -> None:
    writer, traffic = ring(tmp_path / "ring.mcap", ring_bytes=20_000, chunk_age_ns=1_000_000)
    traffic.events(1000)
    assert writer.size < 25_000
    writer.close()
    assert len(read(writer.paths)) < 200


def test_a_ring_is_written_a_while_after_an_error(tmp_path: Path) -> None:
    writer, traffic = ring(tmp_path / "ring.mcap")
    traffic.events(5)
    traffic.message((plain("error", "a", '"pck__"'),), endpoint=3, connection=5, direction="in")
    traffic.now_ns += SECOND
    writer.tick(traffic.now_ns)
    traffic.events(1, first=5)
    assert writer.paths == ()
    traffic.now_ns += 2 * SECOND
    writer.tick(traffic.now_ns)
    assert len(writer.paths) == 1
    assert read(writer.paths) == [sent.frames for sent in traffic.sent]
    traffic.events(3, first=6)
    assert writer.dump() == part_path(tmp_path / "ring.mcap", 2)
    assert read(writer.paths) == [sent.frames for sent in traffic.sent]
    assert writer.dump() is None
    writer.close()


def test_a_ring_that_should_not_mind_errors(tmp_path: Path) -> None:
    writer, traffic = ring(tmp_path / "ring.mcap", on_error=False)
    traffic.message((plain("error", "a", '"pck__"'),), endpoint=3, connection=5, direction="in")
    for _ in range(5):
        traffic.now_ns += SECOND
        writer.tick(traffic.now_ns)
    assert writer.paths == ()


def test_recover_a_complete_file_makes_the_same_again(tmp_path: Path) -> None:
    source, target = tmp_path / "a.mcap", tmp_path / "b.mcap"
    writer = RecordingWriter(source, facts={"host": "h"})
    introduce(writer)
    traffic = Traffic(writer)
    traffic.events(20)
    writer.attach("tube.yaml", "application/yaml", b"x")
    writer.close()
    result = recover(source, target)
    assert (result.messages, result.problems) == (20, ())
    with Recording.open(target) as recording:
        check(recording, traffic.sent)
        assert recording.attachments() == ["tube.yaml"]
    with pytest.raises(RecordingError, match="exists"):
        recover(source, target)
    recover(source, target, force=True)
    with pytest.raises(RecordingError, match="another name"):
        recover(source, source, force=True)


def test_recover_leaves_out_what_is_damaged(tmp_path: Path) -> None:
    source, target = tmp_path / "a.mcap", tmp_path / "b.mcap"
    writer = RecordingWriter(source, facts={}, compression="none")
    traffic = Traffic(writer)
    for epoch in range(5):
        traffic.events(10, first=10 * epoch)
        writer.flush()
    writer.close()
    content = source.read_bytes()
    at = content.index(b'"epoch":25')
    source.write_bytes(content[:at] + b"!" + content[at + 1 :])
    result = recover(source, target)
    assert result.messages == 40
    assert "checksum" in result.problems[0]
    with Recording.open(target) as recording:
        assert recording.rows.epoch.tolist() == [*range(20), *range(30, 50)]
        assert [recording.rows.id_of(row) for row in (0, 19, 20)] == [0, 19, 30]
        assert len(recording.deliveries(20)) == 1


def test_recover_only_what_is_ours_and_at_rest(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="No such file"):
        recover(tmp_path / "no", tmp_path / "b.mcap")
    (tmp_path / "text").write_text("hello")
    with pytest.raises(RecordingError, match="does not begin"):
        recover(tmp_path / "text", tmp_path / "b.mcap")
    writer = RecordingWriter(tmp_path / "a.mcap", facts={})
    with pytest.raises(RecordingError, match="still being recorded"):
        recover(tmp_path / "a.mcap", tmp_path / "b.mcap")
    writer.close()


@pytest.mark.parametrize("rotating", [True, False])
def test_batches_too(tmp_path: Path, rotating: bool) -> None:
    path = tmp_path / "run.mcap"
    writer: RotatingWriter | RingWriter
    if rotating:
        writer = RotatingWriter(path, facts={}, rotate_ns=SECOND)
    else:
        writer = RingWriter(path, facts={}, ring_ns=100 * SECOND)
    sent = [event("a", epoch) for epoch in range(30)]
    for start in range(0, 30, 10):
        batch = [(frames, read_envelope(frames)) for frames in sent[start : start + 10]]
        writer.message_batch(T0 + start * SECOND, 1, 0, "out", batch)
        assert writer.messages == start + 10
    writer.close()
    assert len(writer.paths) == (2 if rotating else 1)
    assert read(writer.paths) == sent


def test_a_later_part_knows_what_nodes_said_before(tmp_path: Path) -> None:
    rotating = RotatingWriter(tmp_path / "run.mcap", facts={}, rotate_ns=SECOND)
    ring, _ = ring_of_a_second(tmp_path / "ring.mcap")
    for writer in (rotating, ring):
        introduce(writer)
        traffic = Traffic(writer)
        says(traffic, 5, "identify", "a", '{"node_id":"a","status":"waiting","signals":["x"],"slots":[]}')
        says(traffic, 5, "status", "a", '"ready"')
        ready = traffic.now_ns
        says(traffic, 6, "identify", "b", '{"node_id":"b","status":"ready"}')
        traffic.now_ns += 5 * SECOND
        writer.record(Connection(time_ns=traffic.now_ns, id=6, endpoint=3, state="closed"))
        gone = traffic.now_ns
        for epoch in range(5):
            traffic.message(event("a", epoch), step_ns=2 * SECOND)
        writer.close()
        with Recording.open(writer.paths[-1]) as recording:
            assert "identify" not in recording.rows.types
            nodes = recording.session.nodes
            assert (nodes["a"].state, nodes["a"].since_ns) == ("ready", ready)
            assert (nodes["a"].signals, nodes["a"].slots, nodes["b"].signals) == (("x",), (), None)
            assert (nodes["b"].state, nodes["b"].since_ns) == ("gone", gone)
    assert ring.let_go >= 5


def ring_of_a_second(path: Path) -> tuple[RingWriter, Traffic]:
    writer = RingWriter(path, facts={}, ring_ns=SECOND)
    return writer, Traffic(writer)


def says(traffic: Traffic, connection: int, type_: str, node: str, value: str) -> None:
    frames = (type_.encode(), plain(type_, node, value))
    traffic.message(frames, endpoint=3, connection=connection, direction="in")


def test_only_the_file_that_was_named_is_written_over(tmp_path: Path) -> None:
    for name in ("run.mcap", "ring.mcap"):
        path = tmp_path / name
        path.write_text("old")
        part_path(path, 2).write_text("mine")
        writer: RotatingWriter | RingWriter
        if name == "run.mcap":
            writer = RotatingWriter(path, facts={}, rotate_ns=SECOND, force=True)
        else:
            writer = RingWriter(path, facts={}, ring_ns=100 * SECOND, force=True)
        traffic = Traffic(writer)
        for epoch in range(3):
            traffic.message(event("a", epoch), step_ns=2 * SECOND)
            if isinstance(writer, RingWriter):
                writer.dump()
        writer.close()
        assert part_path(path, 2).read_text() == "mine"
        assert writer.paths[:2] == (path, part_path(path, 3))


def test_a_ring_that_can_not_be_written_is_kept_and_tried_again(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    writer, traffic = ring(folder / "ring.mcap")
    traffic.message((plain("error", "a", '"pck__"'),), endpoint=3, connection=5, direction="in")
    traffic.now_ns += 3 * SECOND
    with pytest.raises(DiskError, match="does not exist"):
        writer.tick(traffic.now_ns)
    folder.mkdir()
    writer.tick(traffic.now_ns + SECOND)
    assert writer.paths == ()
    writer.tick(traffic.now_ns + 20 * SECOND)
    assert read(writer.paths) == [sent.frames for sent in traffic.sent]


def test_what_is_let_go_is_counted(tmp_path: Path) -> None:
    writer = RotatingWriter(tmp_path / "run.mcap", facts={}, rotate_ns=SECOND, keep=2)
    traffic = Traffic(writer)
    for epoch in range(100):
        traffic.message(event("a", epoch), step_ns=SECOND // 10)
    writer.close()
    assert writer.let_go + len(read(writer.paths)) == 100
    ring_writer, traffic = ring(tmp_path / "ring.mcap")
    for epoch in range(60):
        traffic.message(event("a", epoch), step_ns=SECOND)
    ring_writer.close()
    assert ring_writer.let_go + len(read(ring_writer.paths)) == 60
