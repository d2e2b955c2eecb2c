"""What a recording holds of one run: who was there, what each node sent and what reached it, and when.

The only place of replay that looks into the rows. Answers are row numbers in the order of the wire, with
times in ns since the Unix epoch.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from decoders.text import safe
from recordings.filters import parse
from recordings.recording import Recording
from recordings.replay.arrivals import Arrivals
from recordings.replay.errors import ReplayError
from recordings.replay.handshake import COMMAND, texts

Mask = NDArray[np.bool_]

COMMANDS = ("process", "start", "stop", "init", "epoch_ended")
"""What the command node says that makes a node work; the handshake's messages are made anew."""

OUTPUTS = ("event", "error")
"""What a node says that is a result of its work."""


@dataclass(frozen=True, slots=True)
class Passed:
    """One message at one place: its row, and when it was there."""

    row: int
    time_ns: int


def choose(
    recording: Recording, filter_text: str = "", *, start_ns: int | None = None, end_ns: int | None = None
) -> Mask:
    """The rows that a filter lets through, in a range of time since the first message.

    Raises FilterError if the text is no filter, ReplayError if nothing is left.
    """
    rows = recording.rows
    if not len(rows):
        raise ReplayError(f"{recording.path} holds no messages")
    wanted = parse(filter_text)
    chosen = np.full(len(rows), not filter_text.strip())
    if filter_text.strip():
        for numbers in wanted.select(recording):
            chosen[numbers] = True
    begin = int(rows.time_ns[0])
    if start_ns is not None:
        chosen &= rows.time_ns >= begin + start_ns
    if end_ns is not None:
        chosen &= rows.time_ns <= begin + end_ns
    if not chosen.any():
        raise ReplayError("the filter and the range leave nothing to replay")
    return chosen


