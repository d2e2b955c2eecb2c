"""The ZeroMQ sockets of a replay: one side's part of noob's network, polled from one thread.

Publishers never drop: a send that finds a full pipe is refused and tried again, so memory stays bounded and
the peer loses nothing. Closing discards what is unsent at once.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import zmq
from zmq.utils.monitor import parse_monitor_message

from decoders.text import safe
from recordings.replay.errors import ReplayError
from recordings.replay.handshake import SUBSCRIBER, Action, Connect, Publish, Report
from recordings.replay.socket_files import path_of, require_free

HIGH_WATER = 100
"""Messages that a publisher of ours queues for each subscriber; the rest waits in the recording."""

BATCH = 500
"""How many messages are taken from one socket before the others get their turn."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """What came in: `place` is "subscription", "report", "inbox", "joined", "gone" or "control"."""

    place: str
    who: str
    frames: tuple[bytes, ...] = ()


class Sockets:
    """A set of sockets that close together and are polled together."""

    def __init__(self, *, linger_ms: int = 0) -> None:
        self._context = zmq.Context()
        self._linger_ms = linger_ms
        self._poller = zmq.Poller()
        self._places: dict[Any, tuple[str, str]] = {}
        self._by_name: dict[tuple[str, str], zmq.Socket[bytes]] = {}
        self._files: list[Path] = []

    def publisher(self, who: str, address: str, *, watch: bool = False) -> str:
        """Bind an XPUB for `who` that sees every subscription and drops nothing; `watch` for peers.

        Returns the address at which it is: another one than `address` if that left the port open.
        """
        socket = self._make(zmq.XPUB, "subscription", who)
        socket.setsockopt(zmq.XPUB_VERBOSE, 1)
        socket.setsockopt(zmq.XPUB_NODROP, 1)
        socket.setsockopt(zmq.SNDHWM, HIGH_WATER)
        if watch:
            self._watch_peers(socket, who)
        return self._bind(socket, address)

    def router(self, who: str, address: str) -> None:
        """Bind the ROUTER that node runners report to."""
        self._bind(self._make(zmq.ROUTER, "report", who), address)

    def subscriber(self, who: str, addresses: Iterable[str] = (), *, watch: bool = False) -> None:
        """Make the SUB of `who`, which takes everything and says whose it is; `watch` for peers that go."""
        socket = self._make(zmq.SUB, "inbox", who)
        socket.setsockopt(zmq.RCVHWM, 0)
        socket.setsockopt(zmq.SUBSCRIBE, b"")
        socket.setsockopt(zmq.SUBSCRIBE, f"{SUBSCRIBER}{who}".encode("utf-8", "surrogatepass"))
        if watch:
            self._watch_peers(socket, who)
        for address in addresses:
            self._connect(socket, address)

    def dealer(self, who: str, address: str) -> None:
        """Connect the DEALER by which `who` reports to the command node."""
        socket = self._make(zmq.DEALER, "dealer", who)
        try:
            socket.setsockopt(zmq.IDENTITY, who.encode("utf-8", "surrogatepass"))
        except zmq.ZMQError:
            raise ReplayError(
                f"{safe(who, 40)!r} can't be a routing id: use another name (--remap)"
            ) from None
        self._connect(socket, address)

    def perform(self, who: str, actions: Iterable[Action]) -> None:
        """Do what a role asks for."""
        for action in actions:
            match action:
                case Publish(frames):
                    self.publish(who, frames)
                case Report(payload):
                    self._by_name["dealer", who].send(payload)
                case Connect(address):
                    self._connect(self._by_name["inbox", who], address)

    def publish(self, who: str, frames: Sequence[bytes]) -> bool:
        """Send on the outbox of `who`; False if a subscriber's pipe is full: try again later."""
        try:
            self._by_name["subscription", who].send_multipart(list(frames), zmq.NOBLOCK)
        except zmq.Again:
            return False
        return True

    def watch(self, descriptor: int) -> None:
        """Also wake up when there is input on a file descriptor."""
        self._poller.register(descriptor, zmq.POLLIN)
        self._places[descriptor] = ("control", "")

    def poll(self, timeout_ns: int) -> Iterator[Arrival]:
        """Wait for at most `timeout_ns`, and yield what has come."""
        # The poller counts in whole milliseconds: the last one is spent in the caller's loop.
        for socket, _ in self._poller.poll(max(0, timeout_ns) // 1_000_000):
            place, who = self._places[socket]
            if place == "control":
                yield Arrival("control", "")
                continue
            for _ in range(BATCH):
                try:
                    frames = tuple(socket.recv_multipart(zmq.NOBLOCK))
                except zmq.Again:
                    break
                if place == "peers":
                    joined = parse_monitor_message(list(frames))["event"] == zmq.EVENT_HANDSHAKE_SUCCEEDED
                    yield Arrival("joined" if joined else "gone", who)
                else:
                    yield Arrival(place, who, frames)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._context.destroy(linger=self._linger_ms if error is None else 0)
        finally:
            for path in self._files:  # ZeroMQ leaves them behind
                path.unlink(missing_ok=True)

    def _make(self, kind: int, place: str, who: str) -> "zmq.Socket[bytes]":
        socket = self._context.socket(kind)
        socket.linger = 0
        self._places[socket] = (place, who)
        self._by_name[place, who] = socket
        if place != "dealer":
            self._poller.register(socket, zmq.POLLIN)
        return socket

    def _watch_peers(self, socket: "zmq.Socket[bytes]", who: str) -> None:
        monitor = socket.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED)
        self._places[monitor] = ("peers", who)
        self._poller.register(monitor, zmq.POLLIN)

    def _bind(self, socket: "zmq.Socket[bytes]", address: str) -> str:
        path = path_of(address)
        if path is not None:
            require_free(path)
        try:
            socket.bind(address)
        except zmq.ZMQError as error:
            raise ReplayError(f"can't listen on {address}: {_reason(error)}") from None
        if path is not None:
            self._files.append(path)
        return socket.get_string(zmq.LAST_ENDPOINT).rstrip("\0") if "*" in address else address

    def _connect(self, socket: "zmq.Socket[bytes]", address: str) -> None:
        try:
            socket.connect(address)
        except zmq.ZMQError as error:
            raise ReplayError(f"can't connect to {address}: {_reason(error)}") from None


def _reason(error: zmq.ZMQError) -> str:
    """What went wrong, without the address that pyzmq adds."""
    return zmq.strerror(error.errno) if error.errno is not None else str(error)
