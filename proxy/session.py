"""The processes behind one run: a relay, and a recorder that is replaced if it dies. Cleans up after all of
them.

If the relay dies, the program's own sockets are put back where everybody connects. If it never starts, the
agents find nobody to report to and the program runs untouched.
"""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from proxy.endpoint import read_journal
from proxy.errors import ProxyError
from proxy.interpose import why_nothing
from proxy.launch import start
from proxy.processes import Stream
from proxy.reservation import reserve_next
from recordings.keeping import EVERYTHING, Keeping

__all__ = ["BUFFER_BYTES", "RelayProgram", "Session", "SessionReport"]

BUFFER_BYTES = 256 << 20
"""How many bytes wait for a slow recorder before chunks are dropped and counted."""

_TEE_SOCKET_BYTES = 4 << 20
_MOST_RECORDERS = 10
_START_S = 20.0
_FINISH_S = 90.0
_JOIN_S = 5.0


@dataclass
class SessionReport:
    """What became of a session: the files, the counts, and in words what went wrong.

    `messages` are those in the files; `let_go` are others that were recorded and, as was asked for, not kept.
    """

    recordings: list[Path] = field(default_factory=list)
    messages: int = 0
    let_go: int = 0
    endpoints: int = 0
    connections: int = 0
    lost_bytes: int = 0
    problems: list[str] = field(default_factory=list)
    left_alone: list[str] = field(default_factory=list)
    why_nothing: str = ""


@dataclass(frozen=True)
class RelayProgram:
    """What runs as the relay's process: `main` of `module`.

    It gets the arguments of `proxy.relay.main` and after them `arguments`, and inherits `descriptors`.
    """

    module: str = "proxy.relay"
    arguments: tuple[str, ...] = ()
    descriptors: tuple[int, ...] = ()

    @property
    def interposes(self) -> bool:
        """Whether agents in the program bring its endpoints."""
        return self.module == "proxy.relay"


