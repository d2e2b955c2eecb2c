"""What happened in a recorded session: endpoints, processes, connections, nodes, epochs and a log of it all.

Built up block by block from control records, from the few messages in which nodes speak of themselves
(identify, status, announce) and from the row columns; payloads of all other messages are never touched.
"""

from typing import Final

import msgspec
import numpy as np

from recordings.block import Block
from recordings.columns import Integers, groups
from recordings.connections import ConnectionInfo
from recordings.container import Damage
from recordings.control import decode_control
from recordings.epochs import EpochTable
from recordings.layout import Kind
from recordings.logbook import Logbook, LogEntry
from recordings.nodes import GONE, MAX_NODES, Identity, NodeInfo, identities
from recordings.records import (
    Connection,
    Endpoint,
    Loss,
    Node,
    Note,
    Output,
    Process,
    Record,
    Subscription,
)
from recordings.rows import Copies, Rows

MAX_THINGS: Final = 100_000
"""Most connections, subscriptions, processes, notes and so on kept: a program has fewer, a hostile file may
not."""

_END_NS: Final = 5_000_000_000
_INPUTS: Final = ("event", "process")

__all__ = ["ConnectionInfo", "LogEntry", "Session"]


class Session:
    """The model of a session; grows with its recording and is read at any time.

    One thread may let it grow while others read; who goes through a dictionary meanwhile takes a copy first,
    as in `list(session.nodes.values())`.
    """

    def __init__(self) -> None:
        self.endpoints: dict[int, Endpoint] = {}
        self.connections: dict[int, ConnectionInfo] = {}
        self.processes: dict[int, Process] = {}
        self.nodes: dict[str, NodeInfo] = {}
        self.epochs = EpochTable()
        self.losses: list[Loss] = []
        self.notes: list[Note] = []
        self.names_version = 0
        self._names: list[str] = []
        self._log = Logbook()
        self._subscribed = 0
        self._node_of_pid: dict[int, str] = {}

    @property
    def log(self) -> list[LogEntry]:
        """What happened besides messages, in the order of time."""
        return self._log.entries

    @property
    def log_dropped(self) -> int:
        """How many older entries the log has let go of."""
        return self._log.dropped

    @property
    def runner(self) -> str:
        """noob's id of the runner, "" if no endpoint told it."""
        return next((endpoint.runner for endpoint in list(self.endpoints.values()) if endpoint.runner), "")

    def name_of(self, connection: int) -> str:
        """What the connecting side of a connection is called: node name, pid, or the connection's number."""
        info = self.connections.get(connection)
        return info.name if info is not None else f"connection {connection}"

    def owner_of(self, endpoint: int) -> str:
        """What the binding side of an endpoint is called: node name, or the address."""
        record = self.endpoints.get(endpoint)
        if record is None:
            return f"endpoint {endpoint}"
        return record.node or record.address or f"endpoint {endpoint}"

    def add_records(self, block: Block, first_row: int) -> None:
        """What the block tells of the session besides its rows: control records, and what nodes say of
        themselves.

        Comes before its rows, the first of which will be `first_row`, so that names are known by then.
        """
        self._log.begin()
        found: list[tuple[int, Record | tuple[Kind, bytes, int]]] = []
        changed = False
        for kind, data in block.records:
            try:
                record = decode_control(kind, data)
            except Damage as error:
                self.problem(0, str(error))
                continue
            changed |= isinstance(record, Endpoint | Connection | Subscription | Process)
            found.append((record.time_ns, record))
        for position, payload in block.payloads:
            kind_of_row = block.kinds[int(block.kind[position])]
            found.append((int(block.time_ns[position]), (kind_of_row, payload, first_row + position)))
        found.sort(key=lambda entry: entry[0])
        for time_ns, what in found:
            if isinstance(what, Record):
                self._add(what)
                continue
            of, payload, row = what
            for identity in identities(of.type, of.sender, payload):
                self._identify(identity, of.type, time_ns, row)
        if changed:
            self._name_all()
            self._link_nodes()

    def add_rows(self, block: Block, first_row: int) -> None:
        """The block's rows, which have just been appended from `first_row` on."""
        for code, mine in groups(block.kind):
            kind = block.kinds[code]
            times = block.time_ns[mine]
            node = self._node(kind.sender) if kind.type else None
            if node is not None:
                node.sent += len(mine)
                node.last_seen_ns = max(node.last_seen_ns, int(times[-1]))
            if kind.direction == "in":
                self._receive(self.owner_of(kind.endpoint), len(mine))
            if kind.type == "error":
                self._errors(kind.sender, node, times, mine + first_row)
            self._epochs(kind, block.epoch[mine], times)
        self._log.sort()

    def add_copies(self, rows: Rows, copies: Copies) -> None:
        """Deliveries that have just been applied to the rows."""
        numbers, connections, times = copies
        epochs = rows.epoch[numbers]
        inputs = np.array([type_ in _INPUTS for type_ in rows.types], dtype=bool)
        is_input = (epochs >= 0) & inputs[rows.type[numbers]]
        for connection, mine in groups(connections):
            name = self.name_of(connection)
            self._receive(name, len(mine))
            info = self.connections.get(connection)
            if info is not None:
                info.copies += len(mine)
            mine = mine[is_input[mine]]
            if len(mine):
                self.epochs.received(name, epochs[mine], times[mine])

    def problem(self, time_ns: int, text: str) -> None:
        """Something in the file that could not be read."""
        self._log.say(time_ns, "problem", text)

    def _epochs(self, kind: Kind, epochs: Integers, times: Integers) -> None:
        if kind.type not in ("event", "process", "epoch_ended"):
            return
        known = epochs >= 0
        epochs, times = epochs[known], times[known]
        if not len(epochs):
            return
        if kind.type == "process":
            self.epochs.asked(epochs, times)
        elif kind.type == "epoch_ended":
            self.epochs.ended(epochs, times)
        else:
            self.epochs.emitted(kind.sender, epochs, times)

    def _errors(self, sender: str, node: NodeInfo | None, times: Integers, rows: Integers) -> None:
        if node is not None:
            node.errors += len(rows)
        for time_ns, row in zip(times.tolist(), rows.tolist(), strict=True):
            self._log.say(time_ns, "error", f"{sender} reports an error", node=sender, row=row)

    def _receive(self, name: str, count: int) -> None:
        node = self.nodes.get(name)
        if node is not None:
            node.received += count

    def _node(self, name: str) -> NodeInfo | None:
        node = self.nodes.get(name)
        if node is None and len(self.nodes) < MAX_NODES:
            node = self.nodes[name] = NodeInfo(name)
        return node

    def _known(self, record: Node) -> None:
        """What a node had said of itself before the recording began."""
        node = self._node(record.name)
        if node is None:
            return
        node.outbox = record.outbox or node.outbox
        node.signals, node.slots = record.signals, record.slots
        if record.state and node.enter(record.state, record.time_ns):
            self._log.say(record.time_ns, "node", f"{node.name} is {record.state}", node=node.name)

    def _identify(self, identity: Identity, type_: str, time_ns: int, row: int) -> None:
        """What a node said of itself, or what the command node announced of it."""
        node = self._node(identity.node_id)
        if node is None:
            return
        node.outbox = identity.outbox or node.outbox
        if identity.signals is not None:
            node.signals = tuple(identity.signals)
        if identity.slots is not None:
            node.slots = tuple(identity.slots)
        # An announcement is hearsay and late: it counts where nothing was heard from the node itself.
        hearsay = type_ == "announce" and node.state != ""
        if identity.status and not hearsay and node.enter(identity.status, time_ns):
            self._log.say(time_ns, "node", f"{node.name} is {identity.status}", node=node.name, row=row)

    def _add(self, record: Record) -> None:
        """A control record."""
        if self._is_full(record):
            return
        match record:
            case Endpoint():
                self._endpoint(record)
            case Connection():
                self._connection(record)
            case Subscription():
                self._subscription(record)
            case Process():
                self._process(record)
            case Output():
                who = f" {record.pid}" if record.pid is not None else ""
                self._log.say(record.time_ns, "output", f"{record.stream}{who}: {record.text}")
            case Note():
                self.notes.append(record)
                what = "" if record.message is None else f" on message {record.message}"
                self._log.say(record.time_ns, "note", f"note{what}: {record.text}")
            case Node():
                self._known(record)
            case Loss():
                self.losses.append(record)
                self._log.say(record.time_ns, "loss", _loss_text(record), connection=record.connection)

    def _endpoint(self, record: Endpoint) -> None:
        self.endpoints[record.id] = record
        if record.node is not None and record.pid is not None:
            self._node_of_pid[record.pid] = record.node
        if record.node is not None:
            node = self._node(record.node)
            if node is not None:
                node.pid = record.pid if record.pid is not None else node.pid
                if record.role == "node outbox":
                    node.outbox = record.address
        text = f"{record.socket_type} bound to {record.address} ({record.role})"
        self._log.say(record.time_ns, "endpoint", text, node=record.node)

    def _connection(self, record: Connection) -> None:
        info = self.connections.get(record.id)
        if info is None:
            info = ConnectionInfo(
                record.id, record.endpoint, f"connection {record.id}", opened_ns=record.time_ns
            )
            self.connections[record.id] = info
        info.update(record)
        info.name = info.best_name(self._node_of_pid)
        reason = f": {record.reason}" if record.reason else ""
        text = f"{info.name} to {self.owner_of(info.endpoint)} {record.state}{reason}"
        self._log.say(record.time_ns, "connection", text, connection=info.id, node=info.name)
        if record.state == "closed":
            self._gone(info, record.time_ns)

    def _gone(self, info: ConnectionInfo, time_ns: int) -> None:
        endpoint = self.endpoints.get(info.endpoint)
        node = self.nodes.get(info.name)
        if node is None or endpoint is None or endpoint.role != "command inbox" or node.state == "closed":
            return
        if node.enter(GONE, time_ns):
            self._log.say(time_ns, "node", f"{node.name} is gone", node=node.name)

    def _subscription(self, record: Subscription) -> None:
        info = self.connections.get(record.connection)
        if info is None:
            return
        self._subscribed += record.subscribe and record.topic not in info.subscriptions
        info.subscribe(record)
        info.name = info.best_name(self._node_of_pid)
        verb = "subscribes to" if record.subscribe else "unsubscribes from"
        what = repr(record.topic.decode("utf-8", "backslashreplace")) if record.topic else "everything"
        text = f"{info.name} {verb} {what} of {self.owner_of(info.endpoint)}"
        self._log.say(record.time_ns, "subscription", text, connection=info.id, node=info.name)

    def _process(self, record: Process) -> None:
        before = self.processes.get(record.pid)
        if before is not None:
            record = msgspec.structs.replace(
                record,
                parent=record.parent if record.parent is not None else before.parent,
                command_line=record.command_line or before.command_line,
            )
        self.processes[record.pid] = record
        code = "" if record.exit_code is None else f" with exit code {record.exit_code}"
        text = f"process {record.pid} {record.state}{code}"
        self._log.say(record.time_ns, "process", text)

    def _name_all(self) -> None:
        """Name connections by the best that is known now."""
        for info in self.connections.values():
            info.name = info.best_name(self._node_of_pid)
        names = [info.name for info in self.connections.values()]
        names += [self.owner_of(endpoint) for endpoint in self.endpoints]
        if names != self._names:
            self._names = names
            self.names_version += 1

    def _link_nodes(self) -> None:
        """Who is subscribed to whom; after the end of the tube, who was when the end began."""
        linked = [info for info in self.connections.values() if info.subscriptions]
        standing = [info for info in linked if info.closed_ns is None]
        if linked and not standing:
            end = max(info.closed_ns or 0 for info in linked)
            standing = [info for info in linked if (info.closed_ns or 0) > end - _END_NS]
        edges = {(info.name, self.owner_of(info.endpoint)) for info in standing}
        for info in self.connections.values():
            if info.name in self.nodes and info.peer_pid is not None:
                self.nodes[info.name].pid = info.peer_pid
        for node in self.nodes.values():
            node.subscribed_to = tuple(sorted(to for who, to in edges if who == node.name))
            node.subscribers = tuple(sorted(who for who, to in edges if to == node.name))

    def _is_full(self, record: Record) -> bool:
        """Whether there are too many things of the record's kind for another one."""
        match record:
            case Endpoint():
                return record.id not in self.endpoints and len(self.endpoints) >= MAX_THINGS
            case Connection():
                return record.id not in self.connections and len(self.connections) >= MAX_THINGS
            case Process():
                return record.pid not in self.processes and len(self.processes) >= MAX_THINGS
            case Subscription():
                return record.subscribe and self._subscribed >= MAX_THINGS
            case Note():
                return len(self.notes) >= MAX_THINGS
            case Loss():
                return len(self.losses) >= MAX_THINGS
            case _:
                return False


def _loss_text(loss: Loss) -> str:
    count = f"{loss.messages:,} messages, " if loss.messages is not None else ""
    reason = f": {loss.reason}" if loss.reason else ""
    return f"lost at the {loss.stage}: {count}{loss.bytes:,} bytes{reason}"
