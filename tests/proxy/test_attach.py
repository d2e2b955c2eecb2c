"""Attaching to tubes that already run: all they publish from then on, and nothing disturbed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zmq

from proxy.attach import choose
from proxy.errors import ProxyError
from recordings.errors import RecordingError
from tests.support_explicit import Standing, own_place
from tests.support_proxy import SMALL_TUBE, Place, Transcript, answer, load, processes, transcript, until

NODES = {"source", "double", "picture", "merge"}
EPOCHS = 10


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    yield from own_place(tmp_path)


def attach(place: Place, *options: str) -> Standing:
    return Standing(place, "attach", "--dir", str(place.root / "noob"), *options)


def messages(place: Place) -> int:
    """How many messages the recording has by now."""
    try:
        with load(place.recording) as recording:
            return len(recording.rows)
    except RecordingError:  # not a byte yet
        return 0


def connections(place: Place) -> int:
    """How many connections are open in the recording by now."""
    try:
        with load(place.recording) as recording:
            return sum(info.state == "handshaken" for info in recording.session.connections.values())
    except RecordingError:
        return 0


def start_tube(place: Place) -> "subprocess.Popen[str]":
    tube = place.start(
        [sys.executable, SMALL_TUBE, "--epochs", str(EPOCHS), "--hold"],
        env={"TRANSCRIPTS": str(place.root / "transcripts")},
    )
    assert tube.stdout is not None
    assert tube.stdout.readline() == "holding\n"
    return tube


def settled(place: Place) -> Transcript:
    """What the tube's processes have received, once its start-up chatter is over: nothing new for a while."""
    last: list[Transcript] = []

    def quiet() -> bool:
        time.sleep(0.5)
        last.append(transcript(place.root / "transcripts"))
        return last[-2:-1] == last[-1:]

    until(quiet)
    return last[-1]


def test_all_that_is_published_from_then_on_and_nothing_disturbed(place: Place) -> None:
    tube = start_tube(place)
    before = settled(place)
    attached = attach(place)
    assert "command, double, merge, picture, source" in attached.said
    assert "not seen this way: what nodes tell the command node" in attached.said
    until(lambda: connections(place) == 5)
    # Nobody has sent or received anything because of it: noob takes no note of a subscriber without a name.
    assert settled(place) == before
    out, err = tube.communicate("go\n", timeout=60)
    assert tube.returncode == 0, err
    assert answer(out)["results"] == [{"total": 3 * number} for number in range(2 * EPOCHS)]
    assert attached.wait() == 0  # it ends with the tube
    assert "not seen by attaching: what nodes tell the command node" in attached.said.splitlines()[-1]
    until(lambda: not processes(place, "proxy."))
    received = transcript(place.root / "transcripts")
    with load(place.recording) as recording:
        assert recording.state == "complete"
        session = recording.session
        assert recording.facts["source"] == "tubetap attach"
        assert "who else received a message" in recording.facts["unseen"]
        assert SMALL_TUBE in json.loads(recording.facts["command"])
        assert recording.facts["runner"] == session.runner
        assert {(e.role, e.node, e.socket_type) for e in session.endpoints.values()} == {
            ("command outbox", "command", "XPUB"),
            *(("node outbox", node, "XPUB") for node in NODES),
        }
        assert len({e.pid for e in session.endpoints.values()}) == 5
        assert {info.name for info in session.connections.values()} == {"tubetap"}
        assert {info.peer_pid for info in session.connections.values()} != {tube.pid}
        assert not session.losses
        rows = recording.rows
        senders, types = np.array(rows.names)[rows.sender], np.array(rows.types)[rows.type]
        for node in NODES:
            mine = [
                recording.frames(int(row)) for row in np.flatnonzero((senders == node) & (types == "event"))
            ]
            # Bit for bit what the command node got after the attaching.
            assert mine == received["command", "SUB", node][EPOCHS:], node
        asked = [int(epoch) for epoch in rows.epoch[: len(rows)][types == "process"]]
        assert asked == list(range(EPOCHS, 2 * EPOCHS))


