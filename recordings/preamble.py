"""What a recording that begins in the middle of a session must be told first: what exists at that moment."""

from recordings.control import ControlRecord
from recordings.records import Connection, Endpoint, Process, Subscription


class Preamble:
    """Remembers processes, endpoints, connections and subscriptions as long as they exist."""

    def __init__(self) -> None:
        self._processes: dict[int, Process] = {}
        self._endpoints: dict[int, Endpoint] = {}
        self._connections: dict[int, dict[str, Connection]] = {}
        self._subscriptions: dict[int, dict[bytes, Subscription]] = {}

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

    def records(self) -> list[ControlRecord]:
        """The records that tell what exists, each with the time at which it came to be."""
        records: list[ControlRecord] = [*self._processes.values(), *self._endpoints.values()]
        for states in self._connections.values():
            records += states.values()
        for topics in self._subscriptions.values():
            records += topics.values()
        return records
