"""A message in one line for lists: what a person wants to see first of each type.

Small payloads are parsed; of large ones only the head is looked at, so that a camera frame costs no more than
a number. Never raises, never more than 120 characters, always safe for a terminal.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from decoders import pickles
from decoders.brief import brief
from decoders.envelope import Envelope, read_envelope
from decoders.errors import DecodeError
from decoders.event_values import META_NODE, META_SIGNAL, read_value
from decoders.json_text import read_json
from decoders.pickled import IN_JSON
from decoders.remote_errors import call_text, read_error
from decoders.text import safe, safe_bytes, utf8_head
from decoders.tree import counted

LIMIT = 120
"""The longest summary in characters."""

WHOLE = 1 << 16
"""Payloads up to this many bytes are parsed; of larger ones the head is looked at."""

SEPARATOR = " | "
"""What stands between frames that are shown side by side."""

_HEAD = 4096
_VALUE = b',"value":'
_FIRST_PICKLE = 12_000


def summarize(frames: Sequence[bytes], envelope: Envelope | None = None) -> str:
    """Return what a message says in one line; `envelope` saves reading it again."""
    if envelope is None:
        envelope = read_envelope(frames)
    if not envelope.type:
        return foreign(frames)
    payload = frames[-1]
    if len(payload) > WHOLE:
        return _large(payload, envelope)
    try:
        value = msgspec.json.decode(payload)["value"]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, KeyError, TypeError):
        fields, _ = read_json(payload)
        value = fields.get("value") if isinstance(fields, dict) else None
        if not isinstance(fields, dict):
            return safe(envelope.problem, LIMIT)
    if envelope.type == "error":
        return _error(value, envelope.node_id)
    return safe(_of_value(envelope.type, value), LIMIT)


def _of_value(kind: str, value: Any) -> str:
    """Return the summary of a value by its message's type; a value of the wrong form is shown as it is."""
    match kind, value:
        case "event", list():
            return _events(value)
        case "announce", {"nodes": dict() as nodes}:
            return "nodes: " + _listed(
                f"{node_id} {_status(identity)}" for node_id, identity in list(nodes.items())[:20]
            )
        case "identify", {"status": str() as status}:
            return status + "".join(
                f"; {label}: {_listed(value[field])}" for field, label in _IDENTITY if value.get(field)
            )
        case "process", {"input": given}:
            return f"input={brief(given, LIMIT)}"
        case "process", None:
            return ""
        case "start", None:
            return "until stopped"
        case "start", int():
            return counted(value, "epoch")
        case "status", str():
            return value
        case "epoch_ended", _:
            return ""
        case "spec", {"nodes": dict() as nodes}:
            return "nodes: " + _listed(nodes)
        case _, None:
            return ""
        case _:
            return brief(value, LIMIT)


_IDENTITY = (
    ("slots", "slots"),
    ("signals", "signals"),
    ("subscribed_to", "subscribed to"),
    ("subscribers", "subscribers"),
)


def _events(events: list[Any]) -> str:
    pieces: list[str] = []
    room = LIMIT
    for event in events:
        if room <= 0:
            break
        pieces.append(_event(event, room))
        room -= len(pieces[-1]) + 2
    return ", ".join(pieces) or "no events"


def _event(event: Any, room: int) -> str:
    if not isinstance(event, dict):
        return _value(event, room)
    signal, value = event.get("signal"), event.get("value")
    if not isinstance(signal, str):
        return brief(event, room)
    if event.get("node_id") == META_NODE:
        return f"{signal} {_value(value, room)}"
    if signal == META_SIGNAL:
        return "nothing"
    return f"{signal}{_equals(value, room)}"


def _equals(value: Any, room: int) -> str:
    """Return `=value`, or what a meta signal says in its place."""
    if isinstance(value, str) and value.startswith(META_SIGNAL):
        return {"__META__NoEvent": ": nothing", "__META__Exhausted": ": exhausted"}.get(value, f"={value}")
    return f"={_value(value, room)}"


def _value(value: Any, room: int) -> str:
    if isinstance(value, str) and value.startswith(pickles.PREFIX):
        return pickles.head(value, limit=max(room, 40))
    return brief(value, max(room, 40))


def _error(value: Any, node_id: str) -> str:
    try:
        error = read_error(read_value(value))
    except DecodeError as reason:
        return safe(f"error in node {node_id}: {reason}", LIMIT)
    return _in_node(call_text(error["err_type"], error["err_args"]), node_id)


def _in_node(error: str, node_id: str) -> str:
    where = f" in node {safe(node_id, LIMIT // 3)}"
    return safe(error, LIMIT - len(where)) + where


def _status(identity: Any) -> str:
    status = identity.get("status") if isinstance(identity, dict) else None
    return status if isinstance(status, str) else "?"


def _listed(names: Any) -> str:
    return ", ".join(safe(str(name), LIMIT) for name in list(names)[:20])


def _large(payload: bytes, envelope: Envelope) -> str:
    """Return the summary of a large payload from its head, in noob's key order."""
    head = payload[:_HEAD]
    start = head.find(_VALUE)
    if start < 0:
        return f"{len(payload):,} bytes"
    start += len(_VALUE)
    if envelope.type == "error" and head.startswith(IN_JSON, start):
        head_of_pickle = payload[start + 1 : start + _FIRST_PICKLE]
        return _in_node(pickles.head(head_of_pickle, limit=LIMIT, whole=False), envelope.node_id)
    if envelope.type != "event" or not head.startswith(b"[{", start):
        return safe_bytes(head[start : start + LIMIT + 1], LIMIT)
    stop = head.find(_VALUE, start)
    if stop < 0:
        return f"events, {len(payload):,} bytes"
    try:
        signal = msgspec.json.decode(head[start:stop] + b"}]")[0]["signal"]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, LookupError, TypeError):
        return f"events, {len(payload):,} bytes"
    stop += len(_VALUE)
    if head.startswith(IN_JSON, stop):
        value = _large_pickle(payload, stop + 1)
    else:
        value = safe_bytes(head[stop : stop + LIMIT + 1], LIMIT)
    return safe(f"{signal}={value}", LIMIT)


def _large_pickle(payload: bytes, start: int) -> str:
    """Return what a pickle in a JSON string is that begins at `start`."""
    end = payload.find(b'"', start)
    if end < 0:
        return pickles.head(payload[start : start + _FIRST_PICKLE], whole=False)
    return pickles.head(payload[start:end])


def foreign(frames: Sequence[bytes]) -> str:
    """Return any frames side by side in one line, as text where they are text: `topic | hello`."""
    shown = []
    room = LIMIT
    for frame in frames:
        if room <= 0:
            break
        shown.append(_frame(frame, room))
        room -= len(shown[-1]) + len(SEPARATOR)
    return safe(SEPARATOR.join(shown) if shown else "no frames", LIMIT)


def _frame(frame: bytes, room: int) -> str:
    text = utf8_head(frame, 4 * LIMIT)
    if text is None:
        return f"{len(frame):,} bytes {frame[:16].hex()}" if len(frame) > 16 else f"0x{frame.hex()}"
    return safe(text, room)
