"""Peers that stop taking what they are sent: it is said, and given up after the timeout."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import zmq

from recordings.recording import Recording
from recordings.replay import (
    Addresses,
    CommandOptions,
    Pace,
    Published,
    PublishOptions,
    ReplayError,
    Traffic,
    choose,
    publish,
    replay_as_command,
)
from recordings.replay.handshake import NodeRole, identity
from recordings.replay.sockets import Sockets
from tests.support_recordings import Tube
from tests.support_replay import nothing_left

SECOND = 1_000_000_000
MESSAGES = 300
PAYLOAD = "x" * 20_000
"""More than a pipe of 100 messages and the system's buffers take together."""


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recording]:
    tube = Tube(tmp_path_factory.mktemp("stalled") / "run.mcap")
    tube.start()
    for number in range(MESSAGES):
        tube.event("a", number, PAYLOAD)
    tube.event("b", MESSAGES, 0)
    tube.writer.close()
    with Recording.open(tube.path) as opened:
        yield opened


def deaf_subscriber(context: "zmq.Context[zmq.Socket[bytes]]", address: str) -> "zmq.Socket[bytes]":
    socket = context.socket(zmq.SUB)
    socket.linger = 0
    socket.setsockopt(zmq.RCVHWM, 1)
    socket.setsockopt(zmq.SUBSCRIBE, b"")
    socket.connect(address)
    return socket


@contextmanager
def deaf_node(addresses: Addresses) -> Iterator[None]:
    """A node runner that shakes hands and then takes nothing any more."""
    over = threading.Event()

    def work() -> None:
        outbox = f"ipc://{addresses.runtime_dir}/deaf"
        role = NodeRole("b", dict(identity("b"), outbox=outbox, status="waiting"), frozenset())
        with Sockets() as sockets, zmq.Context() as context:
            sockets.publisher("b", outbox)
            sockets.dealer("b", addresses.command_router)
            sockets.perform("b", role.begin())
            with deaf_subscriber(context, addresses.command_outbox) as commands:
                commands.setsockopt(zmq.SUBSCRIBE, b"__subscriber__:b")
                while not over.is_set():
                    for arrival in sockets.poll(20_000_000):
                        if arrival.place == "subscription":
                            sockets.perform("b", role.subscription(arrival.frames[0]))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_a_node_that_takes_nothing_more_is_given_up(recording: Recording) -> None:
    said: list[str] = []
    traffic = Traffic(recording, chosen=choose(recording, "from:a"))
    options = CommandOptions(pace=Pace(None), timeout_ns=2 * SECOND)
    with nothing_left():
        verdict = replay_as_command(traffic, "b", deaf_node, options, say=said.append)
    assert "waiting for node runner b to take what it was sent" in said
    assert 0 < verdict.sent < MESSAGES
    assert f"{MESSAGES - verdict.sent} messages could no longer be sent to it" in verdict.notes


def test_a_subscriber_that_takes_nothing_more_is_given_up(recording: Recording) -> None:
    said: list[str] = []
    published = Published()
    options = PublishOptions(pace=Pace(None), loop=True, timeout_ns=5 * SECOND)
    context = zmq.Context()
    kept: list[zmq.Socket[bytes]] = []  # one that nobody holds on to is closed

    def say(text: str) -> None:
        said.append(text)
        if text.startswith("publishing at "):
            kept.append(deaf_subscriber(context, text.removeprefix("publishing at ")))

    with pytest.raises(ReplayError, match="gave up waiting for a subscriber to take what"):
        publish(Traffic(recording), "tcp://127.0.0.1:*", options, say=say, published=published)
    context.destroy()
    assert said[-1] == "waiting for a subscriber to take what it was sent"
    assert published.sent > 0


def test_a_node_that_nothing_is_known_of_can_t_be_given_another_name(recording: Recording) -> None:
    with pytest.raises(ReplayError, match="there is no node typo in the recording; it has a, b, c"):
        replay_as_command(Traffic(recording), "b", deaf_node, CommandOptions(remap={"typo": "cam1"}))


def test_a_file_in_the_way_stays_and_ours_goes(recording: Recording, tmp_path: Path) -> None:
    path = tmp_path / "mine"
    path.write_text("thesis")
    options = PublishOptions(pace=Pace(None), subscribers=0)
    traffic = Traffic(recording)
    with pytest.raises(ReplayError, match="there is a file of that name already"):
        publish(traffic, f"ipc://{path}", options)
    assert path.read_text() == "thesis"
    path.unlink()
    with zmq.Context() as context, context.socket(zmq.PUB) as other:
        other.bind(f"ipc://{path}")
        with pytest.raises(ReplayError, match="another program does"):
            publish(traffic, f"ipc://{path}", options)
        assert path.is_socket()
    path.unlink(missing_ok=True)
    assert publish(traffic, f"ipc://{path}", options).sent == MESSAGES + 2
    assert not path.exists()
