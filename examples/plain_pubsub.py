"""ZeroMQ without noob: a publisher, two subscribers and a request, on ipc sockets in a temporary folder."""

import json
import tempfile
import threading
from pathlib import Path

import zmq


def subscribe(context: zmq.Context[zmq.Socket[bytes]], address: str, topic: bytes) -> None:
    """Print what comes under a topic until the last message."""
    with context.socket(zmq.SUB) as socket:
        socket.setsockopt(zmq.SUBSCRIBE, topic)
        socket.connect(address)
        while True:
            _, payload = socket.recv_multipart()
            if json.loads(payload)["last"]:
                return


def main() -> None:
    """Publish ten readings to two subscribers."""
    context = zmq.Context.instance()
    with tempfile.TemporaryDirectory() as folder, context.socket(zmq.XPUB) as publisher:
        address = f"ipc://{Path(folder) / 'readings'}"
        publisher.bind(address)
        topics = (b"temperature", b"")
        threads = [threading.Thread(target=subscribe, args=(context, address, topic)) for topic in topics]
        for thread in threads:
            thread.start()
        for _ in threads:
            publisher.recv()  # the subscription has come in
        for number in range(10):
            reading = {"celsius": 20 + number / 10, "last": number == 9}
            publisher.send_multipart([b"temperature", json.dumps(reading).encode()])
        for thread in threads:
            thread.join()


if __name__ == "__main__":
    main()
