"""Columns over all messages of a recording: one row a message, in the order of capture.

About 40 bytes a row; payloads stay in the file. Strings are codes into small tables, so that a filter over
millions of rows is a few comparisons of whole columns. Rows are only ever appended; of an existing row,
only what its deliveries tell (receivers, LATE, the connection of the first copy) may still change.
"""

from collections.abc import Sequence
from typing import Any, Final, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from recordings.block import Block, Runs
from recordings.columns import Integers, groups
from recordings.flags import Flag
from recordings.idmap import IdMap
from recordings.layout import LATE_NS, Kind

NO_CONNECTION: Final = (1 << 32) - 1
"""In `Rows.connection`: not (yet) known on which connection the message went."""
NO_EPOCH: Final = -1
"""In `Rows.epoch`: the message belongs to no epoch."""

MAX_NAMES: Final = 1 << 16
MAX_TYPES: Final = 1 << 8
MAX_SETS: Final = 1 << 16
MAX_SET: Final = 256
MAX_JOINED: Final = 1 << 18
OVERFLOW_NAME: Final = "(too many names)"
OVERFLOW_TYPE: Final = "(too many types)"

__all__ = ["NO_CONNECTION", "NO_EPOCH", "Flag", "Namer", "Row", "Rows"]


class Row(msgspec.Struct, frozen=True):
    """One row with its strings. `type` is "" for what is no noob message; `size` is that of all frames."""

    number: int
    time_ns: int
    type: str
    sender: str
    receivers: tuple[str, ...]
    size: int
    epoch: int
    flags: Flag


class Namer(Protocol):
    """Who knows what the ends of connections are called."""

    def name_of(self, connection: int) -> str:
        """Name of the connecting side."""

    def owner_of(self, endpoint: int) -> str:
        """Name of the binding side."""


Copies = tuple[Integers, Integers, Integers]
"""Rows, connections and times of delivered copies."""

_COLUMNS: Final[dict[str, np.dtype[Any]]] = {
    "time_ns": np.dtype(np.int64),
    "epoch": np.dtype(np.int64),
    "receivers": np.dtype(np.uint32),
    "size": np.dtype(np.uint32),
    "connection": np.dtype(np.uint32),
    "chunk": np.dtype(np.uint32),
    "offset": np.dtype(np.uint32),
    "sender": np.dtype(np.uint16),
    "endpoint": np.dtype(np.uint16),
    "type": np.dtype(np.uint8),
    "flags": np.dtype(np.uint8),
}


