"""From raw chunks to a recording: a parser for each direction, an envelope for each message, copies told
apart.

Takes the frames of the tee in order and writes to a recording's writer; no I/O, no clock and no threads of
its own.
"""

import json
from collections.abc import Iterable
from typing import Any

from msgspec import structs

from decoders.envelope import read_envelope
from decoders.zmtp import Event, Greeting, Message, Opaque, Ready, Resynced, Subscription
from proxy.frames import Kind
from proxy.layout import place
from proxy.processes import command_line, parent_of
from proxy.publications import Frames, Publications
from proxy.streams import Connection, Stream
from recordings import records
from recordings.control import ControlRecord
from recordings.errors import DiskError
from recordings.writers import Writer

__all__ = ["Capture"]

_PUBLISHERS = ("PUB", "XPUB")


class Capture:
    """What the recorder knows of the run so far.

    `messages`, `losses` and `problems` count for the closing line; a disk that refuses a write is counted
    by the writer and goes on being tried.
    """

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._endpoints: dict[int, records.Endpoint] = {}
        self._publications: dict[int, Publications] = {}
        self._connections: dict[int, Connection] = {}
        self._streams: dict[int, Stream] = {}
        self._processes: set[int] = set()
        self._ended: dict[int, int] = {}
        self._versions: set[str] = set()
        self.messages = 0
        self.connections = 0
        self.opaque = 0
        self.lost_bytes = 0
        self.lost_messages = 0
        self.disk_error = ""

    @property
    def endpoints(self) -> int:
        """How many endpoints were seen."""
        return len(self._endpoints)

    def frame(self, kind: Kind, connection: int, time_ns: int, payload: memoryview) -> None:
        """Take one frame of the tee."""
        try:
            if kind <= Kind.OUT:
                stream = self._streams.get(connection << 1 | kind)
                if stream is None:
                    self._lost(time_ns, "recorder", len(payload), time_ns, connection, _UNKNOWN)
                else:
                    if kind and stream.connection.publications is not None:
                        payload = payload[self._copies(stream.connection, time_ns, payload) :]
                    if payload:
                        self._events(stream, time_ns, stream.parser.feed(payload))
            else:
                self._fact(kind, connection, time_ns, json.loads(bytes(payload)))
        except DiskError as error:
            self.refused(error)

    def record(self, record: ControlRecord) -> None:
        """Write a record that did not come through the tee."""
        try:
            self._writer.record(record)
        except DiskError as error:
            self.refused(error)

    def tick(self, now_ns: int) -> None:
        """Let the writer close a chunk that has become old enough."""
        try:
            self._writer.tick(now_ns)
        except DiskError as error:
            self.refused(error)

    def refused(self, error: DiskError) -> None:
        """Count what the writer could not write; its records of other things go into the next chunk."""
        self.disk_error = str(error)
        self.lost_messages += error.messages

    def close(self) -> None:
        """End the recording."""
        try:
            self._writer.close()
        except DiskError as error:
            self.refused(error)

    def process(self, time_ns: int, pid: int, parent: int | None, arguments: Iterable[str] = ()) -> None:
        """Record a process when it is first heard of."""
        if pid not in self._processes:
            self._processes.add(pid)
            self.record(
                records.Process(
                    time_ns=time_ns,
                    pid=pid,
                    parent=parent if parent is not None else parent_of(pid),
                    command_line=tuple(arguments) or command_line(pid),
                )
            )

    def process_ended(self, time_ns: int, pid: int, exit_code: int | None = None) -> None:
        """Record that a process ended, once, and once more when its exit code becomes known."""
        if pid in self._ended and exit_code is None:
            return
        # The later word is the one with the exit code, whichever of the two observers' clocks was first.
        time_ns = self._ended[pid] = max(time_ns, self._ended.get(pid, 0))
        self.record(records.Process(time_ns=time_ns, pid=pid, state="exited", exit_code=exit_code))

    # The hot path.

    def _copies(self, connection: Connection, time_ns: int, data: memoryview) -> int:
        """Take the copies of known messages that a subscriber's chunk begins with; return their bytes."""
        assert connection.publications is not None
        size, numbers = connection.publications.echoes(connection.id, data, connection.out.parser)
        count = len(numbers)
        if count and numbers[-1] - numbers[0] == count - 1:  # they only ever grow
            self._writer.delivered(connection.id, numbers[0], time_ns, count)
            return size
        start = 0
        for end in range(1, count + 1):
            if end == count or numbers[end] != numbers[end - 1] + 1:
                self._writer.delivered(connection.id, numbers[start], time_ns, end - start)
                start = end
        return size

    def _settle(self, stream: Stream) -> None:
        """Bring a stream's parser up to date."""
        connection = stream.connection
        if connection.publications is not None and stream.direction == "out":
            connection.publications.settle(connection.id, stream.parser)

    def _events(self, stream: Stream, time_ns: int, events: list[Event]) -> None:
        messages: list[Frames] = []
        for event in events:
            if type(event) is Message:
                messages.append(event.frames)
            else:
                self._messages(stream, time_ns, messages)
                messages = []
                self._event(stream, time_ns, event)
        self._messages(stream, time_ns, messages)

    def _messages(self, stream: Stream, time_ns: int, messages: list[Frames]) -> None:
        """Take the messages of a chunk: record the new ones, and of copies that they were delivered."""
        connection, first_new = stream.connection, self._writer.messages
        publications = connection.publications
        if not messages:
            return
        if publications is None or stream.direction == "in":
            self._record(stream, time_ns, messages)
            return
        numbers = publications.numbers(connection.id, messages, first_new)
        start = 0
        for end in range(1, len(numbers) + 1):
            if end < len(numbers) and numbers[end] == numbers[end - 1] + 1 != first_new:
                continue
            if numbers[start] < first_new:
                self._writer.delivered(connection.id, numbers[start], time_ns, end - start)
            else:
                self._record(stream, time_ns, messages[start:end])
            start = end

    def _record(self, stream: Stream, time_ns: int, messages: list[Frames]) -> None:
        self.messages += len(messages)
        connection = stream.connection
        try:
            self._writer.message_batch(
                time_ns,
                connection.endpoint.id,
                connection.id,
                stream.direction,  # type: ignore[arg-type]
                [
                    (frames, read_envelope(frames) if frames[-1][:1] in _MAY_BE_JSON else _NO_JSON)
                    for frames in messages
                ],
                connection.endpoint,
            )
        except DiskError as error:
            self.refused(error)

    def _event(self, stream: Stream, time_ns: int, event: Event) -> None:
        connection = stream.connection
        match event:
            case Greeting():
                stream.greeting = event
            case Ready():
                stream.ready = event
                self._handshake(connection, time_ns)
            case Subscription(topic=topic, subscribe=subscribe, form=form):
                if subscribe and connection.publications is not None:
                    connection.publications.rejoin(connection.id)
                self.record(
                    records.Subscription(
                        time_ns=time_ns, connection=connection.id, topic=topic, subscribe=subscribe, form=form
                    )
                )
            case Opaque(reason=reason):
                self.opaque += 1
                self._unfound(stream, time_ns)
                side = "connector" if stream.direction == "in" else "binder"
                self._step(connection, time_ns, "opaque", f"what the {side} sends: {reason}")
            case Resynced(skipped=skipped) if skipped:
                self._lost(time_ns, "recorder", skipped, time_ns, connection.id, _PARTIAL)

    def _handshake(self, connection: Connection, time_ns: int) -> None:
        peer, binder = connection.into.peer(), connection.out.peer()
        if peer is None or binder is None or connection.handshaken:
            return
        connection.handshaken = True
        if not connection.endpoint.socket_type:
            self._learn(structs.replace(connection.endpoint, socket_type=binder.socket_type))
            connection.endpoint = self._endpoints[connection.endpoint.id]
        if connection.publications is None and binder.socket_type in _PUBLISHERS:
            self._join(connection)
        self._writer.record(
            records.Connection(
                time_ns=time_ns,
                id=connection.id,
                endpoint=connection.endpoint.id,
                state="handshaken",
                peer_pid=connection.peer_pid,
                peer=peer,
                binder=binder,
            )
        )

    def _join(self, connection: Connection) -> None:
        publications = self._publications.setdefault(connection.endpoint.id, Publications())
        publications.join(connection.id)
        connection.publications = publications

    # What is no traffic.

    def _fact(self, kind: Kind, connection: int, time_ns: int, fact: dict[str, Any]) -> None:
        match kind:
            case Kind.ENDPOINT:
                self._endpoint(time_ns, fact)
            case Kind.OPENED:
                self._opened(connection, time_ns, fact)
            case Kind.CLOSED:
                self._closed(connection, time_ns, fact["reason"])
            case Kind.PROCESS:
                self.process_ended(time_ns, fact["pid"])
            case Kind.NOTE:
                self.record(records.Note(time_ns=time_ns, message=None, text=_note(fact), mark=False))
            case Kind.LOST:
                self._gap(connection, time_ns, fact)

    def _endpoint(self, time_ns: int, fact: dict[str, Any]) -> None:
        arguments = tuple(fact["command_line"])
        if fact["pid"] is not None:
            self.process(time_ns, fact["pid"], fact["parent"], arguments)
        where = place(fact["address"])
        endpoint = records.Endpoint(
            time_ns=time_ns,
            id=fact["id"],
            address=fact["address"],
            socket_type=fact["socket_type"],
            role=fact.get("role") or where.role,
            node=fact.get("node") or where.node,
            runner=where.runner,
            pid=fact["pid"],
            command_line=arguments,
        )
        self._learn(endpoint)
        versions = ", ".join(
            f"{_NAMES.get(name, name)} {version}"
            for name, version in fact.get("versions", {}).items()
            if version
        )
        if versions and versions not in self._versions:
            self._versions.add(versions)
            self.record(
                records.Note(
                    time_ns=time_ns, message=None, text=f"the program runs with {versions}", mark=False
                )
            )

    def _learn(self, endpoint: records.Endpoint) -> None:
        # Of a socket that no agent reported, its type and its process are known only once somebody connects.
        known = self._endpoints.get(endpoint.id)
        if known is not None:
            endpoint = structs.replace(
                endpoint,
                time_ns=known.time_ns,
                socket_type=endpoint.socket_type or known.socket_type,
                pid=endpoint.pid if endpoint.pid is not None else known.pid,
                command_line=endpoint.command_line or known.command_line,
            )
            if endpoint == known:
                return
        self._endpoints[endpoint.id] = endpoint
        self._writer.record(endpoint)

    def _opened(self, number: int, time_ns: int, fact: dict[str, Any]) -> None:
        endpoint = self._endpoints[fact["endpoint"]]
        connection = Connection(number, endpoint, fact["peer_pid"])
        if number not in self._connections:
            self.connections += 1
        self._connections[number] = connection
        self._streams[number << 1 | Kind.IN] = connection.into
        self._streams[number << 1 | Kind.OUT] = connection.out
        if connection.peer_pid is not None:
            self.process(time_ns, connection.peer_pid, None)
        self._step(connection, time_ns, "opened", "")
        if endpoint.socket_type in _PUBLISHERS:
            self._join(connection)
        for kind, head in fact.get("heads", {}).items():
            # The connection is older than this recorder: of its beginning only the handshake counts.
            stream = self._streams[number << 1 | int(kind)]
            for event in stream.parser.feed(bytes.fromhex(head)):
                if isinstance(event, Greeting | Ready | Subscription):
                    self._event(stream, time_ns, event)
            stream.begin_late()

    def _closed(self, number: int, time_ns: int, reason: str) -> None:
        connection = self._connections.pop(number, None)
        if connection is None:
            return
        self._settle(connection.out)
        if connection.publications is not None:
            connection.publications.leave(number)
        for stream in (connection.into, connection.out):
            if stream.parser.opaque is None:
                self._unfound(stream, time_ns)
                if not stream.parser.searching and stream.parser.unfinished:
                    side = "connector" if stream.direction == "in" else "binder"
                    reason += f", {stream.parser.unfinished} bytes into a message of the {side}"
        for kind in (Kind.IN, Kind.OUT):
            self._streams.pop(number << 1 | kind, None)
        self._step(connection, time_ns, "closed", reason)

    def _gap(self, connection: int, time_ns: int, fact: dict[str, Any]) -> None:
        stage = fact.get("stage", "tee")
        self._lost(time_ns, stage, fact["bytes"], fact["since_ns"], connection or None, _LOSSES[stage])
        stream = self._streams.get(connection << 1 | fact["kind"]) if "kind" in fact else None
        if stream is not None:
            self._settle(stream)
        if stream is not None and stream.parser.opaque is None:
            unfinished = stream.parser.unfinished
            if unfinished:
                self._lost(time_ns, stage, unfinished, fact["since_ns"], connection, _CUT_OFF)
            stream.begin_late()

    def _unfound(self, stream: Stream, time_ns: int) -> None:
        """Count what came after a gap, when no message was found in it."""
        if stream.parser.searching and stream.parser.unfinished:
            size = stream.parser.unfinished
            self._lost(time_ns, "recorder", size, time_ns, stream.connection.id, _PARTIAL)

    def _step(self, connection: Connection, time_ns: int, state: Any, reason: str) -> None:
        self._writer.record(
            records.Connection(
                time_ns=time_ns,
                id=connection.id,
                endpoint=connection.endpoint.id,
                state=state,
                peer_pid=connection.peer_pid,
                reason=reason,
            )
        )

    def _lost(
        self, time_ns: int, stage: Any, size: int, since_ns: int, connection: int | None, reason: str
    ) -> None:
        self.lost_bytes += size
        self.record(
            records.Loss(
                time_ns=time_ns,
                stage=stage,
                bytes=size,
                since_ns=since_ns,
                connection=connection,
                reason=reason,
            )
        )


_NAMES = {"python": "Python"}

_MAY_BE_JSON = {bytes((byte,)) for byte in b'{["-0123456789tfn \t\r\n'} | {b""}
_NO_JSON = read_envelope((b"\0",))
"""The envelope of binary payloads, which need no parser to find out that they are none of noob's."""

_UNKNOWN = "of a connection that began before this recording"
_PARTIAL = "the rest of a message that began before a gap"
_CUT_OFF = "the beginning of a message that a gap cut off"
_LOSSES = {
    "tee": "the recorder could not keep up and the buffer was full",
    "recorder": "the recorder before this one ended; at most this much did not reach its file",
}


def _note(fact: dict[str, Any]) -> str:
    if "text" in fact:
        return str(fact["text"])
    address, pid = fact.get("address", "?"), fact.get("pid", "?")
    if fact.get("kind") == "left":
        return f"left alone: {fact.get('socket_type', '')} socket at {address} of process {pid} is not ipc"
    if fact.get("kind") == "bypassed":
        return f"not recorded: {fact.get('count')} connection(s) to {address} came before the relay"
    return f"not relayed: {address} of process {pid}: {fact.get('reason', '')}"
