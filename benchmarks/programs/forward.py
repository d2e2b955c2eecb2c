"""`zmq.proxy` in a process of its own, as people write it: in C, without the interpreter in the way.

Binds where subscribers (or clients) connect and connects to where the publisher (or server) binds. With
`--capture drain` a thread takes every copy from the capture socket and does nothing with it; with `--capture
ADDRESS` the copies are pushed there.
"""

import argparse
import threading

import zmq


def drain(socket: zmq.Socket[bytes]) -> None:
    while True:
        socket.recv_multipart()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("real", help="where the publisher or server binds")
    parser.add_argument("advertised", help="where subscribers or clients connect")
    parser.add_argument("--pattern", choices=("pubsub", "reqrep"), default="pubsub")
    parser.add_argument("--capture", default="")
    parser.add_argument("--hwm", type=int, default=0)
    options = parser.parse_args()

    context = zmq.Context()
    pubsub = options.pattern == "pubsub"
    back = context.socket(zmq.XSUB if pubsub else zmq.DEALER)
    front = context.socket(zmq.XPUB if pubsub else zmq.ROUTER)
    for socket in (back, front):
        socket.set_hwm(options.hwm)
    if options.hwm and pubsub:
        front.setsockopt(zmq.XPUB_NODROP, 1)
    front.bind(options.advertised)
    back.connect(options.real)
    capture = None
    if options.capture == "drain":
        capture, end = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
        for socket in (capture, end):
            socket.set_hwm(options.hwm)
        end.bind("inproc://capture")
        capture.connect("inproc://capture")
        threading.Thread(target=drain, args=(end,), daemon=True).start()
    elif options.capture:
        capture = context.socket(zmq.PUSH)
        capture.set_hwm(options.hwm)
        capture.bind(options.capture)
    print("ready", flush=True)
    if capture is None:
        zmq.proxy(back, front)
    else:
        zmq.proxy(back, front, capture)


if __name__ == "__main__":
    main()
