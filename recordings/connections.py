"""The connections of a session, and what their connecting sides are called."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from recordings.records import Connection, Peer, Subscription

SUBSCRIBER_TOPIC: Final = b"__subscriber__:"
"""A noob SUB also subscribes to this, followed by its node's name."""


@dataclass(slots=True)
class ConnectionInfo:
    """A connection through a relay, with all that is known of it by now.

    `name` is that of the connecting side. `closed_ns` is None while it is open. `subscriptions` are topics
    and since when; `ended_subscriptions` (topic, since, until). `copies` counts the messages that it
    delivered.
    """

    id: int
    endpoint: int
    name: str
    state: str = "opened"
    opened_ns: int = 0
    handshaken_ns: int | None = None
    closed_ns: int | None = None
    peer_pid: int | None = None
    peer: Peer | None = None
    binder: Peer | None = None
    reason: str = ""
    subscriptions: dict[bytes, int] = field(default_factory=dict)
    ended_subscriptions: list[tuple[bytes, int, int]] = field(default_factory=list)
    copies: int = 0

    def update(self, record: Connection) -> None:
        """Take in the next step of its life."""
        self.state = record.state
        self.peer_pid = record.peer_pid if record.peer_pid is not None else self.peer_pid
        self.peer = record.peer or self.peer
        self.binder = record.binder or self.binder
        self.reason = record.reason or self.reason
        if record.state == "handshaken":
            self.handshaken_ns = record.time_ns
        elif record.state == "closed":
            self.closed_ns = record.time_ns

    def subscribe(self, record: Subscription) -> None:
        """Take in a subscription, or its end."""
        if record.subscribe:
            self.subscriptions.setdefault(record.topic, record.time_ns)
        elif record.topic in self.subscriptions:
            since = self.subscriptions.pop(record.topic)
            self.ended_subscriptions.append((record.topic, since, record.time_ns))

    def best_name(self, node_of_pid: Mapping[int, str]) -> str:
        """The best that the connecting side can be called by: routing id, noob's subscription, owner of the
        process, pid, or the connection's number."""
        if self.peer is not None and self.peer.routing_id:
            return self.peer.routing_id.decode("utf-8", "backslashreplace")
        for topic in self.subscriptions:
            if topic.startswith(SUBSCRIBER_TOPIC):
                return topic[len(SUBSCRIBER_TOPIC) :].decode("utf-8", "backslashreplace")
        if self.peer_pid is not None:
            return node_of_pid.get(self.peer_pid) or f"pid {self.peer_pid}"
        return f"connection {self.id}"
