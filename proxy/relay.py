"""The relay: bytes both ways between whoever connects and the program's own sockets, and a copy to the tee.

It parses nothing and waits for nobody but the two sides themselves: reading one side pauses while the
other is full. It runs as a process of its own, so that recording, decoding and painting cannot delay or
break traffic.
"""

import asyncio
import contextlib
import json
import os
import resource
import signal
import socket
import time
from pathlib import Path
from typing import Any

from proxy.endpoint import Endpoint, Journal
from proxy.frames import Kind, fact_frame
from proxy.processes import ExitWatch, is_alive, peer_pid
from proxy.tee import Tee

__all__ = ["Relay", "main"]

_READ_BYTES = 64 << 10
_READ_BYTES_MOST = 1 << 20
_CONNECT_RETRY_S = 0.005
_ACCEPT_RETRY_S = 0.05
_DRAIN_S = 0.5
_FINISH_S = 60.0


class _Flow:
    """One direction of one connection: what `source` sends goes to `sink`, never more than one chunk
    ahead."""

    def __init__(self, link: "_Link", kind: Kind, source: socket.socket, sink: socket.socket) -> None:
        self._link = link
        self._kind = kind
        self._source = source
        self._sink = sink
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
        self._loop.add_reader(self._source_fd, self._read)

    def resume(self) -> None:
        """Read again after the tee had been full."""
        if not self._ended and self._pending is None:
            self._loop.add_reader(self._source_fd, self._read)

    def stop(self) -> None:
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
        try:
            sent = self._sink.send(data)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:
            self._tee.chunk(self._kind, self._link.id, time_ns, data)
            self._give_up()
            return
        if sent < len(data):
            self._pending = memoryview(data)[sent:]
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


_HEAD_BYTES = 1024
"""How much of each direction's beginning is kept, so that a recorder that comes later sees the handshake."""


class _Link:
    """One accepted connection, the one made for it to the real endpoint, and the two flows between them."""

    def __init__(self, relay: "Relay", id: int, listener: "_Listener", client: socket.socket) -> None:
        self.relay = relay
        self.id = id
        self.reason = ""
        self.peer = peer_pid(client)
        self._listener = listener
        self._client = client
        self._server: socket.socket | None = None
        self.flows: tuple[_Flow, ...] = ()
        self._retry: asyncio.TimerHandle | None = None

    @property
    def endpoint(self) -> Endpoint:
        return self._listener.endpoint

    def connect(self) -> None:
        """Connect to the real endpoint; try again while its backlog is full."""
        server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        server.setblocking(False)
        try:
            server.connect(self.endpoint.real)
        except BlockingIOError:
            server.close()
            self._retry = self.relay.loop.call_later(_CONNECT_RETRY_S, self.connect)
            return
        except OSError as error:
            server.close()
            self.close(f"refused by the binder ({error.strerror})")
            if isinstance(error, ConnectionRefusedError | FileNotFoundError):
                self._listener.retire()
            return
        self._server = server
        self.flows = (
            _Flow(self, Kind.IN, self._client, server),
            _Flow(self, Kind.OUT, server, self._client),
        )
        for flow in self.flows:
            flow.start()

    def flow_finished(self, *, broken: bool) -> None:
        if broken or all(flow.finished for flow in self.flows):
            self.close(self.reason or "closed")

    def close(self, reason: str) -> None:
        if self.relay.links.pop(self.id, None) is None:
            return
        if self._retry is not None:
            self._retry.cancel()
        for flow in self.flows:
            flow.stop()
            self.relay.paused.discard(flow)
        self._client.close()
        if self._server is not None:
            self._server.close()
        self.relay.tee.say(Kind.CLOSED, self.id, time.time_ns(), {"reason": reason})
        self.relay.finish_if_alone()


