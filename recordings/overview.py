"""A recording summed up: what it is, who took part, when, how much, what was lost. For `info` and for bug
reports.

Everything is counted from the columns and the session model; payloads are read for error messages alone.
"""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from decoders.summary import summarize
from recordings.errors import RecordingError
from recordings.filters.operators.names import RAW
from recordings.nodes import NodeInfo
from recordings.notes import Notes
from recordings.recording import Recording
from recordings.records import Endpoint
from recordings.rows import Flag

MAX_ERRORS = 20
"""At most this many error messages are told one by one."""

MAX_PROBLEMS = 20


class Count(msgspec.Struct, frozen=True):
    """Messages and bytes of one kind."""

    name: str
    messages: int
    bytes: int


class NodeLine(msgspec.Struct, frozen=True):
    """One node; `state` is the last known one and `since_ns` when it began."""

    name: str
    state: str
    since_ns: int
    pid: int | None
    sent: int
    sent_bytes: int
    received: int
    errors: int
    last_seen_ns: int
    states: tuple[tuple[int, str], ...]
    signals: tuple[str, ...] | None
    slots: tuple[str, ...] | None


class EndpointLine(msgspec.Struct, frozen=True):
    """One bound socket and what went through it."""

    id: int
    address: str
    socket_type: str
    role: str
    node: str | None
    messages: int
    bytes: int
    connections: int


class Epochs(msgspec.Struct, frozen=True):
    """The epochs: how many, how many ended, how long one took from its first sign to its end."""

    count: int
    first: int
    last: int
    ended: int
    median_ns: int | None
    longest_ns: int | None
    longest: int | None


class LossLine(msgspec.Struct, frozen=True):
    """What could not be recorded, by the stage that lost it; `messages` counts what could be counted."""

    stage: str
    times: int
    messages: int
    bytes: int
    reason: str


class ExitLine(msgspec.Struct, frozen=True):
    """A process of the program that ended; `exit_code` is None where nobody could see it."""

    pid: int
    exit_code: int | None
    command_line: tuple[str, ...]


class ErrorLine(msgspec.Struct, frozen=True):
    """An error message."""

    row: int
    time_ns: int
    node: str
    text: str


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """All of it. Times are ns since 1970, sizes bytes. `remarks` are notes on the recording as a whole, such
    as the recorder's on the versions it saw; `notes` counts those on messages.
    """

    file: str
    size: int
    state: str
    format: int
    facts: dict[str, str]
    attachments: list[str]
    runner: str
    start_ns: int | None
    end_ns: int | None
    messages: int
    message_bytes: int
    largest: int
    busiest_second: int
    types: list[Count]
    nodes: list[NodeLine]
    endpoints: list[EndpointLine]
    connections: dict[str, int]
    copies: int
    late: int
    undelivered: int
    undecoded: int
    epochs: Epochs | None
    losses: list[LossLine]
    errors: list[ErrorLine]
    error_count: int
    problems: list[str]
    exits: list[ExitLine]
    output_lines: int
    remarks: list[str]
    notes: int

    @property
    def duration_s(self) -> float:
        """Seconds from the first message to the last."""
        if self.start_ns is None or self.end_ns is None:
            return 0.0
        return (self.end_ns - self.start_ns) / 1e9

    @property
    def lost_messages(self) -> int:
        """Messages that are known not to have been recorded."""
        return sum(loss.messages for loss in self.losses)


def command_of(facts: Mapping[str, str]) -> str:
    """Give the recorded command as one would type it; "" if none was noted."""
    text = facts.get("command", "")
    try:
        return shlex.join(msgspec.json.decode(text, type=list[str]))
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return text


def sum_up(recording: Recording) -> Overview:
    """Sum up a recording as far as it has been read."""
    rows, session = recording.rows, recording.session
    times, sizes, flags = rows.time_ns, rows.size, rows.flags
    kinds = [entry.kind for entry in session.log]
    return Overview(
        file=recording.path.name,
        size=recording.size,
        state=recording.state,
        format=recording.format_version,
        facts=dict(recording.facts),
        attachments=recording.attachments(),
        runner=session.runner,
        start_ns=int(times.min()) if len(times) else None,
        end_ns=int(times.max()) if len(times) else None,
        messages=len(times),
        message_bytes=int(sizes.sum(dtype=np.int64)),
        largest=int(sizes.max()) if len(sizes) else 0,
        busiest_second=_busiest_second(times),
        types=_counts(rows.type, sizes, [name or RAW for name in rows.types]),
        nodes=_nodes(recording),
        endpoints=[_endpoint(recording, endpoint) for endpoint in session.endpoints.values()],
        connections=_connections(recording),
        copies=sum(info.copies for info in session.connections.values()),
        late=_flagged(flags, Flag.LATE),
        undelivered=_undelivered(recording),
        undecoded=_flagged(flags, Flag.UNDECODED),
        epochs=_epochs(recording),
        losses=_losses(recording),
        errors=_errors(recording),
        error_count=_flagged(flags, Flag.ERROR),
        problems=[entry.text for entry in session.log if entry.kind == "problem"][:MAX_PROBLEMS],
        exits=[
            ExitLine(process.pid, process.exit_code, process.command_line)
            for process in session.processes.values()
            if process.state == "exited"
        ],
        output_lines=kinds.count("output"),
        remarks=[note.text for note in session.notes if note.message is None][:MAX_PROBLEMS],
        notes=_noted(recording),
    )


