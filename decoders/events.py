"""noob's events: what a node emitted from one signal in one epoch, and the events about the tube itself.

Events are plain dicts, as in noob (`noob.event`), so that field names mean the same. A value that noob
pickled stays a `PickledValue`.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, PlainSerializer, Tag
from typing_extensions import TypedDict

from decoders.epochs import Epoch
from decoders.event_values import (
    ASSETS_NODE,
    META_NODE,
    META_SIGNAL,
    MetaEventType,
    MetaSignal,
    read_time,
    read_value,
)

__all__ = [
    "ASSETS_NODE",
    "META_NODE",
    "META_SIGNAL",
    "Event",
    "EventUnion",
    "MetaEvent",
    "MetaEventType",
    "MetaSignal",
    "SerializableDatetime",
    "WireValue",
    "event_id_parts",
    "read_value",
]

_SEQUENCE_BITS = 32


SerializableDatetime = Annotated[
    datetime, BeforeValidator(read_time), PlainSerializer(datetime.isoformat, when_used="json")
]

WireValue = Annotated[Any, BeforeValidator(read_value)]


class Event(TypedDict):
    """One value that a node emitted."""

    id: int
    """Opaque; since noob 1001 64 bits that count up within a random prefix: see `event_id_parts`."""
    timestamp: SerializableDatetime
    """When the value was emitted, by the node's clock."""
    node_id: str
    """Which node emitted it."""
    signal: str
    """From which of its signals."""
    epoch: Epoch
    """In which epoch."""
    value: WireValue
    """Any JSON, a `PickledValue`, or a `MetaSignal` for nothing."""


class MetaEvent(TypedDict):
    """An event about the tube itself, not from a node."""

    id: int
    """As in `Event`."""
    timestamp: SerializableDatetime
    """As in `Event`."""
    node_id: Literal["meta"]
    """Marks a meta event."""
    signal: MetaEventType
    """What it is about."""
    epoch: Epoch
    """In which epoch."""
    value: WireValue
    """A node's id, or an epoch."""


def _kind(event: Any) -> str:
    return "meta" if isinstance(event, dict) and event.get("node_id") == META_NODE else "event"


EventUnion = Annotated[
    Annotated[Event, Tag("event")] | Annotated[MetaEvent, Tag("meta")], Discriminator(_kind)
]


def event_id_parts(event_id: int) -> tuple[int, int]:
    """Split an event's id into its sender's random prefix and the count within it.

    A gap in the count is a lost event. Only ids of noob 1001 and later are made this way.
    """
    return event_id >> _SEQUENCE_BITS, event_id & ((1 << _SEQUENCE_BITS) - 1)
