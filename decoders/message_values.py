"""The values that noob's messages carry: the names of types and states, and the objects of the handshakes.

All are as in noob's message module; the objects are plain dicts.
"""

from enum import StrEnum
from typing import Any, NotRequired

from typing_extensions import TypedDict

from decoders.epochs import Epoch


class MessageType(StrEnum):
    """What a message is for."""

    announce = "announce"
    identify = "identify"
    process = "process"
    init = "init"
    deinit = "deinit"
    ping = "ping"
    start = "start"
    status = "status"
    stop = "stop"
    event = "event"
    error = "error"
    epoch_ended = "epoch_ended"
    spec = "spec"


class NodeStatus(StrEnum):
    """The state of a node."""

    stopped = "stopped"
    """Deinitialised, but responsive."""
    waiting = "waiting"
    """Waiting for the nodes it depends on."""
    ready = "ready"
    """Ready to process events."""
    running = "running"
    """Running freely."""
    closed = "closed"
    """Gone for good."""


class IdentifyValue(TypedDict):
    """What a node says of itself."""

    node_id: str
    outbox: str
    """The address it publishes its events at."""
    status: NodeStatus
    signals: list[str] | None
    """The names under which it emits values."""
    slots: list[str] | None
    """The names under which it takes values."""
    subscribed_to: NotRequired[list[str]]
    """The nodes whose events it wants (since noob 1003)."""
    subscribers: NotRequired[list[str]]
    """The nodes that have subscribed to it (since noob 1003)."""


class AnnounceValue(TypedDict):
    """The addresses of all nodes, as the command node knows them."""

    inbox: str
    """The address of the command node's router."""
    nodes: dict[str, IdentifyValue]


class ProcessValue(TypedDict):
    """One pass of the graph."""

    epoch: Epoch | None
    """Which epoch to process, None to leave it to the receiver."""
    input: dict[str, Any] | None
    """What the caller gave for this epoch."""
