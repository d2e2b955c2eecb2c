"""Recordings are MCAP files like any other: the checkers and readers of others find no fault in them."""

import json
from pathlib import Path
from typing import Any

import pytest
from mcap.exceptions import McapError
from mcap.reader import NonSeekingReader, SeekingReader

from recordings import layout
from recordings.maintain import recover
from recordings.recording import Recording
from recordings.records import Loss, Note, Output
from recordings.rotation import RotatingWriter
from recordings.writer import RecordingWriter
from tests.support_mcap import Traffic, check, event, introduce, plain, run_mcap

EXPECTED_WARNINGS = ("Duplicate schema records in data section", "Duplicate channel records in data section")
"""What the checker remarks on without finding fault: definitions are repeated in each chunk on purpose."""


def some_traffic(writer: Any) -> Traffic:
    traffic = Traffic(writer)
    introduce(writer)
    traffic.message((plain("status", "a", '"ready"'),), endpoint=3, connection=5, direction="in")
    for epoch in range(200):
        traffic.message(event("a", epoch), copies=[1])
        if epoch % 5 == 0:
            traffic.message((b"raw", b"\x00\xff"), endpoint=2, connection=2)
        if epoch % 50 == 0:
            writer.record(Output(time_ns=traffic.now_ns, stream="stderr", text="line \udcff"))
    writer.record(Note(time_ns=traffic.now_ns, message=3, text="here"))
    writer.record(Loss(time_ns=traffic.now_ns, stage="tee", bytes=1, since_ns=traffic.now_ns))
    return traffic


def write(path: Path, *, close: bool = True, **options: Any) -> Traffic:
    writer = RecordingWriter(path, facts={"host": "h"}, chunk_age_ns=20_000_000, **options)
    traffic = some_traffic(writer)
    writer.attach("tube.yaml", "application/yaml", b"nodes: {}\n")
    if close:
        writer.close()
    else:
        writer._sink.close()
    return traffic


def assert_no_fault(path: Path) -> None:
    """The doctor says nothing but what is expected, and `info` reads the file."""
    examined = run_mcap("doctor", path)
    remarks = [line for line in (examined.stdout + examined.stderr).splitlines() if line.strip()]
    assert examined.returncode == 0, remarks
    assert [line for line in remarks if not line.startswith(EXPECTED_WARNINGS)] == []
    assert run_mcap("info", path).returncode == 0


@pytest.mark.parametrize("compression", ["auto", "none", "zstd"])
def test_the_doctor_finds_no_fault(tmp_path: Path, compression: Any) -> None:
    path = tmp_path / "a.mcap"
    write(path, compression=compression)
    assert_no_fault(path)


def test_an_empty_recording_is_a_file_too(tmp_path: Path) -> None:
    RecordingWriter(tmp_path / "a.mcap", facts={}).close()
    assert_no_fault(tmp_path / "a.mcap")


def test_info_shows_what_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    write(path)
    shown = run_mcap("info", path).stdout
    assert "/nodes/a/outbox/event" in shown
    assert "noob.event [jsonschema]" in shown
    assert "/tubetap/connection" in shown
    assert "attachments: 2" in shown