class Session:
    """One relay and its recorders, from `start` to `finish`.

    `output` is the recording to write; it must be writable (see `proxy.reservation`), and `keeping` says what
    of it all to keep. `outputs` are read ends of pipes that carry what the program prints. `limit` bounds in
    bytes what waits for a slow recorder; `on_overflow` says what happens past it: "drop" (counted as loss) or
    "block". `relay` runs in the place of the interposing relay; `heard` gets what it says that is not known
    here, and which files there are. `ended` is set once the relay has nothing more to do.
    """

    def __init__(
        self,
        output: Path,
        *,
        facts: Mapping[str, str],
        limit: int = BUFFER_BYTES,
        on_overflow: str = "drop",
        keeping: Keeping = EVERYTHING,
        outputs: Mapping[Stream, int] | None = None,
        attachments: Sequence[tuple[str, str, str]] = (),
        relay: RelayProgram = RelayProgram(),
        heard: Callable[[dict[str, Any]], None] = lambda fact: None,
    ) -> None:
        self._output = output
        self._facts = dict(facts)
        self._limit = limit
        self._on_overflow = on_overflow
        self._keeping = keeping
        self._outputs = dict(outputs or {})
        self._attachments = list(attachments)
        self._program_of_relay = relay
        self._heard_else = heard
        self._report = SessionReport()
        self._lock = threading.Lock()
        self._finishing = False
        self._abandoned = False
        self._recording = threading.Event()
        self.ended = threading.Event()
        self._relay_ready = False
        self._program: dict[str, Any] | None = None
        self._command: Sequence[str] = ()
        self._recorders = 0
        self._recorder: subprocess.Popen[bytes] | None = None
        self._relay_thread: threading.Thread | None = None
        self._recorder_thread: threading.Thread | None = None
        self.directory = _private_directory()
        self.control = self.directory / "control"

    def start(self) -> None:
        """Start the relay and the first recorder; returns at once, without waiting for either."""
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(self.control))
        listener.listen(1024)
        self._link, theirs = socket.socketpair()
        with listener, theirs, (self.directory / "relay.log").open("wb") as log:
            self._relay = start(
                self._program_of_relay.module,
                str(listener.fileno()),
                str(theirs.fileno()),
                str(self.directory / "journal"),
                str(self._limit),
                self._on_overflow,
                *self._program_of_relay.arguments,
                descriptors=(listener.fileno(), theirs.fileno(), *self._program_of_relay.descriptors),
                stderr=log,
            )
        self._relay_thread = _thread(self._watch_relay)
        self._start_recorder(self._output)

    def wait_recording(self) -> bool:
        """Wait until the recording can be opened; False if that does not come about."""
        return self._recording.wait(_START_S)

    def program_started(self, pid: int, command: Sequence[str]) -> None:
        """Tell the recorder of the program's first process."""
        self._command = command
        self._program = {
            "kind": "started",
            "time_ns": time.time_ns(),
            "pid": pid,
            "parent": os.getpid(),
            "command_line": list(command),
        }
        self._order(self._program)

    def program_exited(self, pid: int, exit_code: int) -> None:
        """Tell the recorder how the program ended."""
        self._order({"kind": "exited", "time_ns": time.time_ns(), "pid": pid, "exit_code": exit_code})

    def note(self, text: str) -> None:
        """Put a note into the recording and the report."""
        self._problem(text)
        self._order({"kind": "note", "text": text})

    def dump(self) -> None:
        """Have a flight recorder write what it has; returns at once, and may be called by a signal
        handler."""
        _thread(self._order, {"kind": "dump"})

    def finish(self) -> SessionReport:
        """End relay and recorder in that order, put back or remove their sockets, and report."""
        with self._lock:
            self._finishing = True
        interposes = self._program_of_relay.interposes
        if interposes and not self._outputs and not _has_content(self.directory / "journal"):
            # No agent came, or none had anything to report: there is nothing to wait for.
            self._report.why_nothing = why_nothing(self._command, self.directory, self._report.left_alone)
            self.abandon()
            self._output.unlink(missing_ok=True)
            self._report.recordings.clear()
            return self._report
        with contextlib.suppress(OSError):
            self._link.send(b"finish\n")
        try:
            self._end(self._relay, "relay")
            if self._relay_thread is not None:
                self._relay_thread.join(_JOIN_S)
            recorder = self._recorder
            if recorder is not None:
                with contextlib.suppress(OSError):
                    assert recorder.stdin is not None
                    recorder.stdin.close()
                self._end(recorder, "recorder")
                if self._recorder_thread is not None:
                    self._recorder_thread.join(_JOIN_S)
            if interposes and not self._report.endpoints:
                self._report.why_nothing = why_nothing(self._command, self.directory, self._report.left_alone)
        finally:
            self.abandon()
        return self._report

    def abandon(self) -> None:
        """End everything at once, leaving nothing behind."""
        with self._lock:
            self._finishing = self._abandoned = True
        for process in (self._relay, self._recorder):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()
        self._put_back()
        self._link.close()
        for descriptor in self._outputs.values():
            with contextlib.suppress(OSError):
                os.close(descriptor)
        self._outputs.clear()
        shutil.rmtree(self.directory, ignore_errors=True)

    # The relay.

    def _watch_relay(self) -> None:
        rest = b""
        while True:
            try:
                data = self._link.recv(65536)
            except OSError:
                break
            if not data:
                break
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                self._heard(json.loads(line))
        with self._lock:
            finishing = self._finishing
        if not finishing:
            self._put_back()
            self._problem(self._why_relay_ended())
        self.ended.set()

    def _heard(self, fact: dict[str, Any]) -> None:
        match fact["kind"]:
            case "ready":
                self._relay_ready = True
            case "endpoint":
                self._report.endpoints += 1
            case "left":
                if fact["scheme"] != "inproc":
                    self._report.left_alone.append(f"{fact['address']} ({fact['socket_type']})")
            case "bypassed":
                self._problem(
                    f"{fact['count']} connection(s) to {fact['address']} came before the relay: not recorded"
                )
            case "failed":
                self._problem(f"{fact['address']} is not recorded: {fact['reason']}")
            case "ended":
                self.ended.set()
            case "finished":
                self._report.lost_bytes += fact["unrecorded"]
            case _:
                self._heard_else(fact)

    def _why_relay_ended(self) -> str:
        code = self._relay.wait()
        lines: list[str] = []
        with contextlib.suppress(OSError):
            lines = (self.directory / "relay.log").read_text("utf-8", "replace").strip().splitlines()
        last = f" ({lines[-1]})" if lines else ""
        if not self._program_of_relay.interposes:
            return f"the relay {'ended' if self._relay_ready else 'could not start'} (code {code}){last}"
        if not self._relay_ready:
            return f"the relay could not start{last}: the program runs untouched and unrecorded"
        return f"the relay ended with code {code}{last}: the program went on without it, unrecorded"

    def _put_back(self) -> None:
        for endpoint in read_journal(self.directory / "journal"):
            endpoint.put_back()

    # The recorder.

    def _start_recorder(self, path: Path) -> None:
        self._recorders += 1
        ours, theirs = socket.socketpair()
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _TEE_SOCKET_BYTES)
        order = {
            "path": str(path),
            "force": True,  # the file is reserved: it exists and is ours
            "keeping": msgspec.to_builtins(self._keeping),
            "facts": self._facts,
            "tee": theirs.fileno(),
            "stdout": self._outputs.get("stdout"),
            "stderr": self._outputs.get("stderr"),
            "attachments": self._attachments,
        }
        with ours, theirs:
            self._recorder = start(
                "proxy.recorder",
                json.dumps(order),
                descriptors=(theirs.fileno(), *self._outputs.values()),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            with contextlib.suppress(OSError):
                socket.send_fds(self._link, [b"recorder\n"], [ours.fileno()])
        if self._program is not None:
            self._order(self._program)
        self._recorder_thread = _thread(self._watch_recorder, self._recorder, path)

    def _watch_recorder(self, recorder: subprocess.Popen[bytes], path: Path) -> None:
        assert recorder.stdout is not None
        outcome = ""
        before = len(self._report.recordings)
        for line in recorder.stdout:
            fact = json.loads(line)
            if fact["kind"] == "files":
                self._report.recordings[before:] = map(Path, fact["paths"])
                self._heard_else(fact)
                continue
            outcome = fact["kind"]
            match outcome:
                case "recording":
                    self._recording.set()
                case "error":
                    self._problem(f"nothing is recorded: {fact['reason']}")
                case "recorded":
                    self._report.messages += fact["messages"]
                    self._report.let_go += fact["let_go"]
                    self._report.connections += fact["connections"]
                    self._report.lost_bytes += fact["lost_bytes"]
                    if fact["disk_error"]:
                        self._problem(fact["disk_error"])
        code = recorder.wait()
        if path not in self._report.recordings:
            self._remove_reserved(path)
        if outcome != "recorded":
            self._recorder_died(code, outcome, before)

    @staticmethod
    def _remove_reserved(path: Path) -> None:
        """Remove the file whose name was reserved, if nothing was written to it."""
        with contextlib.suppress(OSError):
            if path.stat().st_size == 0:
                path.unlink()

    def _recorder_died(self, code: int, outcome: str, before: int) -> None:
        with self._lock:
            if self._abandoned:
                return
            if outcome != "error":
                self._problem(f"the recorder ended with code {code}")
                if self._keeping.ring_ns is not None:
                    self._problem("what the flight recorder had kept until then is lost")
            self._report.messages += _messages_in(self._report.recordings[before:])
            if self._finishing:
                return
            if outcome == "error" or self._recorders >= _MOST_RECORDERS:
                with contextlib.suppress(OSError):
                    self._link.send(b"unrecorded\n")
                return
            try:
                path = reserve_next(self._output)
            except ProxyError as error:
                self._problem(f"recording stopped: {error}")
                return
            self._start_recorder(path)

    # Both.

    def _order(self, fact: dict[str, Any]) -> None:
        recorder = self._recorder
        if recorder is not None and recorder.stdin is not None:
            with contextlib.suppress(OSError, ValueError):
                recorder.stdin.write(json.dumps(fact).encode() + b"\n")
                recorder.stdin.flush()

    def _end(self, process: subprocess.Popen[bytes], what: str) -> None:
        try:
            process.wait(_FINISH_S)
        except subprocess.TimeoutExpired:
            self._problem(f"the {what} did not finish in {_FINISH_S:.0f} s and was ended")
            process.kill()

    def _problem(self, text: str) -> None:
        if text not in self._report.problems:
            self._report.problems.append(text)


def _thread(target: Callable[..., None], *arguments: Any) -> threading.Thread:
    thread = threading.Thread(target=target, args=arguments, daemon=True)
    thread.start()
    return thread


def _messages_in(files: Sequence[Path]) -> int:
    """How many messages are in the files of a recorder that can't tell any more."""
    from recordings.errors import RecordingError
    from recordings.recording import Recording  # only where it is needed: it takes its time

    count = 0
    for path in files:
        with contextlib.suppress(RecordingError), Recording.open(path) as recording:
            count += len(recording.rows)
    return count


def _has_content(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except OSError:
        return False


def _private_directory() -> Path:
    base = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    try:
        return Path(tempfile.mkdtemp(prefix="tubetap-", dir=base if len(base) < 60 else "/tmp"))
    except OSError:
        return Path(tempfile.mkdtemp(prefix="tubetap-"))
