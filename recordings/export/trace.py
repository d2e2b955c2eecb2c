"""A trace for Perfetto or chrome://tracing: a track for each node, its work on an epoch as slices, epochs as
flows.

Source: Google's "Trace Event Format". A slice of a node begins when the last input of an epoch reached it and
ends with the event it sent; where no input is known, the message is a mark. Times are microseconds since the
first message.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from decoders.text import safe
from recordings.export.fields import Message
from recordings.export.jsonl import json_line
from recordings.filters.operators.names import RAW

MAX_TEXT = 120

MARK_US = 1.0
"""How long a mark lasts: of no length, a slice could not be seen or carry a flow."""


def trace_json(messages: Iterable[Message], title: str) -> Iterator[str]:
    """Yield the pieces of the JSON text."""
    yield '{"displayTimeUnit":"ns","traceEvents":[\n'
    yield json_line(
        {"ph": "M", "pid": 1, "tid": 0, "name": "process_name", "args": {"name": safe(title, MAX_TEXT)}}
    )
    for event in _events(messages):
        yield ",\n" + json_line(event)
    yield "\n]}\n"


def _events(messages: Iterable[Message]) -> Iterator[dict[str, Any]]:
    tracks = _Tracks()
    inputs: dict[tuple[str, int], float] = {}
    flows: set[int] = set()
    busy: dict[int, float] = {}
    start: int | None = None
    for message in messages:
        row = message.row
        if start is None:
            start = row.time_ns
        at = (row.time_ns - start) / 1000
        track, introduction = tracks.of(row.sender)
        yield from introduction
        is_work = row.type == "event" and row.epoch >= 0
        began = inputs.get((row.sender, row.epoch), at) if is_work else at
        # Slices of one track must not overlap: a node begins with the next epoch when it is done with the
        # last.
        began = max(began, busy.get(track, began))
        ended = busy[track] = max(at, began + MARK_US)
        name = f"epoch {row.epoch}" if is_work else row.type or RAW
        yield {
            "ph": "X",
            "pid": 1,
            "tid": track,
            "ts": round(began, 3),
            "dur": round(ended - began, 3),
            "cat": safe(row.type or RAW, MAX_TEXT),
            "name": safe(name, MAX_TEXT),
            "args": _details(message),
        }
        if row.epoch >= 0:
            flow = {
                "pid": 1,
                "tid": track,
                "ts": round(began, 3),
                "id": row.epoch,
                "cat": "epoch",
                "name": "epoch",
            }
            yield {"ph": "t" if row.epoch in flows else "s", "bp": "e", **flow}
            flows.add(row.epoch)
        for receiver, delay in _receivers(message):
            receiver_track, introduction = tracks.of(receiver)
            yield from introduction
            arrived = at + delay / 1000
            if row.epoch >= 0:
                key = (receiver, row.epoch)
                inputs[key] = max(inputs.get(key, arrived), arrived)
            yield {
                "ph": "i",
                "s": "t",
                "pid": 1,
                "tid": receiver_track,
                "ts": round(arrived, 3),
                "cat": "received",
                "name": safe(f"{row.type or RAW} from {row.sender}", MAX_TEXT),
                "args": {"row": row.number},
            }


class _Tracks:
    """Numbers for nodes, in the order in which they turn up."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def of(self, name: str) -> tuple[int, list[dict[str, Any]]]:
        """Give a node's number, and the event that introduces it the first time."""
        known = self._numbers.get(name)
        if known is not None:
            return known, []
        number = self._numbers[name] = len(self._numbers) + 1
        shown = safe(name or "unknown", MAX_TEXT)
        return number, [{"ph": "M", "pid": 1, "tid": number, "name": "thread_name", "args": {"name": shown}}]


def _receivers(message: Message) -> Iterator[tuple[str, int]]:
    if message.direction == "in":
        for name in message.row.receivers:
            yield name, 0
        return
    for delivery in message.deliveries:
        yield message.recording.session.name_of(delivery.connection), delivery.delay_ns


def _details(message: Message) -> dict[str, Any]:
    row = message.row
    return {
        "row": row.number,
        "to": [safe(name, MAX_TEXT) for name in row.receivers],
        "bytes": row.size,
        "summary": message.summary,
    }
