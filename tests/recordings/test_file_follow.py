"""Reading along while a recording grows, and opening what is no recording of ours."""

import os
from pathlib import Path
from typing import Any

import pytest
from mcap.writer import CompressionType, Writer

from recordings.container import encode
from recordings.errors import RecordingError
from recordings.layout import MAGIC
from recordings.recording import Recording
from recordings.writer import RecordingWriter
from tests.support_mcap import T0, Traffic, check, event, introduce


def test_follows_chunk_by_chunk_to_a_clean_end(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    writer = RecordingWriter(path, facts={"host": "h"})
    traffic = Traffic(writer)
    with Recording.open(path, follow=True) as recording:
        assert (recording.state, len(recording.rows), recording.facts["host"]) == ("growing", 0, "h")
        assert not recording.refresh()
        introduce(writer)
        for round_ in range(5):
            traffic.events(3, first=3 * round_)
            traffic.message(event("a", 100 + round_), copies=[1])
            assert not recording.refresh()
            writer.flush()
            assert recording.refresh()
            check(recording, traffic.sent)
            assert recording.state == "growing"
        assert "ended_ns" not in recording.facts
        traffic.events(2, first=50)
        writer.close()
        assert recording.refresh()
        check(recording, traffic.sent)
        assert recording.state == "complete"
        assert recording.facts["messages"] == str(len(traffic.sent))
        assert not recording.refresh()


def test_never_reads_old_data_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.mcap"
    writer = RecordingWriter(path, facts={})
    traffic = Traffic(writer)
    traffic.events(1000)
    writer.flush()
    with Recording.open(path, follow=True) as recording:
        recording.refresh(9)
        old = path.stat().st_size
        traffic.events(1, first=1000)
        writer.flush()
        places: list[int] = []
        pread = os.pread
        monkeypatch.setattr(os, "pread", lambda file, n, at: (places.append(at), pread(file, n, at))[1])
        assert recording.refresh(9)
        assert len(recording.rows) == 1001
        assert min(places) >= old
    writer.close()


def test_a_budget_reads_a_part_and_says_how_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recordings.recording.FIRST_BUDGET_S", 0)
    path = tmp_path / "a.mcap"
    writer = RecordingWriter(path, facts={}, chunk_bytes=2000)
    traffic = Traffic(writer)
    traffic.events(2000)
    writer.flush()
    with Recording.open(path, follow=True) as recording:
        seen = [(0.0, 0)]
        while recording.refresh(0):
            seen.append((recording.progress, len(recording.rows)))
            assert seen[-1] > seen[-2]
        assert seen[-1] == (1.0, 2000)
        check(recording, traffic.sent)
    writer.close()


def test_a_writer_that_dies_leaves_a_cut_off_file(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    writer = RecordingWriter(path, facts={})
    traffic = Traffic(writer)
    traffic.events(5)
    writer.flush()
    with Recording.open(path, follow=True) as recording:
        assert recording.state == "growing"
        writer._sink.close()
        recording.refresh()
        assert recording.state == "cut off"
        check(recording, traffic.sent)


def test_a_torn_tail_is_waited_for_while_it_grows(tmp_path: Path) -> None:
    path, other = tmp_path / "a.mcap", tmp_path / "b.mcap"
    writer = RecordingWriter(path, facts={})
    traffic = Traffic(writer)
    traffic.events(50)
    writer.flush()
    before = path.stat().st_size
    traffic.events(50, first=50)
    writer.flush()
    whole = path.read_bytes()
    writer.close()
    growing = RecordingWriter(other, facts={})
    with other.open("r+b") as file, Recording.open(other, follow=True) as recording:
        for end in (before, before + 5, before + 60, len(whole) - 1):
            file.seek(0)
            file.write(whole[:end])
            file.flush()
            recording.refresh()
            assert len(recording.rows) == 50
            assert not [entry for entry in recording.session.log if entry.kind == "problem"]
        file.write(whole[-1:])
        file.flush()
        recording.refresh()
        check(recording, traffic.sent)
    growing._sink.close()


def test_a_file_that_shrinks_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    writer = RecordingWriter(path, facts={})
    Traffic(writer).events(5)
    writer.flush()
    with Recording.open(path, follow=True) as recording:
        os.truncate(path, 20)
        recording.refresh()
        assert recording.state == "cut off"
        assert "shrank" in recording.session.log[-1].text
        with pytest.raises(RecordingError):
            recording.frames(0)
    writer._sink.close()


def test_a_deleted_file_is_still_followed(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    writer = RecordingWriter(path, facts={})
    traffic = Traffic(writer)
    with Recording.open(path, follow=True) as recording:
        path.unlink()
        traffic.events(5)
        writer.flush()
        recording.refresh()
        check(recording, traffic.sent)
    writer._sink.close()


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"", "empty"), (b"PK\x03\x04 a zip file", "no recording"), (MAGIC[:4], "cut off before")],
)
def test_what_is_no_recording(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    with pytest.raises(RecordingError, match=says):
        Recording.open(path)


def test_no_file_and_no_right(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="No such file"):
        Recording.open(tmp_path / "nothing")
    with pytest.raises(RecordingError, match="directory"):
        Recording.open(tmp_path)


def test_a_closed_recording_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    writer = RecordingWriter(path, facts={})
    Traffic(writer).events(2)
    writer.close()
    recording = Recording.open(path)
    recording.close()
    recording.close()
    assert len(recording.rows) == 2
    with pytest.raises(RecordingError):
        recording.frames(0)
    with pytest.raises(RecordingError):
        recording.refresh()


@pytest.mark.parametrize("compression", list(CompressionType))
@pytest.mark.parametrize("chunked", [True, False])
def test_mcap_files_of_other_programs(tmp_path: Path, compression: Any, chunked: bool) -> None:
    path = tmp_path / "ros.mcap"
    with path.open("wb") as file:
        writer = Writer(file, compression=compression, use_chunking=chunked, chunk_size=500)
        writer.start(profile="ros1", library="other")
        schema = writer.register_schema("Pose", "jsonschema", b"{}")
        channel = writer.register_channel("/pose", "json", schema, {"callerid": "x"})
        for number in range(20):
            writer.add_message(channel, T0 + number, b'{"x": %d}' % number, T0)
        writer.add_attachment(T0, T0, "notes.txt", "text/plain", b"hello")
        writer.finish()
    with Recording.open(path) as recording:
        assert recording.format_version == 0
        assert recording.state == "complete"
        assert recording.attachment("notes.txt") == b"hello"
        if chunked:
            assert len(recording.rows) == 20
            assert recording.frames(3) == (b'{"x": 3}',)
            assert (recording.rows[3].sender, recording.rows[3].type) == ("/pose", "")
            assert recording.deliveries(3) == []
        else:
            assert "outside of chunks" in recording.session.log[0].text


def test_a_newer_format_is_refused_with_the_way_out(tmp_path: Path) -> None:
    from mcap.records import Header, Metadata

    path = tmp_path / "new.mcap"
    entries = {"format": "2", "library": "tubetap 9"}
    path.write_bytes(MAGIC + encode(Header("", "tubetap 9"), Metadata("tubetap", entries)))
    with pytest.raises(RecordingError, match=r"newer tubetap \(format 2; .* upgrade"):
        Recording.open(path)