def test_ctrl_c_leaves_the_tube_alone(place: Place) -> None:
    tube = start_tube(place)
    attached = attach(place)
    until(lambda: connections(place) == 5)
    assert attached.stop() == 0
    assert "0 messages on 5 connections to 5 sockets" in attached.said
    out, err = tube.communicate("go\n", timeout=60)
    assert tube.returncode == 0, err
    assert answer(out)["results"] == [{"total": 3 * number} for number in range(2 * EPOCHS)]
    with load(place.recording) as recording:
        assert recording.state == "complete"


def test_a_tube_under_tubetap_run_can_be_attached_to(place: Place) -> None:
    under = place.root / "under.mcap"
    command = [sys.executable, "-m", "tubetap", "run", "-o", str(under), "--"]
    tube = place.start([*command, sys.executable, SMALL_TUBE, "--epochs", "4", "--hold"])
    assert tube.stdout is not None
    assert tube.stdout.readline() == "holding\n"
    attached = attach(place)
    until(lambda: connections(place) == 5)
    _, err = tube.communicate("go\n", timeout=60)
    assert tube.returncode == 0, err
    assert attached.wait() == 0
    with load(place.recording) as recording:
        types = np.array(recording.rows.types)[recording.rows.type]
        assert int((types == "event").sum()) == 16


# Publishers that play a tube, to see exactly what reaches them.


@contextmanager
def publisher(place: Place, where: str, kind: int = zmq.XPUB) -> Iterator[Any]:
    """A publisher where noob would bind one."""
    path = place.root / "noob" / "run1" / where
    path.parent.mkdir(parents=True, exist_ok=True)
    context = zmq.Context()
    socket = context.socket(kind)
    socket.linger = 0
    socket.rcvtimeo = 20_000
    if kind == zmq.XPUB:
        socket.setsockopt(zmq.XPUB_VERBOSE, 1)
    socket.bind(f"ipc://{path}")
    try:
        yield socket
    finally:
        socket.close()
        context.term()


def announcement(place: Place, *nodes: str) -> list[bytes]:
    value = {
        "inbox": "ipc:///nowhere",
        "nodes": {
            node: {
                "node_id": node,
                "outbox": f"ipc://{place.root}/noob/run1/nodes/{node}/outbox",
                "status": "ready",
            }
            for node in nodes
        },
    }
    return [b"announce", json.dumps({"type": "announce", "node_id": "command", "value": value}).encode()]


def test_a_publisher_sees_one_subscription_to_everything_and_no_more(place: Place) -> None:
    with publisher(place, "command/outbox") as command:
        attached = attach(place)
        assert command.recv() == b"\x01"
        assert attached.stop() == 0
        assert command.recv() == b"\x00"
        assert not command.poll(50)


def test_nodes_that_are_announced_later_are_listened_to(place: Place) -> None:
    with publisher(place, "command/outbox") as command, publisher(place, "nodes/old/outbox", zmq.PUB) as old:
        attached = attach(place)
        assert "command, old" in attached.said
        assert command.recv() == b"\x01"
        with publisher(place, "nodes/new/outbox") as new:
            for _ in range(3):
                command.send_multipart(announcement(place, "old", "new", "gone"))
            attached.says("node new is announced")
            assert new.recv() == b"\x01"
            new.send_multipart([b"event", b"from new"])
            until(lambda: connections(place) == 3)
            old.send_multipart([b"event", b"from old"])
            until(lambda: messages(place) == 5)
            # A node that binds its socket again is heard again, once for each time.
        with publisher(place, "nodes/new/outbox") as new:
            assert new.recv() == b"\x01"
            new.send_multipart([b"event", b"from new again"])
            until(lambda: messages(place) == 6)
        assert attached.stop() == 0
    with load(place.recording) as recording:
        frames = [recording.frames(row) for row in range(len(recording.rows))]
        assert [each[-1] for each in frames if each[0] == b"event"] == [
            b"from new",
            b"from old",
            b"from new again",
        ]
        session = recording.session
        assert {(e.node, e.socket_type) for e in session.endpoints.values()} == {
            ("command", "XPUB"),
            ("old", "PUB"),
            ("new", "XPUB"),
        }
        states = [info.state for info in session.connections.values()]
        assert states == ["closed"] * 4