def _noted(recording: Recording) -> int:
    """How many messages have a mark or a comment, in the recording or in a readable file beside it."""
    try:
        notes = Notes.of(recording)
    except RecordingError:
        return len({note.message for note in recording.session.notes} - {None})
    return len({*notes.marked, *notes.texts})


def _busiest_second(times: "np.ndarray[Any, np.dtype[np.int64]]") -> int:
    if not len(times):
        return 0
    seconds = (times - times.min()) // 1_000_000_000
    return int(np.unique(seconds, return_counts=True)[1].max())


def _counts(
    codes: "np.ndarray[Any, Any]", sizes: "np.ndarray[Any, Any]", names: Sequence[str]
) -> list[Count]:
    messages = np.bincount(codes, minlength=len(names)).tolist()
    octets = np.bincount(codes, weights=sizes, minlength=len(names)).tolist()
    found = [
        Count(name, count, int(size))
        for name, count, size in zip(names, messages, octets, strict=False)
        if count
    ]
    return sorted(found, key=lambda each: -each.messages)


def _nodes(recording: Recording) -> list[NodeLine]:
    rows = recording.rows
    sent_bytes = {each.name: each.bytes for each in _counts(rows.sender, rows.size, rows.names)}
    return [_node(node, sent_bytes.get(node.name, 0)) for node in recording.session.nodes.values()]


def _node(node: NodeInfo, sent_bytes: int) -> NodeLine:
    states = tuple(sorted(node.history, key=lambda entry: entry[0]))
    since_ns, state = states[-1] if states else (node.since_ns, node.state)
    return NodeLine(
        name=node.name,
        state=state,
        since_ns=since_ns,
        pid=node.pid,
        sent=node.sent,
        sent_bytes=sent_bytes,
        received=node.received,
        errors=node.errors,
        last_seen_ns=node.last_seen_ns,
        states=states,
        signals=node.signals,
        slots=node.slots,
    )


def _endpoint(recording: Recording, endpoint: Endpoint) -> EndpointLine:
    here = recording.rows.endpoint == endpoint.id
    return EndpointLine(
        id=endpoint.id,
        address=endpoint.address,
        socket_type=endpoint.socket_type,
        role=endpoint.role,
        node=endpoint.node,
        messages=int(np.count_nonzero(here)),
        bytes=int(recording.rows.size[here].sum(dtype=np.int64)),
        connections=sum(info.endpoint == endpoint.id for info in recording.session.connections.values()),
    )


def _connections(recording: Recording) -> dict[str, int]:
    states: dict[str, int] = {}
    for info in recording.session.connections.values():
        states[info.state] = states.get(info.state, 0) + 1
    return states


def _flagged(flags: "np.ndarray[Any, Any]", flag: Flag) -> int:
    return int(np.count_nonzero(flags & np.uint8(flag)))


def _undelivered(recording: Recording) -> int:
    empty = [code for code, names in enumerate(recording.rows.receiver_sets) if not names]
    return int(np.count_nonzero(np.isin(recording.rows.receivers, empty)))


def _epochs(recording: Recording) -> Epochs | None:
    table = recording.session.epochs
    if not len(table):
        return None
    ended, asked = table.ended_ns, table.asked_ns
    first_event = np.where(table.emitted_ns > 0, table.emitted_ns, np.iinfo(np.int64).max)
    began = first_event.min(axis=1) if table.nodes else np.full(len(table), np.iinfo(np.int64).max)
    began = np.where(asked > 0, np.minimum(asked, began), began)
    timed = (ended > 0) & (began < ended)
    lengths = (ended - began)[timed]
    longest = int(lengths.argmax()) if len(lengths) else None
    return Epochs(
        count=len(table),
        first=int(table.number[0]),
        last=int(table.number[-1]),
        ended=int(np.count_nonzero(ended)),
        median_ns=int(np.median(lengths)) if len(lengths) else None,
        longest_ns=int(lengths[longest]) if longest is not None else None,
        longest=int(table.number[timed][longest]) if longest is not None else None,
    )


def _losses(recording: Recording) -> list[LossLine]:
    by_stage: dict[str, LossLine] = {}
    for loss in recording.session.losses:
        before = by_stage.get(loss.stage, LossLine(loss.stage, 0, 0, 0, ""))
        by_stage[loss.stage] = LossLine(
            loss.stage,
            before.times + 1,
            before.messages + (loss.messages or 0),
            before.bytes + loss.bytes,
            loss.reason or before.reason,
        )
    return list(by_stage.values())


def _errors(recording: Recording) -> list[ErrorLine]:
    lines = []
    for row in np.flatnonzero(recording.rows.flags & np.uint8(Flag.ERROR))[:MAX_ERRORS].tolist():
        header = recording.rows[row]
        try:
            frames = recording.frames(row)
            text = summarize(frames)
        except RecordingError as error:
            text = str(error)
        lines.append(ErrorLine(row, header.time_ns, header.sender, text))
    return lines
