"""What a relay is made of: flows, links and listeners, whatever kind of socket is in front and behind.

A flow copies one direction of a connection and hands it to the tee; a link is the two flows of one
connection; a listener takes connections in.
"""

import contextlib
import socket
import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Protocol

from proxy.frames import Kind, fact_frame
from proxy.processes import peer_pid

if TYPE_CHECKING:
    from proxy.relay import Relay

__all__ = ["Flow", "Link", "Listener", "Rewrite"]

_READ_BYTES = 64 << 10
_READ_BYTES_MOST = 1 << 20
_ACCEPT_RETRY_S = 0.05

_HEAD_BYTES = 1024
"""How much of each direction's beginning is kept, so that a recorder that comes later sees the handshake."""


class Rewrite(Protocol):
    """Changes one direction of a connection on its way. The tee gets what came in."""

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes of the stream and return what goes on by now."""

    def finish(self) -> bytes:
        """Return what is still held back, the stream having ended."""


class Flow:
    """One direction of one connection: what `source` sends goes to `sink`, never more than one chunk
    ahead, and as it is unless there is a `rewrite`."""

    def __init__(
        self,
        link: "Link",
        kind: Kind,
        source: socket.socket,
        sink: socket.socket,
        rewrite: Rewrite | None = None,
    ) -> None:
        self._link = link
        self._kind = kind
        self._source = source
        self._sink = sink
        self._rewrite = rewrite
        self._source_fd = source.fileno()
        self._sink_fd = sink.fileno()
        self._loop = link.relay.loop
        self._tee = link.relay.tee
        self._pending: memoryview | None = None
        self._size = _READ_BYTES
        self._ended = False
        self._broken = False
        self.head = b""
        self.finished = False

    def start(self) -> None:
        """Begin to read."""
        self._loop.add_reader(self._source_fd, self._read)

    def resume(self) -> None:
        """Read again after the tee had been full."""
        if not self._ended and self._pending is None:
            self._loop.add_reader(self._source_fd, self._read)

    def stop(self) -> None:
        """Read and write no more."""
        if not self.finished:
            self._loop.remove_reader(self._source_fd)
            self._loop.remove_writer(self._sink_fd)
            self.finished = True

    def _read(self) -> None:
        try:
            data = self._source.recv(self._size)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._broken = True
            self._end(f"reset ({error.strerror})")
            return
        if not data:
            self._end("closed")
            return
        time_ns = time.time_ns()
        out = data if self._rewrite is None else self._rewrite.feed(data)
        try:
            sent = self._sink.send(out)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:
            self._tee.chunk(self._kind, self._link.id, time_ns, data)
            self._give_up()
            return
        if sent < len(out):
            self._pending = memoryview(out)[sent:]
            self._loop.remove_reader(self._source_fd)
            self._loop.add_writer(self._sink_fd, self._write)
        if len(data) == self._size < _READ_BYTES_MOST:
            self._size *= 2
        if len(self.head) < _HEAD_BYTES:
            self.head += data[: _HEAD_BYTES - len(self.head)]
        self._tee.chunk(self._kind, self._link.id, time_ns, data)
        if self._tee.full:
            self._loop.remove_reader(self._source_fd)
            self._link.relay.paused.add(self)

    def _write(self) -> None:
        assert self._pending is not None
        try:
            sent = self._sink.send(self._pending)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._give_up()
            return
        if sent < len(self._pending):
            self._pending = self._pending[sent:]
            return
        self._pending = None
        self._loop.remove_writer(self._sink_fd)
        if self._ended:
            self._pass_on_end()
        elif not self._tee.full:
            self._loop.add_reader(self._source_fd, self._read)
        else:
            self._link.relay.paused.add(self)

    def _end(self, how: str) -> None:
        # The source has said its last: pass that on once all it said has been passed on.
        self._ended = True
        self._loop.remove_reader(self._source_fd)
        side = "connector" if self._kind is Kind.IN else "binder"
        self._link.reason = self._link.reason or f"{how} by the {side}"
        if self._rewrite is not None and (rest := self._rewrite.finish()):
            self._pending = memoryview(bytes(self._pending or b"") + rest)
            self._loop.add_writer(self._sink_fd, self._write)
        if self._pending is None:
            self._pass_on_end()

    def _pass_on_end(self) -> None:
        if not self._broken:
            with contextlib.suppress(OSError):
                self._sink.shutdown(socket.SHUT_WR)
        self.stop()
        self._link.flow_finished(broken=self._broken)

    def _give_up(self) -> None:
        # The sink takes nothing any more. What it sent before is still to be read by the other direction;
        # what the source goes on to send stays unread, so that closing it is a reset for the source as well.
        self.stop()
        self._link.flow_finished(broken=False)


class Link(ABC):
    """One accepted connection, the one made for it to what is behind, and the two flows between them."""

    def __init__(self, relay: "Relay", endpoint: int, client: socket.socket) -> None:
        self.relay = relay
        self.id = relay.next_id("connection")
        self.endpoint = endpoint
        self.reason = ""
        self.peer = peer_pid(client)
        self.client = client
        self.server: socket.socket | None = None
        self.flows: tuple[Flow, ...] = ()

    @abstractmethod
    def connect(self) -> None:
        """Connect to what is behind, now or later, and call `connected`."""

    def connected(
        self, server: socket.socket, into: Rewrite | None = None, out: Rewrite | None = None
    ) -> None:
        """Let both directions flow, changed by `into` and `out` if given."""
        self.server = server
        self.flows = (
            Flow(self, Kind.IN, self.client, server, into),
            Flow(self, Kind.OUT, server, self.client, out),
        )
        for flow in self.flows:
            flow.start()

    def opened(self) -> dict[str, Any]:
        """What the recorder is told of a new connection."""
        return {"endpoint": self.endpoint, "peer_pid": self.peer}

    def catch_up(self, now_ns: int) -> list[bytes]:
        """The frames that tell a new recorder of an old connection."""
        kinds = (Kind.IN, Kind.OUT)
        heads = {str(int(kind)): flow.head.hex() for kind, flow in zip(kinds, self.flows, strict=False)}
        return [*fact_frame(Kind.OPENED, self.id, now_ns, {**self.opened(), "heads": heads})]

    @abstractmethod
    def give_up(self) -> None:
        """Stop trying to connect: the connection is being closed."""

    def flow_finished(self, *, broken: bool) -> None:
        """Close once both directions have ended, or at once after a reset."""
        if broken or all(flow.finished for flow in self.flows):
            self.close(self.reason or "closed")

    def close(self, reason: str) -> None:
        """Close both connections and tell the recorder why."""
        if self.relay.links.pop(self.id, None) is None:
            return
        self.give_up()
        for flow in self.flows:
            flow.stop()
            self.relay.paused.discard(flow)
        self.client.close()
        if self.server is not None:
            self.server.close()
        now = time.time_ns()
        self.relay.tee.say(Kind.CLOSED, self.id, now, {"reason": reason})
        self.relay.closed(self.catch_up(now))
        self.relay.finish_if_alone()


class Listener(ABC):
    """An endpoint's advertised side: accepts connections on `sock` until it is retired. `id` is the
    endpoint's."""

    def __init__(self, relay: "Relay", id: int, sock: socket.socket) -> None:
        self.relay = relay
        self.id = id
        self._socket = sock
        relay.loop.add_reader(sock.fileno(), self._accept)

    @property
    def waits(self) -> bool:
        """Whether the relay has to stay for this endpoint's sake when nobody else wants it to."""
        return False

    @abstractmethod
    def link(self, client: socket.socket) -> Link:
        """Return the link for a connection that has just come in."""

    @abstractmethod
    def process_ended(self, pid: int) -> None:
        """Take note that a process of the program is gone."""

    def finish(self) -> None:
        """Stop listening as the relay ends."""
        self.retire()

    def retire(self, *, clean: bool = True) -> None:
        """Stop listening; the files stay unless `clean`."""
        if self.relay.listeners.pop(self.id, None) is None:
            return
        self.relay.loop.remove_reader(self._socket.fileno())
        self._socket.close()
        self.retired(clean=clean)

    @abstractmethod
    def retired(self, *, clean: bool) -> None:
        """Clean up after the socket, which is closed by now."""

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:
                # Out of file descriptors or memory: the backlog keeps the rest until some are free again.
                loop, descriptor = self.relay.loop, self._socket.fileno()
                loop.remove_reader(descriptor)
                loop.call_later(_ACCEPT_RETRY_S, self._accept_again)
                return
            client.setblocking(False)
            self.relay.open(self.link(client))
            if self._socket.fileno() < 0:  # the first connect found out that the program's socket is gone
                return

    def _accept_again(self) -> None:
        if self._socket.fileno() >= 0:
            self.relay.loop.add_reader(self._socket.fileno(), self._accept)
