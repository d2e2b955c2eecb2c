"""The relay of the explicit proxy: it listens on addresses of its own and connects to those of programs
that it did not start.

On the two links of a noob command node it also looks at the messages that say where nodes can be reached
(`proxy.rewrite`): each node's outbox gets a relay of its own, and its address in place of the node's.
"""

import asyncio
import json
import os
import select
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, get_args

from proxy.addresses import LOOPBACK, Address, Bound, bind, parse
from proxy.dialling import dial, reason_of, send_at_once
from proxy.endpoint import Journal
from proxy.errors import ProxyError
from proxy.frames import Kind
from proxy.links import Link, Listener
from proxy.loop import run
from proxy.processes import command_line, parent_of, peer_pid
from proxy.relay import Relay, prepare_process
from proxy.rewrite import AddressRewriter, Place
from recordings.records import Role

__all__ = ["Forward", "ForwardingRelay", "main"]

MOST_OUTBOXES = 4096
"""How many nodes get a relay of their own; a stream of made-up addresses must not use up all sockets."""

_RETRY_S = 0.1  # what ZeroMQ itself waits before it connects again
_HUNG_UP = select.POLLHUP | select.POLLERR | getattr(select, "POLLRDHUP", 0)


@dataclass(frozen=True)
class Forward:
    """Whoever connects to `listen` reaches `connect`. `role` and `node` say in noob's terms what is there."""

    listen: Address
    connect: Address
    role: Role = "other"
    node: str = ""

    def to_json(self, descriptor: int) -> str:
        """Write it for the relay's process; `descriptor` is the socket that listens."""
        listen, connect = str(self.listen), str(self.connect)
        return json.dumps([listen, connect, self.role, self.node, descriptor])

    @classmethod
    def from_json(cls, text: str) -> tuple[Self, int]:
        """Read what `to_json` wrote."""
        listen, connect, role, node, descriptor = json.loads(text)
        assert role in get_args(Role)
        return cls(parse(listen, listen=True), parse(connect, listen=False), role, node), descriptor


class _ForwardLink(Link):
    """A connection on its way to an address: tried again until the program is there, or the peer leaves."""

    def __init__(self, listener: "_ForwardListener", client: socket.socket) -> None:
        super().__init__(listener.relay, listener.id, client)
        self._listener = listener
        self._dialling: asyncio.Task[None] | None = None

    def connect(self) -> None:
        """Begin to connect."""
        send_at_once(self.client)
        self._dialling = self.relay.loop.create_task(self._dial())

    def give_up(self) -> None:
        """Stop trying to connect."""
        if self._dialling is not None and self._dialling is not asyncio.current_task():
            self._dialling.cancel()

    async def _dial(self) -> None:
        while True:
            try:
                server = await dial(self._listener.forward.connect)
            except OSError as error:
                self._listener.missing(error)
            else:
                break
            await asyncio.sleep(_RETRY_S)
            if _has_hung_up(self.client):
                self.close("closed by the connector before the binder was there")
                return
        self._listener.reached(server)
        match self._listener.forward.role:
            case "command inbox":
                self.connected(server, into=self._rewriter(towards=server))
            case "command outbox":
                self.connected(server, out=self._rewriter(towards=self.client))
            case _:
                self.connected(server)

    def _rewriter(self, towards: socket.socket) -> AddressRewriter:
        listener = self._listener
        return AddressRewriter(
            lambda place: listener.forwarding.route(place, listener.forward.listen, towards)
        )


class _ForwardListener(Listener):
    """Listens on an address of ours for one forward."""

    def __init__(self, relay: "ForwardingRelay", forward: Forward, bound: Bound) -> None:
        super().__init__(relay, relay.next_id("endpoint"), bound.socket)
        self.forwarding = relay
        self.forward = forward
        self._bound = bound
        self._pid: int | None = None
        self._missing = ""
        relay.tell_endpoint(self._facts())

    def link(self, client: socket.socket) -> Link:
        """Return a link to the address behind."""
        return _ForwardLink(self, client)

    def process_ended(self, pid: int) -> None:
        """Go on listening: the program may come back."""

    def retired(self, *, clean: bool) -> None:
        """Remove the socket's file."""
        if clean:
            self._bound.remove_file()

    def missing(self, error: OSError) -> None:
        """Say, once, that nobody is there to connect to."""
        reason = reason_of(error)
        if reason != self._missing:
            self._missing = reason
            self.relay.tell_supervisor({"kind": "missing", "address": self._where, "reason": reason})
            self.forwarding.note(f"nobody at {self._where} yet ({reason}): whoever connects has to wait")

    def reached(self, server: socket.socket) -> None:
        """Take note of the process that was reached, and say so if it had been missing."""
        if self._missing:
            self._missing = ""
            self.relay.tell_supervisor({"kind": "reached", "address": self._where})
            self.forwarding.note(f"{self._where} is there now")
        pid = peer_pid(server)
        if pid is not None and pid != self._pid:
            self._pid = pid
            self.relay.tell_endpoint(self._facts())

    @property
    def _where(self) -> str:
        return str(self.forward.connect)

    def _facts(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "address": self._where,
            "socket_type": "",
            "pid": self._pid,
            "parent": parent_of(self._pid) if self._pid is not None else None,
            "command_line": command_line(self._pid) if self._pid is not None else (),
            "role": self.forward.role,
            "node": self.forward.node or None,
        }


