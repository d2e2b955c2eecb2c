"""Recorded publications published again, to real subscribers."""

import os
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq

from recordings.recording import Recording
from recordings.replay import Pace, Published, PublishOptions, ReplayError, Traffic, choose, publish
from tests.support_recordings import MS, Tube, camera_frame

SECOND = 1_000_000_000


@pytest.fixture
def recording(tmp_path: Path) -> Iterator[Recording]:
    tube = Tube(tmp_path / "run.mcap")
    tube.start()
    for number in range(10):
        tube.epoch(number)
    tube.event("a", 9, camera_frame(), signal="frame")
    tube.writer.close()
    with Recording.open(tube.path) as opened:
        yield opened


class Subscriber(threading.Thread):
    """A real SUB in a thread of its own: notes what came when, until nothing comes any more."""

    def __init__(self, address: str, topic: bytes = b"", *, most: int = 10**9) -> None:
        super().__init__(daemon=True)
        self._address, self._topic, self._most = address, topic, most
        self.frames: list[tuple[bytes, ...]] = []
        self.times: list[int] = []
        self.start()

    def run(self) -> None:
        with zmq.Context() as context, context.socket(zmq.SUB) as socket:
            socket.linger = 0
            socket.setsockopt(zmq.SUBSCRIBE, self._topic)
            socket.setsockopt(zmq.RCVHWM, 0)
            socket.connect(self._address)
            while len(self.frames) < self._most and socket.poll(20_000 if not self.frames else 700):
                self.frames.append(tuple(socket.recv_multipart()))
                self.times.append(time.monotonic_ns())

    def ended(self) -> "Subscriber":
        self.join(30)
        assert not self.is_alive()
        return self


@pytest.fixture
def address() -> Iterator[str]:
    path = Path(f"/tmp/ttpub-{uuid.uuid4().hex[:8]}")
    yield f"ipc://{path}"
    path.unlink(missing_ok=True)


def published_rows(traffic: Traffic) -> list[tuple[bytes, ...]]:
    return [traffic.recording.frames(one.row) for one in traffic.published()]


def test_every_subscriber_gets_everything_bit_for_bit_in_order(recording: Recording, address: str) -> None:
    traffic = Traffic(recording)
    subscribers = [Subscriber(address) for _ in range(3)]
    result = publish(traffic, address, PublishOptions(pace=Pace(None), subscribers=3, timeout_ns=20 * SECOND))
    expected = published_rows(traffic)
    assert len(expected) > 50
    for subscriber in subscribers:
        assert subscriber.ended().frames == expected
    assert (result.sent, result.subscribers, result.rounds) == (len(expected), 3, 1)
    # What nodes reported to the router was no publication.
    assert all(frames[0] != b"status" for frames in expected)


def test_topics_are_kept(recording: Recording, address: str) -> None:
    subscriber = Subscriber(address, b"process")
    publish(Traffic(recording), address, PublishOptions(pace=Pace(None), timeout_ns=20 * SECOND))
    assert {frames[0] for frames in subscriber.ended().frames} == {b"process"}
    assert len(subscriber.frames) == 10


def test_it_begins_when_enough_have_joined(recording: Recording, address: str) -> None:
    said: list[str] = []
    first = Subscriber(address)
    result = Published()
    options = PublishOptions(pace=Pace(None), subscribers=2, timeout_ns=30 * SECOND)
    publisher = threading.Thread(
        target=lambda: publish(Traffic(recording), address, options, say=said.append, published=result)
    )
    publisher.start()
    while not said:
        time.sleep(0.01)
    assert result.sent == 0
    second = Subscriber(address)
    publisher.join(30)
    assert said[0].startswith("waiting for 2 subscribers (")
    assert first.ended().frames == second.ended().frames
    assert result.sent == len(first.frames)


def test_nobody_comes(recording: Recording, address: str) -> None:
    with pytest.raises(ReplayError, match=r"gave up waiting for a subscriber; allow more with --timeout"):
        publish(Traffic(recording), address, PublishOptions(timeout_ns=300 * MS))


