"""What goes into a recording comes out again bit for bit, whichever way it is read."""

import os
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from decoders.envelope import Envelope, read_envelope
from recordings import layout
from recordings.errors import RecordingError
from recordings.flags import Flag
from recordings.output_files import whole_file
from recordings.recording import Recording
from recordings.records import Connection, Note, Output, Peer, Process
from recordings.scan import read_chunk, scan
from recordings.walk import FoundChunk, Walk
from recordings.writer import RecordingWriter
from tests.support_mcap import T0, Traffic, check, event, introduce, plain, traffic

quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def write(path: Path, calls: list[dict[str, Any]], **options: Any) -> Traffic:
    writer = RecordingWriter(path, facts={"host": "h"}, force=True, **options)
    written = Traffic(writer)
    introduce(writer)
    for call in calls:
        written.message(**call)
    return written


@quick
@given(traffic())
def test_all_comes_back(tmp_path: Path, calls: list[dict[str, Any]]) -> None:
    written = write(tmp_path / "a.mcap", calls)
    written.writer.close()
    with Recording.open(tmp_path / "a.mcap") as recording:
        assert recording.state == "complete"
        assert recording.facts["host"] == "h"
        check(recording, written.sent)


@quick
@given(traffic())
def test_a_file_without_end_tells_the_same(tmp_path: Path, calls: list[dict[str, Any]]) -> None:
    path = tmp_path / "a.mcap"
    written = write(path, calls)
    written.writer.flush()
    with Recording.open(path) as unfinished:
        assert unfinished.state == "growing"
        check(unfinished, written.sent)
        written.writer.close()
        with Recording.open(path) as finished:
            for name in ("endpoint", "connection", "offset"):
                assert np.array_equal(getattr(finished.rows, name), getattr(unfinished.rows, name)), name
            for number in range(len(written.sent)):
                assert finished.rows[number] == unfinished.rows[number]
            assert finished.session.nodes == unfinished.session.nodes
            assert finished.session.connections == unfinished.session.connections
            assert sorted(finished.session.log, key=repr) == sorted(unfinished.session.log, key=repr)


@quick
@given(traffic())
def test_a_block_says_what_its_chunk_says(tmp_path: Path, calls: list[dict[str, Any]]) -> None:
    path = tmp_path / "a.mcap"
    write(path, calls).writer.close()
    next_id = 0
    with path.open("rb") as file:
        for found in Walk(file.fileno(), len(layout.MAGIC)).steps(path.stat().st_size):
            if not isinstance(found, FoundChunk):
                continue
            block, scanned = found.block, scan(read_chunk(file.fileno(), found.offset), {}, next_id)
            assert block is not None
            for name in ("id", "time_ns", "size", "epoch", "flags", "offset"):
                assert np.array_equal(getattr(block, name), getattr(scanned, name)), name
            kinds = [block.kinds[code] for code in block.kind.tolist()]
            assert kinds == [scanned.kinds[code] for code in scanned.kind.tolist()]
            assert block.records == scanned.records
            assert block.payloads == scanned.payloads
            for name in ("connection", "message", "count", "time_ns"):
                assert np.array_equal(getattr(block.runs, name), getattr(scanned.runs, name)), name
            next_id += len(block)


def test_usual_messages_are_json_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    written = write(path, [{"frames": event("a", 5)}])
    written.writer.close()
    with Recording.open(path) as recording:
        assert recording.rows[0].flags == Flag(0)
    assert event("a", 5)[1] in read_chunk(path.open("rb").fileno(), _chunks(path)[-1]).data


def _chunks(path: Path) -> list[int]:
    with path.open("rb") as file:
        steps = Walk(file.fileno(), len(layout.MAGIC)).steps(path.stat().st_size)
        return [found.offset for found in steps if isinstance(found, FoundChunk)]


def test_flags(tmp_path: Path) -> None:
    written = write(tmp_path / "a.mcap", [])
    written.message((plain("error", "a", '"pck__x"'),), endpoint=3, connection=5, direction="in")
    written.message((b"\xff\xfe",))
    written.message(event("a", '[5,["m",2]]'))
    written.message(event("a", 6, '"' + "x" * layout.BIG + '"'))
    late = written.message(event("a", 7))
    written.writer.delivered(1, late, written.now_ns + layout.LATE_NS + 1)
    written.writer.close()
    with Recording.open(tmp_path / "a.mcap") as recording:
        flags = [recording.rows[row].flags for row in range(5)]
        assert flags == [Flag.ERROR, Flag.UNDECODED | Flag.MULTIPART, Flag.SUB_EPOCH, Flag.BIG, Flag.LATE]
        assert recording.rows[4].receivers == ("command", "b")
        assert [copy.delay_ns for copy in recording.deliveries(4)] == [0, layout.LATE_NS + 1]
        assert recording.rows[0].receivers == ("command",)


def test_a_copy_without_its_message_is_no_harm(tmp_path: Path) -> None:
    written = write(tmp_path / "a.mcap", [{"frames": event("a", 1)}], first_id=0)
    written.writer.delivered(1, 1_000_000, T0)
    written.writer.close()
    with Recording.open(tmp_path / "a.mcap") as recording:
        assert recording.rows[0].receivers == ("command",)


