"""Writes a recording of noob events with tubetap's own writer: as fast as it goes, or at a rate.

Three nodes publish to the command node and to each other; every message has a second copy. With `--cut-off`
the file has no end, as after a `kill -9`.
"""

import argparse
import json
import os
import time

from decoders.envelope import read_envelope
from recordings.records import Connection, Endpoint, Peer, Subscription
from recordings.writer import RecordingWriter

NODES = ("camera", "double", "merge")
EVENT = (
    b'{"type":"event","node_id":"%b","timestamp":"2026-01-01T00:%02d:%02d.%06dZ","value":[{"id":%d,'
    b'"timestamp":"2026-01-01T00:00:00.000000+00:00","node_id":"%b","signal":"value","epoch":%d,"value":%d}]}'
)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("file")
    parser.add_argument("count", type=int)
    parser.add_argument("--rate", type=float, default=0)
    parser.add_argument("--cut-off", action="store_true")
    options = parser.parse_args()

    start = time.time_ns()
    writer = RecordingWriter(options.file, facts={"host": "bench"}, force=True)
    endpoints = []
    for number, node in enumerate(NODES, 1):
        address = f"ipc:///tmp/runtime/bench/nodes/{node}/outbox"
        endpoint = Endpoint(
            time_ns=start, id=number, address=address, socket_type="XPUB", role="node outbox", node=node
        )
        endpoints.append(endpoint)
        writer.record(endpoint)
        for offset in (0, 10):
            peer = Peer(version=(3, 1), mechanism="NULL", socket_type="SUB")
            binder = Peer(version=(3, 1), mechanism="NULL", socket_type="XPUB")
            for state in ("opened", "handshaken"):
                writer.record(
                    Connection(
                        time_ns=start,
                        id=number + offset,
                        endpoint=number,
                        state=state,
                        peer=peer,
                        binder=binder,
                    )
                )
        for connection, listener in ((number, "command"), (number + 10, NODES[number % 3])):
            topic = f"__subscriber__:{listener}".encode()
            writer.record(Subscription(time_ns=start, connection=connection, topic=topic, subscribe=True))
    print("writing", flush=True)
    began = time.perf_counter()
    step = 20_000 if not options.rate else 0
    for number in range(options.count):
        if options.rate and not number % 20:
            ahead = began + number / options.rate - time.perf_counter()
            if ahead > 0.001:
                time.sleep(ahead)
                writer.tick(time.time_ns())
        now = start + number * step if step else time.time_ns()
        which = number % 3
        name = NODES[which].encode()
        micros = number * 17 % 1_000_000
        seconds, minutes = number // 3000 % 60, number // 180_000 % 60
        payload = EVENT % (
            *(name, minutes, seconds, micros, (7 << 60) + number),
            *(name, number // 3, number * 2654435761 % 1_000_003),
        )
        frames = (b"event", payload)
        message = writer.message(
            now, which + 1, which + 1, "out", frames, read_envelope(frames), endpoints[which]
        )
        writer.delivered(which + 11, message, now + 1000)
    if options.cut_off:
        writer.flush()
    else:
        writer.close()
    took = time.perf_counter() - began
    print(json.dumps({"seconds": took, "bytes": os.path.getsize(options.file)}), flush=True)


if __name__ == "__main__":
    main()