class Rows:
    """The columns, and the tables of the strings they point to.

    One thread may append while others read: a reader takes `len(rows)` first and stays below it.
    """

    def __init__(self, namer: Namer) -> None:
        self.types: list[str] = []
        self.names: list[str] = []
        self.receiver_sets: list[tuple[int, ...]] = [()]
        self._namer = namer
        self._count = 0
        self._capacity = 0
        self._columns: dict[str, NDArray[Any]] = {
            name: np.empty(0, dtype) for name, dtype in _COLUMNS.items()
        }
        self._ids = IdMap()
        self._type_codes: dict[str, int] = {}
        self._name_codes: dict[str, int] = {}
        self._kinds: dict[Kind, tuple[int, int, int, int, int]] = {}
        # Receivers are kept by connection (or -1 - endpoint for a binding side); names may come to be
        # known later.
        self._sets: list[tuple[int, ...]] = [()]
        self._set_codes: dict[tuple[int, ...], int] = {(): 0}
        self._joined: dict[tuple[int, int], int] = {}

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, number: int) -> Row:
        count = self._count
        if number < 0:
            number += count
        if not 0 <= number < count:
            raise IndexError(f"no row {number} in {count} rows")
        columns = self._columns
        return Row(
            number=number,
            time_ns=int(columns["time_ns"][number]),
            type=self.types[columns["type"][number]],
            sender=self.names[columns["sender"][number]],
            receivers=tuple(self.names[code] for code in self.receiver_sets[columns["receivers"][number]]),
            size=int(columns["size"][number]),
            epoch=int(columns["epoch"][number]),
            flags=Flag(int(columns["flags"][number])),
        )

    @property
    def time_ns(self) -> NDArray[np.int64]:
        """When the message was first seen, ns since the Unix epoch."""
        return self._columns["time_ns"][: self._count]

    @property
    def type(self) -> NDArray[np.uint8]:
        """Positions in `types`."""
        return self._columns["type"][: self._count]

    @property
    def sender(self) -> NDArray[np.uint16]:
        """Positions in `names`."""
        return self._columns["sender"][: self._count]

    @property
    def receivers(self) -> NDArray[np.uint32]:
        """Positions in `receiver_sets`; may change as deliveries come."""
        return self._columns["receivers"][: self._count]

    @property
    def size(self) -> NDArray[np.uint32]:
        """Bytes of all frames, at most 2**32 - 1."""
        return self._columns["size"][: self._count]

    @property
    def epoch(self) -> NDArray[np.int64]:
        """Root epoch, NO_EPOCH (-1) for none."""
        return self._columns["epoch"][: self._count]

    @property
    def endpoint(self) -> NDArray[np.uint16]:
        """Identifiers of endpoints."""
        return self._columns["endpoint"][: self._count]

    @property
    def connection(self) -> NDArray[np.uint32]:
        """Identifiers of the connections that carried the (first copy of the) message, or NO_CONNECTION."""
        return self._columns["connection"][: self._count]

    @property
    def flags(self) -> NDArray[np.uint8]:
        """Bits of `Flag`."""
        return self._columns["flags"][: self._count]

    @property
    def chunk(self) -> NDArray[np.uint32]:
        """Positions in the recording's table of chunks."""
        return self._columns["chunk"][: self._count]

    @property
    def offset(self) -> NDArray[np.uint32]:
        """Where the message record begins in the uncompressed chunk."""
        return self._columns["offset"][: self._count]

    def id_of(self, number: int) -> int:
        """The message id of a row: the number by which records speak of it. Row numbers and ids differ in a
        file that lost a chunk or continues another one."""
        return self._ids.id_of(number)

    def rows_of(self, ids: Integers) -> Integers:
        """The rows of message ids, -1 for those that are not in this file."""
        return self._ids.rows_of(ids)

    @property
    def capacity(self) -> int:
        """For how many rows there is room before the columns must be copied."""
        return self._capacity

    def reserve(self, count: int) -> None:
        """Make room for `count` rows in all, to grow once instead of often."""
        if count > self._capacity:
            columns = {}
            for name, old in self._columns.items():
                column = np.empty(count, old.dtype)
                column[: self._count] = old[: self._count]
                columns[name] = column
            self._columns = columns
            self._capacity = count

    def append(self, block: Block, chunks: Integers) -> range:
        """Add the block's rows; `chunks` says for each of them where its chunk stands in the table of chunks.

        Returns the numbers of the new rows. Deliveries are applied by `deliver`.
        """
        start, end = self._count, self._count + len(block)
        if start == end:
            return range(start, end)
        if end > self._capacity:
            self.reserve(max(end, self._capacity + (self._capacity >> 1), 4096))
        table = np.array([self._codes(kind) for kind in block.kinds], dtype=np.int64)
        codes = table[block.kind]
        columns = self._columns
        columns["time_ns"][start:end] = block.time_ns
        columns["epoch"][start:end] = block.epoch
        columns["size"][start:end] = block.size
        columns["flags"][start:end] = block.flags
        columns["offset"][start:end] = block.offset
        columns["chunk"][start:end] = chunks
        for position, name in enumerate(("type", "sender", "endpoint", "connection", "receivers")):
            columns[name][start:end] = codes[:, position]
        self._ids.append(block.id)
        self._count = end
        return range(start, end)

    def deliver(self, runs: Runs) -> Copies:
        """Apply deliveries: who received which rows, and which came late.

        Returns all copies whose messages are in this file.
        """
        positions = np.repeat(np.arange(len(runs)), runs.count)
        steps = np.arange(len(positions)) - np.repeat(np.cumsum(runs.count) - runs.count, runs.count)
        rows = self._ids.rows_of(runs.message[positions] + steps)
        known = rows >= 0
        if not known.all():
            rows, positions = rows[known], positions[known]
        connections, times = runs.connection[positions], runs.time_ns[positions]
        columns = self._columns
        receivers, flags = columns["receivers"], columns["flags"]
        for connection, positions in groups(connections):
            mine = rows[positions]
            codes = receivers[mine]
            present = np.flatnonzero(np.bincount(codes))
            joined = np.zeros(int(present[-1]) + 1, dtype=np.uint32)
            joined[present] = [self._join(code, connection) for code in present.tolist()]
            receivers[mine] = joined[codes]
        self._set_first(rows, connections, times)
        late = rows[times - columns["time_ns"][rows] > LATE_NS]
        flags[late] |= np.uint8(Flag.LATE)
        return rows, connections, times

    def _set_first(self, rows: Integers, connections: Integers, times: Integers) -> None:
        """Note the connection of the earliest copy for rows that have none yet."""
        first = self._columns["connection"]
        fresh = np.flatnonzero(first[rows] == NO_CONNECTION)
        if len(fresh):
            rows, connections, times = rows[fresh], connections[fresh], times[fresh]
            base = int(rows.min())
            earliest = np.full(int(rows.max()) - base + 1, np.iinfo(np.int64).max, dtype=np.int64)
            np.minimum.at(earliest, rows - base, times)
            wins = times == earliest[rows - base]
            first[rows[wins]] = connections[wins]

    def receiver_connections(self, number: int) -> tuple[int, ...]:
        """Who got the message of a row: connections, or -1 - endpoint for the binding side of an "in"
        message."""
        return self._sets[int(self._columns["receivers"][number])]

    def rename(self) -> None:
        """Ask the namer again for every name that comes from it; called when it has learnt better ones."""
        self.receiver_sets = [self._names_of(members) for members in self._sets]
        for kind, (type_, sender, endpoint, connection, receivers) in list(self._kinds.items()):
            if kind.type or kind.sender:
                continue
            better = self._name(self._sender(kind))
            if better == sender:
                continue
            columns = self._columns
            mine = self.sender == sender
            mine &= self.endpoint == endpoint
            if kind.direction == "in":
                mine &= self.connection == kind.connection
            columns["sender"][: len(mine)][mine] = better
            self._kinds[kind] = (type_, better, endpoint, connection, receivers)

    def _codes(self, kind: Kind) -> tuple[int, int, int, int, int]:
        """What the rows of a kind have in common: type, sender, endpoint, connection, receivers."""
        codes = self._kinds.get(kind)
        if codes is None:
            inward = kind.direction == "in"
            codes = (
                self._type(kind.type),
                self._name(self._sender(kind)),
                kind.endpoint,
                kind.connection if inward and kind.connection >= 0 else NO_CONNECTION,
                self._set((-1 - kind.endpoint,), 0) if inward else 0,
            )
            self._kinds[kind] = codes
        return codes

    def _sender(self, kind: Kind) -> str:
        if kind.sender or kind.type:
            return kind.sender
        if kind.direction == "in" and kind.connection >= 0:
            return self._namer.name_of(kind.connection)
        return self._namer.owner_of(kind.endpoint)

    def _type(self, text: str) -> int:
        return _code(self.types, self._type_codes, text, MAX_TYPES, OVERFLOW_TYPE)

    def _name(self, text: str) -> int:
        return _code(self.names, self._name_codes, text, MAX_NAMES, OVERFLOW_NAME)

    def _join(self, code: int, connection: int) -> int:
        """The set of receivers `code` with one more."""
        result = self._joined.get((code, connection))
        if result is None:
            members = self._sets[code]
            if connection in members or len(members) >= MAX_SET:
                return code
            result = self._set(tuple(sorted((*members, connection))), code)
            if len(self._joined) >= MAX_JOINED:
                self._joined.clear()
            self._joined[(code, connection)] = result
        return result

    def _set(self, members: tuple[int, ...], instead: int) -> int:
        """The code of a set of receivers; `instead` if there is no room for another one."""
        code = self._set_codes.get(members)
        if code is None:
            if len(self._sets) >= MAX_SETS:
                return instead
            code = len(self._sets)
            self._sets.append(members)
            self._set_codes[members] = code
            self.receiver_sets.append(self._names_of(members))
        return code

    def _names_of(self, members: Sequence[int]) -> tuple[int, ...]:
        codes = []
        for member in members:
            text = self._namer.name_of(member) if member >= 0 else self._namer.owner_of(-1 - member)
            code = self._name(text)
            if code not in codes:
                codes.append(code)
        return tuple(codes)


def _code(table: list[str], codes: dict[str, int], text: str, limit: int, overflow: str) -> int:
    code = codes.get(text)
    if code is None:
        if len(table) >= limit - 1:
            text = overflow
            code = codes.get(text)
            if code is not None:
                return code
        code = len(table)
        table.append(text)
        codes[text] = code
    return code