@pytest.mark.parametrize(("kind", "why"), [(zmq.ROUTER, "no publisher but a ROUTER"), (zmq.PUSH, "a PUSH")])
def test_what_is_no_publisher_is_said(place: Place, kind: int, why: str) -> None:
    with publisher(place, "command/outbox") as command, publisher(place, "nodes/odd/outbox", kind):
        attached = attach(place)
        assert command.recv() == b"\x01"
        command.send_multipart([b"process", b"{}"])
        until(lambda: messages(place) == 1)
        assert attached.stop() == 0
    assert "odd/outbox is not recorded: it can't be listened to: it is " in attached.said
    assert why in attached.said


def test_a_killed_recorder_is_replaced(place: Place) -> None:
    with publisher(place, "command/outbox") as command:
        attached = attach(place)
        assert command.recv() == b"\x01"
        command.send_multipart([b"process", b"first"])
        until(lambda: messages(place) == 1)
        (recorder,) = processes(place, "proxy.recorder")
        os.kill(recorder, signal.SIGKILL)
        until(lambda: processes(place, "proxy.recorder") not in ([], [recorder]))
        command.send_multipart([b"process", b"second"])
        command.send_multipart([b"", b""])
        second = place.recording.with_name("out-2.mcap")
        until(lambda: second.exists() and second.stat().st_size > 0)
        assert not command.poll(50)  # the subscription is the old one
        assert attached.stop() == 0
    with load(second) as recording:
        assert recording.frames(0) == (b"process", b"second")
        assert recording.frames(1) == (b"", b"")
        (endpoint,) = recording.session.endpoints.values()
        assert (endpoint.role, endpoint.node, endpoint.socket_type) == ("command outbox", "command", "XPUB")


def holds_messages(path: Path) -> bool:
    with load(path) as recording:
        return len(recording.rows) > 0


def test_a_killed_supervisor_ends_it(place: Place) -> None:
    with publisher(place, "command/outbox") as command:
        attached = attach(place)
        assert command.recv() == b"\x01"
        command.send_multipart([b"process", b"first"])
        until(lambda: place.recording.stat().st_size > 0 and holds_messages(place.recording))
        attached.process.kill()
        attached.wait()
        assert command.recv() == b"\x00"
    until(lambda: not processes(place, "proxy."))
    with load(place.recording) as recording:
        assert recording.state == "complete"
        assert recording.frames(0) == (b"process", b"first")


def test_which_tube(place: Place) -> None:
    folder = place.root / "noob"
    with pytest.raises(ProxyError, match=r"no tube runs \(looked in .*noob\): start one, or say with --dir"):
        choose("", [folder])
    with publisher(place, "command/outbox"):
        assert choose("", [folder]).runner == "run1"
        assert choose("ru", [folder]).runner == "run1"
        assert choose(str(folder / "run1")).runner == "run1"
        with pytest.raises(ProxyError, match=r"no tube 'x' runs, but run1 \("):
            choose("x", [folder])
        other = folder / "run2" / "nodes" / "a"
        other.mkdir(parents=True)
        context = zmq.Context()
        with context.socket(zmq.PUB) as orphan:
            orphan.bind(f"ipc://{other}/outbox")
            # Only one of them has a command node.
            assert choose("", [folder]).runner == "run1"
            with pytest.raises(ProxyError, match=r"2 tubes run: attach to one of run1 .*, run2"):
                choose("run", [folder])
            assert choose("run2", [folder]).state == "orphaned"
        context.term()
