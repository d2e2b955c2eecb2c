"""noob's messages as typed models, read from the wire of any release and written for today's.

The models have the names, fields, aliases and configuration of noob's own message module.
`Message.from_bytes` differs from noob's in what it refuses, which is nothing: what is wrong is reported in
`problems`, what is missing stays missing, and no pickle is ever unpickled.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, WithJsonSchema

from decoders import readers
from decoders.envelope import read_envelope
from decoders.epochs import Epoch
from decoders.event_values import read_value
from decoders.events import EventUnion
from decoders.json_text import read_json
from decoders.message_values import AnnounceValue, IdentifyValue, MessageType, NodeStatus, ProcessValue
from decoders.message_writing import fingerprint, with_subscriptions, write_fields
from decoders.pickled import PickledValue
from decoders.problems import Problem, Unread
from decoders.readers import Reader
from decoders.remote_errors import ErrorValue, RemoteError, pickle_error
from decoders.shapes import Findings, Shape

__all__ = [
    "AnnounceMsg",
    "AnnounceValue",
    "DeinitMsg",
    "EpochEndedMsg",
    "ErrorMsg",
    "ErrorValue",
    "EventMsg",
    "IdentifyMsg",
    "IdentifyValue",
    "InitMsg",
    "Message",
    "MessageType",
    "NodeStatus",
    "PingMsg",
    "ProcessMsg",
    "ProcessValue",
    "RemoteError",
    "SpecMsg",
    "StartMsg",
    "StatusMsg",
    "StopMsg",
    "message_class",
]


class Message(BaseModel):
    """Any message; the base of the typed ones, and the class of those of an unknown type.

    Build one by its aliases, as noob's: `StatusMsg(node_id="a", value="ready")`. Compares by its fields
    alone.
    """

    model_config = ConfigDict(
        use_enum_values=True, validate_by_alias=True, serialize_by_alias=True, extra="allow"
    )

    type_: MessageType | str = Field(..., alias="type")
    node_id: str
    """The sender; "command" for the command node."""
    timestamp: datetime | None = None
    """When it was sent, by the sender's clock; None when it didn't say."""
    value: Any = None

    _payload: bytes | None = PrivateAttr(None)
    _problems: tuple[Problem, ...] = PrivateAttr(())
    _shape: Shape = PrivateAttr(default_factory=Shape)

    @classmethod
    def from_bytes(cls, msg: Sequence[bytes]) -> "Message":
        """Decode a multipart message, whose last frame is the payload; never raises.

        Returns the class for its type, whatever class this is called on.
        """
        return _read(bytes(msg[-1]) if msg else b"")

    def to_bytes(self) -> bytes:
        """Return the payload: the very bytes it was read from while it is unchanged, else what noob accepts.

        Raises DecodeError when it was changed and holds what can't be written: `Unread`, bytes, foreign
        objects.
        """
        if self._payload is not None:
            mark = fingerprint(self._fields(self.value))
            original = _read(self._payload)
            if mark is not None and mark == fingerprint(original._fields(original.value)):
                return self._payload
        return write_fields(self._fields(self._wire_value()))

    def _fields(self, value: Any) -> dict[str, Any]:
        fields: dict[str, Any] = {"type": self.type_, "node_id": self.node_id}
        if self.timestamp is not None:
            fields["timestamp"] = self.timestamp
        return {**fields, "value": value, **(self.__pydantic_extra__ or {})}

    def _wire_value(self) -> Any:
        """Return the value as the newest release writes it, with what older ones left out filled in."""
        return self.value

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What was wrong with the bytes this was read from, and where."""
        return self._problems

    @property
    def shape(self) -> Shape:
        """Which noob releases write messages of the shape this was read from."""
        return self._shape

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Message):
            return NotImplemented
        return (
            type(self) is type(other)
            and self.__dict__ == other.__dict__
            and self.__pydantic_extra__ == other.__pydantic_extra__
        )

    __hash__ = None  # type: ignore[assignment]


class AnnounceMsg(Message):
    """The command node tells everyone who is there and where they publish."""

    type_: Literal[MessageType.announce] = Field(MessageType.announce, alias="type")
    value: AnnounceValue

    def _wire_value(self) -> Any:
        value: Any = self.value
        if not isinstance(value, dict) or not isinstance(nodes := value.get("nodes"), dict):
            return value
        return {**value, "nodes": {node_id: with_subscriptions(node) for node_id, node in nodes.items()}}


class IdentifyMsg(Message):
    """A node tells the command node about itself."""

    type_: Literal[MessageType.identify] = Field(MessageType.identify, alias="type")
    value: IdentifyValue

    def _wire_value(self) -> Any:
        return with_subscriptions(self.value)


class PingMsg(Message):
    """Asks every node to identify itself."""

    type_: Literal[MessageType.ping] = Field(MessageType.ping, alias="type")
    value: None = None


class ProcessMsg(Message):
    """Starts one epoch."""

    type_: Literal[MessageType.process] = Field(MessageType.process, alias="type")
    value: ProcessValue


class InitMsg(Message):
    """Initialises the nodes."""

    type_: Literal[MessageType.init] = Field(MessageType.init, alias="type")
    value: None = None


class DeinitMsg(Message):
    """Deinitialises the nodes."""

    type_: Literal[MessageType.deinit] = Field(MessageType.deinit, alias="type")
    value: None = None


class StartMsg(Message):
    """Starts a free run of `value` epochs, None for one without an end."""

    type_: Literal[MessageType.start] = Field(MessageType.start, alias="type")
    value: int | None = None


class StatusMsg(Message):
    """A node reports its state."""

    type_: Literal[MessageType.status] = Field(MessageType.status, alias="type")
    value: NodeStatus


