"""Writes down every multipart message that the asyncio sockets of this process send and receive.

One file a process in the folder that TRANSCRIPTS names, one JSON object a line. Independent of tubetap, so
that what it saw can be held against a recording.
"""

import json
import multiprocessing
import os

import zmq.asyncio

_files = {}


def _write(socket, direction, frames):
    pid = os.getpid()
    if pid not in _files:
        name = multiprocessing.current_process().name.rpartition(".")[2]
        _files[pid] = open(  # noqa: SIM115
            os.path.join(os.environ["TRANSCRIPTS"], f"{name}-{pid}.jsonl"), "w", buffering=1
        )
    entry = {
        "direction": direction,
        "socket": zmq.SocketType(socket.getsockopt(zmq.TYPE)).name,
        "frames": [bytes(frame).hex() for frame in frames],
    }
    _files[pid].write(json.dumps(entry) + "\n")


def install():
    receive, send = zmq.asyncio.Socket.recv_multipart, zmq.asyncio.Socket.send_multipart

    def recv_multipart(self, *args, **kwargs):
        future = receive(self, *args, **kwargs)

        def done(future):
            if not future.cancelled() and future.exception() is None:
                _write(self, "received", future.result())

        future.add_done_callback(done)
        return future

    def send_multipart(self, frames, *args, **kwargs):
        _write(self, "sent", frames)
        return send(self, frames, *args, **kwargs)

    zmq.asyncio.Socket.recv_multipart = recv_multipart
    zmq.asyncio.Socket.send_multipart = send_multipart


if os.environ.get("TRANSCRIPTS"):
    install()