def test_channels_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recordings.vocabulary.MAX_CHANNELS", 12)
    written = write(tmp_path / "a.mcap", [])
    for number in range(50):
        written.message(
            (b"t%d" % number, plain("event", f"n{number}", '[{"epoch":1}]')), connection=number % 3
        )
        written.message(
            (plain("status", f"n{number}", '"ready"'),), endpoint=3, connection=number, direction="in"
        )
        written.message((b"raw", b"%d" % number), connection=number, direction="in")
    written.writer.close()
    with Recording.open(tmp_path / "a.mcap") as recording:
        check(recording, written.sent)


def test_many_and_long_constant_frames_are_kept_too(tmp_path: Path) -> None:
    payload = event("a", 1)[1]
    prefixes: list[tuple[bytes, ...]] = [(), (b"",), (b"x" * 5000,), (b"a",) * 10, (b"\xff", b"")]
    calls = [{"frames": (*prefix, payload)} for prefix in prefixes]
    written = write(tmp_path / "a.mcap", calls)
    written.writer.close()
    with Recording.open(tmp_path / "a.mcap") as recording:
        check(recording, written.sent)


def test_big_messages(tmp_path: Path) -> None:
    written = write(tmp_path / "a.mcap", [])
    noise = os.urandom(3 << 20).hex()
    written.message(event("a", 1, f'"{noise}"'))
    written.message(event("a", 2, f'"{"x" * (3 << 20)}"'))
    written.message((os.urandom(2 << 20),))
    written.writer.close()
    with Recording.open(tmp_path / "a.mcap") as recording:
        check(recording, written.sent)
    assert (tmp_path / "a.mcap").stat().st_size < 6 << 20


def test_the_file_is_private_and_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    write(path, [{"frames": event("a", 1)}]).writer.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    with pytest.raises(RecordingError, match="exists"):
        RecordingWriter(path, facts={})
    assert path.read_bytes() == before
    RecordingWriter(path, facts={}, force=True).close()
    with Recording.open(path) as recording:
        assert len(recording.rows) == 0
        assert recording.state == "complete"


def test_only_files_are_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(RecordingError, match="no file that could be replaced"):
        RecordingWriter(pipe, facts={}, force=True)
    with pytest.raises(RecordingError, match="no file that could be replaced"), whole_file(pipe, force=True):
        pass
    assert pipe.is_fifo()


def test_a_file_that_is_replaced_is_there_all_the_time(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    path.write_bytes(b"old")
    with path.open("rb") as old, RecordingWriter(path, facts={}, force=True):
        assert old.read() == b"old"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["a.mcap"]


def test_where_no_file_can_be_made_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="does not exist"):
        RecordingWriter(tmp_path / "nowhere" / "a.mcap", facts={})


def test_odd_values_are_survived(tmp_path: Path) -> None:
    writer = RecordingWriter(tmp_path / "a.mcap", facts={"odd": "\x1b[2J é"})
    writer.record(Output(time_ns=T0, stream="stderr", text="bytes \udcff\udc80 here"))
    writer.record(Note(time_ns=T0, message=None, text="all"))
    peer = Peer(version=(3, 1), mechanism="NULL", socket_type="\udc80SUB")
    writer.record(Connection(time_ns=T0, id=1, endpoint=0, state="handshaken", peer=peer))
    writer.record(Process(time_ns=T0, pid=1, command_line=("python", "\udcff")))
    frames = event("a", 1)
    for timestamp in (-5, 1 << 70, None):
        writer.message(T0, 0, 0, "out", frames, Envelope("event", "a", timestamp, 1))
    writer.message(T0, 0, 0, "out", frames, read_envelope(frames))
    writer.close()
    with Recording.open(tmp_path / "a.mcap") as recording:
        assert recording.facts["odd"] == "\x1b[2J é"
        assert recording.session.log[0].text == "stderr: bytes \\xff\\x80 here"
        assert len(recording.rows) == 4
        assert recording.session.notes[0].text == "all"
        known = recording.session.connections[1].peer
        assert known is not None
        assert known.socket_type == "\\x80SUB"
        assert recording.session.processes[1].command_line == ("python", "\\xff")


def test_attachments(tmp_path: Path) -> None:
    writer = RecordingWriter(tmp_path / "a.mcap", facts={})
    writer.attach("tube.yaml", "application/yaml", b"nodes: {}\n")
    writer.attach("tube.yaml", "application/yaml", b"nodes: {a: 1}\n")
    writer.attach("empty", "", b"")
    for finished in (False, True):
        with Recording.open(tmp_path / "a.mcap") as recording:
            assert recording.attachments() == ["tube.yaml", "tube.yaml", "empty"]
            assert recording.attachment("tube.yaml") == b"nodes: {a: 1}\n"
            assert recording.attachment("empty") == b""
            with pytest.raises(RecordingError, match="no attachment"):
                recording.attachment("other")
        if not finished:
            writer.close()


def test_an_endpoint_told_later_still_names_its_rows(tmp_path: Path) -> None:
    writer = RecordingWriter(tmp_path / "a.mcap", facts={})
    traffic = Traffic(writer)
    traffic.message((b"x",), endpoint=1, connection=0)
    traffic.message((b"y",), endpoint=3, connection=5, direction="in")
    with Recording.open(tmp_path / "a.mcap", follow=True) as recording:
        writer.flush()
        recording.refresh(9)
        assert [recording.rows[row].sender for row in (0, 1)] == ["endpoint 1", "connection 5"]
        introduce(writer, traffic.now_ns)
        writer.close()
        recording.refresh(9)
        assert [recording.rows[row].sender for row in (0, 1)] == ["a", "a"]
        assert recording.rows[0].receivers == ("command",)
