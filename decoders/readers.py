"""The value of each message type, read in the shape of any release.

Every reader goes field by field and gives the form of the newest release; a field that is wrong is noted,
stays as it was sent, and the rest stays usable.
"""

from collections.abc import Callable, Mapping
from typing import Any

from decoders.epochs import Epoch
from decoders.errors import DecodeError
from decoders.event_values import META_NODE, META_SIGNAL, MetaEventType, MetaSignal, read_time, read_value
from decoders.message_values import NodeStatus
from decoders.pickled import PickledValue
from decoders.remote_errors import error_value, read_error, read_pickled_error
from decoders.shapes import Findings

MAX_EVENTS = 100_000
"""How many events of one message are read; those after stay as they were sent."""

_STATUSES = frozenset(NodeStatus)
_META_EVENT_TYPES = frozenset(MetaEventType)


def read_nothing(value: Any, path: str, findings: Findings) -> Any:
    """Read the value of a message that has none."""
    return value if value is None else findings.expected(path, "nothing", value)


def read_text(value: Any, path: str, findings: Findings) -> Any:
    """Read a text."""
    return value if isinstance(value, str) else findings.expected(path, "a text", value)


def read_texts(value: Any, path: str, findings: Findings) -> Any:
    """Read a list of texts."""
    if not isinstance(value, list):
        return findings.expected(path, "a list", value)
    for index, item in enumerate(value):
        read_text(item, f"{path}[{index}]", findings)
    return value


def read_texts_or_null(value: Any, path: str, findings: Findings) -> Any:
    """Read a list of texts, or null."""
    return None if value is None else read_texts(value, path, findings)


def read_status(value: Any, path: str, findings: Findings) -> Any:
    """Read a node's status."""
    return (
        value
        if isinstance(value, str) and value in _STATUSES
        else findings.expected(path, "a node's status", value)
    )


def read_epoch(value: Any, path: str, findings: Findings) -> Any:
    """Read an epoch in any form."""
    try:
        epoch = Epoch.from_wire(value)
    except DecodeError as error:
        findings.wrong(path, str(error))
        return value
    if not isinstance(value, list):
        findings.not_from("1000", "1001")
    elif isinstance(value[0], list):
        findings.between("1000", "1001")
    else:
        findings.between("1002")
    return epoch


def read_message_time(value: Any, path: str, findings: Findings) -> Any:
    """Read a time in ISO 8601."""
    try:
        return read_time(value)
    except ValueError as error:
        findings.wrong(path, str(error))
        return value


Reader = Callable[[Any, str, Findings], Any]
"""Reads a value at a path: returns its normalised form, or the value itself after noting what is wrong."""

_IDENTITY: dict[str, Reader] = {
    "node_id": read_text,
    "outbox": read_text,
    "status": read_status,
    "signals": read_texts_or_null,
    "slots": read_texts_or_null,
    "subscribed_to": read_texts,
    "subscribers": read_texts,
}
_IDENTITY_BEFORE_1003 = 5


def read_identity(value: Any, path: str, findings: Findings) -> Any:
    """Read what a node says of itself in `identify`, and the command repeats in `announce`."""
    if not isinstance(value, dict):
        return findings.expected(path, "a node's identity", value)
    newer = "subscribed_to" in value or "subscribers" in value
    findings.between("1003") if newer else findings.between("0.0.9", "1002")
    findings.fields(value, path, tuple(_IDENTITY), len(_IDENTITY) if newer else _IDENTITY_BEFORE_1003)
    return _each(value, path, _IDENTITY, findings)


def read_announcement(value: Any, path: str, findings: Findings) -> Any:
    """Read the addresses of all nodes."""
    if not isinstance(value, dict):
        return findings.expected(path, "the addresses of the nodes", value)
    findings.fields(value, path, tuple(_ANNOUNCEMENT), len(_ANNOUNCEMENT))
    return _each(value, path, _ANNOUNCEMENT, findings)


def _read_identities(value: Any, path: str, findings: Findings) -> Any:
    if not isinstance(value, dict):
        return findings.expected(path, "an object with the nodes' identities", value)
    return {
        node_id: read_identity(identity, f"{path}.{node_id}", findings) for node_id, identity in value.items()
    }


_ANNOUNCEMENT: dict[str, Reader] = {"inbox": read_text, "nodes": _read_identities}


