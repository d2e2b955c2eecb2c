"""Recordings for the tests of the file itself: traffic given to a writer, and what must come back."""

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from decoders.envelope import read_envelope
from recordings.recording import Recording
from recordings.records import Connection, Endpoint, Peer, Process, Subscription
from recordings.writer import RecordingWriter

T0 = 1_795_570_000_000_000_000
"""When the sessions of these tests begin, ns since the Unix epoch."""


def event(node: str, epoch: Any, value: str = "1", number: int = 0) -> tuple[bytes, ...]:
    """The frames of an `event` message with one event."""
    return (
        b"event",
        (
            f'{{"type":"event","node_id":"{node}","timestamp":"2026-11-25T01:33:46.894827Z","value":[{{"id":{number},'
            f'"timestamp":"2026-11-25T01:33:46.894827+00:00","node_id":"{node}","signal":"value","epoch":{epoch},'
            f'"value":{value}}}]}}'
        ).encode(),
    )


def plain(type_: str, node: str, value: str = "null") -> bytes:
    """The payload of a message of any type."""
    return (
        f'{{"type":"{type_}","node_id":"{node}","timestamp":"2026-11-25T01:33:46.894827Z","value":{value}}}'
    ).encode()


@dataclass
class Sent:
    """One message as it was given to the writer."""

    frames: tuple[bytes, ...]
    endpoint: int
    connection: int
    direction: str
    time_ns: int
    copies: list[tuple[int, int]] = field(default_factory=list)


@dataclass
class Traffic:
    """Writes messages and remembers them."""

    writer: Any
    now_ns: int = T0
    sent: list[Sent] = field(default_factory=list)
    first_id: int = 0

    def message(
        self,
        frames: Sequence[bytes],
        *,
        endpoint: int = 1,
        connection: int = 0,
        direction: str = "out",
        copies: Sequence[int] = (),
        step_ns: int = 1_000_000,
    ) -> int:
        """One message and the copies that other connections carry a moment later."""
        self.now_ns += step_ns
        frames = tuple(frames)
        sent = Sent(frames, endpoint, connection, direction, self.now_ns)
        self.sent.append(sent)
        number = self.writer.message(
            self.now_ns, endpoint, connection, direction, frames, read_envelope(frames)
        )
        assert number == self.first_id + len(self.sent) - 1
        if direction == "out":
            sent.copies.append((connection, self.now_ns))
        for place, other in enumerate(copies, 1):
            self.writer.delivered(other, number, self.now_ns + place * 1000)
            sent.copies.append((other, self.now_ns + place * 1000))
        return int(number)

    def events(self, count: int, node: str = "a", first: int = 0) -> None:
        """Plain events, one an epoch."""
        for epoch in range(first, first + count):
            self.message(event(node, epoch, number=epoch))


def introduce(writer: Any, time_ns: int = T0) -> None:
    """The endpoints, connections and subscriptions of a tube: command, and nodes a and b, where b hears a.

    Endpoints: 0 command outbox, 1 outbox of a, 2 outbox of b, 3 command inbox. Connections: 0 command and 1 b
    to a's outbox, 2 command to b's, 3 a and 4 b to the command's outbox, 5 a and 6 b to its inbox.
    """
    places = [
        (0, "XPUB", "command outbox", "command", 10),
        (1, "XPUB", "node outbox", "a", 11),
        (2, "XPUB", "node outbox", "b", 12),
        (3, "ROUTER", "command inbox", "command", 10),
    ]
    writer.record(Process(time_ns=time_ns, pid=10, command_line=("python", "tube.py")))
    for number, socket_type, role, node, pid in places:
        writer.record(
            Endpoint(
                time_ns=time_ns,
                id=number,
                address=f"ipc:///run/r1/{role.replace(' ', '/')}/{node}",
                socket_type=socket_type,
                role=role,  # type: ignore[arg-type]
                node=node,
                runner="r1",
                pid=pid,
            )
        )
    links = [
        (0, 1, "command"),
        (1, 1, "b"),
        (2, 2, "command"),
        (3, 0, "a"),
        (4, 0, "b"),
        (5, 3, "a"),
        (6, 3, "b"),
    ]
    for number, endpoint, name in links:
        inbox = endpoint == 3
        peer = Peer(
            version=(3, 1),
            mechanism="NULL",
            socket_type="DEALER" if inbox else "SUB",
            routing_id=name.encode() if inbox else b"",
        )
        pid = {"command": 10, "a": 11, "b": 12}[name]
        opened = Connection(time_ns=time_ns, id=number, endpoint=endpoint, state="opened", peer_pid=pid)
        writer.record(opened)
        writer.record(
            Connection(time_ns=time_ns, id=number, endpoint=endpoint, state="handshaken", peer=peer)
        )
        if not inbox:
            for topic in (b"", b"__subscriber__:" + name.encode()):
                writer.record(Subscription(time_ns=time_ns, connection=number, topic=topic, subscribe=True))