class Traffic:
    """The messages of one run of a tube in a recording.

    `runner` picks the run where a recording holds several; `chosen` marks the rows that take part (a filter's
    answer), None for all.
    """

    def __init__(
        self, recording: Recording, *, runner: str | None = None, chosen: Mask | None = None
    ) -> None:
        self.recording = recording
        rows = recording.rows
        self._count = len(rows)
        self.runner = _choose_runner(recording, runner)
        if self.runner is None:
            self._mine = np.ones(self._count, dtype=bool)
        else:
            endpoints = [
                endpoint.id
                for endpoint in recording.session.endpoints.values()
                if endpoint.runner == self.runner
            ]
            self._mine = np.isin(rows.endpoint[: self._count], endpoints)
        self._chosen = self._mine if chosen is None else self._mine & chosen[: self._count]

    @cached_property
    def identities(self) -> dict[str, dict[str, Any]]:
        """What each node last said of itself in `identify`, or the command node of it in `announce`."""
        found: dict[str, dict[str, Any]] = {}
        for row in np.flatnonzero(self._mine & self._of_type(("announce",)))[-1:]:
            value = self.decoded(int(row)).get("value")
            nodes = value.get("nodes") if isinstance(value, dict) else None
            if isinstance(nodes, dict):
                found |= {name: value for name, value in nodes.items() if isinstance(value, dict)}
        rows = np.flatnonzero(self._mine & self._of_type(("identify",)))
        senders = self.recording.rows.sender[rows]
        for sender in np.unique(senders):
            message = self.decoded(int(rows[senders == sender][-1]))
            if isinstance(message.get("value"), dict):
                found[str(message.get("node_id"))] = message["value"]
        return found

    @cached_property
    def signals(self) -> dict[str, list[str]]:
        """The names under which each node emits values, as far as they are known."""
        found = {name: texts(value.get("signals")) for name, value in self.identities.items()}
        return {name: signals for name, signals in found.items() if signals}

    @cached_property
    def nodes(self) -> list[str]:
        """The nodes that took part, by name."""
        senders = np.unique(self.recording.rows.sender[: self._count][self._mine & self._of_type(OUTPUTS)])
        names = {self.recording.rows.names[int(code)] for code in senders} | set(self.identities)
        return sorted(names - {COMMAND, ""})

    def require(self, node: str) -> None:
        """Raise ReplayError if there is no such node."""
        if node not in self.nodes:
            known = ", ".join(safe(name) for name in self.nodes) or "no nodes"
            raise ReplayError(f"there is no node {safe(node)} in the recording; it has {known}")

    def require_all(self, nodes: Iterable[str]) -> None:
        """Raise ReplayError if one of them is neither a node nor the command node."""
        for node in nodes:
            if node != COMMAND:
                self.require(node)

    def sent_by(self, node: str) -> list[Passed]:
        """The node's results, in the order in which it sent them."""
        mask = self._chosen & self._of_type(OUTPUTS) & self._from((node,))
        times = self.recording.rows.time_ns
        return [Passed(int(row), int(times[row])) for row in np.flatnonzero(mask)]

    def reached(self, node: str, *, all_rows: bool = False) -> list[Passed]:
        """What the command node and other nodes sent that reached the node, in the order of its arrival.

        `all_rows` counts what was not chosen too.
        A recording without deliveries (made by attaching) can't know; then what the node subscribed to
        counts.
        """
        kinds = self._of_type(COMMANDS) & self._from((COMMAND,)) | self._of_type(("event",))
        kinds &= self._mine if all_rows else self._chosen
        if not self.knows_deliveries:
            upstream = [*(self.nodes if node == COMMAND else self.upstream(node)), COMMAND]
            rows = np.flatnonzero(kinds & self._from(upstream))
            return [Passed(int(row), int(self.recording.rows.time_ns[row])) for row in rows]
        arrivals = Arrivals(self.recording, node)
        rows = np.flatnonzero(kinds & self._to(node))
        passed = [Passed(int(row), arrivals.at(int(row))) for row in rows]
        return sorted(passed, key=lambda one: one.time_ns)

    def upstream(self, node: str) -> list[str]:
        """The nodes whose events the node listens to."""
        told = texts((self.identities.get(node) or {}).get("subscribed_to"))
        if told:
            return told
        rows = self.recording.rows
        mask = self._mine & self._of_type(("event",)) & self._to(node)
        return sorted(
            {rows.names[int(code)] for code in np.unique(rows.sender[: self._count][mask])} - {COMMAND}
        )

    def commands(self, kinds: Sequence[str], *, all_rows: bool = False) -> list[Passed]:
        """The command node's messages of some types; `all_rows` counts those that were not chosen too."""
        mask = (self._mine if all_rows else self._chosen) & self._of_type(kinds) & self._from((COMMAND,))
        return [Passed(int(row), int(self.recording.rows.time_ns[row])) for row in np.flatnonzero(mask)]

    def published(self) -> list[Passed]:
        """All messages that went from a binding publisher to subscribers."""
        endpoints = [
            endpoint.id
            for endpoint in self.recording.session.endpoints.values()
            if endpoint.socket_type in ("PUB", "XPUB")
        ]
        mask = self._chosen & np.isin(self.recording.rows.endpoint[: self._count], endpoints)
        return [Passed(int(row), int(self.recording.rows.time_ns[row])) for row in np.flatnonzero(mask)]

    @cached_property
    def knows_deliveries(self) -> bool:
        """Whether the recording says which nodes received what; one listener's copies do not."""
        rows = self.recording.rows
        published = self._mine & self._of_type(("event", "process", "start"))
        known = {*self.nodes, COMMAND}
        sets = np.unique(rows.receivers[: self._count][published])
        return any(rows.names[code] in known for number in sets for code in rows.receiver_sets[int(number)])

    def decoded(self, row: int) -> dict[str, Any]:
        """The JSON object in a row's last frame; empty if it is none."""
        try:
            value = json.loads(self.recording.frames(row)[-1])
        except (ValueError, IndexError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}

    def type_of(self, row: int) -> str:
        """The type of a row's message."""
        return self.recording.rows.types[int(self.recording.rows.type[row])]

    def epoch_of(self, row: int) -> int:
        """The root epoch of a row's message, -1 for none."""
        return int(self.recording.rows.epoch[row])

    def sender_of(self, row: int) -> str:
        """Who sent a row's message."""
        return self.recording.rows.names[int(self.recording.rows.sender[row])]

    def _of_type(self, kinds: Sequence[str]) -> Mask:
        return _codes_in(self.recording.rows.type[: self._count], self.recording.rows.types, kinds)

    def _from(self, names: Sequence[str]) -> Mask:
        return _codes_in(self.recording.rows.sender[: self._count], self.recording.rows.names, names)

    def _to(self, node: str) -> Mask:
        rows = self.recording.rows
        if node not in rows.names:
            return np.zeros(self._count, dtype=bool)
        code = rows.names.index(node)
        sets = [number for number, members in enumerate(rows.receiver_sets) if code in members]
        return np.isin(rows.receivers[: self._count], sets)


def _codes_in(column: NDArray[Any], table: Sequence[str], texts: Sequence[str]) -> Mask:
    return np.isin(column, [code for code, text in enumerate(table) if text in texts])


def _choose_runner(recording: Recording, wanted: str | None) -> str | None:
    runners = sorted({one.runner for one in recording.session.endpoints.values() if one.runner})
    if wanted is not None:
        if wanted not in runners:
            known = ", ".join(safe(name) for name in runners) or "none"
            raise ReplayError(f"there is no run {safe(wanted)} in the recording; it has {known}")
        return wanted
    if len(runners) > 1:
        known = ", ".join(safe(name) for name in runners)
        raise ReplayError(f"the recording holds {len(runners)} runs: choose one with --runner ({known})")
    return runners[0] if runners else None
