"""Exports are read back by other means and compared with the recording."""

import csv
import io
import itertools
import json
import re
import struct
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decoders.envelope import read_envelope
from decoders.zmtp import Greeting, Message, Ready, StreamParser
from recordings.errors import RecordingError
from recordings.export.fields import choose, messages
from recordings.export.formats import FORMATS, byte_pieces, find_format, text_pieces, write_table
from recordings.export.jsonl import json_line
from recordings.export.packets import checksum
from recordings.export.sequence import escape, escape_name
from recordings.export.tables import csv_lines
from recordings.recording import Recording
from recordings.writer import RecordingWriter
from tests.support_sample_files import FACTS, record_sample


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recording]:
    path = record_sample(tmp_path_factory.mktemp("export") / "run.mcap", None, "bug-map-nested-overtake")
    with Recording.open(path) as opened:
        yield opened


def all_rows(recording: Recording) -> list[int]:
    return list(range(len(recording.rows)))


def exported(recording: Recording, name: str, rows: list[int] | None = None, **options: object) -> str:
    rows = all_rows(recording) if rows is None else rows
    pieces = text_pieces(find_format(name, None), recording, rows, **options)  # type: ignore[arg-type]
    return "".join(pieces)


def test_csv_reads_back(recording: Recording) -> None:
    lines = list(csv.DictReader(io.StringIO(exported(recording, "csv"))))
    assert len(lines) == len(recording.rows)
    for number, line in enumerate(lines):
        row = recording.rows[number]
        assert int(line["row"]) == number
        assert int(line["time_ns"]) == row.time_ns
        assert line["type"] == row.type
        assert line["to"].split() == list(row.receivers)
        assert line["epoch"] == ("" if row.epoch < 0 else str(row.epoch))
        assert line["sub_epoch"] == recording.envelope(number).sub_epoch


def test_a_cell_is_no_formula(tmp_path: Path) -> None:
    writer = RecordingWriter(tmp_path / "x.mcap", facts=FACTS)
    for name in ("=1+1", "@SUM(A1)", "-2", "+3", "fine"):
        frames = [json.dumps({"type": name, "node_id": "a", "value": None}).encode()]
        writer.message(10**18, 1, 1, "out", frames, read_envelope(frames))
    writer.close()
    with Recording.open(tmp_path / "x.mcap") as opened:
        text = "".join(csv_lines(messages(opened, all_rows(opened)), choose(["type"])))
    assert text.split() == ["type", "'=1+1", "'@SUM(A1)", "'-2", "'+3", "fine"]


def test_every_arrow_of_a_diagram_is_a_delivery(recording: Recording) -> None:
    text = exported(recording, "mermaid")
    names = dict(re.findall(r"participant (\w+) as (.+)", text))
    arrows = re.findall(r"^    (\w+)-(?:>>|x)(\w+): [\d.]+ (\w+)", text, re.MULTILINE)
    wanted = [
        (row.sender, receiver, row.type)
        for row in map(recording.rows.__getitem__, all_rows(recording))
        for receiver in row.receivers
    ]
    assert [(names[sender], names[receiver], kind) for sender, receiver, kind in arrows] == wanted
    assert text.startswith("```mermaid\nsequenceDiagram\n")
    assert "```\n" in text


def test_a_diagram_says_what_it_leaves_out(recording: Recording) -> None:
    text = exported(recording, "mermaid", limit=5)
    assert f"{len(recording.rows) - 5} more messages are not shown" in text
    assert len(set(re.findall(r"-(?:>>|x)\w+: ([\d.]+) ", text))) <= 5
    assert "No messages" in exported(recording, "mermaid", rows=[])


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_foreign_text_is_no_markup_in_a_diagram(text: str) -> None:
    for escaped in (escape(text), escape_name(text)):
        without_entities = re.sub(r"#\d+;", "", escaped)
        assert not re.search(r"[#;<>\n\r%&\"`\\]", without_entities)
    assert ":" not in escape_name(text)
    assert escape_name("end") != "end"


def test_a_trace_has_a_track_for_each_node_and_a_flow_for_each_epoch(recording: Recording) -> None:
    events = json.loads(exported(recording, "trace"))["traceEvents"]
    tracks = {event["args"]["name"]: event["tid"] for event in events if event["name"] == "thread_name"}
    assert set(tracks) == set(recording.rows.names)
    slices = [event for event in events if event["ph"] == "X"]
    assert [event["args"]["row"] for event in slices] == all_rows(recording)
    for event in slices:
        assert event["tid"] == tracks[recording.rows[event["args"]["row"]].sender]
    flows = [event for event in events if event["ph"] in ("s", "t")]
    epochs = [int(epoch) for epoch in recording.rows.epoch if epoch >= 0]
    assert [event["id"] for event in flows] == epochs
    assert [event["id"] for event in flows if event["ph"] == "s"] == list(dict.fromkeys(epochs))
    received = [event for event in events if event["ph"] == "i"]
    assert len(received) == sum(len(recording.deliveries(row)) for row in all_rows(recording))


