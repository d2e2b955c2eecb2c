"""The nodes of a tube, with the state each last told of itself and what was seen of it."""

from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

MAX_NODES: Final = 4096
GONE: Final = "gone"
"""State of a node whose connection to the command node closed: a node that dies says nothing else."""


@dataclass(slots=True)
class NodeInfo:
    """One node. `state` is noob's NodeStatus, "gone", or "" while nothing is known; `since_ns` when it began.

    `subscribed_to` and `subscribers` are what was seen on the wire, as node names. `sent` counts messages,
    `received` copies. `signals` and `slots` are None until the node has identified itself with them.
    """

    name: str
    state: str = ""
    since_ns: int = 0
    pid: int | None = None
    outbox: str = ""
    subscribed_to: tuple[str, ...] = ()
    subscribers: tuple[str, ...] = ()
    signals: tuple[str, ...] | None = None
    slots: tuple[str, ...] | None = None
    sent: int = 0
    received: int = 0
    errors: int = 0
    last_seen_ns: int = 0
    history: list[tuple[int, str]] = field(default_factory=list)

    def enter(self, state: str, time_ns: int) -> bool:
        """Note a state; True if it is a new one."""
        if state == self.state:
            return False
        self.state = state
        self.since_ns = time_ns
        if len(self.history) < _MAX_HISTORY:
            self.history.append((time_ns, state))
        return True


_MAX_HISTORY: Final = 1000


class Identity(msgspec.Struct):
    """The value of `identify`, and of each node in `announce`, as far as it is of use here."""

    node_id: str = ""
    outbox: str = ""
    status: str = ""
    signals: list[str] | None = None
    slots: list[str] | None = None


class _Identify(msgspec.Struct):
    value: Identity


class _Status(msgspec.Struct):
    value: str
    node_id: str = ""


class _Announce(msgspec.Struct):
    value: "_Announced"


class _Announced(msgspec.Struct):
    nodes: dict[str, Identity] = {}


_READERS: Final[dict[str, msgspec.json.Decoder[Any]]] = {
    "identify": msgspec.json.Decoder(_Identify),
    "status": msgspec.json.Decoder(_Status),
    "announce": msgspec.json.Decoder(_Announce),
}


def identities(type_: str, sender: str, payload: bytes) -> list[Identity]:
    """What an identify, status or announce message says of nodes; nothing if it can't be read."""
    try:
        message = _READERS[type_].decode(payload)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return []
    if isinstance(message, _Status):
        return [Identity(node_id=sender, status=message.value)]
    if isinstance(message, _Identify):
        message.value.node_id = message.value.node_id or sender
        return [message.value]
    for name, identity in message.value.nodes.items():
        identity.node_id = name
    return list(message.value.nodes.values())
