"""Bytes of ZMTP streams for tests, and a relay that keeps what real sockets say to each other."""

import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from decoders.zmtp import command_bytes


def greeting(mechanism: bytes = b"NULL", version: tuple[int, int] = (3, 1), as_server: bool = False) -> bytes:
    head = b"\xff" + bytes(8) + b"\x7f" + bytes(version)
    return head + mechanism.ljust(20, b"\0") + bytes([as_server]) + bytes(31)


def metadata(**properties: bytes) -> bytes:
    return b"".join(
        bytes([len(name)]) + name.replace("_", "-").encode() + len(value).to_bytes(4, "big") + value
        for name, value in properties.items()
    )


def ready(socket_type: bytes, routing_id: bytes | None = None) -> bytes:
    properties = {"Socket_Type": socket_type}
    if routing_id is not None:
        properties["Identity"] = routing_id
    return command_bytes(b"READY", metadata(**properties))


@dataclass
class Taped:
    """Both directions of each connection through a `taping_relay`, as the chunks that were read."""

    to_binder: list[bytes] = field(default_factory=list)
    to_connector: list[bytes] = field(default_factory=list)


@dataclass
class TapingRelay:
    listen: str
    connections: list[Taped] = field(default_factory=list)


@contextmanager
def taping_relay(real: Path) -> Iterator[TapingRelay]:
    """Relay an ipc endpoint: connect to `.listen` instead of `real`; `.connections` has what was said."""
    with tempfile.TemporaryDirectory() as directory:
        path = f"{directory}/tape"
        server = socket.socket(socket.AF_UNIX)
        server.bind(path)
        server.listen()
        relay = TapingRelay(f"ipc://{path}")
        opened: list[socket.socket] = [server]
        threads: list[threading.Thread] = []

        def copy(source: socket.socket, target: socket.socket, tape: list[bytes]) -> None:
            try:
                while data := source.recv(65536):
                    tape.append(data)
                    target.sendall(data)
                target.shutdown(socket.SHUT_WR)
            except OSError:
                pass

        def accept() -> None:
            while True:
                try:
                    connector, _ = server.accept()
                except OSError:
                    return
                binder = socket.socket(socket.AF_UNIX)
                binder.connect(str(real))
                tape = Taped()
                relay.connections.append(tape)
                opened.extend((connector, binder))
                for args in ((connector, binder, tape.to_binder), (binder, connector, tape.to_connector)):
                    threads.append(threading.Thread(target=copy, args=args, daemon=True))
                    threads[-1].start()

        accepting = threading.Thread(target=accept, daemon=True)
        accepting.start()
        try:
            yield relay
        finally:
            for one in opened:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
                one.close()
            for thread in [accepting, *threads]:
                thread.join(5)
