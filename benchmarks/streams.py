"""One stream of numbered messages through one route: what the burst, large, fan-out and sustained
comparisons are made of."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.meter import Meter
from benchmarks.routes import Outcome, folder, launch, route
from recordings.recording import Recording

__all__ = ["Streamed", "stream"]

FIRST = 10**11


@dataclass
class Streamed:
    """What happened: received messages (over all subscribers) and when, and what the route had to show.

    `seconds` is from the first send to the last receipt. `done_s` is how long after that the recording was
    complete. `cpu_us` is CPU time a message of the route's processes. `recorded` counts the numbered
    messages in the recording as its reader finds them.
    """

    seconds: float
    sent_s: float
    late_s: float
    sent: int
    received: int
    out_of_order: int
    done_s: float
    recorded: int
    outcome: Outcome
    file_bytes: int
    meter: Meter
    peers_cpu_s: float
    deliveries: int = 0
    cpu_us: dict[str, float] = field(default_factory=dict)


def stream(
    name: str,
    *,
    count: int,
    size: int = 300,
    rate: float = 0,
    subscribers: int = 1,
    content: str = "text",
    hwm: int = 0,
    on_overflow: str = "drop",
    limit: int | None = None,
    tcp: bool = False,
    read_back: bool = True,
) -> Streamed:
    """Send `count` messages with a last frame of `size` bytes to each of the subscribers through a route.

    `rate` is messages a second (0: as fast as they go), `content` "text" (compresses) or "noise" (base64
    of noise). Without a `hwm` queues are unbounded; with one a full queue makes the sender wait.
    """
    last = str(FIRST + count - 1)
    with (
        folder() as place,
        route(name, place, hwm=hwm, last=last, on_overflow=on_overflow, limit=limit, tcp=tcp) as way,
    ):
        options = ["--count", count, "--hwm", hwm]
        publisher = launch(
            "publish", way.bind, *options, "--size", size, "--rate", rate, "--content", content, env=way.env
        )
        assert publisher.stdin is not None
        assert publisher.stdout is not None
        publisher.stdout.readline()  # bound, with tubetap in its place: who comes before that is not relayed
        receivers = [launch("subscribe", way.connect, *options) for _ in range(subscribers)]
        processes = [publisher, *receivers]
        try:
            for receiver in receivers:
                assert receiver.stdout is not None
                if not receiver.stdout.readline():
                    raise RuntimeError(f"{name}: a subscriber heard nothing")
            way.meter.begin()
            print("go", file=publisher.stdin, flush=True)
            sent = json.loads(publisher.stdout.readline())
            received = [json.loads(receiver.communicate()[0]) for receiver in receivers]
            ended = max(each["ended"] for each in received)
            print("done", file=publisher.stdin, flush=True)
            cpu_s = json.loads(publisher.stdout.readline())["cpu_s"]
            publisher.communicate()
        except BaseException:
            for process in processes:
                process.kill()
            raise
        outcome = way.finish()
        way.meter.sample()
        found = _read_back(outcome.file, sent["greetings"]) if outcome.file and read_back else (0, 0)
        return Streamed(
            seconds=ended - sent["began"],
            sent_s=sent["ended"] - sent["began"],
            late_s=sent["late_s"],
            sent=count,
            received=sum(each["got"] for each in received),
            out_of_order=sum(each["out_of_order"] for each in received),
            done_s=max(outcome.done - ended, 0.0) if outcome.done else 0.0,
            recorded=found[0],
            deliveries=found[1],
            outcome=outcome,
            file_bytes=outcome.file.stat().st_size if outcome.file else 0,
            meter=way.meter,
            peers_cpu_s=cpu_s + sum(each["cpu_s"] for each in received),
            cpu_us={role: way.meter.cpu_s(role) / count * 1e6 for role in ("forwarder", "relay", "recorder")},
        )


def _read_back(file: Path, greetings: int) -> tuple[int, int]:
    """Numbered messages and their copies, as found in the recording; not what the recorder says."""
    if file.name == "fair.mcap":
        return _count_mcap(file), 0
    with Recording.open(file) as recording:
        rows = recording.rows
        events = [number for number in range(len(rows.types)) if rows.types[number] == "event"]
        if not events:
            return 0, 0
        is_event = rows.type == events[0]
        copies = np.array([len(names) for names in rows.receiver_sets])
        return int(is_event.sum()), int(copies[rows.receivers[is_event]].sum())


def _count_mcap(file: Path) -> int:
    from mcap.reader import make_reader

    with file.open("rb") as opened:
        summary = make_reader(opened).get_summary()
        assert summary is not None
        assert summary.statistics is not None
        return int(summary.statistics.message_count)
