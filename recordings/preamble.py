"""What a recording that begins in the middle of a session must be told first: what exists at that moment."""

import numpy as np

from recordings.block import Block
from recordings.control import ControlRecord
from recordings.records import Connection, Endpoint, Node, Process, Subscription
from recordings.session import Session


class Preamble:
    """Remembers processes, endpoints, connections and subscriptions as long as they exist, and what nodes
    told of themselves."""

    def __init__(self) -> None:
        self._processes: dict[int, Process] = {}
        self._endpoints: dict[int, Endpoint] = {}
        self._connections: dict[int, dict[str, Connection]] = {}
        self._subscriptions: dict[int, dict[bytes, Subscription]] = {}
        self._session = Session()

    def remember(self, record: ControlRecord) -> None:
        """A record that has been written."""
        if isinstance(record, Process):
            if record.state == "exited":
                self._processes.pop(record.pid, None)
            else:
                self._processes[record.pid] = record
        elif isinstance(record, Endpoint):
            self._endpoints[record.id] = record
        elif isinstance(record, Connection):
            if record.state == "closed":
                self._connections.pop(record.id, None)
                self._subscriptions.pop(record.id, None)
            else:
                self._connections.setdefault(record.id, {})[record.state] = record
        elif isinstance(record, Subscription):
            topics = self._subscriptions.setdefault(record.connection, {})
            if record.subscribe:
                topics.setdefault(record.topic, record)
            else:
                topics.pop(record.topic, None)

    def remember_nodes(self, block: Block) -> None:
        """What the messages of a chunk that has been written, or its records, tell of nodes."""
        if block.payloads or block.records:
            self._session.add_records(block, 0)

    def records(self) -> list[ControlRecord]:
        """The records that tell what exists, each with the time at which it came to be."""
        records: list[ControlRecord] = [*self._processes.values(), *self._endpoints.values()]
        for states in self._connections.values():
            records += states.values()
        for topics in self._subscriptions.values():
            records += topics.values()
        for node in self._session.nodes.values():
            if node.state or node.signals is not None or node.slots is not None:
                records.append(
                    Node(
                        time_ns=node.since_ns,
                        name=node.name,
                        state=node.state,
                        outbox=node.outbox,
                        signals=node.signals,
                        slots=node.slots,
                    )
                )
        return records


def told(block: Block) -> Block:
    """The part of a chunk's block that `Preamble.remember_nodes` needs, for keeping."""
    rows = np.array([position for position, _ in block.payloads], dtype=np.int64)
    return Block(
        kinds=block.kinds if len(rows) else [],
        id=block.id[rows],
        time_ns=block.time_ns[rows],
        kind=block.kind[rows],
        size=block.size[rows],
        epoch=block.epoch[rows],
        flags=block.flags[rows],
        offset=block.offset[rows],
        records=block.records,
        payloads=[(place, payload) for place, (_, payload) in enumerate(block.payloads)],
    )