@pytest.mark.parametrize("rate", [1.0, 4.0])
def test_the_recorded_distances_are_kept(recording: Recording, address: str, rate: float) -> None:
    """Each message comes out at its own time since the first, up to what this machine is late."""
    traffic = Traffic(recording, chosen=choose(recording, "type:event from:a"))
    subscriber = Subscriber(address)
    result = publish(traffic, address, PublishOptions(pace=Pace(rate), timeout_ns=20 * SECOND))
    rows = [one.time_ns for one in traffic.published()]
    subscriber.ended()
    recorded_span = (rows[-1] - rows[0]) / rate
    span = subscriber.times[-1] - subscriber.times[0]
    # The last one is late by no more than what was measured: nothing has added up on the way.
    assert abs(span - recorded_span) <= result.deviation.max_ns + 100 * MS
    assert result.deviation.count == len(rows)


def test_what_is_overdue_can_be_left_out(recording: Recording, address: str) -> None:
    subscriber = Subscriber(address)
    pace = Pace(1000.0, late="skip")  # 230 ms in 0.23 ms: hopeless, if a poll takes longer

    result = publish(Traffic(recording), address, PublishOptions(pace=pace, timeout_ns=20 * SECOND))
    assert result.sent + result.skipped == len(published_rows(Traffic(recording)))
    assert len(subscriber.ended().frames) == result.sent


def test_a_loop_goes_on_until_it_is_interrupted(recording: Recording, address: str) -> None:
    traffic = Traffic(recording, chosen=choose(recording, "type:process"))
    subscriber = Subscriber(address, most=35)

    class Stop:
        """Says to stop when the subscriber has had enough: as Ctrl-C would."""

        def __init__(self) -> None:
            self.reader, self.writer = os.pipe()

        def fileno(self) -> int:
            return int(self.reader)

        def read(self) -> list[str]:
            raise KeyboardInterrupt

    stop = Stop()
    threading.Thread(target=lambda: (subscriber.join(30), os.write(stop.writer, b"x"))).start()
    result = Published()
    with pytest.raises(KeyboardInterrupt):
        publish(
            traffic,
            address,
            PublishOptions(pace=Pace(50.0, late="burst"), loop=True, timeout_ns=20 * SECOND),
            controls=stop,
            published=result,
        )
    assert subscriber.ended().frames[:10] == subscriber.frames[10:20] == subscriber.frames[20:30]
    assert result.rounds >= 3
    assert result.sent >= 35


def test_a_filter_and_other_names(recording: Recording, address: str) -> None:
    traffic = Traffic(recording, chosen=choose(recording, "from:a epoch:2..3"))
    subscriber = Subscriber(address)
    options = PublishOptions(pace=Pace(None), remap={"a": "cam1"}, timeout_ns=20 * SECOND)
    publish(traffic, address, options)
    frames = subscriber.ended().frames
    assert len(frames) == 2
    assert all(b'"node_id":"cam1"' in payload for _, payload in frames)


def test_what_cannot_be_published_is_said(recording: Recording, tmp_path: Path) -> None:
    with pytest.raises(ReplayError, match="no publication is chosen"):
        publish(Traffic(recording, chosen=choose(recording, "type:status")), "ipc:///tmp/ttpub-none")
    with pytest.raises(ReplayError, match="can't listen on"):
        publish(Traffic(recording), "tcp://no-such-interface-here:1")
    with pytest.raises(ReplayError, match="can't listen on"):
        publish(Traffic(recording), "nonsense")


def test_tcp_works_too(recording: Recording) -> None:
    with zmq.Context() as context, context.socket(zmq.PUB) as probe:
        port: Any = probe.bind_to_random_port("tcp://127.0.0.1")
    subscriber = Subscriber(f"tcp://127.0.0.1:{port}")
    publish(
        Traffic(recording),
        f"tcp://127.0.0.1:{port}",
        PublishOptions(pace=Pace(None), timeout_ns=20 * SECOND),
    )
    assert subscriber.ended().frames == published_rows(Traffic(recording))
