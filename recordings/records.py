"""What a recording consists of: the plain data that the recorder writes and every reader gets back.

Messages themselves are not here: their bytes stay in the file and their header in `rows`. All times are
nanoseconds since the Unix epoch on the recording machine's clock; all sizes are bytes. Identifiers are small
integers, unique within one recording, given by the recorder.
"""

from typing import Literal

import msgspec

Role = Literal["command outbox", "command inbox", "node outbox", "other"]


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of all records; `time_ns` is when the fact was observed."""

    time_ns: int


class Process(Record, frozen=True, kw_only=True):
    """A process of the target program, or its end."""

    pid: int
    parent: int | None = None
    command_line: tuple[str, ...] = ()
    state: Literal["started", "exited"] = "started"
    exit_code: int | None = None


class Endpoint(Record, frozen=True, kw_only=True):
    """A bound socket that a relay stands in front of.

    `node` is the noob node that owns it ("command" for the command node), `runner` noob's runner id; both
    are None where the address does not follow noob's layout.
    """

    id: int
    address: str
    socket_type: str
    role: Role = "other"
    node: str | None = None
    runner: str | None = None
    pid: int | None = None
    command_line: tuple[str, ...] = ()


class Peer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one side of a connection said of itself in its ZMTP greeting and READY command (RFC 23, 37)."""

    version: tuple[int, int]
    mechanism: str
    socket_type: str = ""
    routing_id: bytes = b""


class Connection(Record, frozen=True, kw_only=True):
    """One step in the life of one connection through a relay.

    `peer` is the connecting side, `binder` the side that owns the endpoint; both are known from "handshaken"
    on. `reason` says why it closed, or what made the stream unreadable ("opaque": still relayed, no longer
    decoded).
    """

    id: int
    endpoint: int
    state: Literal["opened", "handshaken", "opaque", "closed"]
    peer_pid: int | None = None
    peer: Peer | None = None
    binder: Peer | None = None
    reason: str = ""


class Subscription(Record, frozen=True, kw_only=True):
    """A subscriber's SUBSCRIBE or CANCEL, as ZMTP 3.1 command or as the older one-byte-prefixed message."""

    connection: int
    topic: bytes
    subscribe: bool
    form: Literal["command", "message"] = "command"


class Node(Record, frozen=True, kw_only=True):
    """What a node had told of itself before this recording went on from another one; `time_ns` is since when
    it is in `state`. The fields are those of noob's `identify`.
    """

    name: str
    state: str = ""
    outbox: str = ""
    signals: tuple[str, ...] | None = None
    slots: tuple[str, ...] | None = None


class Deliveries(Record, frozen=True, kw_only=True):
    """Which messages one connection carried, and when: a batch of runs.

    Each run is `(first, count, delay)`: messages `message + first` up to `message + first + count - 1` were
    seen on the connection `delay` ns after `time_ns`. Runs are in the order of the stream.
    """

    connection: int
    message: int
    runs: tuple[tuple[int, int, int], ...]


class Output(Record, frozen=True, kw_only=True):
    """One line that the target program wrote, decoded with surrogateescape, without its line end."""

    stream: Literal["stdout", "stderr"]
    text: str
    pid: int | None = None


class Note(Record, frozen=True, kw_only=True):
    """A person's mark on a message, or a comment on it (or on the whole recording when `message` is None)."""

    message: int | None
    text: str = ""
    mark: bool = True


class Loss(Record, frozen=True, kw_only=True):
    """Something that went over the wire and could not be recorded: never silent, always counted.

    `messages` is None where only bytes could be counted. `since_ns` is when the loss began.
    """

    stage: Literal["tee", "recorder", "disk"]
    bytes: int
    since_ns: int
    messages: int | None = None
    connection: int | None = None
    reason: str = ""
