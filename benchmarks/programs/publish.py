"""A publisher: sends numbered messages that look like noob's events, flat out or at a rate.

Sends greetings until it is told to go on standard input, so that every subscriber is known to be there. On
standard output it says, as JSON, when it began and ended and what it cost.
"""

import argparse
import base64
import json
import os
import sys
import threading
import time

import zmq

FIRST = 10**11  # so that all numbers have twelve digits
HEAD = b'{"type":"event","node_id":"camera","timestamp":"2026-01-01T00:00:00.%06dZ","value":[{"id":'
TAIL = (
    b',"timestamp":"2026-01-01T00:00:00.000000+00:00","node_id":"camera","signal":"frame",'
    b'"epoch":%d,"value":"'
)
END = b'"}]}'


def tails(size: int, content: str) -> list[bytes]:
    """What follows the number: values that differ from message to message, as real ones do."""
    made = []
    for number in range(1024 if size < 4096 else 8):
        tail = TAIL % (number + 1000)
        room = size - len(HEAD % 0) - 12 - len(tail) - len(END)
        if content == "noise":
            value = base64.b64encode(os.urandom(max(room, 0)))[: max(room, 0)]
        else:  # three digits of a thousand values, again and again
            value = b"".join(b"%03d," % (byte * 4 % 1000) for byte in os.urandom(room // 4 + 1))[:room]
            value = (value[:2048] * (room // 2048 + 1))[: max(room, 0)] if room > 2048 else value
        made.append(tail + value + END)
    return made


def wait_for_word(told: threading.Event) -> None:
    sys.stdin.readline()
    told.set()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--size", type=int, default=300, help="bytes of the last frame")
    parser.add_argument("--rate", type=float, default=0, help="messages a second; 0: flat out")
    parser.add_argument("--content", choices=("noise", "text"), default="text")
    parser.add_argument("--hwm", type=int, default=0, help="bounded and without drops if not 0")
    options = parser.parse_args()

    context = zmq.Context()
    socket = context.socket(zmq.XPUB)
    socket.set_hwm(options.hwm)
    if options.hwm:
        socket.setsockopt(zmq.XPUB_NODROP, 1)
    socket.bind(options.address)
    print("bound", flush=True)
    ready = tails(options.size, options.content)
    heads = [HEAD % (number * 1000) for number in range(1000)]

    told = threading.Event()
    threading.Thread(target=wait_for_word, args=(told,), daemon=True).start()
    greetings = 0
    while not told.wait(0.01):
        socket.send_multipart([b"hello", b"{}"])
        greetings += 1

    send, more, rate, kinds = socket.send, zmq.SNDMORE, options.rate, len(ready)
    began = time.perf_counter()
    late = 0.0
    for number in range(options.count):
        if rate and not number % 32:
            ahead = began + number / rate - time.perf_counter()
            if ahead > 0.0005:
                time.sleep(ahead)
            else:
                late = max(late, -ahead)
        send(b"event", more)
        send(b"%s%012d%s" % (heads[number % 1000], FIRST + number, ready[number % kinds]), copy=True)
    ended = time.perf_counter()
    print(json.dumps({"began": began, "ended": ended, "greetings": greetings, "late_s": late}), flush=True)
    sys.stdin.readline()  # the subscribers have all of it
    socket.close()
    context.term()
    print(json.dumps({"cpu_s": time.process_time()}), flush=True)


if __name__ == "__main__":
    main()
