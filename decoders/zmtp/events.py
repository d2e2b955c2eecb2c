"""What a ZMTP stream says, one event for each thing: the greeting, the handshake, commands and messages."""

from collections.abc import Mapping
from typing import Literal, TypeAlias

import msgspec


class Greeting(msgspec.Struct, frozen=True):
    """The first 64 bytes each peer sends: its protocol version, security mechanism and role in it."""

    version: tuple[int, int]
    mechanism: str
    as_server: bool


class Ready(msgspec.Struct, frozen=True):
    """The metadata that ends a peer's side of the handshake: READY, or INITIATE of a PLAIN client.

    `socket_type` is "" and `routing_id` b"" where the peer didn't say. `properties` holds all of them by
    the name sent.
    """

    socket_type: str
    routing_id: bytes
    properties: Mapping[str, bytes]


class Subscription(msgspec.Struct, frozen=True):
    """A topic turned on or off: by a 3.1 command, or a 3.0 message that begins with 0x01 or 0x00."""

    topic: bytes
    subscribe: bool
    form: Literal["command", "message"]


class Message(msgspec.Struct, frozen=True, gc=False):
    """A whole multipart message. (Not tracked by the garbage collector: bytes can't form a cycle.)"""

    frames: tuple[bytes, ...]


class Ping(msgspec.Struct, frozen=True):
    """A heartbeat; the peer will close unless it hears something within `ttl_ms` (0: no limit)."""

    ttl_ms: int
    context: bytes


class Pong(msgspec.Struct, frozen=True):
    """The answer to a Ping, with its context."""

    context: bytes


class ErrorCommand(msgspec.Struct, frozen=True):
    """The peer refuses the connection, and why."""

    reason: str


class Command(msgspec.Struct, frozen=True):
    """Any other command. The password in a PLAIN HELLO is replaced: it is never kept."""

    name: str
    body: bytes


class Opaque(msgspec.Struct, frozen=True):
    """From here on the stream is not understood; `reason` names the rule that was broken. The last event."""

    reason: str


class Resynced(msgspec.Struct, frozen=True):
    """A parser begun in the middle of a stream found a frame boundary, `skipped` bytes later."""

    skipped: int


Event: TypeAlias = (
    Greeting | Ready | Subscription | Message | Ping | Pong | ErrorCommand | Command | Opaque | Resynced
)
