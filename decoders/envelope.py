"""The header of a noob message, read for every message that passes without touching its value.

Small payloads are read whole by one native pass that builds nothing it doesn't need. Of large ones only the
head is looked at: noob writes its keys in a constant order, so the header, and the first event's epoch,
stand in the first few hundred bytes. What is in another order is searched once, up to a bound.
"""

import json
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import msgspec

from decoders.epochs import MAX_ROOT, Epoch
from decoders.errors import DecodeError
from decoders.json_text import read_json

WHOLE = 1024
"""Payloads up to this many bytes are read whole; of larger ones the head."""

MAX_SEARCH = 8 << 20
"""The largest payload in bytes that is searched for header fields which are not in noob's order."""

_HEAD = 2048  # how far the header may reach in a large payload
_EVENT_HEAD = 320  # how far the header and the first event's own one reach in nearly all of them
_VALUE = b',"value":'
_EPOCH_ENDED = b'{"type":"epoch_ended"'
_EVENT = b"[{"
_PROCESS = b'{"epoch":'
_INPUT = b',"input":'
_KEYS = {"type", "node_id", "timestamp", "value"}
_LENIENT = 1 << 16
_CUT_OFF = "cut off: the JSON object has no end"
_MAX_NS = 2**63 - 1
_1970 = datetime(1970, 1, 1, tzinfo=UTC)


class Envelope(msgspec.Struct, frozen=True, gc=False):
    """Who sent what when: the fields that every list, filter and index works with.

    `type` is "" when the frames hold no noob message. `timestamp_ns` is the sender's clock (noob writes
    microseconds), None when missing. `epoch` is the root epoch's number, -1 when there is none: the first
    event's in an `event`, the value's in `process` and `epoch_ended`. `sub_epoch` is the text form of the
    whole epoch (`5.map1[2]`) when it is nested, else "". `problem` says in words what could not be read, ""
    when all could.
    """

    type: str
    node_id: str
    timestamp_ns: int | None = None
    epoch: int = -1
    sub_epoch: str = ""
    problem: str = ""


class _WithEpoch(msgspec.Struct, gc=False):
    epoch: int | list[Any] | None = None


_Element = _WithEpoch | int | float | str | bool | list[Any] | None


class _Header(msgspec.Struct, gc=False):
    type: str
    node_id: str
    timestamp: datetime | None = None
    value: list[_Element] | _WithEpoch | int | str | None = None