class StopMsg(Message):
    """Ends a free run."""

    type_: Literal[MessageType.stop] = Field(MessageType.stop, alias="type")
    value: None = None


class EventMsg(Message):
    """What a node emitted in one call."""

    type_: Literal[MessageType.event] = Field(MessageType.event, alias="type")
    value: list[EventUnion]


class ErrorMsg(Message):
    """An exception in a node. noob pickles it; here it is read from the pickle, not unpickled."""

    type_: Literal[MessageType.error] = Field(MessageType.error, alias="type")
    value: Annotated[ErrorValue, WithJsonSchema({"type": "string", "pattern": "^pck__"})]

    _sent: tuple[str | None, Any] = PrivateAttr((None, None))  # its fingerprint, and its form on the wire

    @property
    def pickled(self) -> PickledValue | None:
        """The pickle that the error came in, None when it was built here or came as plain JSON."""
        return self._sent[1] if isinstance(self._sent[1], PickledValue) else None

    def to_exception(self) -> RemoteError:
        """Return an exception of our own that carries the remote one's type name, arguments and traceback."""
        value: Any = self.value
        if isinstance(value, dict):
            return RemoteError(value["err_type"], value["err_args"], value["traceback"], self.node_id)
        reason = "; ".join(map(str, self.problems)) or "not known"
        return RemoteError("an exception that can't be read", (reason,), "", self.node_id)

    def _wire_value(self) -> Any:
        value: Any = self.value
        mark, wire = self._sent
        if wire is not None and mark == fingerprint(value) and "1000" in self.shape.releases:
            return wire
        return pickle_error(self.value) if isinstance(value, dict) else value


class EpochEndedMsg(Message):
    """The command node tells that an epoch is done."""

    type_: Literal[MessageType.epoch_ended] = Field(MessageType.epoch_ended, alias="type")
    value: Epoch


class SpecMsg(Message):
    """A tube's specification, for viewers; `node_id` is the tube's id."""

    type_: Literal[MessageType.spec] = Field(MessageType.spec, alias="type")
    value: dict[str, Any]


# For each type: its class, how its value is read, and the first release that has it.
_TYPES: dict[str, tuple[type[Message], Reader, str]] = {
    "announce": (AnnounceMsg, readers.read_announcement, "0.0.9"),
    "identify": (IdentifyMsg, readers.read_identity, "0.0.9"),
    "process": (ProcessMsg, readers.read_process, "0.0.9"),
    "init": (InitMsg, readers.read_nothing, "1000"),
    "deinit": (DeinitMsg, readers.read_nothing, "1000"),
    "ping": (PingMsg, readers.read_nothing, "1000"),
    "start": (StartMsg, readers.read_count, "0.0.9"),
    "status": (StatusMsg, readers.read_status, "0.0.9"),
    "stop": (StopMsg, readers.read_nothing, "0.0.9"),
    "event": (EventMsg, readers.read_events, "0.0.9"),
    "error": (ErrorMsg, readers.read_failure, "0.0.9"),
    "epoch_ended": (EpochEndedMsg, readers.read_epoch, "1000"),
    "spec": (SpecMsg, readers.read_specification, "1003"),
}

_FIELDS = ("type", "node_id", "timestamp", "value")
_1970 = datetime(1970, 1, 1, tzinfo=UTC)


def message_class(type_: str) -> type[Message]:
    """Return the class for a message type, `Message` for an unknown one."""
    return _TYPES[type_][0] if type_ in _TYPES else Message


def _read(payload: bytes) -> Message:
    fields, odd = read_json(payload)
    findings = Findings()
    findings.problems.extend(odd)
    if isinstance(fields, Unread):
        fields = _header(payload, fields)
    elif not isinstance(fields, dict):
        findings.expected("", "a message", fields)
        fields = {"value": fields}
    kind = fields.get("type")
    if not isinstance(kind, str):
        _missing_or_wrong("type", "a text", fields, findings)
        kind = ""
    node_id = fields.get("node_id")
    if not isinstance(node_id, str):
        _missing_or_wrong("node_id", "a text", fields, findings)
        node_id = ""
    timestamp = None
    if "timestamp" in fields:
        timestamp = readers.read_message_time(fields["timestamp"], "timestamp", findings)
        if not isinstance(timestamp, datetime):
            timestamp = None
    sent = value = fields.get("value")
    made = Message
    if kind in _TYPES:
        made, reader, since = _TYPES[kind]
        findings.between(since)
        if not isinstance(value, Unread):
            value = reader(value, "value", findings)
    extra = {name: field for name, field in fields.items() if name not in _FIELDS}
    for name in extra:
        findings.unknown(name)
    message = made.model_construct(type=kind, node_id=node_id, timestamp=timestamp, value=value)
    message.__pydantic_extra__ = extra
    message._payload = payload
    message._problems = tuple(findings.problems)
    message._shape = findings.shape
    if isinstance(message, ErrorMsg):
        message._sent = (fingerprint(message.value), read_value(sent))
    return message


def _header(payload: bytes, unread: Unread) -> dict[str, Any]:
    """Return the fields of a message that can't be read as a whole, as far as its envelope knows them."""
    envelope = read_envelope((payload,))
    fields: dict[str, Any] = {"value": unread}
    if envelope.type:
        fields["type"] = envelope.type
        fields["node_id"] = envelope.node_id
    if envelope.timestamp_ns is not None:
        fields["timestamp"] = _1970 + timedelta(microseconds=envelope.timestamp_ns // 1000)
    return fields


def _missing_or_wrong(name: str, what: str, fields: dict[str, Any], findings: Findings) -> None:
    if name in fields:
        findings.expected(name, what, fields[name])
    elif not isinstance(fields.get("value"), Unread):
        findings.wrong(name, "missing")