def test_slices_of_a_track_do_not_overlap_and_carry_the_flows(recording: Recording) -> None:
    events = json.loads(exported(recording, "trace"))["traceEvents"]
    by_track = defaultdict(list)
    for event in events:
        if event["ph"] == "X":
            by_track[event["tid"]].append((event["ts"], event["ts"] + event["dur"]))
    for slices in by_track.values():
        for (_, end), (begin, _) in itertools.pairwise(slices):
            assert begin >= end - 0.002
    for event in events:
        if event["ph"] in ("s", "t"):
            assert any(begin <= event["ts"] <= end for begin, end in by_track[event["tid"]])
    # Some node took longer over an epoch than the mark of a message lasts.
    assert max(end - begin for slices in by_track.values() for begin, end in slices) > 100


def blocks(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Read the blocks of a pcapng file (little-endian), checking both lengths of each."""
    at = 0
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        assert length % 4 == 0
        assert struct.unpack_from("<I", data, at + length - 4) == (length,)
        yield kind, data[at + 8 : at + length - 4]
        at += length


def test_a_pcapng_holds_each_connection_octet_for_octet(recording: Recording) -> None:
    data = b"".join(byte_pieces(recording, all_rows(recording), "1"))
    found = list(blocks(data))
    assert [kind for kind, _ in found[:3]] == [0x0A0D0D0A, 1, 4]
    assert struct.unpack_from("<H", found[1][1]) == (101,)
    streams: dict[tuple[bytes, int, bytes, int], bytearray] = defaultdict(bytearray)
    following: dict[tuple[bytes, int, bytes, int], int] = {}
    last_ns = 0
    for kind, body in found[3:]:
        assert kind == 6
        _, high, low, captured, original = struct.unpack_from("<IIIII", body)
        packet = body[20 : 20 + captured]
        assert captured == original == len(packet)
        assert (high << 32 | low) >= last_ns
        last_ns = high << 32 | low
        assert packet[0] == 0x45
        assert struct.unpack_from(">H", packet, 2) == (len(packet),)
        assert checksum(packet[:20]) == 0
        source, target, segment = packet[12:16], packet[16:20], packet[20:]
        pseudo = source + target + struct.pack(">BBH", 0, 6, len(segment))
        assert checksum(pseudo + segment) == 0
        sport, dport, sequence, _, _, flags = struct.unpack_from(">HHIIBB", segment)
        key = (source, sport, target, dport)
        payload = segment[20:]
        assert following.get(key, sequence) == sequence
        following[key] = sequence + len(payload) + bool(flags & 3)
        streams[key] += payload
    said: dict[int, list[tuple[bytes, ...]]] = {}
    for (_, sport, _, dport), octets in streams.items():
        parser = StreamParser()
        events = parser.feed(bytes(octets))
        assert parser.opaque is None
        assert isinstance(events[0], Greeting)
        assert isinstance(events[1], Ready)
        said[sport * 65536 + dport] = [event.frames for event in events if isinstance(event, Message)]
    for number, info in recording.session.connections.items():
        client, server = 50000 + number, 41000 + info.endpoint
        carried = [
            (copy.time_ns, row)
            for row in all_rows(recording)
            for copy in recording.deliveries(row)
            if copy.connection == number
        ]
        inward = recording.session.endpoints[info.endpoint].role == "command inbox"
        sender = client * 65536 + server if inward else server * 65536 + client
        assert said[sender] == [recording.frames(row) for _, row in sorted(carried)]


def test_parquet_reads_back(recording: Recording, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    assert write_table(recording, all_rows(recording), tmp_path / "x.parquet") == len(recording.rows)
    table = parquet.read_table(tmp_path / "x.parquet").to_pylist()
    assert [line["time_ns"] for line in table] == recording.rows.time_ns.tolist()
    assert [tuple(line["to"]) for line in table] == [
        recording.rows[row].receivers for row in all_rows(recording)
    ]


def test_parquet_without_pyarrow_says_what_to_do(
    recording: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(RecordingError, match="install it"):
        write_table(recording, all_rows(recording), tmp_path / "x.parquet")


def test_the_name_of_a_file_tells_the_format() -> None:
    for each in FORMATS:
        for suffix in each.suffixes:
            assert find_format(None, Path(f"run{suffix}")) is each
    with pytest.raises(RecordingError, match="--format"):
        find_format(None, Path("run.xyz"))


@settings(max_examples=100, deadline=None)
@given(st.recursive(st.none() | st.text(max_size=10) | st.integers(), st.lists, max_leaves=5))
def test_a_line_of_json_is_one_line_and_means_the_same(value: object) -> None:
    line = json_line(value)
    assert line.isprintable() or not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202e]", line)
    assert json.loads(line) == value
