"""`tubetap run --rotate`, `--keep` and `--ring`: what is kept of real tubes."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from recordings.recording import Recording
from recordings.rotation import part_path
from tests.support_proxy import SMALL_TUBE, Place, answer, load, processes, until

NODES = ("source", "picture", "double", "merge")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place.make(tmp_path)


def parts(place: Place) -> list[Path]:
    """The recording's files in order."""
    return sorted(
        place.root.glob("out*.mcap"),
        key=lambda path: int(path.name.split(".")[1]) if path.name.count(".") > 1 else 1,
    )


def epochs_of(recording: Recording) -> set[int]:
    return {int(epoch) for epoch in recording.rows.epoch[: len(recording.rows)] if epoch >= 0}


def test_a_rotated_recording_loses_nothing_and_knows_its_nodes(place: Place) -> None:
    done = place.tap([sys.executable, SMALL_TUBE, "--epochs", "60"], "--rotate", "12kB")
    assert done.returncode == 0, done.stderr
    assert answer(done.stdout)["results"][-1] == {"total": 177}
    files = parts(place)
    assert len(files) > 3
    ids: list[int] = []
    epochs: set[int] = set()
    for number, path in enumerate(files, 1):
        assert path == part_path(place.recording, number)
        assert path.stat().st_mode & 0o777 == 0o600
        with load(path) as recording:
            assert recording.state == "complete"
            assert recording.facts.get("continues") == (files[number - 2].name if number > 1 else None)
            ids += [recording.rows.id_of(row) for row in range(len(recording.rows))]
            epochs |= epochs_of(recording)
            if number == 2:
                assert {recording.session.nodes[node].state for node in NODES} == {"ready"}
                assert recording.session.nodes["source"].signals == ("index",)
    assert ids == list(range(len(ids)))
    assert epochs == set(range(60))
    said = re.search(r"([\d,]+) messages on .* recorded in (\d+) files from \S+ to (\S+)", done.stderr)
    assert said is not None, done.stderr
    assert int(said[1].replace(",", "")) == len(ids)
    assert (int(said[2]), said[3]) == (len(files), str(files[-1]))


def test_only_the_last_parts_are_kept(place: Place) -> None:
    done = place.tap([sys.executable, SMALL_TUBE, "--epochs", "60"], "--rotate", "20kB", "--keep", "2")
    assert done.returncode == 0, done.stderr
    files = parts(place)
    assert len(files) == 2
    assert place.recording not in files
    kept = 0
    last: set[int] = set()
    for path in files:
        with load(path) as recording:
            kept += len(recording.rows)
            last |= epochs_of(recording)
    assert 59 in last
    assert f"{kept} messages" in done.stderr
    let_go = re.search(r"; ([\d,]+) earlier ones not kept", done.stderr)
    assert let_go is not None
    with load(files[0]) as recording:
        assert recording.rows.id_of(0) == int(let_go[1].replace(",", ""))


# What noob sends when a node raises; its own failing nodes do not always get it onto the wire.
RAISES = """
import sys, time, zmq
context = zmq.Context()
publisher, subscriber = context.socket(zmq.XPUB), context.socket(zmq.SUB)
publisher.bind(sys.argv[1])
subscriber.connect(sys.argv[1])
subscriber.subscribe(b"")
publisher.recv()
for type_ in (b"event", b"error", b"event"):
    head = b'{"type":"%b","node_id":"a","timestamp":"2026-11-25T01:33:46.894827Z","value":[]}'
    publisher.send_multipart([b"a", head % type_])
    subscriber.recv_multipart()
print("failed", flush=True)
sys.stdin.readline()
publisher.send_multipart([b"a", head % b"stop"])
subscriber.recv_multipart()
context.destroy()
"""


