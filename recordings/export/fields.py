"""What can be told of a message as a flat row: the named fields of `cat --fields`, CSV, JSON Lines and
Parquet.

A `Message` reads from the recording only what its fields are asked for.
"""

import datetime
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from decoders import registry
from decoders.envelope import Envelope, read_envelope
from decoders.interface import Decoded
from decoders.summary import summarize
from decoders.text import safe
from recordings.decoding import is_inward, where_seen
from recordings.edit.parts import longest_delays
from recordings.errors import RecordingError
from recordings.filters.operators.names import RAW
from recordings.rows import NO_CONNECTION, NO_EPOCH, Flag

if TYPE_CHECKING:
    from recordings.recording import Delivery, Recording
    from recordings.rows import Row

SECOND = 1_000_000_000

FEW = 1000
"""So many messages are looked up one by one."""


class Delays:
    """The longest delay of each message: looked up for a few, worked out for all at once when there are
    more.
    """

    def __init__(self, recording: "Recording") -> None:
        self._recording = recording
        self._asked = 0
        self._known: NDArray[np.int64] | None = None

    def longest_ns(self, row: int) -> int | None:
        """Give the longest time that a copy was seen after the first; None if no connection carried any."""
        self._asked += 1
        if self._known is None and self._asked > FEW:
            self._known = longest_delays(self._recording)
        if self._known is not None and row < len(self._known) and self._known[row] >= 0:
            return int(self._known[row])
        return max((delivery.delay_ns for delivery in self._recording.deliveries(row)), default=None)


class Message:
    """One message of a recording, read on demand."""

    def __init__(
        self, recording: "Recording", number: int, delays: Delays | None = None, decoder: str | None = None
    ) -> None:
        self.recording = recording
        self.number = number
        self.decoder = decoder
        self.row: Row = recording.rows[number]
        self._damage = ""
        self.delays = delays or Delays(recording)

    @cached_property
    def frames(self) -> tuple[bytes, ...]:
        """The frames as they were sent; none if they can't be read, and then `damage` says why."""
        try:
            return self.recording.frames(self.number)
        except RecordingError as error:
            self._damage = str(error)
            return ()

    @property
    def damage(self) -> str:
        """Why the message can't be read, "" if it can."""
        return "" if self.frames else self._damage

    @cached_property
    def envelope(self) -> "Envelope":
        """The header."""
        if self.damage:
            return Envelope("", "", problem=self.damage)
        return read_envelope(self.frames)

    @cached_property
    def deliveries(self) -> "Sequence[Delivery]":
        """The copies, in the order of time."""
        try:
            return self.recording.deliveries(self.number)
        except RecordingError:
            return ()

    @property
    def direction(self) -> str:
        """ "out" from the binding side to the connecting one, "in" the other way."""
        return "in" if is_inward(self.recording, self.number) else "out"

    @property
    def address(self) -> str | None:
        """The address of the endpoint."""
        endpoint = self.recording.session.endpoints.get(int(self.recording.rows.endpoint[self.number]))
        return endpoint.address if endpoint else None

    @property
    def connection(self) -> int | None:
        """The connection that carried the message or its first copy."""
        connection = int(self.recording.rows.connection[self.number])
        return None if connection == NO_CONNECTION else connection

    @cached_property
    def summary(self) -> str:
        """One line, safe for a terminal, by the decoder that was chosen or fits best."""
        if self.damage:
            return safe(f"({self.damage})")
        if self.decoder is None and self.envelope.type:
            return summarize(self.frames, self.envelope)
        return registry.summary(
            self.frames, self.envelope, decoder=self.decoder, context=where_seen(self.recording, self.number)
        )

    @cached_property
    def decoded(self) -> Decoded:
        """The message as a tree, by the decoder that was chosen or fits best."""
        return registry.decode(
            self.frames, decoder=self.decoder, context=where_seen(self.recording, self.number)
        )

    @cached_property
    def body(self) -> Any:
        """The last frame's JSON, or None if it is none."""
        try:
            return msgspec.json.decode(self.frames[-1]) if self.frames else None
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None


