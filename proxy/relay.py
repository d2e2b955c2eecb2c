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
from collections import deque
from pathlib import Path
from typing import Any

from proxy.endpoint import Endpoint, Journal
from proxy.frames import Kind, fact_frame
from proxy.garbage import collect_seldom
from proxy.links import Flow, Link, Listener
from proxy.loop import run
from proxy.processes import ExitWatch, is_alive
from proxy.tee import Tee

__all__ = ["Relay", "main", "prepare_process"]

_CONNECT_RETRY_S = 0.005
_DRAIN_S = 0.5
_FINISH_S = 60.0
_LONGEST_REPORT = 4 << 20


class _InterposedLink(Link):
    """A connection to a socket of the program that was renamed."""

    def __init__(self, listener: "_InterposedListener", client: socket.socket) -> None:
        super().__init__(listener.relay, listener.id, client)
        self._listener = listener
        self._retry: asyncio.TimerHandle | None = None

    def connect(self) -> None:
        """Connect to the real endpoint; try again while its backlog is full."""
        server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        server.setblocking(False)
        try:
            server.connect(self._listener.endpoint.real)
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
        self.connected(server)

    def give_up(self) -> None:
        """Stop trying to connect."""
        if self._retry is not None:
            self._retry.cancel()


class _InterposedListener(Listener):
    """Listens where the program had bound, until the program's own socket is gone."""

    def __init__(self, relay: "Relay", endpoint: Endpoint) -> None:
        sock, self._inode = _staging_socket(endpoint)
        super().__init__(relay, endpoint.id, sock)
        self.endpoint = endpoint

    @property
    def waits(self) -> bool:
        """The program still needs us."""
        return True

    def link(self, client: socket.socket) -> Link:
        """Return a link to the renamed socket."""
        return _InterposedLink(self, client)

    def process_ended(self, pid: int) -> None:
        """Stop listening if this was the program's process."""
        if self.endpoint.pid == pid:
            self.retire()

    def finish(self) -> None:
        """Stop listening and let the advertised path lead to the program itself, if it is still there."""
        if is_alive(self.endpoint.pid):
            self.endpoint.put_back()
        self.retire()

    def retired(self, *, clean: bool) -> None:
        """Remove the second name, unless the endpoint has been taken over by somebody else."""
        if clean:
            self.endpoint.clean_up(self._inode)
        self.relay.journal.retired(self.endpoint)


