"""Losses are exact: each byte of a stream with gaps is in a recorded message or in a counted loss."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from decoders.zmtp import command_bytes, message_bytes
from proxy.capture import Capture
from proxy.frames import Kind, fact_frame
from recordings.recording import Recording
from recordings.writer import RecordingWriter
from tests.support_zmtp import greeting, ready


def event(number: int, size: int) -> bytes:
    text = f'{{"type":"event","node_id":"a","timestamp":"2026-01-01T00:00:00Z","value":[{number},"'
    return message_bytes([b"event", (text + "x" * size + '"]}').encode()])


def tell(capture: Capture, kind: Kind, connection: int, fact: dict[str, object]) -> None:
    _, data = fact_frame(kind, connection, 1, fact)
    capture.frame(kind, connection, 1, memoryview(data))


def record(path: Path, chunks: list[bytes | int]) -> None:
    """Record one publisher's stream: chunks that came through, and sizes of what was dropped."""
    writer = RecordingWriter(path, facts={})
    capture = Capture(writer)
    endpoint = {"id": 1, "address": "ipc:///x", "socket_type": "XPUB", "pid": 1, "parent": 1}
    tell(capture, Kind.ENDPOINT, 0, endpoint | {"command_line": []})
    tell(capture, Kind.OPENED, 1, {"endpoint": 1, "peer_pid": None})
    handshake = greeting() + ready(b"SUB") + command_bytes(b"SUBSCRIBE", b"")
    capture.frame(Kind.IN, 1, 1, memoryview(handshake))
    capture.frame(Kind.OUT, 1, 1, memoryview(greeting() + ready(b"XPUB")))
    for chunk in chunks:
        if isinstance(chunk, int):
            tell(capture, Kind.LOST, 1, {"kind": int(Kind.OUT), "bytes": chunk, "since_ns": 1})
        else:
            capture.frame(Kind.OUT, 1, 1, memoryview(chunk))
    tell(capture, Kind.CLOSED, 1, {"reason": "closed"})
    writer.close()


def accounted(path: Path) -> tuple[int, int]:
    """Bytes on the wire of the recorded messages, and bytes counted as lost."""
    with Recording.open(path) as recording:
        frames = [recording.frames(row) for row in range(len(recording.rows))]
        return sum(len(message_bytes(each)) for each in frames), sum(
            loss.bytes for loss in recording.session.losses
        )


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 3000), min_size=5, max_size=60),
    st.integers(50, 4000),
    st.lists(st.tuples(st.integers(0, 200), st.integers(1, 20)), max_size=3),
)
def test_every_byte_is_recorded_or_counted(sizes: list[int], chunk: int, gaps: list[tuple[int, int]]) -> None:
    stream = b"".join(event(number, size) for number, size in enumerate(sizes))
    pieces = [stream[start : start + chunk] for start in range(0, len(stream), chunk)]
    dropped = {number for start, count in gaps for number in range(start, start + count)}
    fed: list[bytes | int] = []
    for number, piece in enumerate(pieces):
        if number not in dropped:
            fed.append(piece)
        elif fed and isinstance(fed[-1], int):
            fed[-1] += len(piece)
        else:
            fed.append(len(piece))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.mcap"
        record(path, fed)
        recorded, lost = accounted(path)
    assert recorded + lost == len(stream)


def test_the_first_whole_message_after_a_gap_is_recorded() -> None:
    messages = [event(number, 100_000) for number in range(6)]
    stream = b"".join(messages)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.mcap"
        record(path, [stream[:250_000], 20_000, stream[270_000:400_000], stream[400_000:]])
        with Recording.open(path) as recording:
            numbers = [recording.frames(row)[-1].partition(b"[")[2][:1] for row in range(len(recording.rows))]
    assert numbers == [b"0", b"1", b"3", b"4", b"5"]
