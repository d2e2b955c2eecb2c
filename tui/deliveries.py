"""What became of each copy of a message: delivered, delivered late, missing, or never due.

Decided from the connections of the message's endpoint: who was subscribed when it was sent, and who got it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from recordings.layout import LATE_NS
from recordings.recording import Delivery, Recording
from recordings.session import ConnectionInfo

State = Literal[
    "delivered",
    "late",
    "on its way",
    "missing",
    "not subscribed",
    "subscribed later",
    "connected later",
    "gone",
]
ORDER: tuple[State, ...] = (
    "delivered",
    "late",
    "on its way",
    "missing",
    "subscribed later",
    "not subscribed",
    "connected later",
    "gone",
)

PATIENCE_NS = 1_000_000_000
"""A copy that has not come is called missing once the recording has gone on so much longer."""
TOPIC_SHOWN = 40


@dataclass(frozen=True)
class Outcome:
    """What became of one copy: `delay_ns` after the first copy, at `time_ns`; `detail` is a sentence."""

    name: str
    state: State
    delay_ns: int | None = None
    time_ns: int | None = None
    detail: str = ""


def outcomes(recording: Recording, row: int) -> list[Outcome]:
    """List what became of each copy, those that were delivered first.

    Raises RecordingError where the file can't be read.
    """
    found = list(_outcomes(recording, row))
    return sorted(
        found, key=lambda outcome: (ORDER.index(outcome.state), outcome.delay_ns or 0, outcome.name)
    )


def _outcomes(recording: Recording, row: int) -> Iterator[Outcome]:
    session = recording.session
    sent_ns = int(recording.rows.time_ns[row])
    endpoint = int(recording.rows.endpoint[row])
    receivers = recording.rows.receiver_connections(row)
    if any(receiver < 0 for receiver in receivers):
        connection = int(recording.rows.connection[row])
        detail = f"over connection {connection}, into {_address(recording, endpoint)}"
        yield Outcome(session.owner_of(endpoint), "delivered", 0, sent_ns, detail)
        return
    copies = {delivery.connection: delivery for delivery in recording.deliveries(row)}
    frames = recording.frames(row)
    topic = frames[0] if frames else b""
    last_ns = int(recording.rows.time_ns[len(recording.rows) - 1])
    for info in list(session.connections.values()):
        if info.id in copies:
            yield _delivered(info, copies.pop(info.id))
        elif info.endpoint == endpoint:
            yield _undelivered(info, topic, sent_ns, last_ns)
    for copy in copies.values():
        yield Outcome(session.name_of(copy.connection), _word(copy), copy.delay_ns, copy.time_ns)


def _word(copy: Delivery) -> State:
    return "late" if copy.delay_ns > LATE_NS else "delivered"


def _delivered(info: ConnectionInfo, copy: Delivery) -> Outcome:
    return Outcome(info.name, _word(copy), copy.delay_ns, copy.time_ns, f"connection {info.id}")


def _undelivered(info: ConnectionInfo, topic: bytes, sent_ns: int, last_ns: int) -> Outcome:
    name, number = info.name, f"connection {info.id}"
    if info.closed_ns is not None and info.closed_ns <= sent_ns:
        return Outcome(name, "gone", time_ns=info.closed_ns, detail=f"{number} had closed")
    if info.opened_ns > sent_ns:
        return Outcome(name, "connected later", time_ns=info.opened_ns, detail=number)
    due = [since for subscribed, since in info.subscriptions.items() if topic.startswith(subscribed)]
    ended = [
        since
        for subscribed, since, until in info.ended_subscriptions
        if topic.startswith(subscribed) and until > sent_ns
    ]
    first = min((*due, *ended), default=None)
    if first is None:
        topics = ", ".join(repr(subscribed[:TOPIC_SHOWN]) for subscribed in list(info.subscriptions)[:4])
        return Outcome(name, "not subscribed", detail=f"{number}; its topics: {topics or 'none'}")
    if first > sent_ns:
        return Outcome(
            name, "subscribed later", first - sent_ns, first, f"{number}; too late for this message"
        )
    if last_ns - sent_ns < PATIENCE_NS:
        return Outcome(name, "on its way", detail=f"{number}; not seen yet")
    why = "; closed before it came" if info.closed_ns is not None else "; dropped at a high-water mark?"
    return Outcome(name, "missing", detail=number + why)


def _address(recording: Recording, endpoint: int) -> str:
    record = recording.session.endpoints.get(endpoint)
    return record.address if record is not None else f"endpoint {endpoint}"
