"""Whatever is wrong with a file, only RecordingError comes out, memory stays bounded, and the rest is
readable."""

import os
import random
import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec
import numpy as np
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recordings import block as block_module
from recordings.columns import Column, pack, unpack
from recordings.container import RECORD, Damage
from recordings.errors import RecordingError
from recordings.layout import BLOCK_OPCODE, MAGIC
from recordings.recording import Recording
from recordings.records import Connection, Endpoint, Loss, Note, Output, Process, Subscription
from recordings.walk import FoundChunk, Walk
from recordings.writer import RecordingWriter
from tests.support_mcap import T0, Sent, Traffic, event, introduce, plain

files = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes, list[Sent]]:
    """A small recording, finished and without its end, and what is in it."""
    path = tmp_path_factory.mktemp("sample") / "a.mcap"
    writer = RecordingWriter(path, facts={"host": "h"}, chunk_age_ns=10_000_000)
    traffic = Traffic(writer)
    introduce(writer)
    traffic.message(
        (plain("identify", "a", '{"node_id":"a","status":"ready"}'),),
        endpoint=3,
        connection=5,
        direction="in",
    )
    for epoch in range(30):
        traffic.message(event("a", epoch), copies=[1])
        traffic.message((b"odd", b"\x00"), endpoint=2, connection=2)
    writer.attach("tube.yaml", "application/yaml", b"nodes: {}\n")
    traffic.events(5, first=30)
    writer.flush()
    unfinished = path.read_bytes()
    writer.close()
    return path.read_bytes(), unfinished, traffic.sent


def read_all(path: Path) -> list[tuple[bytes, ...] | None]:
    """Everything that can be asked of a recording; None for messages that can't be read."""
    with Recording.open(path) as recording:
        assert recording.state in ("complete", "cut off")
        found: list[tuple[bytes, ...] | None] = []
        for number in range(len(recording.rows)):
            recording.rows[number]
            try:
                found.append(recording.frames(number))
                recording.deliveries(number)
            except RecordingError:
                found.append(None)
        for name in recording.attachments():
            with suppress(RecordingError):
                recording.attachment(name)
        for index in range(len(recording.session.epochs)):
            recording.session.epochs[index]
        assert recording.progress == 1.0
        return found


def chunk_ends(path: Path) -> list[tuple[int, int]]:
    """Where each chunk with its indexes ends, and how many rows there are up to there."""
    ends = []
    rows = 0
    with path.open("rb") as file:
        walk = Walk(file.fileno(), len(MAGIC))
        for found in walk.steps(path.stat().st_size, final=True):
            if isinstance(found, FoundChunk) and found.block is not None:
                rows += len(found.block)
                ends.append((walk.position, rows))
    return ends


def test_cut_off_at_any_byte(tmp_path: Path) -> None:
    path = tmp_path / "cut.mcap"
    writer = RecordingWriter(path, facts={})
    traffic = Traffic(writer)
    for epoch in range(6):
        traffic.message(event("a", epoch), copies=[1])
        if epoch % 2:
            writer.flush()
    writer.close()
    ends = chunk_ends(path)
    assert [rows for _, rows in ends] == [2, 4, 6]
    for length in range(path.stat().st_size - 1, -1, -1):
        os.truncate(path, length)
        if length < len(MAGIC):
            with pytest.raises(RecordingError):
                Recording.open(path)
            continue
        with Recording.open(path) as recording:
            rows = max([count for end, count in ends if end <= length], default=0)
            assert len(recording.rows) == rows, length
            assert recording.state == "cut off"
            if rows:
                assert recording.frames(rows - 1) == traffic.sent[rows - 1].frames


