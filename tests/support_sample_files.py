"""Recordings made from the frames in `tests/data/noob-wire-samples`, as the recorder would have written them.

The samples say what each socket sent; who receives what follows from who connected where. A copy reaches the
n-th subscriber 50 microseconds times n after the first, so that deliveries have delays that tests can name.
"""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from decoders.envelope import read_envelope
from recordings.records import Connection, Endpoint, Output, Peer, Process, Record, Subscription
from recordings.writer import RecordingWriter
from tests.support_samples import SAMPLES

COPY_NS = 50_000

FACTS = {
    "tubetap": "0.1.0",
    "command": "python tube.py",
    "host": "lab-pc-7",
    "user": "u",
    "python": "3.12.1",
    "noob": "1003.0.0",
}


@dataclass
class _Link:
    """A connection to be: who connects where."""

    id: int
    node: str
    kind: str
    endpoint: int
    pid: int
    since_ns: int


@dataclass
class SampleRun:
    """One scenario of a sample file, replayed into a writer."""

    writer: RecordingWriter
    entries: list[dict[str, Any]]
    endpoints: dict[str, Endpoint] = field(default_factory=dict)
    links: list[_Link] = field(default_factory=list)

    def play(self) -> None:
        for entry in sorted(self.entries, key=lambda entry: entry["t"]):
            time_ns = round(entry["t"] * 1e6) * 1000
            frames = [base64.b64decode(frame) for frame in entry["frames"]]
            match entry["dir"]:
                case "bind":
                    self._bind(entry, time_ns, frames[0].decode())
                case "connect":
                    self._connect(entry, time_ns, frames[0].decode())
                case "send":
                    self._send(entry, time_ns, frames)
        last = max(round(entry["t"] * 1e6) * 1000 for entry in self.entries)
        for link in self.links:
            closed = Connection(time_ns=last + 1000, id=link.id, endpoint=link.endpoint, state="closed")
            self.writer.record(closed)

    def _bind(self, entry: dict[str, Any], time_ns: int, address: str) -> None:
        if address in self.endpoints:
            return
        runner, *place = address.removeprefix("ipc://").split("/noob/")[1].split("/")
        node = "command" if place[0] == "command" else place[1]
        role: Literal["command outbox", "command inbox", "node outbox"] = "node outbox"
        if node == "command":
            role = "command outbox" if place[1] == "outbox" else "command inbox"
        endpoint = Endpoint(
            time_ns=time_ns,
            id=len(self.endpoints),
            address=address,
            socket_type=entry["type"],
            role=role,
            node=node,
            runner=runner,
            pid=entry["pid"],
        )
        self.endpoints[address] = endpoint
        self.writer.record(
            Process(time_ns=time_ns, pid=entry["pid"], command_line=("python", "/home/u/lab/tube.py"))
        )
        self.writer.record(endpoint)

    def _connect(self, entry: dict[str, Any], time_ns: int, address: str) -> None:
        endpoint = self.endpoints.get(address)
        node = entry["ident"].removesuffix(".inbox") or "command"
        known = {(link.node, link.kind, link.endpoint) for link in self.links}
        if endpoint is None or (node, entry["type"], endpoint.id) in known:
            return
        link = _Link(len(self.links), node, entry["type"], endpoint.id, entry["pid"], time_ns)
        self.links.append(link)
        peer = Peer(
            version=(3, 1),
            mechanism="NULL",
            socket_type=entry["type"],
            routing_id=node.encode() if entry["type"] == "DEALER" else b"",
        )
        binder = Peer(version=(3, 1), mechanism="NULL", socket_type=endpoint.socket_type)
        self.writer.record(
            Connection(
                time_ns=time_ns, id=link.id, endpoint=endpoint.id, state="opened", peer_pid=entry["pid"]
            )
        )
        self.writer.record(
            Connection(
                time_ns=time_ns + 1000,
                id=link.id,
                endpoint=endpoint.id,
                state="handshaken",
                peer_pid=entry["pid"],
                peer=peer,
                binder=binder,
            )
        )
        if entry["type"] == "SUB":
            for topic in (b"", f"__subscriber__:{node}".encode()):
                self.writer.record(
                    Subscription(time_ns=time_ns + 2000, connection=link.id, topic=topic, subscribe=True)
                )

    def _send(self, entry: dict[str, Any], time_ns: int, frames: list[bytes]) -> None:
        envelope = read_envelope(frames)
        if entry["type"] == "DEALER":
            link = next(link for link in self.links if link.kind == "DEALER" and link.node == entry["ident"])
            self.writer.message(time_ns, link.endpoint, link.id, "in", frames, envelope, None)
            return
        role = "command outbox" if entry["ident"].startswith("command") else f"nodes/{entry['ident']}/outbox"
        endpoint = next(
            each for each in self.endpoints.values() if each.role == role or each.address.endswith(role)
        )
        receivers = [link for link in self.links if link.endpoint == endpoint.id and link.since_ns <= time_ns]
        if not receivers:
            return
        message = self.writer.message(
            time_ns, endpoint.id, receivers[0].id, "out", frames, envelope, endpoint
        )
        for copy, link in enumerate(receivers[1:], start=1):
            self.writer.delivered(link.id, message, time_ns + copy * COPY_NS)


def entries(sample: str, scenario: str | None) -> Iterator[dict[str, Any]]:
    """Read one scenario of a sample file; binds come first, since connecting waits for them."""
    for line in (SAMPLES / f"{sample}.jsonl").read_text().splitlines():
        entry = json.loads(line)
        if scenario is None or entry.get("scenario") == scenario:
            if entry["dir"] == "bind":
                entry["t"] -= 1
            yield entry


def record_sample(
    path: Path,
    scenario: str | None = "basic",
    sample: str = "noob-1003.0.0",
    *,
    facts: dict[str, str] | None = None,
    also: list[Record] | None = None,
    close: bool = True,
) -> Path:
    """Write a recording of a sample and return its path; `also` are records to put at the end."""
    writer = RecordingWriter(path, facts=FACTS if facts is None else facts)
    run = SampleRun(writer, list(entries(sample, scenario)))
    run.play()
    last = round(max(entry["t"] for entry in run.entries) * 1e6) * 1000
    writer.record(
        Output(time_ns=last, stream="stderr", text="KeyboardInterrupt in /home/u/lab/tube.py", pid=1)
    )
    for record in also or []:
        writer.record(record)  # type: ignore[arg-type]
    if close:
        writer.close()
    else:
        writer.flush()
    return path
