"""The main claim, with the real noob: a tube does what it does without tubetap, and all of it is recorded."""

import json
import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest

from recordings.recording import Recording
from tests.support_proxy import (
    PROGRAMS,
    SMALL_TUBE,
    Place,
    answer,
    load,
    processes,
    recorded,
    transcript,
    until,
)

EPOCHS = 12
NODES = ("source", "double", "picture", "merge")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place.make(tmp_path)


def test_everything_received_is_recorded_bit_for_bit(place: Place, tmp_path: Path) -> None:
    program = [sys.executable, SMALL_TUBE, "--epochs", str(EPOCHS), "--free-run"]
    tapped = place.tap(program, env={"TRANSCRIPTS": str(tmp_path / "transcripts")})
    assert tapped.returncode == 0, tapped.stderr
    received = transcript(tmp_path / "transcripts")
    assert len(received) == 16  # four nodes to and from the command node, to its router, and four edges
    with load(place.recording) as recording:
        assert recording.state == "complete"
        found = recorded(recording)
        for key, messages in received.items():
            # The hook misses what a node's process got while it was being ended.
            assert messages == found[key][: len(messages)], key
            assert len(found[key]) - len(messages) <= 20, key
        counted = answer(tapped.stdout)["events"]
        rows = recording.rows
        for node, count in counted.items():
            is_event = np.array(rows.types)[rows.type] == "event"
            assert int((is_event & (np.array(rows.names)[rows.sender] == node)).sum()) >= count >= EPOCHS
        assert event_id_gaps(recording) == []
        assert not recording.session.losses


def event_id_gaps(recording: object) -> list[tuple[str, int, int]]:
    last: dict[tuple[str, int], int] = {}
    gaps = []
    for row in range(len(recording.rows)):  # type: ignore[attr-defined]
        message = json.loads(recording.frames(row)[-1])  # type: ignore[attr-defined]
        if message["type"] != "event":
            continue
        for event in message["value"]:
            sender, prefix, number = message["node_id"], event["id"] >> 32, event["id"] & 0xFFFFFFFF
            if (sender, prefix) in last and number != last[sender, prefix] + 1:
                gaps.append((sender, last[sender, prefix], number))
            last[sender, prefix] = number
    return gaps


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_other_ways_to_start_processes(place: Place, method: str) -> None:
    tapped = place.tap([sys.executable, SMALL_TUBE, "--epochs", "3", "--start-method", method])
    assert tapped.returncode == 0, tapped.stderr
    assert answer(tapped.stdout)["results"] == [{"total": 3 * n} for n in range(3)]
    with load(place.recording) as recording:
        assert {endpoint.node for endpoint in recording.session.endpoints.values()} == {"command", *NODES}
        assert set(recording.session.nodes) == {"command", *NODES}
        assert len({endpoint.pid for endpoint in recording.session.endpoints.values()}) == 5
    assert not place.leftovers()


def test_two_tubes_at_once(tmp_path: Path) -> None:
    places = [Place.make(tmp_path / name) for name in ("one", "two")]
    for place in places:
        # The same runtime folder for both, as it is for a user.
        place.env.update(NOOB_TMP_DIR=str(tmp_path / "noob"), XDG_RUNTIME_DIR=str(tmp_path / "one" / "run"))
    started = [
        place.start(place.command([sys.executable, SMALL_TUBE, "--epochs", str(epochs)]))
        for place, epochs in zip(places, (8, 5), strict=True)
    ]
    outputs = [process.communicate(timeout=60) for process in started]
    for place, process, (out, err), epochs in zip(places, started, outputs, (8, 5), strict=True):
        assert process.returncode == 0, err
        assert len(answer(out)["results"]) == epochs
        with load(place.recording) as recording:
            runners = {endpoint.runner for endpoint in recording.session.endpoints.values()}
            assert len(runners) == 1
            rows = recording.rows
            asked = np.array(rows.types)[rows.type] == "process"
            assert int(asked.sum()) == epochs


def test_a_killed_relay_is_survived_by_the_tube(place: Place) -> None:
    process = place.start(place.command([sys.executable, SMALL_TUBE, "--epochs", "4", "--hold"]))
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline() == "holding\n"
    sockets = {path for path in (place.root / "noob").rglob("*box") if path.is_socket()}
    assert len(sockets) == 6
    inodes = {path: Path(f"{path}.tap").stat().st_ino for path in sockets}
    (relay,) = processes(place, "proxy.relay")
    until(lambda: all_written(place.recording, 4))  # the relay's last 10 ms would go with it
    os.kill(relay, signal.SIGKILL)
    until(lambda: all(path.stat().st_ino == inode for path, inode in inodes.items()))
    out, err = process.communicate("cut\n", timeout=60)
    assert process.returncode == 0, err
    assert answer(out)["results"] == [{"total": 3 * n} for n in range(8)]
    assert "the relay ended with code -9" in err
    assert not place.leftovers()
    with load(place.recording) as recording:
        assert recording.state == "complete"
        asked = np.array(recording.rows.types)[recording.rows.type] == "process"
        assert int(asked.sum()) == 4
        assert any("relay ended" in loss.reason for loss in recording.session.losses)