class ForwardingRelay(Relay):
    """A relay with given forwards, and the outboxes that it hears of."""

    def __init__(self, *, folder: Path, **kwargs: Any) -> None:
        super().__init__(control=None, **kwargs)
        self._folder = folder
        self._by_connect: dict[str, _ForwardListener] = {}
        self._ours: dict[str, _ForwardListener] = {}  # by the addresses that were written into messages
        self._outboxes = 0
        self._unrouted: set[str] = set()

    def forward(self, forward: Forward, bound: Bound) -> None:
        """Listen for a forward on a socket that is already bound."""
        listener = _ForwardListener(self, forward, bound)
        self.listeners[listener.id] = listener
        self._by_connect[str(forward.connect)] = listener
        self._ours[str(forward.listen)] = listener

    def note(self, text: str) -> None:
        """Put a note into the recording."""
        self.tee.say(Kind.NOTE, 0, time.time_ns(), {"text": text})

    def route(self, place: Place, seen_on: Address, towards: socket.socket) -> str:
        """Return the address of a relay in front of the address in `place`, a new one if need be.

        `seen_on` is where the link listens on which the message goes, `towards` the socket through which it
        goes on to its receiver. An address that can't be relayed stays as it is.
        """
        try:
            address = parse(place.address, listen=False)
        except ProxyError:
            return place.address
        listener = self._by_connect.get(str(address)) or self._ours.get(str(address))
        if listener is None and place.what == "outbox":
            listener = self._relay_outbox(address, place.node, seen_on)
        if listener is None:
            return place.address
        new = str(_as_seen_from(listener.forward.listen, towards))
        self._ours[new] = listener
        return new

    def _relay_outbox(self, address: Address, node: str, seen_on: Address) -> _ForwardListener | None:
        where = str(address)
        if where in self._unrouted:
            return None
        try:
            if self._outboxes >= MOST_OUTBOXES:
                raise ProxyError(f"more than {MOST_OUTBOXES} nodes")
            self._outboxes += 1
            if address.path:
                bound = bind(Address(path=str(self._folder / f"outbox-{self._outboxes}")))
            else:
                bound = bind(Address(host=LOOPBACK if seen_on.path else seen_on.host))
        except ProxyError as error:
            if len(self._unrouted) < MOST_OUTBOXES:
                self._unrouted.add(where)
            self.tell_supervisor({"kind": "failed", "address": where, "reason": str(error)})
            return None
        self.forward(Forward(bound.address, address, "node outbox", node), bound)
        self.note(f"node {node} is announced as {bound.address} in place of {where}")
        return self._by_connect[where]


def _as_seen_from(address: Address, towards: socket.socket) -> Address:
    """An address that listens everywhere, as the peer of `towards` can reach it."""
    if not address.is_wildcard:
        return address
    inet = towards.family in (socket.AF_INET, socket.AF_INET6)
    return Address(host=towards.getsockname()[0] if inet else LOOPBACK, port=address.port)


def _has_hung_up(sock: socket.socket) -> bool:
    """Whether the peer has closed, even if there is still something from it to read."""
    poll = select.poll()
    poll.register(sock, _HUNG_UP)
    return bool(poll.poll(0))


def main(arguments: list[str]) -> None:
    """Run a forwarding relay; the entry of its process.

    Arguments: those of `proxy.relay.main`, and the forwards as JSON with the sockets that listen for them.
    """
    control, supervisor, journal, limit, on_overflow, *forwards = arguments
    os.close(int(control))
    prepare_process()

    async def serve() -> None:
        relay = ForwardingRelay(
            folder=Path(journal).parent,
            supervisor=socket.socket(fileno=int(supervisor)),
            journal=Journal(Path(journal)),
            limit=int(limit),
            block=on_overflow == "block",
        )
        for text in forwards:
            forward, descriptor = Forward.from_json(text)
            relay.forward(forward, Bound.inherited(forward.listen, descriptor))
        await relay.run()

    run(serve())
