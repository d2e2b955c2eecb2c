"""The layout of a recording: which MCAP channels, schemas, metadata and attachments it has and what they are
called. The one place that knows; writer and readers both ask here.

Source of the container: the MCAP specification, version 0 of the format. Our own numbers: `FORMAT` is the
version of the layout described here and goes up when an older tubetap could no longer read a newer file.
"""

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from recordings.records import Endpoint

FORMAT: Final = 1
MAGIC: Final = b"\x89MCAP0\r\n"

METADATA: Final = "tubetap"
"""Name of the metadata record that holds the facts of the session, and the format version under "format"."""

END_METADATA: Final = "tubetap.end"
"""Name of the metadata record of a clean end: "ended_ns", "messages"."""

ROW_INDEX: Final = "tubetap.rows"
"""Name of the attachments that hold the row index of a cleanly ended file; several in a long recording."""

NOTES: Final = "tubetap.notes"
"""Name of the attachment with the notes that a person added later, one Note (JSON) a line."""

ROW_INDEX_MEDIA_TYPE: Final = "application/x-tubetap-rows"

BLOCK_OPCODE: Final = 0x80
"""Opcode of the private record in front of each chunk: the chunk's rows and control records, for readers in a
hurry (see `block`). MCAP reserves 0x80 and up for applications, and other readers pass over it."""

CHUNK_BYTES: Final = 1 << 20
"""At how many bytes a chunk is closed; one of few messages, which are large, at four times as many."""
CHUNK_FEW: Final = 16
CHUNK_AGE_NS: Final = 50_000_000
"""How old a chunk gets: half of what `kill -9` may cost; the other half is for a writer that is late.
"""

MAX_RECORD: Final = 1 << 32
"""Longest record that is believed; longer ones are taken for damage."""
MAX_DECOMPRESSED: Final = 256 << 20
"""Most bytes that a compressed part may unfold to. A chunk larger than half of it is stored as it is."""
MAX_BLOCK: Final = 64 << 20
MAX_SUMMARY: Final = 1 << 30
MAX_CHANNELS: Final = 4096
"""Message channels with envelope frames of their own; what comes after goes to `OVERFLOW_TOPIC`."""
MAX_PREFIX: Final = 1024
"""Most bytes of constant frames that are kept in a channel rather than in each message."""
MAX_PREFIX_FRAMES: Final = 4
MAX_SESSION_PAYLOAD: Final = 64 << 10
"""Longest identify, status or announce payload that a block repeats for the session model."""

BIG: Final = 64 << 10
"""From this size (bytes) a row carries the BIG flag."""
LATE_NS: Final = 100_000_000
"""A copy that comes this much later than its message was first seen makes the row LATE."""

OVERFLOW_TOPIC: Final = "/other"
CONTROL_PREFIX: Final = "/tubetap/"

SESSION_TYPES: Final = frozenset({"identify", "status", "announce"})
"""Message types whose payload the session model reads."""

_TEXT: Final = {"type": "string"}
_COUNT: Final = {"type": "integer"}
_ANY: Final[dict[str, Any]] = {}
_TEXTS: Final = {"type": "array", "items": _TEXT}
_BASE64: Final = {"type": "string", "contentEncoding": "base64"}

_VALUES: Final[dict[str, Any]] = {
    "announce": {"type": "object", "properties": {"inbox": _TEXT, "nodes": {"type": "object"}}},
    "identify": {
        "type": "object",
        "properties": {
            "node_id": _TEXT,
            "outbox": _TEXT,
            "status": _TEXT,
            "signals": {},
            "slots": {},
            "subscribed_to": _TEXTS,
            "subscribers": _TEXTS,
        },
    },
    "process": {"type": "object", "properties": {"epoch": {}, "input": {}}},
    "status": _TEXT,
    "error": {},
    "event": {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                "id": _COUNT,
                "timestamp": {"type": "string", "format": "date-time"},
                "node_id": _TEXT,
                "signal": _TEXT,
                "epoch": {},
                "value": {},
            },
        },
    },
}