def test_a_killed_recorder_is_not_noticed_and_replaced(place: Place) -> None:
    process = place.start(place.command([sys.executable, SMALL_TUBE, "--epochs", "6", "--hold"]))
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline() == "holding\n"
    (recorder,) = processes(place, "proxy.recorder")
    until(lambda: all_written(place.recording, 6))
    os.kill(recorder, signal.SIGKILL)
    until(lambda: processes(place, "proxy.recorder") not in ([], [recorder]))
    out, err = process.communicate("go\n", timeout=60)
    assert process.returncode == 0, err
    assert answer(out)["results"] == [{"total": 3 * n} for n in range(12)]
    assert "the recorder ended with code -9" in err
    second = place.recording.with_name("out-2.mcap")
    assert str(second) in err
    with load(place.recording) as recording:
        assert recording.state == "cut off"
        assert epochs_asked(recording) == list(range(6))
    with load(second) as recording:
        assert recording.state == "complete"
        assert epochs_asked(recording) == list(range(6, 12))
        assert {endpoint.node for endpoint in recording.session.endpoints.values()} == {"command", *NODES}
        assert {connection.name for connection in recording.session.connections.values()} == {
            "command",
            *NODES,
        }
        rows = recording.rows
        for node in NODES:
            events = (np.array(rows.types)[rows.type] == "event") & (
                np.array(rows.names)[rows.sender] == node
            )
            assert int(events.sum()) == 6, node
    assert not place.leftovers()


def all_written(path: Path, epochs: int) -> bool:
    if not path.stat().st_size:
        return False
    with load(path) as recording:
        return epochs_asked(recording) == list(range(epochs))


def epochs_asked(recording: Recording) -> list[int]:
    rows = recording.rows
    asked = np.array(rows.types)[rows.type] == "process" if len(rows) else np.zeros(0, bool)
    return [int(epoch) for epoch in rows.epoch[: len(rows)][asked]]


def test_fifty_runs_in_a_row(place: Place) -> None:
    """Fifty times a runner with its nodes and sockets: none that waits in vain for its nodes,
    none that returns something else, none that leaves something behind."""
    tapped = place.tap([sys.executable, SMALL_TUBE, "--epochs", "2", "--runs", "50"])
    assert tapped.returncode == 0, tapped.stderr
    assert answer(tapped.stdout)["results"] == [{"total": 0}, {"total": 3}] * 50
    assert not place.leftovers()
    with load(place.recording) as recording:
        assert epochs_asked(recording) == [0, 1] * 50
        assert not recording.session.losses
        endpoints = recording.session.endpoints.values()
        assert len(endpoints) == 50 * 6
        assert len({endpoint.runner for endpoint in endpoints}) == 50
        connections = recording.session.connections.values()
        assert len(connections) == 50 * 16
        assert {connection.name for connection in connections} == {"command", *NODES}


def test_noobs_own_command_and_its_tube_file(place: Place) -> None:
    file = PROGRAMS / "small_tube.yaml"
    noob = str(Path(sys.executable).parent / "noob")
    program = [noob, "run", str(file), "--runner", "zmq", "-n", "4"]
    tapped = place.tap(program, env={"PYTHONPATH": str(PROGRAMS)})
    assert tapped.returncode == 0, tapped.stderr
    assert json.loads(tapped.stdout) == [{"total": 3 * n} for n in range(4)]
    with load(place.recording) as recording:
        assert recording.attachments() == ["small_tube.yaml"]
        assert recording.attachment("small_tube.yaml") == file.read_bytes()


def test_tubetap_under_tubetap_records_once(place: Place) -> None:
    inner = place.command([sys.executable, SMALL_TUBE, "--epochs", "2"])
    outer = [sys.executable, "-m", "tubetap", "run", "-o", str(place.root / "outer.mcap"), "--", *inner]
    done = place.run(outer)
    assert done.returncode == 0, done.stderr
    assert answer(done.stdout)["results"] == [{"total": 0}, {"total": 3}]
    with load(place.recording) as recording:
        assert epochs_asked(recording) == [0, 1]
    assert not (place.root / "outer.mcap").exists()
