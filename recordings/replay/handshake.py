"""The part of the command node, or of a node runner, in noob's handshake: what to answer to what.

Sans-io: messages and subscriptions go in, actions come out. Follows noob 1003 (`noob.runner.zmq`), where
every subscriber also subscribes to `__subscriber__:ID` and nobody is ready before its subscriptions are
confirmed; older releases leave those parts out, and so do we when the peer does.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeAlias

SUBSCRIBER = "__subscriber__:"
"""The topic prefix by which a subscriber says who it is."""

COMMAND = "command"
"""The id of the command node."""

READY = ("ready", "running")
"""States in which a node runner takes work."""


@dataclass(frozen=True, slots=True)
class Publish:
    """Send frames on the outbox."""

    frames: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """Send a payload to the command node's router."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Connect:
    """Connect the inbox to an outbox address."""

    address: str


Action: TypeAlias = Publish | Report | Connect


def encode(kind: str, node_id: str, value: Any) -> bytes:
    """Write a message of our own as noob writes it."""
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    message = {"type": kind, "node_id": node_id, "timestamp": now, "value": value}
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def identity(node: str, recorded: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What a node says of itself in `identify`, from what was recorded of it, if anything was."""
    recorded = recorded or {}
    return {
        "node_id": node,
        "outbox": "",
        "status": "ready",
        "signals": texts(recorded.get("signals")) or None,
        "slots": texts(recorded.get("slots")) or None,
        "subscribed_to": texts(recorded.get("subscribed_to")),
        "subscribers": texts(recorded.get("subscribers")),
    }


def texts(value: Any) -> list[str]:
    """The texts in what should be a list of them; a recording may hold anything."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def subscriber_of(frame: bytes) -> tuple[bool, str] | None:
    """Read what an XPUB receives: (subscribed?, who), None for what tells no name."""
    topic = frame[1:].decode("utf-8", "replace")
    if frame[:1] not in (b"\x00", b"\x01") or not topic.startswith(SUBSCRIBER):
        return None
    return frame[:1] == b"\x01", topic.removeprefix(SUBSCRIBER)


@dataclass
class CommandRole:
    """The command node, and the nodes that `node` depends on, towards the real node runner `node`.

    All of them have the same `outbox`: a subscriber connects to an address only once, so everything reaches
    the node through one pipe, in exactly the order in which it is sent. `upstream` holds what is known of the
    others.
    """

    node: str
    outbox: str
    inbox: str
    upstream: dict[str, dict[str, Any]]
    identify: dict[str, Any] | None = None
    status: str = ""
    heard: bool = False
    """Whether the node subscribes to our outbox."""
    named: bool = False
    """Whether it did so with its name."""

    @property
    def confirmed(self) -> bool:
        """Whether the node knows that we listen to it; older nodes can't tell."""
        return self.identify is not None and (
            "subscribers" not in self.identify or COMMAND in self.identify["subscribers"]
        )

    @property
    def ready(self) -> bool:
        """Whether the node can be given work without anything being lost."""
        named = self.named or (self.identify is not None and "subscribers" not in self.identify)
        return self.confirmed and self.heard and named and self.status in READY

    def waiting_for(self) -> str:
        """Say what is still missing before `ready`."""
        if self.identify is None:
            return f"node runner {self.node} to identify itself"
        if not self.heard:
            return f"node runner {self.node} to subscribe to the command node's outbox"
        if not self.confirmed:
            return f"node runner {self.node} to notice our subscription"
        return f"node runner {self.node} to become ready (it is {self.status or 'silent'})"

    def subscription(self, frame: bytes) -> list[Action]:
        """Take a subscription that our outbox received."""
        if frame[:1] == b"\x01":
            self.heard = True
        who = subscriber_of(frame)
        if who == (True, self.node):
            self.named = True
            return [self._announce()]
        return []

    def reported(self, message: Mapping[str, Any]) -> list[Action]:
        """Take a decoded message that came to the router."""
        if message.get("node_id") != self.node:
            return []
        value = message.get("value")
        if message.get("type") == "identify" and isinstance(value, dict):
            actions: list[Action] = []
            if self.identify is None and isinstance(value.get("outbox"), str):
                actions.append(Connect(value["outbox"]))
            self.identify = value
            self.status = str(value.get("status", ""))
            for other in value.get("subscribed_to") or []:
                self.upstream.setdefault(other, identity(other))
            return [*actions, self._announce()]
        if message.get("type") == "status":
            self.status = str(value)
        return []

    def ping(self) -> Action:
        """Ask the node to identify itself again, as the command node does while it waits."""
        return Publish((b"ping", encode("ping", COMMAND, None)))

    def _announce(self) -> Action:
        nodes = {name: dict(entry, outbox=self.outbox) for name, entry in self.upstream.items()}
        for entry in nodes.values():
            others = [name for name in entry["subscribers"] if name != self.node]
            entry["subscribers"] = sorted([*others, self.node] if self.heard else others)
        if self.identify is not None:
            nodes[self.node] = dict(self.identify, status=self.status)
        return Publish((b"announce", encode("announce", COMMAND, {"inbox": self.inbox, "nodes": nodes})))


@dataclass
class NodeRole:
    """One node runner towards a real command node.

    `identity` is what it says of itself, with its real `outbox`; `ours` are the other nodes that we play,
    whose subscriptions need no wire.
    """

    node: str
    identity: dict[str, Any]
    ours: frozenset[str]
    status: str = "waiting"
    connected: set[str] = field(default_factory=set)
    command_hears: bool = False
    """Whether the command node subscribes to our outbox."""

    def __post_init__(self) -> None:
        self.identity["subscribers"] = sorted(set(self.identity["subscribers"]) & self.ours)
        if not self._real_upstream():
            self.status = "ready"

    def begin(self) -> list[Action]:
        """Introduce the node."""
        return [self._identify()]

    def waiting_for(self) -> str:
        """Say what is still missing before the node is ready, "" if nothing."""
        if self.status == "waiting":
            return f"{', '.join(sorted(self._real_upstream()))} to notice the subscription of {self.node}"
        return "" if self.command_hears else f"the command node to subscribe to {self.node}"

    def subscription(self, frame: bytes) -> list[Action]:
        """Take a subscription that the node's outbox received."""
        if frame[:1] == b"\x01":
            self.command_hears = True
        who = subscriber_of(frame)
        if who is None:
            return []
        subscribers = set(self.identity["subscribers"])
        if who[0]:
            subscribers.add(who[1])
        else:
            subscribers.discard(who[1])
        if subscribers == set(self.identity["subscribers"]):
            return []
        self.identity["subscribers"] = sorted(subscribers)
        return [self._identify()]

    def commanded(self, message: Mapping[str, Any]) -> list[Action]:
        """Take a decoded message of the command node."""
        match message.get("type"):
            case "ping":
                return [self._identify()]
            case "announce":
                return self._announced(message.get("value"))
            case "start":
                return self._become("running")
            case "stop":
                return self._become("stopped")
            case "deinit":
                return self._become("closed")
        return []

    def _announced(self, value: Any) -> list[Action]:
        nodes = value.get("nodes") if isinstance(value, dict) else None
        if not isinstance(nodes, dict):
            return []
        actions: list[Action] = []
        confirmed = True
        for other in sorted(self._real_upstream()):
            entry = nodes.get(other)
            if not isinstance(entry, dict):
                confirmed = False
                continue
            if other not in self.connected and isinstance(entry.get("outbox"), str):
                self.connected.add(other)
                actions.append(Connect(entry["outbox"]))
            confirmed &= "subscribers" not in entry or self.node in entry["subscribers"]
        mine = nodes.get(self.node)
        if self.status == "waiting" and confirmed:
            actions += self._become("ready")
        elif isinstance(mine, dict) and mine.get("status") != self.status:
            actions += self._become(self.status)
        return actions

    def _real_upstream(self) -> set[str]:
        return set(self.identity["subscribed_to"]) - self.ours

    def _become(self, status: str) -> list[Action]:
        self.status = status
        return [Report(encode("status", self.node, status))]

    def _identify(self) -> Action:
        return Report(encode("identify", self.node, dict(self.identity, status=self.status)))
