"""A REP server: sends back what it gets until it gets nothing for a while."""

import argparse

import zmq


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    options = parser.parse_args()
    socket = zmq.Context().socket(zmq.REP)
    socket.bind(options.address)
    print("ready", flush=True)
    socket.rcvtimeo = 20_000
    try:
        while True:
            socket.send(socket.recv())
    except zmq.Again:
        pass


if __name__ == "__main__":
    main()
