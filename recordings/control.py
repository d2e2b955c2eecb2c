"""Control records as the JSON messages of the `/tubetap/` channels, and back."""

from typing import Final

import msgspec

from decoders.text import encodable
from recordings.container import Damage
from recordings.records import (
    Connection,
    Deliveries,
    Endpoint,
    Loss,
    Node,
    Note,
    Output,
    Process,
    Record,
    Subscription,
)

ControlRecord = Process | Endpoint | Connection | Subscription | Output | Note | Loss | Node
"""The control records that a recorder gives to a writer; Deliveries are made by the writer."""

TYPES: Final[dict[str, type[Record]]] = {
    "process": Process,
    "endpoint": Endpoint,
    "connection": Connection,
    "subscription": Subscription,
    "deliveries": Deliveries,
    "output": Output,
    "note": Note,
    "loss": Loss,
    "node": Node,
}

_KINDS: Final = {type_: kind for kind, type_ in TYPES.items()}
_encoder: Final = msgspec.json.Encoder()
_decoders: Final = {kind: msgspec.json.Decoder(type_) for kind, type_ in TYPES.items()}


def kind_of(record: Record) -> str:
    """The kind of a record, as in the topic of its channel."""
    return _KINDS[type(record)]


def encode_control(record: Record) -> bytes:
    """The record as JSON. Lone surrogates (bytes that were no UTF-8) become visible escapes such as
    `\\xff`."""
    try:
        return _encoder.encode(record)
    except UnicodeEncodeError:
        return _encoder.encode(_readable(record))


def decode_control(kind: str, data: bytes) -> Record:
    """The record of `kind` that JSON tells; Damage if it tells none."""
    try:
        record = _decoders[kind].decode(data)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise Damage(f"a {kind} record can't be read: {error}") from None
    if not 0 <= record.time_ns < 1 << 63:
        raise Damage(f"a {kind} record is from an impossible time")
    return record


def _readable(value: object) -> object:
    if isinstance(value, str):
        return encodable(value)
    if isinstance(value, tuple):
        return tuple(map(_readable, value))
    if isinstance(value, msgspec.Struct):
        return msgspec.structs.replace(value, **_fields(value))
    return value


def _fields(struct: msgspec.Struct) -> dict[str, object]:
    return {name: _readable(getattr(struct, name)) for name in struct.__struct_fields__}