class _Listener:
    """An endpoint's advertised side: accepts connections until the program's own socket is gone."""

    def __init__(self, relay: "Relay", endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._relay = relay
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(endpoint.staging)
        try:
            self._socket.setblocking(False)
            self._socket.bind(endpoint.staging)
            os.chmod(endpoint.staging, os.stat(endpoint.real).st_mode & 0o7777)
            self._socket.listen(4096)
        except OSError:
            self._socket.close()
            raise
        self._relay.loop.add_reader(self._socket.fileno(), self._accept)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:
                # Out of file descriptors or memory: the backlog keeps the rest until some are free again.
                loop, descriptor = self._relay.loop, self._socket.fileno()
                loop.remove_reader(descriptor)
                loop.call_later(_ACCEPT_RETRY_S, self._accept_again)
                return
            client.setblocking(False)
            self._relay.open(self, client)
            if self._socket.fileno() < 0:  # the first connect found out that the program's socket is gone
                return

    def _accept_again(self) -> None:
        if self._socket.fileno() >= 0:
            self._relay.loop.add_reader(self._socket.fileno(), self._accept)

    def retire(self, *, clean: bool = True) -> None:
        """Stop listening; the files stay when the endpoint has been taken over by somebody else."""
        if self._relay.listeners.pop(self.endpoint.id, None) is None:
            return
        self._relay.loop.remove_reader(self._socket.fileno())
        self._socket.close()
        if clean:
            self.endpoint.clean_up()
        self._relay.journal.retired(self.endpoint)

    def put_back(self) -> None:
        """Stop listening and let the advertised path lead to the program itself."""
        self.endpoint.put_back()
        self.retire()


class Relay:
    """All endpoints and links of one run.

    `control` is where the agents report their binds, one JSON object a line; `supervisor` where whoever
    started the relay hands over the recorder's socket and says when to finish.
    """

    def __init__(
        self,
        *,
        control: socket.socket,
        supervisor: socket.socket,
        journal: Journal,
        limit: int,
        block: bool = False,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.tee = Tee(self.loop, limit=limit, block=block, on_drained=self._resume)
        self.journal = journal
        self.links: dict[int, _Link] = {}
        self.listeners: dict[int, _Listener] = {}
        self.paused: set[_Flow] = set()
        self._processes = ExitWatch(self.loop, self._process_ended)
        self._endpoints: list[Endpoint] = []
        self._control = control
        self._supervisor: socket.socket | None = supervisor
        self._ids = {"endpoint": 0, "connection": 0}
        self._finish = asyncio.Event()
        self._orders = b""
        self._orphaned = False
        self._first_recorder = True

    async def run(self) -> None:
        """Serve until told to finish, or, if the supervisor died, until the program's processes are gone."""
        assert self._supervisor is not None
        self._supervisor.setblocking(False)
        self.loop.add_reader(self._supervisor.fileno(), self._read_supervisor)
        server = await asyncio.start_unix_server(self._serve_agent, sock=self._control)
        self._tell_supervisor({"kind": "ready"})
        await self._finish.wait()
        server.close()
        await self._wind_up()

    def open(self, listener: _Listener, client: socket.socket) -> None:
        """Take in an accepted connection."""
        link = _Link(self, self._next("connection"), listener, client)
        self.links[link.id] = link
        self.tee.say(Kind.OPENED, link.id, time.time_ns(), self._opened(link))
        if link.peer is not None:
            self._processes.add(link.peer)
        link.connect()

    def _opened(self, link: _Link) -> dict[str, Any]:
        return {"endpoint": link.endpoint.id, "peer_pid": link.peer}

    def _next(self, what: str) -> int:
        self._ids[what] += 1
        return self._ids[what]

    def _resume(self) -> None:
        paused, self.paused = self.paused, set()
        for flow in paused:
            flow.resume()

    # What the agents say.

    async def _serve_agent(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            report = json.loads(await reader.readline())
            if report.get("kind") == "bind":
                await self._relay_endpoint(report, reader, writer)
            else:
                self.tee.say(Kind.NOTE, 0, time.time_ns(), report)
                self._tell_supervisor(report)
        except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
            with contextlib.suppress(OSError):
                writer.write(json.dumps({"error": str(error)}).encode() + b"\n")
                await writer.drain()
        finally:
            writer.close()

    async def _relay_endpoint(
        self, report: dict[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        endpoint = Endpoint.from_report(self._next("endpoint"), report)
        listener = _Listener(self, endpoint)
        for other in list(self.listeners.values()):
            if other.endpoint.path == endpoint.path:
                other.retire(clean=False)
        self.listeners[endpoint.id] = listener
        self._endpoints.append(endpoint)
        self._processes.add(endpoint.pid)
        self.journal.relayed(endpoint)
        self.tee.say(Kind.ENDPOINT, 0, time.time_ns(), _facts(endpoint, report))
        self._tell_supervisor({"kind": "endpoint", "address": endpoint.address})
        writer.write(b'{"listening": true}\n')
        await writer.drain()
        # The agent now moves our socket to the advertised path. If it gives up instead, so do we.
        if await reader.readline() != b"done\n":
            with contextlib.suppress(OSError):
                os.unlink(endpoint.staging)
            listener.retire()

    # What the supervisor says.

    def _read_supervisor(self) -> None:
        assert self._supervisor is not None
        try:
            data, descriptors, _, _ = socket.recv_fds(self._supervisor, 4096, 4)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data, descriptors = b"", []
        for descriptor in descriptors:
            self._attach_recorder(socket.socket(fileno=descriptor))
        if not data:
            self.loop.remove_reader(self._supervisor.fileno())
            self._supervisor.close()
            self._supervisor = None
            self._orphaned = True
            self.finish_if_alone()
            return
        self._orders += data
        *orders, self._orders = self._orders.split(b"\n")
        if b"unrecorded" in orders:
            self.tee.stop()
        if b"finish" in orders:
            self._finish.set()

    def _attach_recorder(self, sock: socket.socket) -> None:
        now = time.time_ns()
        catch_up: list[bytes] = []
        if not self._first_recorder:
            for endpoint in self._endpoints:
                catch_up += fact_frame(Kind.ENDPOINT, 0, now, _facts(endpoint, {}))
            for link in self.links.values():
                heads = {
                    str(int(kind)): flow.head.hex()
                    for kind, flow in zip((Kind.IN, Kind.OUT), link.flows, strict=False)
                }
                catch_up += fact_frame(Kind.OPENED, link.id, now, {**self._opened(link), "heads": heads})
        self._first_recorder = False
        self.tee.attach(sock, now, catch_up)

    def _tell_supervisor(self, fact: dict[str, Any]) -> None:
        if self._supervisor is not None:
            with contextlib.suppress(OSError):
                self._supervisor.send(json.dumps(fact).encode() + b"\n")

    # Ends.

    def _process_ended(self, pid: int) -> None:
        self.tee.say(Kind.PROCESS, 0, time.time_ns(), {"pid": pid})
        for listener in list(self.listeners.values()):
            if listener.endpoint.pid == pid:
                listener.retire()
        self.finish_if_alone()

    def finish_if_alone(self) -> None:
        """Without a supervisor, finish once the last of the program's processes is gone."""
        if self._orphaned and not self.listeners and not self.links:
            self._finish.set()

    async def _wind_up(self) -> None:
        # What is on its way between processes that just ended still goes through.
        deadline = self.loop.time() + _DRAIN_S
        while self.links and self.loop.time() < deadline:
            await asyncio.sleep(0.01)
        for listener in list(self.listeners.values()):
            if is_alive(listener.endpoint.pid):
                listener.put_back()
            else:
                listener.retire()
        for link in list(self.links.values()):
            link.close("the run ended")
        unrecorded = await self.tee.finish(time.time_ns(), _FINISH_S)
        self._tell_supervisor({"kind": "finished", "unrecorded": unrecorded})
        if self._orphaned:
            self.journal.remove_folder()


def _facts(endpoint: Endpoint, report: dict[str, Any]) -> dict[str, Any]:
    facts = {
        "id": endpoint.id,
        "address": endpoint.address,
        "socket_type": endpoint.socket_type,
        "pid": endpoint.pid,
        "parent": endpoint.parent,
        "command_line": endpoint.command_line,
    }
    return facts | {"versions": report["versions"]} if "versions" in report else facts


def main(arguments: list[str]) -> None:
    """Run a relay; the entry of its process.

    Arguments: the file descriptors of the control and the supervisor socket, the journal's path, the tee's
    limit in bytes, and "block" or "drop".
    """
    control, supervisor, journal, limit, on_overflow = arguments
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = hard if hard != resource.RLIM_INFINITY else max(soft, 65536)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))

    async def serve() -> None:
        relay = Relay(
            control=socket.socket(fileno=int(control)),
            supervisor=socket.socket(fileno=int(supervisor)),
            journal=Journal(Path(journal)),
            limit=int(limit),
            block=on_overflow == "block",
        )
        await relay.run()

    asyncio.run(serve())
