"""The listening end of `tubetap attach`: a SUB on every outbox of a tube, and the tee to the recorder.

Runs in the relay's place, as a process of its own. It subscribes to everything under no name, which a noob
node does not even take note of, and says nothing else; outboxes that the command node announces later are
joined as they come. What it gets is told to the recorder as the ZMTP stream it came in, message by message.
"""

import asyncio
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import zmq
from zmq.utils.monitor import parse_monitor_message

from decoders.zmtp import message_bytes
from proxy.addresses import Address, parse, probe_peer
from proxy.endpoint import Journal
from proxy.errors import ProxyError
from proxy.frames import Kind, fact_frame, header
from proxy.hello import Unreadable, hello_of, our_hello, socket_type_in
from proxy.loop import run
from proxy.processes import command_line, is_alive, parent_of, peer_pid
from proxy.relay import Relay, prepare_process
from proxy.rewrite import addresses

__all__ = ["ListeningRelay", "Outbox", "main"]

MOST_OUTBOXES = 4096

_BATCH = 100  # messages taken before others get their turn
_RETRY_S = 0.1
_LOOK_S = 0.25
_GRACE_S = 5.0
_EVENTS = zmq.EVENT_CONNECTED | zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED


class Outbox(NamedTuple):
    """Where a node publishes; `node` is "command" for the command node."""

    address: str
    node: str


class _Subscription:
    """Our SUB on one outbox, through all its connections."""

    def __init__(
        self, relay: "ListeningRelay", outbox: Outbox, address: Address, context: zmq.Context[Any]
    ) -> None:
        self.outbox = outbox
        self.connection = 0  # 0 while there is none
        self.closed_s = relay.loop.time()
        self._relay = relay
        self._address = address
        self._endpoint = relay.next_id("endpoint")
        self._pid: int | None = None
        self._descriptor = -1
        self._hello = b""  # what the publisher says first
        self._socket = context.socket(zmq.SUB)
        self._socket.linger = 0
        self._monitor = self._socket.get_monitor_socket(_EVENTS)
        self._joining: asyncio.Task[None] | None = relay.loop.create_task(self._join())

    def may_speak(self) -> bool:
        """Whether there is still somebody who could publish here."""
        if self.connection:
            return True
        if self._address.path:
            found, pid = probe_peer(self._address.path)
            return found == "listening" and (pid is None or is_alive(pid))
        return self._relay.loop.time() - self.closed_s < _GRACE_S

    def first_frames(self, now_ns: int) -> list[bytes]:
        """The frames that tell a recorder of the connection there is."""
        if not self.connection:
            return []
        frames = [*fact_frame(Kind.OPENED, self.connection, now_ns, self._opening())]
        for kind, data in ((Kind.IN, our_hello()), (Kind.OUT, self._hello)):
            frames += (header(kind, self.connection, now_ns, len(data)), data)
        return frames

    def close(self, reason: str) -> None:
        """Listen no more."""
        if self._joining is not None:
            self._joining.cancel()
        for each in (self._socket, self._monitor):
            self._relay.loop.remove_reader(each.FD)
        self._turn()
        self._closed(reason)
        self._socket.disable_monitor()
        self._monitor.close()
        self._socket.close()

    async def _join(self) -> None:
        while True:
            try:
                self._hello = await hello_of(self._address)
            except OSError:
                await asyncio.sleep(_RETRY_S)
            except Unreadable as problem:
                reason = f"it can't be listened to: {problem}"
                self._relay.tell_supervisor(
                    {"kind": "failed", "address": self.outbox.address, "reason": reason}
                )
                return
            else:
                break
        self._joining = None
        self._relay.tell_endpoint(self._facts())
        for each in (self._socket, self._monitor):
            self._relay.loop.add_reader(each.FD, self._turn)
        self._socket.ipv6 = ":" in self._address.host
        self._socket.subscribe(b"")
        self._socket.connect(str(self._address))
        self._turn()

    def _turn(self) -> None:
        # A ZeroMQ descriptor tells only that something has happened: both sockets are read until empty.
        if self._socket.closed:
            return
        for event, value in self._happened():
            match event:
                case zmq.EVENT_CONNECTED:
                    self._descriptor = value
                case zmq.EVENT_HANDSHAKE_SUCCEEDED:
                    self._opened()
                case zmq.EVENT_DISCONNECTED:
                    while self._take():
                        pass
                    self._closed("closed by the binder")
        if self._take():
            self._relay.loop.call_soon(self._turn)

    def _happened(self) -> Iterator[tuple[int, int]]:
        while True:
            try:
                frames = self._monitor.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            message = parse_monitor_message(frames)
            yield message["event"], message["value"]

    def _take(self) -> bool:
        """Take a batch of messages; True if there may be more."""
        receive, say, now = self._socket.recv_multipart, self._relay.tee.chunk, time.time_ns
        for _ in range(_BATCH):
            try:
                frames = receive(zmq.NOBLOCK)
            except zmq.Again:
                return False
            if not self.connection:
                self._opened()
            say(Kind.OUT, self.connection, now(), message_bytes(frames))
            if frames[0] == b"announce":
                self._relay.announced(frames[-1])
        return True

    def _opened(self) -> None:
        if self.connection:
            return
        pid = _process_behind(self._descriptor)
        if pid is not None and pid != self._pid:
            self._pid = pid
            self._relay.watch(pid)
            self._relay.tell_endpoint(self._facts())
        self.connection = self._relay.next_id("connection")
        tee, now = self._relay.tee, time.time_ns()
        tee.say(Kind.OPENED, self.connection, now, self._opening())
        tee.chunk(Kind.IN, self.connection, now, our_hello())
        tee.chunk(Kind.OUT, self.connection, now, self._hello)

    def _closed(self, reason: str) -> None:
        if self.connection:
            self._relay.tee.say(Kind.CLOSED, self.connection, time.time_ns(), {"reason": reason})
            self.connection = 0
            self.closed_s = self._relay.loop.time()

    def _opening(self) -> dict[str, Any]:
        return {"endpoint": self._endpoint, "peer_pid": os.getpid()}

    def _facts(self) -> dict[str, Any]:
        return {
            "id": self._endpoint,
            "address": self.outbox.address,
            "socket_type": socket_type_in(self._hello),
            "pid": self._pid,
            "parent": parent_of(self._pid) if self._pid is not None else None,
            "command_line": command_line(self._pid) if self._pid is not None else (),
            "role": "command outbox" if self.outbox.node == "command" else "node outbox",
            "node": self.outbox.node,
        }


