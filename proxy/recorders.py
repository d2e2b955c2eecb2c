"""The recorder of a session, and another one whenever one dies: each writes a file of its own, and traffic
waits for none of them."""

import contextlib
import json
import socket
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from proxy.errors import ProxyError
from proxy.launch import last_line, start
from proxy.processes import Stream
from proxy.recorder import order_bytes
from proxy.report import SessionReport
from proxy.reservation import CONTINUES, remove_empty, reserve_next
from recordings.keeping import EVERYTHING, Keeping

__all__ = ["Recorders"]

_TEE_SOCKET_BYTES = 4 << 20
_MOST = 10
_START_S = 20.0
_JOIN_S = 5.0


class Recorders:
    """Starts recorders, gives them orders and hears what they say.

    `output` is the first recording to write, `facts`, `keeping` and `attachments` what is in it; `outputs`
    are pipes with what the program prints. What comes of it all goes into `report`, and which files there are
    to `heard`. `connect` gives the relay its end of the tee to a new recorder, None if there will be no more.
    """

    def __init__(
        self,
        output: Path,
        *,
        facts: Mapping[str, str],
        report: SessionReport,
        connect: Callable[[socket.socket | None], None],
        keeping: Keeping = EVERYTHING,
        outputs: Mapping[Stream, int] | None = None,
        attachments: Sequence[tuple[str, str, str]] = (),
        heard: Callable[[dict[str, Any]], None] = lambda fact: None,
    ) -> None:
        self._output = output
        self._facts = dict(facts)
        self._report = report
        self._connect = connect
        self._keeping = keeping
        self._outputs = dict(outputs or {})
        self._attachments = list(attachments)
        self._heard = heard
        self._lock = threading.Lock()
        self._last = False
        self._abandoned = False
        self._recording = threading.Event()
        self._program: dict[str, Any] | None = None
        self._started = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None

    def start(self, directory: Path, journal: Path, *, at_once: bool) -> None:
        """Start the first one, with its complaints in `directory`. It puts back the sockets in
        `journal` if it is left alone with them, and creates its file `at_once` or when there is something to
        record."""
        self._directory = directory
        self._order = {"journal": str(journal), "at_once": at_once}
        self._start(self._output)

    def wait_recording(self) -> bool:
        """Wait until the recording can be opened; False if that does not come about."""
        return self._recording.wait(_START_S)

    def program_started(self, fact: dict[str, Any]) -> None:
        """Tell this recorder, and those that come later, of the program's first process."""
        self._program = fact
        self.tell(fact)

    def tell(self, fact: dict[str, Any]) -> None:
        """Give the recorder an order, as `proxy.intake` reads it."""
        self._write(json.dumps(fact).encode() + b"\n")

    def no_more(self) -> None:
        """From now on a recorder that dies is not replaced."""
        with self._lock:
            self._last = True

    def finish(self, timeout: float) -> None:
        """Have the recorder finish its file; it is ended when that takes more than `timeout` seconds."""
        # In words, as a process that was forked off this one may hold the other end of its input as well.
        self.tell({"kind": "finish"})
        if self._process is not None:
            try:
                self._process.wait(timeout)
            except subprocess.TimeoutExpired:
                self._report.problem(f"the recorder did not finish in {timeout:.0f} s and was ended")
                self._process.kill()
        if self._thread is not None:
            self._thread.join(_JOIN_S)

    def abandon(self) -> None:
        """End the recorder at once."""
        with self._lock:
            self._last = self._abandoned = True
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        if self._thread is not None:
            self._thread.join(_JOIN_S)

    def _write(self, data: bytes) -> None:
        process = self._process
        if process is not None and process.stdin is not None:
            with contextlib.suppress(OSError, ValueError):
                process.stdin.write(data)
                process.stdin.flush()

    @property
    def _log(self) -> Path:
        return self._directory / "recorder.log"

    def _start(self, path: Path, continues: str = "") -> None:
        self._started += 1
        ours, theirs = socket.socketpair()
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _TEE_SOCKET_BYTES)
        order = {
            **self._order,
            "path": str(path),
            "force": True,  # the file is reserved: it exists and is ours
            "keeping": asdict(self._keeping),
            "facts": {**self._facts, **({CONTINUES: continues} if continues else {})},
            "tee": theirs.fileno(),
            "stdout": self._outputs.get("stdout"),
            "stderr": self._outputs.get("stderr"),
            "attachments": self._attachments,
        }
        with ours, theirs, self._log.open("wb") as log:
            self._process = start(
                "proxy.recorder",
                descriptors=(theirs.fileno(), *self._outputs.values()),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
            )
            # Not as an argument: a command line that is in it may be too long for one.
            self._write(order_bytes(order))
            self._connect(ours)
        if self._program is not None:
            self.tell(self._program)
        self._thread = threading.Thread(target=self._watch, args=(self._process, path), daemon=True)
        self._thread.start()

    def _watch(self, process: subprocess.Popen[bytes], path: Path) -> None:
        assert process.stdout is not None
        outcome = ""
        before = len(self._report.recordings)
        for line in process.stdout:
            fact = json.loads(line)
            self._report.recorder_said(fact, before)
            if fact["kind"] == "files":
                self._heard(fact)
                continue
            outcome = fact["kind"]
            if outcome == "recording":
                self._recording.set()
        code = process.wait()
        if path not in self._report.recordings:
            remove_empty(path)
        if outcome not in ("recorded", "unneeded"):
            self._died(code, outcome, before)

    def _died(self, code: int, outcome: str, before: int) -> None:
        with self._lock:
            if self._abandoned:
                return
            if outcome != "error":
                self._report.problem(f"the recorder ended with code {code}{last_line(self._log)}")
                if self._keeping.ring_ns is not None:
                    self._report.problem("what the flight recorder had kept until then is lost")
            self._report.messages += _messages_in(self._report.recordings[before:])
            if self._last:
                return
            if outcome == "error" or self._started >= _MOST:
                self._connect(None)
                return
            try:
                path = reserve_next(self._output)
            except ProxyError as error:
                self._report.problem(f"recording stopped: {error}")
                return
            before_it = (self._report.recordings or [self._output])[-1].name
            self._start(path, before_it)
            self.tell({"kind": "note", "text": f"the recorder of {before_it} died: this goes on from there"})


def _messages_in(files: Sequence[Path]) -> int:
    """How many messages are in the files of a recorder that can't tell any more."""
    from recordings.errors import RecordingError
    from recordings.recording import Recording  # only where it is needed: it takes its time

    count = 0
    for path in files:
        with contextlib.suppress(RecordingError), Recording.open(path) as recording:
            count += len(recording.rows)
    return count