_CONTROL_FIELDS: Final[dict[str, dict[str, Any]]] = {
    "process": {
        "pid": _COUNT,
        "parent": _COUNT,
        "command_line": _TEXTS,
        "state": _TEXT,
        "exit_code": _COUNT,
    },
    "endpoint": {
        "id": _COUNT,
        "address": _TEXT,
        "socket_type": _TEXT,
        "role": _TEXT,
        "node": _TEXT,
        "runner": _TEXT,
        "pid": _COUNT,
        "command_line": _TEXTS,
    },
    "connection": {
        "id": _COUNT,
        "endpoint": _COUNT,
        "state": _TEXT,
        "peer_pid": _COUNT,
        "peer": {"type": "object"},
        "binder": {"type": "object"},
        "reason": _TEXT,
    },
    "subscription": {"connection": _COUNT, "topic": _BASE64, "subscribe": {"type": "boolean"}, "form": _TEXT},
    "deliveries": {
        "connection": _COUNT,
        "message": _COUNT,
        "runs": {"type": "array", "items": {"type": "array", "items": _COUNT}},
    },
    "output": {"stream": _TEXT, "text": _TEXT, "pid": _COUNT},
    "note": {"message": _COUNT, "text": _TEXT, "mark": {"type": "boolean"}},
    "loss": {
        "stage": _TEXT,
        "bytes": _COUNT,
        "since_ns": _COUNT,
        "messages": _COUNT,
        "connection": _COUNT,
        "reason": _TEXT,
    },
    "node": {"name": _TEXT, "state": _TEXT, "outbox": _TEXT, "signals": _TEXTS, "slots": _TEXTS},
}

CONTROL_KINDS: Final = tuple(_CONTROL_FIELDS)
"""Kinds of control records, numbered in blocks in this order; each has the channel `/tubetap/<kind>`."""


def message_schema(type_: str) -> tuple[str, bytes]:
    """Name and JSON Schema of noob's messages of type `type_`; one general schema for types not known
    here."""
    known = type_ in _VALUES
    properties = {
        "type": {"const": type_} if known else _TEXT,
        "node_id": _TEXT,
        "timestamp": {"type": "string", "format": "date-time"},
        "value": _VALUES.get(type_, _ANY),
    }
    name = f"noob.{type_}" if known else "noob.message"
    return name, msgspec.json.encode({"title": name, "type": "object", "properties": properties})


def control_schema(kind: str) -> tuple[str, bytes]:
    """Name and JSON Schema of the control records of `kind`."""
    name = f"tubetap.{kind}"
    properties = {"time_ns": _COUNT, **_CONTROL_FIELDS[kind]}
    return name, msgspec.json.encode({"title": name, "type": "object", "properties": properties})


def control_topic(kind: str) -> str:
    """Topic of the channel that holds the control records of `kind`."""
    return CONTROL_PREFIX + kind


class Kind(msgspec.Struct, frozen=True, array_like=True):
    """What all messages of one channel have in common.

    `direction` is "out" (from the binding side) or "in"; `connection` is the source connection of "in"
    messages and -1 for "out", whose copies are told by Deliveries. `type` is "" for what is no noob
    message.
    """

    endpoint: int
    connection: int
    direction: str
    type: str
    sender: str


def message_topic(kind: Kind, endpoint: Endpoint | None, *, json: bool) -> str:
    """Topic of a message channel: where it was seen and its type, such as `/nodes/b/outbox/event`."""
    if endpoint is None or endpoint.role == "other":
        place = f"/endpoints/{kind.endpoint}"
    elif endpoint.role == "node outbox":
        place = f"/nodes/{endpoint.node}/outbox"
    else:
        place = "/" + endpoint.role.replace(" ", "/")
    return f"{place}/{(kind.type or 'raw') if json else 'frames'}"


def channel_metadata(kind: Kind, endpoint: Endpoint | None, prefix: Sequence[bytes] | None) -> dict[str, str]:
    """What a message channel says of its messages; `prefix` are the constant frames, None if not constant."""
    metadata = {"endpoint": str(kind.endpoint), "direction": kind.direction}
    if endpoint is not None:
        metadata["address"] = endpoint.address
    if kind.connection >= 0:
        metadata["connection"] = str(kind.connection)
    metadata["type"] = kind.type
    metadata["sender"] = kind.sender
    if prefix is not None:
        metadata["frames"] = msgspec.json.encode([b64encode(frame).decode() for frame in prefix]).decode()
    return metadata


def read_channel(metadata: Mapping[str, str]) -> tuple[Kind, tuple[bytes, ...] | None] | None:
    """The reverse of `channel_metadata`: kind and constant frames, or None if this is no message channel
    of ours."""
    try:
        direction = metadata["direction"]
        kind = Kind(
            endpoint=int(metadata["endpoint"]),
            connection=int(metadata.get("connection", "-1")),
            direction=direction,
            type=metadata["type"],
            sender=metadata["sender"],
        )
        frames = metadata.get("frames")
        if frames is None:
            prefix = None
        else:
            parts = msgspec.json.decode(frames.encode(), type=list[str])
            prefix = tuple(b64decode(part, validate=True) for part in parts)
    except (KeyError, ValueError, UnicodeError, RecursionError, Base64Error, msgspec.MsgspecError):
        return None
    in_range = 0 <= kind.endpoint < 1 << 16 and -1 <= kind.connection < 1 << 32
    return (kind, prefix) if in_range and direction in ("in", "out") else None