def _staging_socket(endpoint: Endpoint) -> tuple[socket.socket, int]:
    """A socket that listens at the endpoint's staging path, and the inode that is there."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(endpoint.staging)
    try:
        sock.setblocking(False)
        sock.bind(endpoint.staging)
        os.chmod(endpoint.staging, os.stat(endpoint.real).st_mode & 0o7777)
        sock.listen(4096)
        inode = os.stat(endpoint.staging).st_ino
    except OSError:
        sock.close()
        with contextlib.suppress(OSError):
            os.unlink(endpoint.staging)
        raise
    return sock, inode


class Relay:
    """All endpoints and links of one run.

    `control` is where the agents report their binds, one JSON object a line (None: there are no agents);
    `supervisor` where whoever started the relay hands over the recorder's socket and says when to finish.
    """

    def __init__(
        self,
        *,
        control: socket.socket | None,
        supervisor: socket.socket,
        journal: Journal,
        limit: int,
        block: bool = False,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.tee = Tee(self.loop, limit=limit, block=block, on_drained=self._resume)
        self.journal = journal
        self.links: dict[int, Link] = {}
        self.listeners: dict[int, Listener] = {}
        self.paused: set[Flow] = set()
        self._processes = ExitWatch(self.loop, self._process_ended)
        self._endpoints: dict[int, dict[str, Any]] = {}
        self._closed: deque[tuple[int, list[bytes]]] = deque()
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
        server = None
        if self._control is not None:
            server = await asyncio.start_unix_server(
                self._serve_agent, sock=self._control, limit=_LONGEST_REPORT
            )
        self.tell_supervisor({"kind": "ready"})
        await self._finish.wait()
        if server is not None:
            server.close()
        await self.wind_up()

    def open(self, link: Link) -> None:
        """Take in an accepted connection."""
        self.links[link.id] = link
        self.tee.say(Kind.OPENED, link.id, time.time_ns(), link.opened())
        if link.peer is not None:
            self.watch(link.peer)
        link.connect()

    def watch(self, pid: int) -> None:
        """Take note when a process ends."""
        self._processes.add(pid)

    def next_id(self, what: str) -> int:
        """Return a fresh number for an "endpoint" or a "connection"."""
        self._ids[what] += 1
        return self._ids[what]

    def tell_endpoint(self, facts: dict[str, Any]) -> None:
        """Tell of an endpoint, or what has become known of it since, as `proxy.capture` reads it."""
        if facts["id"] not in self._endpoints:
            self.tell_supervisor({"kind": "endpoint", "address": facts["address"]})
        self._endpoints[facts["id"]] = facts
        self.tee.say(Kind.ENDPOINT, 0, time.time_ns(), facts)

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
        except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
            with contextlib.suppress(OSError):
                writer.write(json.dumps({"error": str(error)}).encode() + b"\n")
                await writer.drain()
        finally:
            writer.close()

    async def _relay_endpoint(
        self, report: dict[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        endpoint = Endpoint.from_report(self.next_id("endpoint"), report)
        listener = _InterposedListener(self, endpoint)
        for other in list(self.listeners.values()):
            if isinstance(other, _InterposedListener) and other.endpoint.path == endpoint.path:
                other.retire(clean=False)
        self.listeners[endpoint.id] = listener
        self.watch(endpoint.pid)
        self.journal.relayed(endpoint)
        self.tell_endpoint(_facts(endpoint, report))
        writer.write(b'{"listening": true}\n')
        await writer.drain()
        # The agent now moves our socket to the advertised path. If it gives up instead, so do we.
        if await reader.readline() != b"done\n":
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
            for facts in self._endpoints.values():
                catch_up += fact_frame(Kind.ENDPOINT, 0, now, facts)
            catch_up += self.catch_up(now)
        self._first_recorder = False
        self.tee.attach(sock, now, catch_up)

    def catch_up(self, now_ns: int) -> list[bytes]:
        """The frames that tell a new recorder of the connections there are, and of those whose last words
        wait."""
        self._forget_closed()
        told = [frame for _, frames in self._closed for frame in frames]
        return told + [frame for link in self.links.values() for frame in link.catch_up(now_ns)]

    def closed(self, frames: list[bytes]) -> None:
        """Take leave of a connection; `frames` are for a recorder that comes while its last words wait."""
        self._forget_closed()
        self._closed.append((self.tee.taken, frames))

    def _forget_closed(self) -> None:
        while self._closed and self._closed[0][0] <= self.tee.passed:
            self._closed.popleft()

    def tell_supervisor(self, fact: dict[str, Any]) -> None:
        """Tell whoever started the relay, as one JSON object a line."""
        if self._supervisor is not None:
            with contextlib.suppress(OSError):
                self._supervisor.send(json.dumps(fact).encode() + b"\n")

    # Ends.

    def _process_ended(self, pid: int) -> None:
        self.tee.say(Kind.PROCESS, 0, time.time_ns(), {"pid": pid})
        for listener in list(self.listeners.values()):
            listener.process_ended(pid)
        self.finish_if_alone()

    def finish_if_alone(self) -> None:
        """Without a supervisor, finish once the last of the program's processes is gone."""
        waits = any(listener.waits for listener in self.listeners.values())
        if self._orphaned and not self.links and not waits:
            self._finish.set()

    async def wind_up(self) -> None:
        """End everything that is going on, the recording last."""
        # What is on its way between processes that just ended still goes through.
        deadline = self.loop.time() + _DRAIN_S
        while self.links and self.loop.time() < deadline:
            await asyncio.sleep(0.01)
        for listener in list(self.listeners.values()):
            listener.finish()
        for link in list(self.links.values()):
            link.close("the run ended")
        unrecorded = await self.tee.finish(time.time_ns(), _FINISH_S)
        self.tell_supervisor({"kind": "finished", "unrecorded": unrecorded})
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


def prepare_process() -> None:
    """Let this process have as many sockets as the system allows, outlive a terminal's signals, and seldom
    look for garbage."""
    collect_seldom()
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = hard if hard != resource.RLIM_INFINITY else max(soft, 65536)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def main(arguments: list[str]) -> None:
    """Run a relay; the entry of its process.

    Arguments: the file descriptors of the control and the supervisor socket, the journal's path, the tee's
    limit in bytes, and "block" or "drop".
    """
    control, supervisor, journal, limit, on_overflow = arguments
    prepare_process()

    async def serve() -> None:
        relay = Relay(
            control=socket.socket(fileno=int(control)),
            supervisor=socket.socket(fileno=int(supervisor)),
            journal=Journal(Path(journal)),
            limit=int(limit),
            block=on_overflow == "block",
        )
        await relay.run()

    run(serve())
