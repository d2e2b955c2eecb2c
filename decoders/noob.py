"""The decoder for noob's messages: the typed models as a tree."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from decoders.envelope import read_envelope
from decoders.epochs import Epoch
from decoders.event_values import META_NODE, MetaSignal
from decoders.events import event_id_parts
from decoders.interface import Context, Decoded
from decoders.messages import ErrorMsg, EventMsg, Message, MessageType
from decoders.pickled import PickledValue
from decoders.pickles import Limits, Unreadable, head, to_item
from decoders.problems import Unread
from decoders.summary import summarize
from decoders.tree import TEXT_LIMIT, Item, batched, counted, from_value, problem

_TYPES = frozenset(MessageType)
_EVENT_FIELDS = ("value", "signal", "node_id", "epoch", "id", "timestamp")


class NoobDecoder:
    """Messages of noob tubes, of any release."""

    name = "noob"

    def priority(self, frames: Sequence[bytes], context: Context) -> float:
        """Fits what has noob's header; less so when the type is none that is known."""
        kind = read_envelope(frames).type
        if not kind:
            return -1
        return 1 if kind in _TYPES else 0.6

    def decode(self, frames: Sequence[bytes], context: Context) -> Decoded:
        """Decode the last frame; what is wrong with it is shown at its place and listed first."""
        envelope = read_envelope(frames)
        message = Message.from_bytes(frames)
        problems = "; ".join(map(str, message.problems[:3]))
        return Decoded(self.name, message_item(message), summarize(frames, envelope), problems)


def message_item(message: Message) -> Item:
    """Return the tree of a message."""
    makers: list[Callable[[], Item]] = [
        lambda found=found: problem(found.reason, found.path or "problem")  # type: ignore[misc]
        for found in message.problems
    ]
    makers.append(lambda: from_value("node_id", message.node_id))
    makers.append(lambda: field_item("timestamp", message.timestamp))
    makers.append(lambda: _value_item(message))
    for name, extra in (message.__pydantic_extra__ or {}).items():
        makers.append(lambda name=name, extra=extra: from_value(name, extra))  # type: ignore[misc]
    makers.append(lambda: Item("shape", str(message.shape), "string"))
    title = type(message).__name__
    if type(message) is Message and message.type_:
        title += f" of type {message.type_}"
    return Item("", title, "object", batched(len(makers), lambda index: makers[index]()))


def _value_item(message: Message) -> Item:
    value: Any = message.value
    if isinstance(message, EventMsg) and isinstance(value, list):

        def event(index: int) -> Item:
            return event_item(index, value[index])

        children = batched(len(value), event) if value else None
        return Item("value", counted(len(value), "event"), "array", children)
    if isinstance(message, ErrorMsg) and message.pickled is not None:
        return to_item("value", message.pickled.read())
    return field_item("value", value)


def event_item(index: int, event: Any) -> Item:
    """Return the tree of one event of a message."""
    if not isinstance(event, dict):
        return field_item(str(index), event)
    names = [name for name in _EVENT_FIELDS if name in event]
    names += [name for name in event if name not in _EVENT_FIELDS]

    def child(place: int) -> Item:
        return field_item(names[place], event[names[place]])

    text = f"epoch {event.get('epoch')}  id {_id_text(event.get('id'))}"
    if event.get("node_id") == META_NODE:
        text = f"meta event  {text}"
    signal = event.get("signal")
    return Item(signal if isinstance(signal, str) else str(index), text, "object", batched(len(names), child))


def _id_text(event_id: Any) -> str:
    """Return an event's id as its sender counts: the prefix in hex, the count in decimal."""
    if not isinstance(event_id, int) or isinstance(event_id, bool):
        return "?"
    if not 0 <= event_id < 1 << 64:
        return f"{event_id:x}" if event_id.bit_length() <= 128 else "?"
    prefix, count = event_id_parts(event_id)
    return f"{prefix:08x}:{count}" if prefix else str(count)


def pickled_item(name: str, pickled: PickledValue) -> Item:
    """Return the tree of a pickle; a very long one is read when it is opened."""
    value = pickled.read(_AT_ONCE)
    if not isinstance(value, Unreadable) or not value.limited:
        return to_item(name, value)

    def children() -> Sequence[Item]:
        whole = to_item(name, pickled.read())
        return whole.children() if whole.children is not None else [whole]

    return Item(name, head(pickled, limit=TEXT_LIMIT), "pickle", children)


_AT_ONCE = Limits(opcodes=20_000, structs=20_000, memo=20_000)


def field_item(name: str, value: Any) -> Item:
    """Return the tree of a field that may hold one of noob's own kinds of values."""
    match value:
        case PickledValue():
            return pickled_item(name, value)
        case MetaSignal():
            return Item(name, "nothing" if value is MetaSignal.NoEvent else "exhausted", "null")
        case Epoch():
            return Item(name, str(value), "number", value=value)
        case datetime():
            return Item(name, value.isoformat(), "time", value=value)
        case Unread():
            return problem(value.reason, name)
        case dict() if value:
            keys = list(value)
            text = counted(len(keys), "key")
            return Item(
                name, text, "object", batched(len(keys), lambda i: field_item(keys[i], value[keys[i]]))
            )
        case _:
            return from_value(name, value)
