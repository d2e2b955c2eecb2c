"""What stands in noob's events, and how it is read: meta signals, pickles, times.

Apart from the models (`decoders.events`), as most of what shows events needs no pydantic.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any

from decoders.pickled import PickledValue
from decoders.pickles import PREFIX

META_SIGNAL = "__META__"
META_NODE = "meta"
ASSETS_NODE = "assets"
"""The `node_id` of an asset that is passed on as an event."""


class MetaEventType(StrEnum):
    """What a meta event (its `signal`) is about."""

    NodeReady = "NodeReady"
    """A node may run; the value is its id."""
    EpochEnded = "EpochEnded"
    """An epoch has ended; the value is which one."""


class MetaSignal(StrEnum):
    """An event's value when a node emitted nothing."""

    NoEvent = "__META__NoEvent"
    """This signal emitted nothing in this epoch."""
    Exhausted = "__META__Exhausted"
    """This source has no more values (since noob 1003)."""


_META_SIGNALS = frozenset(MetaSignal)


def read_value(value: Any) -> Any:
    """Return an event's value: pickles and meta signals as what they are, all else as it is in JSON."""
    if isinstance(value, str):
        if value.startswith(PREFIX):
            return PickledValue(value)
        if value.startswith(META_SIGNAL) and value in _META_SIGNALS:
            return MetaSignal(value)
    return value


def read_time(value: Any) -> datetime:
    """Return a time in ISO 8601, as text or already read. Raises ValueError."""
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str):
        raise ValueError("expected a time in ISO 8601")
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        raise ValueError(f"expected a time in ISO 8601, found {value[:40]!r}") from None
