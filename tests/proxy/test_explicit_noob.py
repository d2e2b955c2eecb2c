"""The explicit proxy between a real command node and its node runners: every link, node to node included."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.support_explicit import Standing, own_place, talk
from tests.support_proxy import PROGRAMS, Place, load, processes, recorded, transcript, until

NODES = {"source", "double", "picture", "merge"}
EDGES = {
    ("source", "double"),
    ("source", "picture"),
    ("double", "merge"),
    ("picture", "merge"),
    *((node, "command") for node in NODES),
}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    yield from own_place(tmp_path)


@pytest.mark.parametrize("scheme", ["ipc", "tcp"])
def test_all_links_of_a_tube(place: Place, scheme: str) -> None:
    bound = f"ipc://{place.root}/noob/run1/command"
    listen = {
        "ipc": [f"ipc://{place.root}/out", f"ipc://{place.root}/in"],
        "tcp": ["tcp://127.0.0.1:*", "tcp://:*"],
    }[scheme]
    links = [
        f"--link={address}={bound}/{name}" for address, name in zip(listen, ("outbox", "inbox"), strict=True)
    ]
    proxy = Standing(place, "proxy", *links)
    told = [line.split()[1] for line in proxy.said.splitlines() if " leads to " in line]
    assert "(command outbox)" in proxy.said
    assert "(command inbox)" in proxy.said
    tube = place.start(
        [sys.executable, str(PROGRAMS / "split_tube.py"), "run1", *told],
        env={"TRANSCRIPTS": str(place.root / "transcripts")},
    )
    out, err = talk(tube, "go")
    assert tube.returncode == 0, err
    answer = json.loads(out.splitlines()[-1])
    assert answer["results"] == [{"total": 3 * number} for number in range(12)]
    # What the command node knows of its nodes are the relays' addresses.
    assert set(answer["outboxes"]) == NODES
    assert not any(
        address.startswith(bound) or "/nodes/" in address for address in answer["outboxes"].values()
    )
    assert proxy.stop() == 0
    assert f"to 6 sockets recorded in {place.recording}" in proxy.said
    assert not [path for path in place.root.iterdir() if path.is_socket()]
    assert not list((place.root / "run").iterdir())
    until(lambda: not processes(place, "proxy."))
    check_recording(place)


def check_recording(place: Place) -> None:
    received = transcript(place.root / "transcripts")
    with load(place.recording) as recording:
        session = recording.session
        assert recording.state == "complete"
        assert not session.losses
        assert {(e.role, e.node, e.runner, e.socket_type) for e in session.endpoints.values()} == {
            ("command outbox", "command", "run1", "XPUB"),
            ("command inbox", "command", "run1", "ROUTER"),
            *(("node outbox", node, "run1", "XPUB") for node in NODES),
        }
        assert all(endpoint.pid for endpoint in session.endpoints.values())
        assert {e.address for e in session.endpoints.values() if e.role == "node outbox"} == {
            f"ipc://{place.root}/noob/run1/nodes/{node}/outbox" for node in NODES
        }
        rows = recording.rows
        events = np.array(rows.types)[rows.type] == "event"
        seen = {
            (
                session.owner_of(session.connections[delivery.connection].endpoint),
                session.name_of(delivery.connection),
            )
            for row in np.flatnonzero(events)
            for delivery in recording.deliveries(int(row))
        }
        assert seen == EDGES
        found = recorded(recording)
        for key, messages in received.items():
            ours = [frames for frames in found[key] if unaddressed(frames)]
            theirs = [frames for frames in messages if unaddressed(frames)]
            assert theirs == ours[: len(theirs)], key
            assert len(ours) - len(theirs) <= 20, key
        assert sum("is announced as" in note.text for note in session.notes) == 4


def unaddressed(frames: tuple[bytes, ...]) -> bool:
    return json.loads(frames[-1])["type"] not in ("identify", "announce")


def test_only_an_address_differs_between_what_was_sent_and_what_arrived(place: Place) -> None:
    bound = f"ipc://{place.root}/noob/run1/command"
    links = [f"--link=ipc://{place.root}/{name}={bound}/{name}" for name in ("outbox", "inbox")]
    proxy = Standing(place, "proxy", *links)
    told = [f"ipc://{place.root}/{name}" for name in ("outbox", "inbox")]
    tube = place.start(
        [sys.executable, str(PROGRAMS / "split_tube.py"), "run1", *told],
        env={"TRANSCRIPTS": str(place.root / "transcripts")},
    )
    _, err = talk(tube, "go")
    assert tube.returncode == 0, err
    assert proxy.stop() == 0
    received = transcript(place.root / "transcripts")
    real = f"ipc://{place.root}/noob/run1/nodes"
    changed = 0
    with load(place.recording) as recording:
        for key, messages in recorded(recording).items():
            if key[1] != "ROUTER":
                continue
            for ours, theirs in zip(messages, received[key], strict=False):
                if ours == theirs:
                    continue
                sent, got = json.loads(ours[-1]), json.loads(theirs[-1])
                assert sent["value"]["outbox"] == f"{real}/{sent['node_id']}/outbox"
                new = got["value"]["outbox"]
                assert theirs == (
                    *ours[:-1],
                    ours[-1].replace(sent["value"]["outbox"].encode(), new.encode()),
                )
                changed += 1
    assert changed >= 4
