"""When messages arrived at one node: the deliveries of its connections, read block by block, each once.

`Recording.deliveries` answers for one message; for all messages of a long recording that would be a search in
every block for each.
"""

import numpy as np

from recordings.deliveries import Place
from recordings.recording import Recording


class Arrivals:
    """The arrival times at a node, by row, in ns since the Unix epoch."""

    def __init__(self, recording: Recording, node: str) -> None:
        self._recording = recording
        session = recording.session
        self._connections = [number for number in session.connections if session.name_of(number) == node]
        self._times: dict[int, int] = {}
        self._read: set[Place] = set()

    def at(self, row: int) -> int:
        """When the first copy of a row's message arrived; when the message was seen, if no copy is known."""
        message = self._recording.rows.id_of(row)
        for place in self._recording._deliveries.places(message):
            if place not in self._read:
                self._read.add(place)
                self._take(place)
        return self._times.get(message, int(self._recording.rows.time_ns[row]))

    def _take(self, place: Place) -> None:
        runs = self._recording._block(place).runs
        mine = np.isin(runs.connection, self._connections)
        counts = runs.count[mine]
        steps = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
        messages = np.repeat(runs.message[mine], counts) + steps
        times = np.repeat(runs.time_ns[mine], counts)
        for message, time_ns in zip(messages.tolist(), times.tolist(), strict=True):
            known = self._times.get(message)
            if known is None or time_ns < known:
                self._times[message] = time_ns