def test_a_ring_is_written_when_a_node_fails(place: Place) -> None:
    program = [sys.executable, "-c", RAISES, f"ipc://{place.root}/noob/socket"]
    process = place.start(place.command(program, "--ring", "60s"))
    assert process.stdout is not None
    assert process.stdout.readline() == "failed\n"
    until(lambda: place.recording.stat().st_size > 0)
    assert process.poll() is None
    _, err = process.communicate("end\n", timeout=60)
    assert process.returncode == 0, err
    for path, types in (
        (place.recording, ["event", "error", "event"]),
        (part_path(place.recording, 2), ["stop"]),
    ):
        assert f"{path} written" in err
        with load(path) as recording:
            assert recording.state == "complete"
            assert [recording.rows[row].type for row in range(len(recording.rows))] == types


def start_holding(place: Place, *options: str) -> "subprocess.Popen[str]":
    process = place.start(place.command([sys.executable, SMALL_TUBE, "--hold"], *options))
    assert process.stdout is not None
    assert process.stdout.readline() == "holding\n"
    return process


@pytest.mark.parametrize("to_recorder", [False, True])
def test_a_ring_is_written_on_a_signal_and_at_the_end(place: Place, to_recorder: bool) -> None:
    process = start_holding(place, "--ring", "60s")
    (recorder,) = processes(place, "proxy.recorder")
    assert place.recording.stat().st_size == 0
    os.kill(recorder if to_recorder else process.pid, signal.SIGUSR1)
    until(lambda: place.recording.stat().st_size > 0)
    assert process.stderr is not None
    while not (line := process.stderr.readline()).startswith("tubetap: "):
        assert line
    assert line == f"tubetap: {place.recording} written\n"
    with load(place.recording) as recording:
        assert recording.state == "complete"
        before = epochs_of(recording)
    assert before <= set(range(10))
    out, err = process.communicate("go\n", timeout=60)
    assert process.returncode == 0, err
    assert answer(out)["results"][-1] == {"total": 57}
    second = part_path(place.recording, 2)
    with load(second) as recording:
        # Both files together are the run, and the second knows whom it is about.
        assert before | epochs_of(recording) == set(range(20))
        assert {recording.session.nodes[node].signals for node in ("source",)} == {("index",)}
    assert f"recorded in {place.recording} and {second}" in err


def test_a_ring_that_dies_says_so_and_leaves_no_empty_file(place: Place) -> None:
    process = start_holding(place, "--ring", "60s")
    (recorder,) = processes(place, "proxy.recorder")
    os.kill(recorder, signal.SIGKILL)
    until(lambda: processes(place, "proxy.recorder") not in ([], [recorder]))
    out, err = process.communicate("go\n", timeout=60)
    assert answer(out)["results"][-1] == {"total": 57}
    assert "flight recorder had kept" in err
    assert not place.recording.exists()
    assert [path.stat().st_size > 0 for path in place.root.glob("*.mcap")] == [True]


def test_the_group_s_sigusr1_does_not_end_a_recorder_without_a_ring(place: Place) -> None:
    process = start_holding(place)
    (recorder,) = processes(place, "proxy.recorder")
    os.kill(recorder, signal.SIGUSR1)
    out, err = process.communicate("go\n", timeout=60)
    assert answer(out)["results"][-1] == {"total": 57}
    assert str(place.recording) in err
    with load(place.recording) as recording:
        assert recording.state == "complete"
        assert epochs_of(recording) == set(range(20))


def test_options_that_do_not_go_together(place: Place) -> None:
    for options, said in (
        (("--keep", "2"), "--keep needs --rotate"),
        (("--rotate", "10m"), "write 10min or 10MB"),
        (("--rotate", "fast"), "neither a size nor a duration"),
        (("--ring", "0s"), "longer than 0"),
        (("--ring", "1s", "--rotate", "1MB"), "leave out --rotate"),
        (("--ring", "1s", "--tui"), "--tui shows one file"),
    ):
        done = place.tap([sys.executable, "-c", "print(1)"], *options)
        assert done.returncode == 2, options
        assert said in done.stderr
        assert done.stderr.count("\n") == 1
        assert not json.dumps(done.stdout).count("1")