def test_json_comes_out_of_other_tools(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    write(path)
    topics = "/nodes/a/outbox/event,/tubetap/subscription,/tubetap/output"
    lines = run_mcap("cat", "--json", "--topics", topics, path).stdout.splitlines()
    messages = [json.loads(line) for line in lines]
    events = [message for message in messages if message["topic"] == "/nodes/a/outbox/event"]
    assert [message["data"]["value"][0]["epoch"] for message in events] == list(range(200))
    assert {message["topic"] for message in messages} == set(topics.split(","))


def test_a_cut_off_file_can_be_recovered_by_others(tmp_path: Path) -> None:
    path, whole, theirs = tmp_path / "a.mcap", tmp_path / "b.mcap", tmp_path / "c.mcap"
    traffic = write(path, close=False)
    content = path.read_bytes()
    whole.write_bytes(content[: len(content) * 2 // 3])
    run_mcap("recover", whole, "-o", theirs)
    assert_no_fault(theirs)
    with Recording.open(whole) as ours, Recording.open(theirs) as recovered:
        assert 20 < len(ours.rows) < len(traffic.sent)
        assert recovered.state == "complete"
        sent = traffic.sent[: len(ours.rows)]
        sent[-1].copies = sent[-1].copies[:1]  # its second copy was told in the chunk that is torn
        check(ours, sent)
        check(recovered, sent)
        assert recovered.facts["host"] == "h"
        assert recovered.session.nodes == ours.session.nodes


def test_a_cut_off_file_can_be_recovered_by_us(tmp_path: Path) -> None:
    path, cut, ours = tmp_path / "a.mcap", tmp_path / "b.mcap", tmp_path / "c.mcap"
    traffic = write(path, close=False)
    content = path.read_bytes()
    cut.write_bytes(content[:-50])
    result = recover(cut, ours)
    assert_no_fault(ours)
    assert "torn" in result.problems[0]
    with Recording.open(ours) as recovered, Recording.open(cut) as before:
        assert recovered.state == "complete"
        assert recovered.facts["recovered_from"] == "b.mcap"
        assert result.messages == len(recovered.rows) == len(before.rows)
        check(recovered, traffic.sent[: len(before.rows)])
        assert recovered.session.log[:-1] == [e for e in before.session.log if e.kind != "problem"][:-1]


def test_parts_of_a_rotation_are_files_of_their_own(tmp_path: Path) -> None:
    writer = RotatingWriter(tmp_path / "a.mcap", facts={}, rotate_bytes=8000, chunk_age_ns=20_000_000)
    some_traffic(writer)
    writer.close()
    assert len(writer.paths) > 2
    for path in writer.paths:
        assert_no_fault(path)


def test_the_official_reader_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    traffic = write(path)
    with path.open("rb") as file:
        indexed = list(SeekingReader(file, validate_crcs=True).iter_messages())
        file.seek(0)
        streamed = list(NonSeekingReader(file, validate_crcs=True).iter_messages(log_time_order=False))
        file.seek(0)
        summary = SeekingReader(file).get_summary()
        attachments = {found.name for found in SeekingReader(file).iter_attachments()}
    assert len(indexed) == len(streamed)
    published = [message for _, channel, message in indexed if not channel.topic.startswith("/tubetap/")]
    assert sorted(message.sequence for message in published) == list(range(len(traffic.sent)))
    usual = [
        (channel, message) for _, channel, message in indexed if channel.topic == "/nodes/a/outbox/event"
    ]
    assert [message.data for _, message in usual] == [
        sent.frames[-1] for sent in traffic.sent if sent.frames[0] == b"event"
    ]
    assert usual[0][0].metadata["sender"] == "a"
    assert usual[0][1].log_time == traffic.sent[1].time_ns
    assert summary is not None
    assert summary.statistics is not None
    assert summary.statistics.message_count == len(indexed)
    assert 0 not in summary.statistics.channel_message_counts.values()
    assert len(summary.chunk_indexes) == summary.statistics.chunk_count
    assert attachments == {"tube.yaml", layout.ROW_INDEX}


def test_the_official_reader_reads_a_cut_off_file_up_to_the_cut(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    write(path, close=False)
    with Recording.open(path) as recording:
        rows = len(recording.rows)
    count = 0
    with path.open("rb") as file:
        try:
            for _, channel, _ in NonSeekingReader(file).iter_messages(log_time_order=False):
                count += not channel.topic.startswith("/tubetap/")
        except McapError:
            pass
    assert count == rows


def test_schemas_fit_what_foxglove_asks_for(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    write(path)
    with path.open("rb") as file:
        summary = SeekingReader(file).get_summary()
    assert summary is not None
    for schema in summary.schemas.values():
        assert schema.encoding == "jsonschema"
        assert json.loads(schema.data)["type"] == "object"
    for channel in summary.channels.values():
        assert (channel.message_encoding == "json") == (channel.schema_id != 0)