@dataclass(frozen=True)
class Field:
    """A named value of a message: what it means, how it is read, and its type in a table."""

    name: str
    help: str
    read: Callable[[Message], Any]
    table: str = "string"


def iso_time(time_ns: int, *, utc: bool = True) -> str:
    """Write a time as ISO 8601 with nanoseconds: in UTC with Z, or in local time with its offset."""
    try:
        moment = datetime.datetime.fromtimestamp(time_ns // SECOND, datetime.UTC)
    except (ValueError, OverflowError, OSError):
        return str(time_ns)
    if not utc:
        moment = moment.astimezone()
    zone = moment.strftime("%z")
    zone = "Z" if utc else f"{zone[:3]}:{zone[3:5]}"
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{time_ns % SECOND:09d}{zone}"


def _since_start(message: Message) -> float:
    return (message.row.time_ns - int(message.recording.rows.time_ns[0])) / SECOND


def _max_delay_ms(message: Message) -> float | None:
    if message.direction == "in":
        return 0.0
    delay_ns = message.delays.longest_ns(message.number)
    return None if delay_ns is None else delay_ns / 1e6


def _none_for_no_epoch(message: Message) -> int | None:
    return None if message.row.epoch == NO_EPOCH else message.row.epoch


def _sent_time(message: Message) -> str | None:
    sent = message.envelope.timestamp_ns
    return None if sent is None else iso_time(sent)


FIELDS: tuple[Field, ...] = (
    Field("row", "number of the message in the recording", lambda message: message.number, "int64"),
    Field("time", "when it was captured, ISO 8601 in UTC", lambda message: iso_time(message.row.time_ns)),
    Field("time_ns", "when it was captured, ns since 1970", lambda message: message.row.time_ns, "int64"),
    Field("elapsed", "seconds since the recording's first message", _since_start, "double"),
    Field("sent", "when its sender says it was made", _sent_time),
    Field("type", 'message type, "raw" for none of noob\'s', lambda message: message.row.type or RAW),
    Field("from", "sender", lambda message: message.row.sender),
    Field("to", "receivers", lambda message: list(message.row.receivers), "list"),
    Field("epoch", "root epoch", _none_for_no_epoch, "int64"),
    Field("sub_epoch", "sub-epoch, such as 5.map1[2]", lambda message: message.envelope.sub_epoch or None),
    Field("size", "bytes of all frames", lambda message: message.row.size, "int64"),
    Field("direction", "out (from the binding side) or in", lambda message: message.direction),
    Field("endpoint", "address of the socket it went through", lambda message: message.address),
    Field("connection", "number of the first connection", lambda message: message.connection, "int64"),
    Field("delay_ms", "the longest time a copy took longer than the first", _max_delay_ms, "double"),
    Field("late", "whether a copy was late", lambda message: bool(message.row.flags & Flag.LATE), "bool"),
    Field("problem", "why it could not be decoded whole", lambda message: message.envelope.problem or None),
    Field("summary", "one line of what it says", lambda message: message.summary),
    Field("body", "the payload's JSON", lambda message: message.body, "json"),
)
"""The fields in the order in which tables show them."""

TABLE_FIELDS = tuple(field.name for field in FIELDS if field.name not in ("body", "elapsed", "problem"))
"""What a table has unless fields are named."""


def choose(names: Iterable[str]) -> list[Field]:
    """Find fields by name; raises RecordingError that lists the known ones."""
    known = {field.name: field for field in FIELDS}
    chosen = []
    for name in names:
        if name not in known:
            raise RecordingError(f'there is no field "{name}"; known are {", ".join(known)}')
        chosen.append(known[name])
    return chosen


def messages(recording: "Recording", rows: Iterable[int], *, decoder: str | None = None) -> Iterator[Message]:
    """Give each row as a message, to be decoded by `decoder` or what fits best."""
    delays = Delays(recording)
    for row in rows:
        yield Message(recording, row, delays, decoder)
