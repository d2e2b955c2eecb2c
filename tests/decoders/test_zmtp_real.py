"""The ZMTP parser on what real ZeroMQ sockets say to each other."""

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zmq
import zmq.auth
from zmq.auth.thread import ThreadAuthenticator

from decoders.zmtp import Event, Greeting, Message, Opaque, Ping, Pong, Ready, StreamParser, Subscription
from tests.support_zmtp import Taped, taping_relay

FRAMES = [b"event", b"", b"x" * 255, b"y" * 256, b"z" * 200_000]


@pytest.fixture
def context() -> Iterator[zmq.Context[zmq.Socket[bytes]]]:
    context = zmq.Context()
    yield context
    context.destroy(linger=0)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A directory with a name short enough for the path of a unix socket, also on macOS."""
    with tempfile.TemporaryDirectory(prefix="z") as name:
        yield Path(name)


def socket(context: zmq.Context[zmq.Socket[bytes]], kind: int) -> zmq.Socket[bytes]:
    made = context.socket(kind)
    made.rcvtimeo = made.sndtimeo = 10_000
    return made


def events(chunks: list[bytes]) -> list[Event]:
    parser = StreamParser()
    return [event for chunk in list(chunks) for event in parser.feed(chunk)]


def only(kind: type[Event], among: list[Event]) -> list[Event]:
    return [event for event in among if isinstance(event, kind)]


def until(condition: Callable[[], object], timeout: float = 10) -> None:
    """Wait for the relay's threads to have taped what `condition()` looks for."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "not seen in time"
        time.sleep(0.005)


def test_publisher_and_subscriber(context: zmq.Context[zmq.Socket[bytes]], folder: Path) -> None:
    publisher = socket(context, zmq.XPUB)
    publisher.setsockopt(zmq.XPUB_VERBOSE, 1)
    publisher.bind(f"ipc://{folder}/pub")
    with taping_relay(folder / "pub") as relay:
        subscriber = socket(context, zmq.SUB)
        subscriber.connect(relay.listen)
        for topic in (b"event", b"__subscriber__:a"):
            subscriber.subscribe(topic)
            assert publisher.recv() == b"\x01" + topic
        publisher.send_multipart(FRAMES)
        assert subscriber.recv_multipart() == FRAMES
        subscriber.unsubscribe(b"event")
        assert publisher.recv() == b"\x00event"
        tape = relay.connections[0]
        outward, inward = events(tape.to_connector), events(tape.to_binder)
    assert outward[0] == inward[0] == Greeting((3, 1), "NULL", False)
    assert [ready.socket_type for ready in only(Ready, outward)] == ["XPUB"]  # type: ignore[union-attr]
    assert [ready.socket_type for ready in only(Ready, inward)] == ["SUB"]  # type: ignore[union-attr]
    assert only(Message, outward) == [Message(tuple(FRAMES))]
    assert only(Message, inward) == []
    assert [(event.topic, event.subscribe) for event in only(Subscription, inward)] == [  # type: ignore[union-attr]
        (b"event", True),
        (b"__subscriber__:a", True),
        (b"event", False),
    ]


def test_dealer_and_router_with_heartbeats(context: zmq.Context[zmq.Socket[bytes]], folder: Path) -> None:
    router = socket(context, zmq.ROUTER)
    router.bind(f"ipc://{folder}/router")
    with taping_relay(folder / "router") as relay:
        dealer = socket(context, zmq.DEALER)
        dealer.setsockopt(zmq.IDENTITY, b"node-a")
        dealer.setsockopt(zmq.HEARTBEAT_IVL, 20)
        dealer.setsockopt(zmq.HEARTBEAT_TTL, 700)
        dealer.connect(relay.listen)
        dealer.send_multipart(FRAMES)
        assert router.recv_multipart() == [b"node-a", *FRAMES]
        router.send_multipart([b"node-a", b"answer"])
        assert dealer.recv_multipart() == [b"answer"]
        tape = relay.connections[0]
        until(lambda: only(Ping, events(tape.to_binder)) and only(Pong, events(tape.to_connector)))
        outward, inward = events(tape.to_connector), events(tape.to_binder)
    assert [ready.routing_id for ready in only(Ready, inward)] == [b"node-a"]  # type: ignore[union-attr]
    assert only(Message, inward) == [Message(tuple(FRAMES))]
    assert only(Message, outward) == [Message((b"answer",))]
    assert only(Ping, inward)[0].ttl_ms == 700  # type: ignore[union-attr]


def exchange(client: zmq.Socket[bytes], server: zmq.Socket[bytes], folder: Path) -> Taped:
    server.bind(f"ipc://{folder}/secure")
    with taping_relay(folder / "secure") as relay:
        client.connect(relay.listen)
        client.send(b"question")
        assert server.recv() == b"question"
        server.send(b"answer")
        assert client.recv() == b"answer"
        return relay.connections[0]


def test_plain(context: zmq.Context[zmq.Socket[bytes]], folder: Path) -> None:
    authenticator = ThreadAuthenticator(context)
    authenticator.start()
    try:
        authenticator.configure_plain(domain="*", passwords={"admin": "open sesame"})
        server, client = socket(context, zmq.REP), socket(context, zmq.REQ)
        server.plain_server = True
        client.plain_username, client.plain_password = b"admin", b"open sesame"
        tape = exchange(client, server, folder)
    finally:
        authenticator.stop()
    assert b"open sesame" in b"".join(tape.to_binder)
    inward = events(tape.to_binder)
    assert only(Message, inward) == [Message((b"", b"question"))]
    assert "open sesame" not in repr(inward)
    assert [ready.socket_type for ready in only(Ready, inward)] == ["REQ"]  # type: ignore[union-attr]
    assert only(Message, events(tape.to_connector)) == [Message((b"", b"answer"))]


@pytest.mark.skipif(not zmq.has("curve"), reason="this libzmq has no CURVE")
def test_curve(context: zmq.Context[zmq.Socket[bytes]], folder: Path) -> None:
    server, client = socket(context, zmq.REP), socket(context, zmq.REQ)
    server.curve_server = True
    public, server.curve_secretkey = zmq.curve_keypair()
    client.curve_publickey, client.curve_secretkey = zmq.curve_keypair()
    client.curve_serverkey = public
    tape = exchange(client, server, folder)
    for chunks in (tape.to_binder, tape.to_connector):
        said = events(chunks)
        assert isinstance(said[0], Greeting)
        assert said[0].mechanism == "CURVE"
        assert said[-1] == Opaque("encrypted by CURVE")
        assert only(Message, said) == []
