"""From raw chunks to a recording, on scripted connections: messages, copies, subscriptions, losses."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decoders.envelope import Envelope, read_envelope
from decoders.zmtp import command_bytes, message_bytes
from proxy.capture import Capture
from proxy.frames import Kind
from recordings.recording import Recording
from recordings.writer import RecordingWriter
from tests.support_proxy import load

START_NS = 1_700_000_000_000_000_000


def greeting() -> bytes:
    return b"\xff" + bytes(8) + b"\x7f\x03\x01" + b"NULL".ljust(20, b"\0") + b"\0" + bytes(31)


def ready(socket_type: bytes, routing_id: bytes = b"") -> bytes:
    body = b""
    for name, value in ((b"Socket-Type", socket_type), (b"Identity", routing_id)):
        body += bytes([len(name)]) + name + len(value).to_bytes(4, "big") + value
    return command_bytes(b"READY", body)


def event(number: int, node: str = "a") -> tuple[bytes, bytes]:
    value = [
        {
            "id": number,
            "timestamp": "2026-01-01T00:00:00+00:00",
            "node_id": node,
            "signal": "x",
            "epoch": number,
            "value": number,
        }
    ]
    message = {"type": "event", "node_id": node, "timestamp": "2026-01-01T00:00:00Z", "value": value}
    return b"event", json.dumps(message, separators=(",", ":")).encode()


class Script:
    """Plays tee frames into a capture, a millisecond apart."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.writer = RecordingWriter(path, facts={}, force=True)
        self.capture = Capture(self.writer)
        self.now = START_NS

    def fact(self, kind: Kind, connection: int, /, **fact: Any) -> None:
        self.raw(kind, connection, json.dumps(fact).encode())

    def raw(self, kind: Kind, connection: int, data: bytes) -> None:
        self.now += 1_000_000
        self.capture.frame(kind, connection, self.now, memoryview(data))

    def endpoint(self, id: int, address: str, socket_type: str) -> None:
        self.fact(
            Kind.ENDPOINT,
            0,
            id=id,
            address=address,
            socket_type=socket_type,
            pid=99999990 + id,
            parent=1,
            command_line=["python", "x.py"],
        )

    def connect(
        self, connection: int, endpoint: int, peer: bytes, binder: bytes, routing_id: bytes = b""
    ) -> None:
        self.fact(Kind.OPENED, connection, endpoint=endpoint, peer_pid=None)
        self.raw(Kind.IN, connection, greeting() + ready(peer, routing_id))
        self.raw(Kind.OUT, connection, greeting() + ready(binder))

    def subscriber(self, connection: int, endpoint: int = 1, topic: bytes = b"") -> None:
        self.connect(connection, endpoint, b"SUB", b"XPUB")
        self.raw(Kind.IN, connection, command_bytes(b"SUBSCRIBE", topic))

    def publish(self, number: int, *connections: int) -> None:
        for connection in connections:
            self.raw(Kind.OUT, connection, message_bytes(event(number)))

    def finish(self) -> Recording:
        self.writer.close()
        return load(self.path)


@pytest.fixture
def script(tmp_path: Path) -> Script:
    script = Script(tmp_path / "x.mcap")
    script.endpoint(1, "ipc:///tmp/run1/nodes/a/outbox", "XPUB")
    return script


def receivers(recording: Recording) -> list[list[int]]:
    return [
        [delivery.connection for delivery in recording.deliveries(row)] for row in range(len(recording.rows))
    ]


def test_copies_become_deliveries_of_one_message(script: Script) -> None:
    for connection in (1, 2, 3):
        script.subscriber(connection)
    script.publish(0, 1, 2, 3)
    script.publish(1, 2, 1, 3)
    script.publish(2, 1, 3)
    with script.finish() as recording:
        assert [recording.frames(row) for row in range(3)] == [event(0), event(1), event(2)]
        assert receivers(recording) == [[1, 2, 3], [2, 1, 3], [1, 3]]
        (first, second, _) = recording.deliveries(0)
        assert second.time_ns - first.time_ns == 1_000_000
        (endpoint,) = recording.session.endpoints.values()
        assert (endpoint.role, endpoint.node, endpoint.runner) == ("node outbox", "a", "run1")
        assert script.capture.messages == 3


def test_a_late_subscriber_gets_what_comes_after(script: Script) -> None:
    script.subscriber(1)
    script.publish(0, 1)
    script.subscriber(2)
    script.publish(0, 1, 2)
    with script.finish() as recording:
        assert receivers(recording) == [[1], [1, 2]]


def test_a_copy_may_come_after_its_publishers_next_message(script: Script) -> None:
    script.subscriber(1)
    script.subscriber(2)
    for number in range(5):
        script.publish(number, 1)
    for number in (0, 2, 3, 4):
        script.publish(number, 2)
    with script.finish() as recording:
        assert receivers(recording) == [[1, 2], [1], [1, 2], [1, 2], [1, 2]]


def test_handshake_subscription_and_end_are_recorded(script: Script) -> None:
    script.endpoint(2, "ipc:///tmp/run1/command/inbox", "ROUTER")
    script.connect(1, 2, b"DEALER", b"ROUTER", b"b")
    script.subscriber(2, topic=b"__subscriber__:b")
    script.raw(Kind.IN, 2, message_bytes([b"\x01old"]))
    script.raw(Kind.IN, 1, message_bytes([event(7, "b")[1]]))
    script.fact(Kind.CLOSED, 1, reason="closed by the connector")
    with script.finish() as recording:
        dealer, sub = recording.session.connections[1], recording.session.connections[2]
        assert dealer.peer is not None
        assert (dealer.peer.socket_type, dealer.peer.routing_id) == ("DEALER", b"b")
        assert dealer.state == "closed"
        assert dealer.reason == "closed by the connector"
        assert set(sub.subscriptions) == {b"__subscriber__:b", b"old"}
        assert recording.session.name_of(2) == "b"
        assert recording.frames(0) == (event(7, "b")[1],)
        assert recording.rows[0].sender == "b"
        assert recording.session.endpoints[2].role == "command inbox"


