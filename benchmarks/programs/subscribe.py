"""A subscriber: counts what it gets, holds the numbers against what they should be, and says when it had all.

On standard output, as JSON: a line when the first greeting came, one at the end. Gives up when nothing has
come for some seconds.
"""

import argparse
import json
import time

import zmq

FIRST = 10**11
PLACE = slice(92, 104)  # of the number in the payload


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--hwm", type=int, default=0)
    parser.add_argument("--patience", type=float, default=5)
    options = parser.parse_args()

    context = zmq.Context()
    socket = context.socket(zmq.SUB)
    socket.set_hwm(options.hwm)
    socket.subscribe(b"")
    socket.connect(options.address)
    socket.recv_multipart()
    print(json.dumps({"ready": True}), flush=True)
    socket.rcvtimeo = int(options.patience * 1000)

    receive = socket.recv
    expected, last, got, wrong = FIRST, FIRST + options.count - 1, 0, 0
    try:
        while True:
            topic = receive()
            payload = receive()
            if topic == b"hello":
                continue
            number = int(payload[PLACE])
            got += 1
            if number != expected:
                wrong += 1
            expected = number + 1
            if number == last:
                break
    except zmq.Again:
        pass
    ended = time.perf_counter()
    print(
        json.dumps({"ended": ended, "got": got, "out_of_order": wrong, "cpu_s": time.process_time()}),
        flush=True,
    )


if __name__ == "__main__":
    main()