def check(recording: Recording, sent: Sequence[Sent]) -> None:
    """The recording holds exactly these messages, bit for bit, with their copies."""
    rows = recording.rows
    assert len(rows) == len(sent)
    for number, expected in enumerate(sent):
        assert recording.frames(number) == expected.frames
        row = rows[number]
        envelope = read_envelope(expected.frames)
        assert row.time_ns == expected.time_ns
        assert row.type == envelope.type
        assert row.epoch == envelope.epoch
        assert row.size == sum(map(len, expected.frames))
        assert rows.endpoint[number] == expected.endpoint
        if envelope.type:
            assert row.sender == envelope.node_id
        assert rows.connection[number] == expected.connection
        copies = [(copy.connection, copy.time_ns) for copy in recording.deliveries(number)]
        if expected.direction == "out":
            assert sorted(copies) == sorted(set(expected.copies))
        else:
            assert copies == [(expected.connection, expected.time_ns)]


TYPES = ["event", "process", "status", "identify", "announce", "error", "epoch_ended", "start", "nonsense"]

json_values = st.sampled_from(
    [
        "null",
        "1",
        '"x"',
        "[]",
        '{"epoch":3}',
        '"\\u001b[2J"',
        '[{"epoch":7}]',
        '[{"epoch":[5,["m",1]]}]',
        '"pck__gASVAA=="',
    ]
)


@st.composite
def frames(draw: Any) -> tuple[bytes, ...]:
    """Frames as noob sends them, nearly as it sends them, and anything else."""
    if draw(st.booleans()):
        payload = plain(
            draw(st.sampled_from(TYPES)), draw(st.sampled_from(["a", "b", "é", ""])), draw(json_values)
        )
        prefix = draw(st.lists(st.sampled_from([b"event", b"", b"a", b"\x00\xff"]), max_size=6))
        return (*prefix, payload)
    return tuple(draw(st.lists(st.binary(max_size=40), max_size=4)))


@st.composite
def traffic(draw: Any) -> list[dict[str, Any]]:
    """Calls of Traffic.message."""
    calls = []
    for _ in range(draw(st.integers(0, 25))):
        direction = draw(st.sampled_from(["out", "out", "in"]))
        connection = draw(st.integers(0, 3))
        others = draw(
            st.lists(st.integers(0, 5).filter(lambda c, own=connection: c != own), unique=True, max_size=3)
        )
        calls.append(
            {
                "frames": draw(frames()),
                "endpoint": draw(st.integers(0, 2)),
                "connection": connection,
                "direction": direction,
                "copies": others if direction == "out" else [],
                "step_ns": draw(st.sampled_from([0, 1000, 60_000_000])),
            }
        )
    return calls


def mcap_cli() -> Path:
    """The command line tool of MCAP's authors, from the package that ships it; skips the test without it."""
    spec = find_spec("databeam_mcap_reader")
    places = [Path(place) / "mcap_cli" for place in (spec.submodule_search_locations or [])] if spec else []
    found = next((place for place in places if place.exists()), None) or shutil.which("mcap")
    if found is None:
        pytest.skip("the mcap command line tool is not here")
    return Path(found)


def run_mcap(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the tool."""
    return subprocess.run([mcap_cli(), *arguments], capture_output=True, text=True, timeout=60)


__all__ = [
    "T0",
    "RecordingWriter",
    "Sent",
    "Traffic",
    "check",
    "event",
    "introduce",
    "mcap_cli",
    "plain",
    "run_mcap",
]