def read_process(value: Any, path: str, findings: Findings) -> Any:
    """Read which epoch to process with what input; noob 0.0.9 left both to the receiver."""
    if value is None:
        findings.between("0.0.9", "0.0.9")
        return {"epoch": None, "input": None}
    if not isinstance(value, dict):
        return findings.expected(path, "an epoch and an input", value)
    findings.between("1000")
    findings.fields(value, path, tuple(_PROCESS), len(_PROCESS))
    return _each(value, path, _PROCESS, findings)


def _read_epoch_or_null(value: Any, path: str, findings: Findings) -> Any:
    if value is None:
        findings.between("1003")
        return None
    return read_epoch(value, path, findings)


def _read_input(value: Any, path: str, findings: Findings) -> Any:
    return value if value is None or isinstance(value, dict) else findings.expected(path, "an object", value)


_PROCESS: dict[str, Reader] = {"epoch": _read_epoch_or_null, "input": _read_input}


def read_count(value: Any, path: str, findings: Findings) -> Any:
    """Read for how many epochs to run, null for no end."""
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        return findings.expected(path, "a number of epochs, or null", value)
    findings.between("1000")
    return value


def read_events(value: Any, path: str, findings: Findings) -> Any:
    """Read a list of events."""
    if not isinstance(value, list):
        return findings.expected(path, "a list of events", value)
    events = [
        read_event(event, f"{path}[{index}]", findings) for index, event in enumerate(value[:MAX_EVENTS])
    ]
    if len(value) > MAX_EVENTS:
        findings.wrong(path, f"only the first {MAX_EVENTS:,} of {len(value):,} events were read")
        events.extend(value[MAX_EVENTS:])
    return events


def read_event(value: Any, path: str, findings: Findings) -> Any:
    """Read one event; noob 0.0.9 pickled an event as a whole when its value was no JSON."""
    if isinstance(value, str) and isinstance(pickled := read_value(value), PickledValue):
        findings.between("0.0.9", "0.0.9")
        return pickled
    if not isinstance(value, dict):
        return findings.expected(path, "an event", value)
    findings.fields(value, path, tuple(_EVENT), len(_EVENT))
    event = _each(value, path, _EVENT, findings)
    if event.get("node_id") == META_NODE:
        signal = event.get("signal")
        if isinstance(signal, str) and signal in _META_EVENT_TYPES:
            event["signal"] = MetaEventType(signal)
        else:
            findings.expected(f"{path}.signal", "the signal of a meta event", signal)
    elif event.get("signal") == META_SIGNAL and event.get("value") == "NoEvent":
        findings.between("0.0.9", "0.0.9")
        event["value"] = MetaSignal.NoEvent
    return event


def _read_event_id(value: Any, path: str, findings: Findings) -> Any:
    if not isinstance(value, int) or isinstance(value, bool):
        return findings.expected(path, "an event's number", value)
    if value >> 64:
        findings.between("0.0.9", "1000")  # a UUID
    elif value >> 32:
        findings.between("1001")  # a random prefix and a count
    else:
        findings.between("0.0.9", "1000")  # a count alone
    return value


def _read_event_value(value: Any, path: str, findings: Findings) -> Any:
    value = read_value(value)
    if value is MetaSignal.NoEvent:
        findings.between("1000")
    elif value is MetaSignal.Exhausted:
        findings.between("1003")
    return value


_EVENT: dict[str, Reader] = {
    "id": _read_event_id,
    "timestamp": read_message_time,
    "node_id": read_text,
    "signal": read_text,
    "epoch": read_epoch,
    "value": _read_event_value,
}


def read_failure(value: Any, path: str, findings: Findings) -> Any:
    """Read a node's exception; noob 0.0.9 pickled the object itself."""
    value = read_value(value)
    try:
        if not isinstance(value, PickledValue):
            return read_error(value)
        error = read_pickled_error(value)
    except DecodeError as failure:
        findings.wrong(path, str(failure))
        return value
    findings.between("0.0.9", "0.0.9") if error.whole else findings.between("1000")
    return error_value(error)


def read_specification(value: Any, path: str, findings: Findings) -> Any:
    """Read a tube's specification: an object, whose content is noob's configuration format."""
    return value if isinstance(value, dict) else findings.expected(path, "a tube's specification", value)


def _each(
    value: dict[str, Any], path: str, readers: Mapping[str, Reader], findings: Findings
) -> dict[str, Any]:
    """Read each field that is there and has a reader; keep the others."""
    return {
        name: readers[name](field, f"{path}.{name}", findings) if name in readers else field
        for name, field in value.items()
    }
