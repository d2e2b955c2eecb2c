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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from proxy.endpoint import put_back_all
from proxy.interpose import why_nothing
from proxy.launch import last_line, start
from proxy.processes import Stream, shortened
from proxy.recorders import Recorders
from proxy.report import SessionReport
from proxy.reservation import remove_empty
from recordings.keeping import EVERYTHING, Keeping

__all__ = ["BUFFER_BYTES", "RelayProgram", "Session"]

BUFFER_BYTES = 256 << 20
"""How many bytes wait for a slow recorder before chunks are dropped and counted."""

_FINISH_S = 90.0
_JOIN_S = 5.0


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
        self._limit = limit
        self._on_overflow = on_overflow
        self._outputs = dict(outputs or {})
        self._program = relay
        self._heard_else = heard
        self._report = SessionReport()
        self._finishing = False
        self.ended = threading.Event()
        self._command: Sequence[str] = ()
        self._directory: Path | None = None
        self._link, self._relays_link = socket.socketpair()
        self._relay: subprocess.Popen[bytes] | None = None
        self._relay_ready = False
        self._relay_thread: threading.Thread | None = None
        self._recorders = Recorders(
            output,
            facts=facts,
            report=self._report,
            connect=self._connect_recorder,
            keeping=keeping,
            outputs=outputs,
            attachments=attachments,
            heard=heard,
        )

    @property
    def directory(self) -> Path:
        """The private folder of relay and agents; there from `start` to the end."""
        assert self._directory is not None
        return self._directory

    @property
    def control(self) -> Path:
        """Where agents report."""
        return self.directory / "control"

    @property
    def _journal(self) -> Path:
        return self.directory / "journal"

    def start(self) -> None:
        """Start the relay and the first recorder; returns at once, without waiting for either. To be followed
        by `finish` or `abandon`, even if it fails."""
        self._directory = _private_directory()
        listener, theirs = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM), self._relays_link
        with listener, theirs, (self.directory / "relay.log").open("wb") as log:
            listener.bind(str(self.control))
            listener.listen(1024)
            self._relay = start(
                self._program.module,
                str(listener.fileno()),
                str(theirs.fileno()),
                str(self._journal),
                str(self._limit),
                self._on_overflow,
                *self._program.arguments,
                descriptors=(listener.fileno(), theirs.fileno(), *self._program.descriptors),
                stderr=log,
            )
        self._relay_thread = threading.Thread(target=self._watch_relay, daemon=True)
        self._relay_thread.start()
        # Whoever looks on has to open a file; what the relay itself brings is there at once.
        at_once = bool(self._outputs) or not self._program.interposes
        self._recorders.start(self.directory, self._journal, at_once=at_once)

    def wait_recording(self) -> bool:
        """Wait until the recording can be opened; False if that does not come about."""
        return self._recorders.wait_recording()

    def program_started(self, pid: int, command: Sequence[str]) -> None:
        """Tell the recorder of the program's first process."""
        self._command = command
        self._recorders.program_started(
            {
                "kind": "started",
                "time_ns": time.time_ns(),
                "pid": pid,
                "parent": os.getpid(),
                "command_line": shortened(command),
            }
        )

    def program_exited(self, pid: int, exit_code: int) -> None:
        """Tell the recorder how the program ended."""
        self._recorders.tell(
            {"kind": "exited", "time_ns": time.time_ns(), "pid": pid, "exit_code": exit_code}
        )

    def note(self, text: str) -> None:
        """Put a note into the recording and the report."""
        self._report.problem(text)
        self._recorders.tell({"kind": "note", "text": text})

    def dump(self) -> None:
        """Have a flight recorder write what it has; returns at once, and may be called by a signal
        handler."""
        threading.Thread(target=self._recorders.tell, args=({"kind": "dump"},), daemon=True).start()

    def finish(self) -> SessionReport:
        """End relay and recorder in that order, put back or remove their sockets, and report."""
        self._finishing = True
        self._recorders.no_more()
        interposes = self._program.interposes
        self._report.agents_said(self.directory / "told")
        if interposes and not self._outputs and not _has_content(self._journal):
            # No agent came, or none had anything to report: there is nothing to wait for.
            self._report.why_nothing = self._why_nothing()
            self.discard()
            return self._report
        with contextlib.suppress(OSError):
            self._link.send(b"finish\n")
        try:
            self._end_relay()
            self._recorders.finish(_FINISH_S)
            self._report.forget_missing()
            if interposes and not self._report.endpoints:
                self._report.why_nothing = self._why_nothing()
        finally:
            self.abandon()
        return self._report

    def discard(self) -> None:
        """End everything at once, and leave no recording either."""
        self.abandon()
        for path in self._report.recordings:
            path.unlink(missing_ok=True)
        self._report.recordings.clear()
        remove_empty(self._output)  # with `force` there may still be an older one

    def abandon(self) -> None:
        """End everything at once, leaving nothing behind."""
        self._finishing = True
        if self._relay is not None and self._relay.poll() is None:
            self._relay.kill()
            self._relay.wait()
        self._recorders.abandon()
        self._link.close()
        for descriptor in self._outputs.values():
            with contextlib.suppress(OSError):
                os.close(descriptor)
        self._outputs.clear()
        if self._directory is not None:
            put_back_all(self._journal)
            shutil.rmtree(self._directory, ignore_errors=True)

    def _connect_recorder(self, sock: socket.socket | None) -> None:
        with contextlib.suppress(OSError):
            if sock is None:
                self._link.send(b"unrecorded\n")
            else:
                socket.send_fds(self._link, [b"recorder\n"], [sock.fileno()])

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
        if not self._finishing:
            put_back_all(self._journal)
            self._report.problem(self._why_relay_ended())
        self.ended.set()

    def _heard(self, fact: dict[str, Any]) -> None:
        if fact["kind"] == "ready":
            self._relay_ready = True
        elif fact["kind"] == "ended":
            self.ended.set()
        elif not self._report.relay_said(fact):
            self._heard_else(fact)

    def _end_relay(self) -> None:
        if self._relay is not None:
            try:
                self._relay.wait(_FINISH_S)
            except subprocess.TimeoutExpired:
                self._report.problem(f"the relay did not finish in {_FINISH_S:.0f} s and was ended")
                self._relay.kill()
        if self._relay_thread is not None:
            self._relay_thread.join(_JOIN_S)

    def _why_relay_ended(self) -> str:
        code = self._relay.wait() if self._relay is not None else None
        last = last_line(self.directory / "relay.log")
        if not self._program.interposes:
            return f"the relay {'ended' if self._relay_ready else 'could not start'} (code {code}){last}"
        if not self._relay_ready:
            return f"the relay could not start{last}: the program runs untouched and unrecorded"
        return f"the relay ended with code {code}{last}: the program went on without it, unrecorded"

    def _why_nothing(self) -> str:
        return why_nothing(self._command, self.directory, self._report.left_alone)


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
