"""Makes real recordings for tests: a small tube's traffic, written by the recorder's own writer.

Everything is fixed, times too, so that screens made from such a recording can be compared byte for byte.
"""

import base64
import json
import pickle
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from decoders.envelope import read_envelope
from recordings.records import Connection, Endpoint, Output, Peer, Subscription
from recordings.writer import RecordingWriter

START_NS = 1_767_000_000_000_000_000
MS = 1_000_000
SECOND = 1_000_000_000
RUNNER = "e4dc7deb"
PIDS = {"command": 4100, "a": 4101, "b": 4102, "c": 4103}


@dataclass
class Tube:
    """A tube of a command node, a camera `a`, a filter `b` and a merge `c`, with all their connections.

    `publish` and `report` write one message and let the clock go on; `now_ns` is the recording's time.
    """

    path: Path
    facts: dict[str, str] = field(default_factory=lambda: {"tube": "camera"})
    now_ns: int = START_NS
    force: bool = False
    step_ns: int = MS // 5
    nodes: tuple[str, ...] = ("a", "b", "c")
    subscribed_to: dict[str, tuple[str, ...]] = field(
        default_factory=lambda: {"a": (), "b": ("a",), "c": ("a", "b")}
    )
    sequence: int = 0

    def __post_init__(self) -> None:
        self.writer = RecordingWriter(self.path, facts=self.facts, force=self.force)
        self.endpoints: dict[str, int] = {}
        self.connections: dict[tuple[str, str], int] = {}

    # The layout of sockets

    def bind(self) -> None:
        """Bind the command node's sockets and the nodes' outboxes."""
        base = f"ipc:///run/user/1000/noob/{RUNNER}"
        self._endpoint("command", "XPUB", "command outbox", f"{base}/command/outbox")
        self._endpoint("inbox", "ROUTER", "command inbox", f"{base}/command/inbox", node="command")
        for node in self.nodes:
            self._endpoint(node, "XPUB", "node outbox", f"{base}/nodes/{node}/outbox")

    def _endpoint(self, name: str, kind: str, role: Any, address: str, node: str | None = None) -> None:
        number = len(self.endpoints) + 1
        self.endpoints[name] = number
        owner = node or name
        self.writer.record(
            Endpoint(
                time_ns=self.now_ns,
                id=number,
                address=address,
                socket_type=kind,
                role=role,
                node=owner,
                runner=RUNNER,
                pid=PIDS.get(owner),
                command_line=("python", "tube.py"),
            )
        )

    def connect(self, who: str, endpoint: str, *, topics: tuple[bytes, ...] = ()) -> int:
        """Connect a node to an endpoint, handshake, subscribe; returns the connection's number."""
        number = len(self.connections) + 1
        self.connections[(who, endpoint)] = number
        into_router = endpoint == "inbox"
        peer = Peer(
            version=(3, 1),
            mechanism="NULL",
            socket_type="DEALER" if into_router else "SUB",
            routing_id=who.encode() if into_router else b"",
        )
        binder = Peer(version=(3, 1), mechanism="NULL", socket_type="ROUTER" if into_router else "XPUB")
        shared: dict[str, Any] = {"id": number, "endpoint": self.endpoints[endpoint]}
        self.writer.record(Connection(time_ns=self.now_ns, state="opened", peer_pid=PIDS.get(who), **shared))
        self.now_ns += self.step_ns
        self.writer.record(
            Connection(time_ns=self.now_ns, state="handshaken", peer=peer, binder=binder, **shared)
        )
        for topic in topics:
            self.writer.record(
                Subscription(time_ns=self.now_ns, connection=number, topic=topic, subscribe=True)
            )
        self.now_ns += self.step_ns
        return number

    def close(self, who: str, endpoint: str, reason: str = "closed by the peer") -> None:
        """Close a connection."""
        number = self.connections[(who, endpoint)]
        self.writer.record(
            Connection(
                time_ns=self.now_ns,
                id=number,
                endpoint=self.endpoints[endpoint],
                state="closed",
                reason=reason,
            )
        )

    # Messages

    def stamp(self) -> str:
        """Write the recording's time as noob does."""
        return datetime.fromtimestamp(self.now_ns / 1e9, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def message(self, type: str, sender: str, value: Any) -> bytes:
        """Make the JSON of a message."""
        return json.dumps(
            {"type": type, "node_id": sender, "timestamp": self.stamp(), "value": value},
            separators=(",", ":"),
        ).encode()

    def publish(
        self, owner: str, frames: tuple[bytes, ...], *, delays_ms: dict[str, float] | None = None
    ) -> int:
        """Publish to all that are connected to an outbox; `delays_ms` by receiver, None for not at all."""
        delays: dict[str, Any] = {"command": 0.1, "a": 0.12, "b": 0.15, "c": 0.3, **(delays_ms or {})}
        receivers = [
            (delays[who], number)
            for (who, where), number in self.connections.items()
            if where == owner and delays.get(who) is not None
        ]
        receivers.sort()
        first = receivers[0][1] if receivers else 0
        message = self.writer.message(
            self.now_ns, self.endpoints[owner], first, "out", frames, read_envelope(frames)
        )
        for delay, number in receivers[1:]:
            self.writer.delivered(number, message, self.now_ns + int(delay * MS))
        self.now_ns += self.step_ns
        return message

    def report(self, node: str, type: str, value: Any) -> int:
        """Send from a node's dealer to the command node's router."""
        frames = (self.message(type, node, value),)
        message = self.writer.message(
            self.now_ns,
            self.endpoints["inbox"],
            self.connections[(node, "inbox")],
            "in",
            frames,
            read_envelope(frames),
        )
        self.now_ns += self.step_ns
        return message

    def command(self, type: str, value: Any, **options: Any) -> int:
        """Publish a command."""
        return self.publish("command", (type.encode(), self.message(type, "command", value)), **options)

    def event(self, node: str, epoch: Any, value: Any, *, signal: str = "value", **options: Any) -> int:
        """Publish an event of a node."""
        self.sequence += 1
        event = {
            "id": (0x9F3A_0001 << 32) ^ self.sequence,
            "timestamp": self.stamp().replace("Z", "+00:00"),
            "node_id": node,
            "signal": signal,
            "epoch": epoch,
            "value": value,
        }
        return self.publish(node, (b"event", self.message("event", node, [event])), **options)

    def output(self, text: str, stream: Any = "stdout") -> None:
        """Let the program print a line."""
        self.writer.record(Output(time_ns=self.now_ns, stream=stream, text=text, pid=PIDS["command"]))

    # The life of a tube

    def identity(self, node: str, status: str = "ready") -> dict[str, Any]:
        """Make the value of an identify."""
        return {
            "node_id": node,
            "outbox": f"ipc:///run/user/1000/noob/{RUNNER}/nodes/{node}/outbox",
            "status": status,
            "signals": ["value"],
            "slots": ["image"],
            "subscribed_to": list(self.subscribed_to[node]),
            "subscribers": [other for other, sources in self.subscribed_to.items() if node in sources],
        }

    def start(self) -> None:
        """Bind, connect, identify, announce, get ready."""
        self.bind()
        for node in self.nodes:
            self.connect(node, "inbox")
            self.connect(node, "command", topics=(b"", b"__subscriber__:" + node.encode()))
            self.connect("command", node, topics=(b"", b"__subscriber__:command"))
            self.report(node, "identify", self.identity(node, "waiting"))
        self.command(
            "announce",
            {
                "inbox": f"ipc:///run/user/1000/noob/{RUNNER}/command/inbox",
                "nodes": {node: self.identity(node) for node in self.nodes},
            },
        )
        for node, sources in self.subscribed_to.items():
            for source in sources:
                self.connect(node, source, topics=(b"", b"__subscriber__:" + node.encode()))
            self.report(node, "status", "ready")

    def epoch(self, number: int, *, end: bool = True, **options: Any) -> None:
        """Run one epoch: process, an event of each node, epoch_ended."""
        self.command("process", {"epoch": number, "input": None})
        self.now_ns += MS
        self.event("a", number, {"index": number}, **options)
        self.now_ns += MS
        self.event("b", number, number * 2)
        self.now_ns += MS
        self.event("c", number, [number, number * 2])
        if end:
            self.command("epoch_ended", number)
        self.now_ns += 20 * MS

    def error(self, node: str, text: str = "boom") -> None:
        """Let a node fail."""
        try:
            raise ValueError(text)
        except ValueError as error:
            value = pickle.dumps(
                {"err_type": ValueError, "err_args": error.args, "traceback": "Traceback ..."}
            )
        self.report(node, "error", "pck__" + base64.b64encode(value).decode())


def camera_frame(height: int = 48, width: int = 64) -> str:
    """Make a picture of a bright disc on a slope of grey, pickled as noob would send it."""
    y, x = np.mgrid[0:height, 0:width]
    picture = (x * 255 // width // 2).astype(np.uint8)
    picture[(y - height / 2) ** 2 + (x - width / 2) ** 2 < (height / 3) ** 2] = 240
    return "pck__" + base64.b64encode(pickle.dumps(picture)).decode()


HOSTILE = (
    "\x1b]0;owned\x07\x1b[2J\x1b[31m[bold]red[/bold] [@click=app.quit]x[/] \u202eabc\u202c\u200b\r\n\t\x9b2J"
)
"""What a stranger may put into a payload: a title change, a cleared screen, markup, text turned round."""


def small_recording(path: Path, *, epochs: int = 20, close: bool = True) -> Tube:
    """Record a short life of a tube: start, epochs, a late copy, a lost copy, a frame, an error, an end."""
    tube = Tube(path)
    tube.output("starting the tube")
    tube.start()
    for number in range(epochs):
        options: dict[str, Any] = {}
        if number == 5:
            options = {"delays_ms": {"b": 310.0}}
        elif number == 7:
            options = {"delays_ms": {"c": None}}
        tube.epoch(number, **options)
        if number == 8:
            tube.event("a", number, camera_frame(), signal="frame")
    tube.output("ValueError: boom", "stderr")
    tube.error("b")
    tube.close("b", "inbox")
    tube.now_ns += 2 * SECOND
    tube.command("process", {"epoch": epochs, "input": {"x": 3}})
    if close:
        tube.writer.close()
    return tube


def hostile_recording(path: Path) -> Tube:
    """Record messages whose payload, node id, topic and output all try to get at the terminal."""
    tube = Tube(path, nodes=("a", "b", "c", HOSTILE), subscribed_to={"a": (), "b": (), "c": (), HOSTILE: ()})
    tube.start()
    tube.output(HOSTILE)
    tube.event(HOSTILE, 1, HOSTILE)
    tube.event("a", 2, {HOSTILE: [HOSTILE]})
    tube.publish("a", (HOSTILE.encode(), b"\x1b]0;raw\x07\x00\xff"))
    tube.command(HOSTILE, HOSTILE)
    tube.error("b", HOSTILE)
    tube.writer.close()
    return tube


def big_recording(path: Path, *, messages: int) -> Tube:
    """Record many small events, as fast as the writer goes."""
    tube = Tube(path, step_ns=SECOND // 20_000)
    tube.start()
    frames = (
        b"event",
        tube.message("event", "a", [{"id": 1, "node_id": "a", "signal": "v", "epoch": 1, "value": 1}]),
    )
    envelope = read_envelope(frames)
    first, second = tube.connections[("command", "a")], tube.connections[("b", "a")]
    write, delivered = tube.writer.message, tube.writer.delivered
    endpoint = tube.endpoints["a"]
    for _ in range(messages):
        number = write(tube.now_ns, endpoint, first, "out", frames, envelope)
        delivered(second, number, tube.now_ns + 50_000)
        tube.now_ns += tube.step_ns
    tube.writer.close()
    return tube
