"""The fair peer: a recorder of the same records in plain Python, behind the capture socket of `zmq.proxy`.

What a careful person would write: msgspec reads type, node and time of each message, the official MCAP
writer puts the payload into a channel per type and node, compressed as by default. It has no deliveries,
connections, subscriptions or row index, and a chunk is only as old as the traffic makes it.
"""

import argparse
import json
import signal
import time

import msgspec
import zmq
from mcap.writer import Writer


class Header(msgspec.Struct, gc=False):
    type: str
    node_id: str


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("capture")
    parser.add_argument("file")
    parser.add_argument("--last", required=True, help="end when the payload contains this")
    parser.add_argument("--hwm", type=int, default=0)
    options = parser.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    socket = zmq.Context().socket(zmq.PULL)
    socket.set_hwm(options.hwm)
    socket.connect(options.capture)
    decode = msgspec.json.Decoder(Header).decode
    channels: dict[tuple[bytes, str, str], int] = {}
    last, messages = options.last.encode(), 0
    with open(options.file, "wb") as stream:
        writer = Writer(stream)
        writer.start()
        schema = writer.register_schema("message", "jsonschema", b'{"type":"object"}')
        print("ready", flush=True)
        while True:
            frames = socket.recv_multipart()
            if len(frames) == 1:  # a subscription: the capture socket gets these too
                continue
            topic, payload = frames
            now = time.time_ns()
            if topic == b"hello":
                continue
            header = decode(payload)
            key = (topic, header.type, header.node_id)
            channel = channels.get(key)
            if channel is None:
                channel = writer.register_channel("/".join((header.type, header.node_id)), "json", schema)
                channels[key] = channel
            writer.add_message(channel, now, payload, now, messages & 0xFFFFFFFF)
            messages += 1
            if last in payload[:200]:
                break
        writer.finish()
    print(
        json.dumps({"messages": messages, "done": time.perf_counter(), "cpu_s": time.process_time()}),
        flush=True,
    )


if __name__ == "__main__":
    main()
