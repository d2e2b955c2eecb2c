"""A pcapng file in which each recorded connection is a TCP stream with a ZMTP handshake, for Wireshark 4.4 or
newer.

The packets are made up from what was recorded: addresses, ports and TCP are invented (nodes are hosts in
10.99.0.0/16 with their names), the frames and times are real. What no connection carried is not in it.
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from decoders.text import safe
from recordings.export import packets, zmtp_bytes
from recordings.export.fields import Message
from recordings.filters.operators.names import RAW
from recordings.records import Peer, Subscription

if TYPE_CHECKING:
    from recordings.recording import Recording
    from recordings.session import ConnectionInfo

FIRST_SERVER_PORT = 41000
FIRST_CLIENT_PORT = 50000
PORTS = 9000
"""Neither range holds a port that Wireshark takes for another protocol's."""

OPEN, SAY, CLOSE = range(3)


class Step(NamedTuple):
    """One thing that happens on a connection; sorted by time, then by kind."""

    time_ns: int
    kind: int
    order: int
    connection: int
    row: int = -1
    octets: bytes = b""
    from_server: bool = False


def pcapng(recording: "Recording", rows: Iterable[int], version: str) -> Iterator[bytes]:
    """Yield the blocks of the file."""
    hosts = _Hosts()
    steps = sorted(_steps(recording, rows))
    streams: dict[int, packets.Stream] = {}
    for number in sorted({step.connection for step in steps}):
        streams[number] = _stream(recording, number, hosts)
    yield packets.section_header("synthesised from a tubetap recording", f"tubetap {version}")
    yield packets.interface("tubetap")
    yield packets.name_resolution(hosts.names)
    for step in steps:
        stream = streams[step.connection]
        if step.kind == OPEN:
            segments = stream.open()
        elif step.kind == CLOSE:
            segments = stream.close()
        else:
            octets = zmtp_bytes.message(Message(recording, step.row).frames) if step.row >= 0 else step.octets
            segments = stream.send(octets, from_server=step.from_server)
        comment = _comment(recording, step) if step.row >= 0 else ""
        for segment in segments:
            yield packets.packet(step.time_ns, segment, comment)
            comment = ""


def _steps(recording: "Recording", rows: Iterable[int]) -> Iterator[Step]:
    """List what happens on the connections that carried any of the rows."""
    carried: dict[int, list[Step]] = {}
    for order, row in enumerate(rows):
        message = Message(recording, row)
        if message.direction == "in":
            if message.connection is not None:
                step = Step(message.row.time_ns, SAY, order, message.connection, row)
                carried.setdefault(message.connection, []).append(step)
            continue
        for delivery in message.deliveries:
            step = Step(delivery.time_ns, SAY, order, delivery.connection, row, from_server=True)
            carried.setdefault(delivery.connection, []).append(step)
    for number, said in carried.items():
        info = recording.session.connections.get(number)
        first, last = min(said).time_ns, max(said).time_ns
        yield from _handshake(recording, number, info, first)
        yield from said
        closed = info.closed_ns if info is not None else None
        if closed is not None:
            yield Step(max(closed, last), CLOSE, 0, number)


def _handshake(
    recording: "Recording", number: int, info: "ConnectionInfo | None", first: int
) -> Iterator[Step]:
    opened = min(info.opened_ns or first, first) if info is not None else first
    shaken = min(info.handshaken_ns or opened, first) if info is not None else first
    client, server = _peers(recording, info)
    yield Step(opened, OPEN, 0, number)
    # All negative orders: before whatever was said at the same moment.
    said = (
        zmtp_bytes.greeting(client),
        zmtp_bytes.greeting(server),
        zmtp_bytes.ready(client),
        zmtp_bytes.ready(server),
    )
    for order, octets in enumerate(said):
        yield Step(max(opened, shaken), SAY, order - 1000, number, -1, octets, from_server=order % 2 == 1)
    subscriptions = sorted((since, topic) for topic, since in info.subscriptions.items()) if info else []
    for order, (since, topic) in enumerate(subscriptions):
        record = Subscription(time_ns=since, connection=number, topic=topic, subscribe=True)
        yield Step(max(since, opened, shaken), SAY, order - 900, number, -1, zmtp_bytes.subscription(record))


def _peers(recording: "Recording", info: "ConnectionInfo | None") -> tuple[Peer, Peer]:
    unknown = Peer(version=(3, 1), mechanism="NULL")
    if info is None:
        return unknown, unknown
    endpoint = recording.session.endpoints.get(info.endpoint)
    bound = Peer(version=(3, 1), mechanism="NULL", socket_type=endpoint.socket_type if endpoint else "")
    return info.peer or unknown, info.binder or bound


def _stream(recording: "Recording", number: int, hosts: "_Hosts") -> packets.Stream:
    info = recording.session.connections.get(number)
    endpoint = info.endpoint if info is not None else 0
    server = packets.Side(
        hosts.address(recording.session.owner_of(endpoint)), FIRST_SERVER_PORT + endpoint % PORTS
    )
    client = packets.Side(
        hosts.address(recording.session.name_of(number)), FIRST_CLIENT_PORT + number % PORTS
    )
    return packets.Stream(client, server)


class _Hosts:
    """Addresses for names."""

    def __init__(self) -> None:
        self.names: dict[bytes, str] = {}
        self._addresses: dict[str, bytes] = {}

    def address(self, name: str) -> bytes:
        """Give a name's address, a new one for a new name."""
        if name not in self._addresses:
            number = len(self._addresses) + 1
            address = bytes((10, 99, number >> 8 & 0xFF, number & 0xFF))
            self._addresses[name] = address
            self.names[address] = safe(name, 60)
        return self._addresses[name]


def _comment(recording: "Recording", step: Step) -> str:
    row = recording.rows[step.row]
    epoch = f" epoch {row.epoch}" if row.epoch >= 0 else ""
    return safe(f"row {row.number}: {row.type or RAW} from {row.sender}{epoch}", packets.MAX_COMMENT)
