"""The ways between a binding and a connecting peer that are compared: nothing, `zmq.proxy`, tubetap.

A route is a context manager that yields a `Way`: where to bind, where to connect, and what became of it.
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from benchmarks.meter import Meter
from proxy.interpose import environment
from proxy.launch import start
from proxy.session import Session

__all__ = ["PROGRAMS", "Outcome", "Way", "folder", "launch", "route"]

PROGRAMS = Path(__file__).parent / "programs"
_PATIENCE_S = 60.0


@dataclass
class Outcome:
    """What a route has to show: messages recorded, bytes lost, when it was done (perf_counter), its file."""

    messages: int = 0
    lost_bytes: int = 0
    done: float = 0.0
    file: Path | None = None
    problems: list[str] = field(default_factory=list)


@dataclass
class Way:
    """A way from `bind` to `connect`. `env` is for the process that binds. `meter` watches the processes that
    stand in the way; `finish` ends them in good order."""

    bind: str
    connect: str
    env: dict[str, str]
    meter: Meter
    finish: Callable[[], Outcome]


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A folder for one run, private and gone afterwards."""
    path = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def launch(program: str, *arguments: object, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
    """Start one of the programs; lines go in and come out."""
    return subprocess.Popen(
        [sys.executable, str(PROGRAMS / f"{program}.py"), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=env,
    )


@contextlib.contextmanager
def route(
    name: str,
    place: Path,
    *,
    pattern: str = "pubsub",
    hwm: int = 0,
    last: str = "",
    on_overflow: str = "drop",
    limit: int | None = None,
    tcp: bool = False,
) -> Iterator[Way]:
    """The route of this name, in the folder `place`.

    `hwm` is set on the sockets of proxies, `last` ends the fair recorder, `limit` and `on_overflow` are
    tubetap's buffer.
    """
    real, advertised = (_tcp(), _tcp()) if tcp else (f"ipc://{place}/real", f"ipc://{place}/advertised")
    with contextlib.ExitStack() as stack:
        meter = stack.enter_context(Meter())
        way = Way(real, real, dict(os.environ), meter, Outcome)
        if name.startswith("zmq.proxy"):
            way.connect = advertised
            way.finish = _zmq_proxy(stack, name, place, way, pattern, hwm, last)
        elif name in ("socat", "mitmdump"):
            way.connect = advertised
            _other_program(stack, name, way)
        elif name == "tubetap proxy":
            way.connect = advertised
            way.finish = _tubetap_proxy(stack, place, way)
        elif name == "tubetap relay alone":
            _relay_alone(stack, place, way)
        elif name.startswith("tubetap"):
            way.finish = _recording(stack, place, way, limit, on_overflow)
        elif name != "direct":
            raise ValueError(name)
        yield way


def _tcp() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"tcp://127.0.0.1:{probe.getsockname()[1]}"


def _zmq_proxy(
    stack: contextlib.ExitStack, name: str, place: Path, way: Way, pattern: str, hwm: int, last: str
) -> Callable[[], Outcome]:
    capture = f"ipc://{place}/capture"
    options: list[object] = ["--pattern", pattern, "--hwm", hwm]
    if name == "zmq.proxy, capture drained":
        options += ["--capture", "drain"]
    elif name == "zmq.proxy, Python recorder":
        options += ["--capture", capture]
    forwarder = launch("forward", way.bind, way.connect, *options)
    stack.callback(_end, forwarder)
    _line(forwarder)
    way.meter.watch("forwarder", forwarder.pid)
    if name != "zmq.proxy, Python recorder":
        return Outcome
    file = place / "fair.mcap"
    recorder = launch("record_capture", capture, file, "--last", last, "--hwm", hwm)
    stack.callback(_end, recorder)
    _line(recorder)
    way.meter.watch("recorder", recorder.pid)

    def finish() -> Outcome:
        told = json.loads(_line(recorder) or '{"messages": 0, "done": 0}')
        return Outcome(told["messages"], 0, told["done"], file)

    return finish


def _relay_alone(stack: contextlib.ExitStack, place: Path, way: Way) -> None:
    """The relay as tubetap starts it, but told that there will be no recorder."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(place / "control"))
    listener.listen(16)
    ours, theirs = socket.socketpair()
    with listener, theirs:
        relay = start(
            "proxy.relay",
            *(str(listener.fileno()), str(theirs.fileno()), str(place / "journal"), "1000000", "drop"),
            descriptors=(listener.fileno(), theirs.fileno()),
        )
    stack.callback(_end, relay)
    stack.callback(ours.close)
    ours.sendall(b"unrecorded\n")
    way.meter.watch("relay", relay.pid)
    way.env = environment(way.env, place / "control")


def _recording(
    stack: contextlib.ExitStack, place: Path, way: Way, limit: int | None, on_overflow: str
) -> Callable[[], Outcome]:
    """Relay and recorder as `tubetap run` starts them."""
    file = place / "run.mcap"
    bounds: dict[str, Any] = {} if limit is None else {"limit": limit}
    session = Session(file, facts={}, on_overflow=on_overflow, **bounds)
    session.start()
    stack.callback(session.abandon)
    way.meter.watch_children("relay", "proxy.relay", "recorder", "proxy.recorder")
    way.env = environment(way.env, session.control)

    def finish() -> Outcome:
        report = session.finish()
        return Outcome(report.messages, report.lost_bytes, time.perf_counter(), file, report.problems)

    return finish


def _other_program(stack: contextlib.ExitStack, name: str, way: Way) -> None:
    """Programs that relay tcp; only where they are installed."""
    here, there = way.connect.removeprefix("tcp://"), way.bind.removeprefix("tcp://")
    host, port = here.split(":")
    commands = {
        "socat": ["socat", f"TCP-LISTEN:{port},bind={host},fork,reuseaddr", f"TCP:{there}"],
        "mitmdump": ["mitmdump", "-q", "--mode", f"reverse:tcp://{there}@{here}", "--set", "flow_detail=0"],
    }
    process = subprocess.Popen(commands[name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    stack.callback(_end_tree, process)
    _await_listener(host, int(port))
    way.meter.watch("forwarder", process.pid)


def _tubetap_proxy(stack: contextlib.ExitStack, place: Path, way: Way) -> Callable[[], Outcome]:
    """`tubetap proxy` as a person would start it."""
    file = place / "run.mcap"
    command = [
        sys.executable,
        "-m",
        "tubetap",
        "proxy",
        "--link",
        f"{way.connect}={way.bind}",
        "-o",
        str(file),
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    stack.callback(_end_tree, process)
    host, port = way.connect.removeprefix("tcp://").split(":")
    _await_listener(host, int(port))
    way.meter.watch_children("relay", "proxy.forwarding", "recorder", "proxy.recorder")

    def finish() -> Outcome:
        process.send_signal(signal.SIGTERM)  # a shell has what it starts in the background ignore SIGINT
        said = process.communicate(timeout=_PATIENCE_S)[1]
        return Outcome(0, 0, time.perf_counter(), file, said.splitlines())

    return finish


def _await_listener(host: str, port: int) -> None:
    """Wait until somebody listens, without connecting: that would be a connection to relay."""
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        for found in psutil.net_connections("tcp"):
            if found.status == psutil.CONN_LISTEN and found.laddr[1] == port:
                return
        time.sleep(0.02)
    raise RuntimeError(f"nobody listens on {host}:{port}")


def _end_tree(process: subprocess.Popen[Any]) -> None:
    """End a program that has children of its own."""
    with contextlib.suppress(psutil.Error):
        for child in psutil.Process(process.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                child.kill()
    _end(process)


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def _end(process: subprocess.Popen[Any]) -> None:
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            stream.close()
