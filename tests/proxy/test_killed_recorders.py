"""Recorders that are killed under load: what was older than a moment is in the file, and what is said of it
is true."""

import os
import re
import signal
import sys
import time
from pathlib import Path

import pytest

from recordings.recording import Recording
from tests.support_proxy import Place, load, processes

MOMENT_NS = 500_000_000
"""100 ms are promised; a machine that runs tests may be in no hurry."""

FLOOD = """
import sys, threading, time, zmq
context = zmq.Context()
publisher = context.socket(zmq.PUB)
publisher.sndhwm = 0
publisher.bind(sys.argv[1])
subscriber = context.socket(zmq.SUB)
subscriber.rcvhwm = 0
subscriber.subscribe(b"")
subscriber.connect(sys.argv[1])
def drain():
    while subscriber.recv() != b"end":
        pass
reader = threading.Thread(target=drain)
reader.start()
time.sleep(0.3)
print("ready", flush=True)
stop = threading.Event()
threading.Thread(target=lambda: (sys.stdin.readline(), stop.set())).start()
number = 0
while not stop.wait(0.005):
    for _ in range(20):
        publisher.send(number.to_bytes(8, "little") + time.time_ns().to_bytes(8, "little") + bytes(200))
        number += 1
publisher.send(b"end")
reader.join()
context.destroy()
"""


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place.make(tmp_path)


def numbers_and_times(recording: Recording) -> list[tuple[int, int]]:
    found = []
    for row in range(len(recording.rows)):
        frame = recording.frames(row)[0]
        if frame != b"end":
            found.append((int.from_bytes(frame[:8], "little"), int.from_bytes(frame[8:16], "little")))
    return found


@pytest.mark.parametrize("after_s", [0.2, 0.55, 0.83])
def test_what_is_older_than_a_moment_is_there(place: Place, after_s: float) -> None:
    program = [sys.executable, "-c", FLOOD, f"ipc://{place.root}/noob/socket"]
    process = place.start(place.command(program))
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(after_s)  # where in a chunk's life the end comes is what varies
    (recorder,) = processes(place, "proxy.recorder")
    killed_ns = time.time_ns()
    os.kill(recorder, signal.SIGKILL)
    time.sleep(0.2)
    _, err = process.communicate("stop\n", timeout=60)
    assert process.returncode == 0, err
    with load(place.recording) as recording:
        assert recording.state == "cut off"
        assert not recording.session.losses
        messages = len(recording.rows)
        found = numbers_and_times(recording)
    assert [number for number, _ in found] == list(range(len(found)))
    assert found[-1][1] > killed_ns - MOMENT_NS
    second = place.root / "out-2.mcap"
    with load(second) as recording:
        messages += len(recording.rows)
    assert "the recorder ended with code -9" in err
    said = re.search(r"([\d,]+) messages on .* recorded in", err)
    assert said is not None
    assert int(said[1].replace(",", "")) == messages
