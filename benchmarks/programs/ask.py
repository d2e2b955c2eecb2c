"""A REQ client: one request after the other, and how long each took, in µs, as JSON."""

import argparse
import json
import time

import zmq


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("--count", type=int, required=True)
    options = parser.parse_args()
    socket = zmq.Context().socket(zmq.REQ)
    socket.connect(options.address)
    payload = b"x" * 300
    for _ in range(200):
        socket.send(payload)
        socket.recv()
    taken = []
    clock = time.perf_counter_ns
    for _ in range(options.count):
        began = clock()
        socket.send(payload)
        socket.recv()
        taken.append(clock() - began)
    taken.sort()
    print(
        json.dumps({"p50": taken[len(taken) // 2] / 1000, "p99": taken[len(taken) * 99 // 100] / 1000}),
        flush=True,
    )


if __name__ == "__main__":
    main()
