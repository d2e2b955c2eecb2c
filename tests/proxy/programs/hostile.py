"""A publisher with one honest subscriber and peers that send noise: `hostile.py FOLDER SEED`, prints JSON."""

import json
import random
import socket
import sys

import zmq

folder, seed = sys.argv[1], int(sys.argv[2])
path = f"{folder}/socket"
noise = random.Random(seed)
context = zmq.Context()
publisher = context.socket(zmq.XPUB)
publisher.bind(f"ipc://{path}")
subscriber = context.socket(zmq.SUB)
subscriber.subscribe(b"")
subscriber.connect(f"ipc://{path}")
publisher.recv()

GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x01NULL" + bytes(48)
READY = b"\x04\x19\x05READY\x0bSocket-Type\x00\x00\x00\x03SUB"
for kind in range(6):
    peer = socket.socket(socket.AF_UNIX)
    peer.settimeout(1)
    peer.connect(path)
    beginning = (b"", GREETING, GREETING + READY)[kind % 3]
    tail = noise.randbytes(noise.choice([10, 5000, 300_000]))
    if kind == 5:  # a frame that claims to be enormous
        tail = b"\x02" + (1 << 62).to_bytes(8, "big") + tail
    try:
        peer.sendall(beginning + tail)
        peer.recv(10)
    except OSError:
        pass
    peer.close()
    publisher.send_multipart([b"topic", b"%d" % kind])

got = [subscriber.recv_multipart()[1].decode() for _ in range(6)]
print(json.dumps(got))
context.destroy(0)