@files
@given(st.data())
def test_flipped_bits_lose_a_chunk_at_most(
    tmp_path: Path, sample: tuple[bytes, bytes, list[Sent]], data: st.DataObject
) -> None:
    whole, unfinished, sent = sample
    damaged = bytearray(data.draw(st.sampled_from([whole, unfinished])))
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(len(MAGIC), len(damaged) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path = tmp_path / "flipped.mcap"
    path.write_bytes(damaged)
    try:
        found = read_all(path)
    except RecordingError:
        return
    known = {message.frames for message in sent}
    assert all(frames is None or frames in known for frames in found)


@files
@given(st.data())
def test_one_flipped_bit_in_a_chunk_spares_all_others(
    tmp_path: Path, sample: tuple[bytes, bytes, list[Sent]], data: st.DataObject
) -> None:
    _, unfinished, sent = sample
    path = tmp_path / "flipped.mcap"
    path.write_bytes(unfinished)
    ends = chunk_ends(path)
    start = ends[0][0]
    position = data.draw(st.integers(start, ends[-1][0] - 1))
    damaged = bytearray(unfinished)
    damaged[position] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(damaged)
    found = [frames for frames in read_all(path) if frames is not None]
    hit = next(number for number, (end, _) in enumerate(ends) if position < end)
    spared = [message.frames for message in sent[: ends[hit - 1][1]] + sent[ends[hit][1] :]]
    for frames in spared:
        assert frames in found


@files
@given(st.binary(max_size=300), st.booleans())
def test_any_bytes(tmp_path: Path, noise: bytes, with_magic: bool) -> None:
    path = tmp_path / "noise.mcap"
    path.write_bytes(MAGIC * with_magic + noise)
    with suppress(RecordingError):
        read_all(path)


@files
@given(st.data())
def test_shuffled_pieces(
    tmp_path: Path, sample: tuple[bytes, bytes, list[Sent]], data: st.DataObject
) -> None:
    whole, _, _ = sample
    random_source = random.Random(data.draw(st.integers(0, 1 << 30)))
    pieces = [MAGIC]
    for _ in range(random_source.randrange(1, 12)):
        start = random_source.randrange(len(whole))
        pieces.append(whole[start : start + random_source.randrange(3000)])
    path = tmp_path / "shuffled.mcap"
    path.write_bytes(b"".join(pieces))
    with suppress(RecordingError):
        read_all(path)


def crafted_chunk(records: bytes, *, compression: str = "", size: int | None = None) -> bytes:
    """A chunk record with the given records."""
    name = compression.encode()
    content = struct.pack("<QQQI", 0, 0, len(records) if size is None else size, 0)
    content += len(name).to_bytes(4, "little") + name + len(records).to_bytes(8, "little") + records
    return RECORD.pack(6, len(content)) + content


@pytest.mark.parametrize(
    "chunk",
    [
        crafted_chunk(zstandard.ZstdCompressor().compress(bytes(1 << 30)), compression="zstd", size=1 << 30),
        crafted_chunk(zstandard.ZstdCompressor().compress(bytes(1 << 30)), compression="zstd", size=1000),
        crafted_chunk(b"\x28\xb5\x2f\xfd" + b"\xff" * 50, compression="zstd", size=1000),
        crafted_chunk(b"", compression="br\x1bttli", size=10),
        crafted_chunk(b"x" * 100, compression="lz4", size=100),
        crafted_chunk(RECORD.pack(5, 3) + b"abc"),
        crafted_chunk(RECORD.pack(5, 1 << 60) + b"abc"),
        crafted_chunk(RECORD.pack(5, 22) + bytes(22)),
        crafted_chunk(RECORD.pack(4, 5) + b"\xff" * 5),
        crafted_chunk(RECORD.pack(4, 12) + bytes(2) + b"\xff" * 10),
    ],
    ids=[
        "bomb",
        "lying bomb",
        "no zstd",
        "unknown",
        "no lz4",
        "short",
        "long",
        "no channel",
        "cut",
        "lying text",
    ],
)
def test_hostile_chunks(tmp_path: Path, sample: tuple[bytes, bytes, list[Sent]], chunk: bytes) -> None:
    _, unfinished, sent = sample
    path = tmp_path / "hostile.mcap"
    path.write_bytes(unfinished + chunk)
    with Recording.open(path) as recording:
        assert len(recording.rows) == len(sent)
        assert [entry for entry in recording.session.log if entry.kind == "problem"]


def resigned(content: bytes) -> bytes:
    """A block's content with the checksum that fits."""
    crc = zlib.crc32(content[12:])
    return content[:8] + crc.to_bytes(4, "little") + content[12:]


def hostile_blocks() -> Iterator[bytes]:
    """Contents of blocks that claim what can't be."""
    empty = Column(0, 0, False, b"")
    head = struct.Struct("<8sIIQQ")

    def make(rows: int, body: object, follows: int = 0) -> bytes:
        packed = zstandard.ZstdCompressor().compress(msgspec.msgpack.encode(body))
        return resigned(head.pack(block_module.SIGNATURE, 0, rows, 0, follows) + packed)

    columns = [empty] * 7
    runs = [empty] * 4
    yield make(1 << 20, [1 << 20, [], columns, 0, runs, [], [], [[0, 1 << 20]], None, 0], follows=1000)
    yield make(1 << 31, [1 << 31, [], columns, 0, runs, [], [], [[0, 1 << 31]], None, 0])
    yield make(5, [5, [], columns, 0, runs, [], [], [[0, 5]], None, 0])
    yield make(5, [5, [], columns[:3], 0, runs, [], [], [[0, 5]], None, 0])
    yield make(0, [0, [], columns, 1 << 40, runs, [], [], [], None, 0])
    yield make(0, [0, [], columns, 1000, runs, [], [], [], None, 0])
    yield make(0, [0, [], columns, 0, runs, [[99, b""]], [], [], None, 0])
    yield make(0, [0, [], columns, 0, runs, [], [[0, b""]], [], None, 0])
    yield make(0, [0, [[70000, 0, "in", "", ""]], columns, 0, runs, [], [], [], None, 0])
    yield make(0, [0, [[1, 0, "up", "", ""]], columns, 0, runs, [], [], [], None, 0])
    yield make(0, [0, [[1, 0, "in", "", ""]], columns, 0, runs, [], [], [], None, 0])
    yield make(0, [0, [], columns, 0, runs, [], [], [[0, 0]] * (block_module.MAX_ENTRIES + 1), None, 0])
    yield make(0, [0, [], columns, 0, runs, [], [], [[-1, 0]], None, 0])
    yield make(0, "text")
    deep = b"\x91" * 100_000 + b"\x90"
    yield resigned(head.pack(block_module.SIGNATURE, 0, 0, 0, 0) + zstandard.ZstdCompressor().compress(deep))
    bomb = zstandard.ZstdCompressor().compress(bytes(1 << 30))
    yield resigned(head.pack(block_module.SIGNATURE, 0, 0, 0, 0) + bomb)


@pytest.mark.parametrize("content", list(hostile_blocks()), ids=range(16))
def test_hostile_blocks(tmp_path: Path, sample: tuple[bytes, bytes, list[Sent]], content: bytes) -> None:
    with pytest.raises(Damage):
        block_module.decode_content(content)
    _, unfinished, sent = sample
    path = tmp_path / "hostile.mcap"
    path.write_bytes(unfinished + RECORD.pack(BLOCK_OPCODE, len(content)) + content + crafted_chunk(b""))
    with Recording.open(path) as recording:
        assert len(recording.rows) == len(sent)


def test_a_row_index_that_lies_is_not_believed(
    tmp_path: Path, sample: tuple[bytes, bytes, list[Sent]]
) -> None:
    whole, _, sent = sample
    start = whole.index(b"tubetap.rows")
    damaged = bytearray(whole)
    damaged[start + 80] ^= 0xFF
    path = tmp_path / "lying.mcap"
    path.write_bytes(damaged)
    with Recording.open(path) as recording:
        assert recording.state == "complete"
        assert len(recording.rows) == len(sent)
        assert any("row index" in entry.text for entry in recording.session.log)
        assert recording.attachments() == ["tube.yaml"]
    assert read_all(path) == [message.frames for message in sent]


@given(st.lists(st.integers(-(1 << 63), (1 << 63) - 1), max_size=50), st.booleans())
def test_columns_come_back(values: list[int], steps: bool) -> None:
    column = pack(np.array(values, dtype=np.int64), steps=steps)
    assert unpack(column, len(values)).tolist() == values
    if column.width:
        with pytest.raises(Damage):
            unpack(column, len(values) + 1)


def test_a_program_that_floods_the_session_model_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recordings.session.MAX_THINGS", 50)
    monkeypatch.setattr("recordings.logbook.MAX_LOG_TEXT", 10_000)
    monkeypatch.setattr("recordings.nodes.MAX_NODES", 60)
    monkeypatch.setattr("recordings.session.MAX_NODES", 60)
    monkeypatch.setattr("recordings.rows.MAX_SETS", 30)
    monkeypatch.setattr("recordings.rows.MAX_SET", 5)
    monkeypatch.setattr("recordings.rows.MAX_NAMES", 40)
    monkeypatch.setattr("recordings.rows.MAX_JOINED", 20)
    writer = RecordingWriter(tmp_path / "a.mcap", facts={})
    traffic = Traffic(writer)
    for number in range(200):
        writer.record(Process(time_ns=T0, pid=number))
        writer.record(Endpoint(time_ns=T0, id=number, address="a", socket_type="PUB", node=f"n{number}"))
        writer.record(Connection(time_ns=T0, id=number, endpoint=0, state="opened"))
        writer.record(Subscription(time_ns=T0, connection=0, topic=b"%d" % number, subscribe=True))
        writer.record(Note(time_ns=T0, message=None))
        writer.record(Loss(time_ns=T0, stage="tee", bytes=1, since_ns=T0))
        writer.record(Output(time_ns=T0, stream="stdout", text="x" * 20_000))
        copies = [(number * 7 + step) % 200 for step in range(1, 9)]
        traffic.message(event(f"n{number}", number), connection=number, copies=copies)
    writer.close()
    with Recording.open(tmp_path / "a.mcap") as recording:
        session, rows = recording.session, recording.rows
        kept = (session.processes, session.endpoints, session.connections, session.notes, session.losses)
        assert [len(things) for things in kept] == [50] * 5
        assert len(session.connections[0].subscriptions) == 50
        assert len(session.nodes) == 60
        assert sum(len(entry.text) for entry in session.log) < 30_000
        assert session.log_dropped > 0
        assert len(rows) == 200
        assert len(rows.receiver_sets) == 30
        assert max(map(len, rows.receiver_sets)) <= 5
        assert len(rows.names) == 40
        assert rows[199].sender == "(too many names)"
        assert [recording.frames(number) for number in range(200)] == [sent.frames for sent in traffic.sent]
        assert len(recording.deliveries(198)) == 9