def test_a_strange_stream_is_opaque_and_the_others_go_on(script: Script) -> None:
    script.subscriber(1)
    script.fact(Kind.OPENED, 2, endpoint=1, peer_pid=None)
    script.raw(Kind.IN, 2, b"GET / HTTP/1.1\r\n\r\n")
    script.raw(Kind.IN, 2, bytes(1000))
    script.publish(0, 1)
    with script.finish() as recording:
        assert recording.session.connections[2].state == "opaque"
        assert "greeting" in recording.session.connections[2].reason
        assert recording.frames(0) == event(0)
        assert script.capture.opaque == 1


def test_after_a_gap_the_next_whole_message_is_found(script: Script) -> None:
    script.subscriber(1)
    whole = message_bytes(event(0))
    script.raw(Kind.OUT, 1, whole + whole[:20])
    script.fact(Kind.LOST, 1, kind=int(Kind.OUT), bytes=5000, since_ns=script.now)
    script.raw(Kind.OUT, 1, b"".join(message_bytes(event(number)) for number in (7, 8)))
    with script.finish() as recording:
        assert [recording.frames(row) for row in range(3)] == [event(0), event(7), event(8)]
        # What came of the message that the gap cut off is lost as well.
        assert [(loss.stage, loss.bytes) for loss in recording.session.losses] == [("tee", 5000), ("tee", 20)]
        assert script.capture.lost_bytes == 5020


def test_a_connection_older_than_the_recorder_is_taken_up(script: Script) -> None:
    subscribe = command_bytes(b"SUBSCRIBE", b"") + command_bytes(b"SUBSCRIBE", b"__subscriber__:b")
    heads = {
        str(int(Kind.IN)): (greeting() + ready(b"SUB") + subscribe).hex(),
        str(int(Kind.OUT)): (greeting() + ready(b"XPUB") + message_bytes(event(0))[:9]).hex(),
    }
    script.fact(Kind.OPENED, 1, endpoint=1, peer_pid=None, heads=heads)
    script.raw(Kind.OUT, 1, b"".join(message_bytes(event(number)) for number in (5, 6)))
    with script.finish() as recording:
        assert [recording.frames(row) for row in range(len(recording.rows))] == [event(5), event(6)]
        connection = recording.session.connections[1]
        assert connection.peer is not None
        assert connection.peer.socket_type == "SUB"
        assert recording.session.name_of(1) == "b"


def test_traffic_of_an_unknown_connection_is_counted(script: Script) -> None:
    script.raw(Kind.OUT, 77, bytes(100))
    script.fact(Kind.CLOSED, 77, reason="closed")
    with script.finish() as recording:
        assert sum(loss.bytes for loss in recording.session.losses) == 100


def test_a_full_disk_is_counted_and_recording_goes_on(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    from recordings.errors import DiskError

    script.subscriber(1)
    batch = script.writer.message_batch

    def refuse(*arguments: Any) -> None:
        batch(*arguments)
        raise DiskError("the disk is full", messages=1, size=123)

    monkeypatch.setattr(script.writer, "message_batch", refuse)
    script.publish(0, 1)
    monkeypatch.setattr(script.writer, "message_batch", batch)
    script.publish(1, 1)
    assert script.capture.disk_error == "the disk is full"
    assert script.capture.lost_messages == 1
    with script.finish() as recording:
        assert recording.frames(len(recording.rows) - 1) == event(1)


def test_a_message_that_the_end_of_its_connection_cut_off_is_told(script: Script) -> None:
    script.subscriber(1)
    script.raw(Kind.OUT, 1, message_bytes([b"x" * 1000])[:100])
    script.fact(Kind.CLOSED, 1, reason="reset by the binder")
    with script.finish() as recording:
        assert recording.session.connections[1].reason == (
            "reset by the binder, 100 bytes into a message of the binder"
        )


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([Kind.IN, Kind.OUT]), st.binary(max_size=80)), max_size=12),
    st.booleans(),
)
def test_nothing_that_comes_over_the_wire_raises(
    tmp_path_factory: pytest.TempPathFactory, chunks: list[tuple[Kind, bytes]], handshake: bool
) -> None:
    script = Script(tmp_path_factory.getbasetemp() / "fuzz.mcap")
    script.endpoint(1, "ipc:///tmp/run1/nodes/a/outbox", "XPUB")
    script.subscriber(1)
    if handshake:
        script.subscriber(2)
    else:
        script.fact(Kind.OPENED, 2, endpoint=1, peer_pid=None)
    for kind, data in chunks:
        script.raw(kind, 2, data)
    script.publish(0, 1)
    with script.finish() as recording:
        assert event(0) in [recording.frames(row) for row in range(len(recording.rows))]


def test_binary_payloads_have_the_envelope_that_reading_them_would_give(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Envelope] = []
    batch = script.writer.message_batch

    def watch(*arguments: Any) -> None:
        seen.extend(envelope for _, envelope in arguments[4])
        batch(*arguments)

    monkeypatch.setattr(script.writer, "message_batch", watch)
    script.subscriber(1)
    payloads = [bytes((byte,)) + b"x" for byte in range(256)] + [b"", b'{"type":"stop","node_id":"a"}']
    for payload in payloads:
        script.raw(Kind.OUT, 1, message_bytes((b"t", payload)))
    assert seen == [read_envelope((b"t", payload)) for payload in payloads]