_decode_header = msgspec.json.Decoder(_Header).decode
_decode_time = msgspec.json.Decoder(datetime).decode
_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def read_envelope(frames: Sequence[bytes]) -> Envelope:
    """Return the envelope of a multipart message; never raises.

    Takes constant time for messages in noob's key order, whatever their size: what a large value holds is
    not looked at, so neither is what may be wrong with it.
    """
    if not frames:
        return Envelope("", "", problem="a message without frames")
    payload = frames[-1]
    try:
        if len(payload) > WHOLE:
            stop = payload.rfind(_VALUE, 0, _EVENT_HEAD)
            header = _decode_header(payload[:stop] + b"}]}" if stop > 0 else b"")
        else:
            header = _decode_header(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        if len(payload) <= WHOLE:
            return _search(payload)
        try:  # no event, or one whose head is not where it is nearly always
            header = _decode_header(_head(payload))
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return _search(payload)
    kind = header.type
    time_ns = None
    timestamp = header.timestamp
    if timestamp is not None:
        try:
            since = timestamp - _1970
        except TypeError:  # without a time zone
            since = timestamp.replace(tzinfo=UTC) - _1970
        time_ns = (since.days * 86400 + since.seconds) * 1_000_000_000 + since.microseconds * 1000
        if not -_MAX_NS < time_ns < _MAX_NS:
            return _search(payload)
    epoch: Any = None
    value = header.value
    if kind == "event":
        if type(value) is list and value:
            first = value[0]
            if type(first) is _WithEpoch:
                epoch = first.epoch
                if epoch is None and len(payload) > WHOLE:  # it may stand behind a large value
                    return _search(payload)
    elif kind == "process":
        if type(value) is _WithEpoch:
            epoch = value.epoch
    elif kind == "epoch_ended":
        epoch = value
    problem = "" if payload.endswith(b"}") or payload[-80:].rstrip().endswith(b"}") else _CUT_OFF
    if epoch is None:
        return Envelope(kind, header.node_id, time_ns, -1, "", problem)
    if type(epoch) is int and 0 <= epoch <= MAX_ROOT:
        return Envelope(kind, header.node_id, time_ns, epoch, "", problem)
    return _nested(kind, header.node_id, time_ns, epoch, problem)


def _head(payload: bytes) -> bytes:
    """Return the start of a large payload as JSON of its own, b"" if not in noob's key order."""
    value = payload.find(_VALUE, 0, _HEAD)
    if value < 0 or payload.startswith(_EPOCH_ENDED):
        return b""
    start = value + len(_VALUE)
    if payload.startswith(_EVENT, start):
        stop = payload.find(_VALUE, start, start + _HEAD)
        return payload[:stop] + b"}]}" if stop > 0 else b""
    if payload.startswith(_PROCESS, start):
        stop = payload.find(_INPUT, start, start + _HEAD)
        return payload[:stop] + b"}}" if stop > 0 else b""
    return payload[:value] + b"}"


def _nested(kind: str, node_id: str, time_ns: int | None, wire: Any, problem: str) -> Envelope:
    """Return the envelope with an epoch that is more than a plain number."""
    try:
        epoch = Epoch.from_wire(wire)
    except DecodeError as error:
        return Envelope(kind, node_id, time_ns, problem=problem or str(error))
    return Envelope(kind, node_id, time_ns, epoch.root, "" if epoch.is_root else str(epoch), problem)


def _search(payload: bytes) -> Envelope:
    """Read a header in any order, or with wrong fields, field by field; say what is wrong with it."""
    if not payload:
        return Envelope("", "", problem="an empty payload")
    if len(payload) > MAX_SEARCH:
        return Envelope("", "", problem=f"no noob header at the start of {len(payload):,} bytes")
    problems: list[str] = []
    try:
        fields = _decode_fields(payload)
    except msgspec.ValidationError:
        return Envelope("", "", problem="JSON, but not an object")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        problems.append(f"not JSON: {error}" if not isinstance(error, RecursionError) else "nested too deep")
        fields = _salvaged(payload)
        if not fields:
            return Envelope("", "", problem=problems[0])
    kind = _text("type", fields, problems)
    node_id = _text("node_id", fields, problems)
    if kind is None or node_id is None:
        return Envelope("", "", problem=problems[-1])
    time_ns = None
    if "timestamp" in fields:
        try:
            since = _decode_time(fields["timestamp"])
            time_ns = round(since.replace(tzinfo=since.tzinfo or UTC).timestamp() * 1e6) * 1000
        except (msgspec.MsgspecError, UnicodeDecodeError):
            problems.append("timestamp: expected a time in ISO 8601")
        else:
            if not -_MAX_NS < time_ns < _MAX_NS:
                time_ns = None
                problems.append("timestamp: beyond the years 1677 to 2262")
    wire: Any = None
    value_type = _VALUES_WITH_EPOCH.get(kind)
    if value_type is not None and "value" in fields:
        try:
            value = msgspec.json.decode(fields["value"], type=value_type)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            problems.append("value: no epoch to be read")
        else:
            if isinstance(value, list) and kind == "event":
                value = value[0] if value else None
            wire = value.epoch if isinstance(value, _WithEpoch) else value
    problem = "; ".join(problems)
    if wire is None or isinstance(wire, str):
        return Envelope(kind, node_id, time_ns, problem=problem)
    return _nested(kind, node_id, time_ns, wire, problem)


def _salvaged(payload: bytes) -> dict[str, msgspec.Raw]:
    """Return the fields of a payload that is not quite JSON: a broken value after its header, say."""
    with suppress(msgspec.MsgspecError, UnicodeDecodeError):
        head = _decode_fields(_head(payload))
        if "type" in head:  # else the header stands behind the value
            return head
    fields = read_json(payload)[0] if len(payload) <= _LENIENT else None
    if not isinstance(fields, dict):
        return {}
    return {key: msgspec.Raw(json.dumps(fields[key], default=str).encode()) for key in _KEYS & fields.keys()}


def _text(key: str, fields: dict[str, msgspec.Raw], problems: list[str]) -> str | None:
    """Return a header field that must be text; what is not Unicode in it becomes a visible escape."""
    try:
        text = json.loads(bytes(fields[key]).decode("utf-8", "backslashreplace"))
    except (KeyError, ValueError, RecursionError):
        text = None
    if not isinstance(text, str):
        problems.append(f"not a noob message: no text in {key!r}")
        return None
    if not text.isascii():
        clean = text.encode("utf-8", "backslashreplace").decode()
        if clean != text:
            problems.append(f"{key}: a lone surrogate")
        return clean
    return text


# What the value of a message type that has an epoch looks like; noob 0.0.9 wrote null, or events as text.
_VALUES_WITH_EPOCH: dict[str, Any] = {
    "event": list[_WithEpoch | str],
    "process": _WithEpoch | None,
    "epoch_ended": int | list[Any],
}
