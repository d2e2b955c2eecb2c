"""The log of a session: what happened besides messages, in the order of time, and bounded."""

from typing import Final

import msgspec

MAX_LOG: Final = 200_000
"""Most entries kept; beyond it the oldest half is dropped, and counted."""
MAX_LOG_TEXT: Final = 50_000_000
"""Most characters of entries kept, by the same rule."""
MAX_LINE: Final = 10_000
"""Most characters of one entry."""


class LogEntry(msgspec.Struct, frozen=True):
    """One line of the log. `text` comes from the recorded program in part: make it safe before display.

    `kind` is one of process, endpoint, connection, subscription, node, error, output, note, loss, problem.
    `row` is that of the message it is about.
    """

    time_ns: int
    kind: str
    text: str
    connection: int | None = None
    node: str | None = None
    row: int | None = None


class Logbook:
    """The entries, and how many older ones were `dropped`."""

    def __init__(self) -> None:
        self.entries: list[LogEntry] = []
        self.dropped = 0
        self._size = 0
        self._mark = 0

    def say(
        self,
        time_ns: int,
        kind: str,
        text: str,
        *,
        connection: int | None = None,
        node: str | None = None,
        row: int | None = None,
    ) -> None:
        """Add an entry."""
        if len(text) > MAX_LINE:
            text = text[:MAX_LINE] + "…"
        self._size += len(text)
        if len(self.entries) >= MAX_LOG or self._size > MAX_LOG_TEXT:
            self._drop((len(self.entries) + 1) // 2)
            self._size += len(text)
        self.entries.append(LogEntry(time_ns, kind, text, connection, node, row))

    def begin(self) -> None:
        """What comes from here on up to `sort` is told in no particular order."""
        self._mark = len(self.entries)

    def sort(self) -> None:
        """Bring the entries since `begin` into the order of time."""
        self.entries[self._mark :] = sorted(self.entries[self._mark :], key=lambda entry: entry.time_ns)

    def _drop(self, count: int) -> None:
        del self.entries[:count]
        self.dropped += count
        self._mark = max(self._mark - count, 0)
        self._size = sum(len(entry.text) for entry in self.entries)