def _process_behind(descriptor: int) -> int | None:
    """Return the process at the other end of a connection that libzmq has made."""
    try:
        with socket.socket(fileno=os.dup(descriptor)) as sock:
            return peer_pid(sock)
    except OSError:
        return None


class ListeningRelay(Relay):
    """A relay without links: subscriptions, and the tee."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(control=None, **kwargs)
        self._context = zmq.Context()
        self._context.set(zmq.MAX_SOCKETS, 3 * MOST_OUTBOXES)
        self._subscriptions: dict[str, _Subscription] = {}
        self._looking = self.loop.call_later(_LOOK_S, self._look)
        self._silent = False

    def listen(self, outbox: Outbox) -> None:
        """Subscribe to an outbox; each node once."""
        if outbox.node in self._subscriptions or len(self._subscriptions) >= MOST_OUTBOXES:
            return
        try:
            address = parse(outbox.address, listen=False)
        except ProxyError as error:
            self.tell_supervisor({"kind": "failed", "address": outbox.address, "reason": str(error)})
            return
        self._subscriptions[outbox.node] = _Subscription(self, outbox, address, self._context)

    def announced(self, payload: bytes) -> None:
        """Subscribe to the outboxes in an announcement that are new."""
        for place in addresses(payload):
            if place.what == "outbox" and place.node not in self._subscriptions:
                self.listen(Outbox(place.address, place.node))
                self.tell_supervisor({"kind": "joined", "address": place.address, "node": place.node})

    def catch_up(self, now_ns: int) -> list[bytes]:
        """The frames that tell a new recorder of the connections there are."""
        return [frame for each in self._subscriptions.values() for frame in each.first_frames(now_ns)]

    async def wind_up(self) -> None:
        """Take what has come by now, leave, and end the recording."""
        self._looking.cancel()
        for each in self._subscriptions.values():
            each.close("the recording ended")
        self._context.destroy(linger=0)
        await super().wind_up()

    def _look(self) -> None:
        # The tube has ended when nobody is left who could publish, twice in a row.
        if any(each.may_speak() for each in self._subscriptions.values()):
            self._silent = False
        elif self._silent:
            self.tell_supervisor({"kind": "ended"})
            return
        else:
            self._silent = True
        self._looking = self.loop.call_later(_LOOK_S, self._look)


def main(arguments: list[str]) -> None:
    """Listen to a tube; the entry of the process.

    Arguments: those of `proxy.relay.main`, and a JSON list of the outboxes as (address, node).
    """
    control, supervisor, journal, limit, _, outboxes = arguments
    os.close(int(control))
    prepare_process()

    async def serve() -> None:
        relay = ListeningRelay(
            supervisor=socket.socket(fileno=int(supervisor)),
            journal=Journal(Path(journal)),
            limit=int(limit),
        )
        for address, node in json.loads(outboxes):
            relay.listen(Outbox(address, node))
        await relay.run()

    run(serve())
