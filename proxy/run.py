"""`tubetap run`: a program with the relay in the path of its sockets, a recording of what they carry, and
its exit code.

Without a viewer the program keeps its terminal, its streams and its signals. With one, the viewer has the
terminal, the program reads nothing and what it prints goes into the recording.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Literal, Self

from decoders.text import safe
from proxy.errors import ProxyError
from proxy.interpose import attachments, environment, program_name, remedy
from proxy.output import closing_line, recordings_directory, reserve_output, session_facts
from proxy.processes import Stream
from proxy.report import SessionReport
from proxy.reservation import remove_empty
from proxy.session import BUFFER_BYTES, Session
from proxy.viewer import Viewer
from recordings.keeping import EVERYTHING, Keeping

__all__ = ["CommandError", "RunResult", "Telling", "recordings_directory", "run"]

_VIEWER = "tubetap.cli.run"
"""The module whose `main([FILE])` shows a growing recording; by name, as it belongs to a layer above."""

_PATIENCE_S = 5.0
_GLANCE_S = 0.05


@dataclass(frozen=True)
class RunResult:
    """What came of a run.

    `exit_code` is the program's own, 128 + n if signal n ended it. `losses` says in words what could not be
    recorded; `notes` what else a person should know. `recordings` is empty when there was nothing to record.
    """

    exit_code: int
    recordings: list[Path] = field(default_factory=list)
    messages: int = 0
    losses: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def run(
    command: Sequence[str],
    *,
    output: Path | None = None,
    force: bool = False,
    tui: bool = False,
    env: Mapping[str, str] | None = None,
    buffer_bytes: int = BUFFER_BYTES,
    on_overflow: Literal["drop", "block"] = "drop",
    keeping: Keeping = EVERYTHING,
    quiet: bool = False,
) -> RunResult:
    """Run `command` with tubetap in the path of its ZeroMQ sockets.

    `output` is the recording (default: a file of its own in `recordings_directory`), written over only with
    `force`. `env` replaces the environment. `buffer_bytes` is what may wait for a slow recorder,
    `on_overflow` what happens past it. `keeping` says what is kept; with a ring, SIGUSR1 to this process has
    it written, and does not reach the program. Unless `quiet`, what came of it is said on standard error.

    Raises ProxyError if the recording can't be written or the command can't be run.
    """
    command = [os.fspath(part) for part in command]
    path = reserve_output(output, program_name(command), force=force)
    pipes = _Pipes() if tui else None
    session = Session(
        path,
        facts={"command": json.dumps(list(command)), **session_facts()},
        limit=buffer_bytes,
        on_overflow=on_overflow,
        keeping=keeping,
        heard=Telling(keeping, quiet=quiet or tui),
        outputs=pipes.read_ends if pipes is not None else None,
        attachments=attachments(command),
    )
    viewer = None
    child = None
    with _Signals(session.dump if keeping.ring_ns is not None else None) as signals:
        try:
            session.start()
            if pipes is not None:
                viewer = Viewer(path, _VIEWER) if session.wait_recording() else None
            child = _start(command, environment(os.environ if env is None else env, session.control), pipes)
            signals.child = child
            session.program_started(child.pid, command)
            if viewer is not None:
                _watch(viewer, session, child)
            code = _exit_code(child.wait())
            session.program_exited(child.pid, code)
            report = session.finish()
        except BaseException:
            if viewer is not None:
                viewer.close()
            if child is None:
                session.discard()
            else:
                session.abandon()
                _say_cut_off(path)
            raise
    if viewer is not None:
        viewer.wait()
    return _result(code, report, quiet=quiet)


class CommandError(ProxyError):
    """The command can't be run; `exit_code` is what a shell would exit with."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def _start(command: Sequence[str], env: Mapping[str, str], pipes: "_Pipes | None") -> subprocess.Popen[bytes]:
    streams: dict[str, Any] = {}
    if pipes is not None:
        # Through a pipe Python would hold back lines until it has 8 KiB of them.
        env = {"PYTHONUNBUFFERED": "1", **env}
        streams = {"stdin": subprocess.DEVNULL} | {str(name): end for name, end in pipes.write_ends.items()}
    try:
        return subprocess.Popen(command, env=env, **streams)
    except FileNotFoundError:
        raise CommandError(f"cannot run {command[0]}: no such program", 127) from None
    except OSError as error:
        raise CommandError(f"cannot run {command[0]}: {error.strerror}", 126) from None
    finally:
        if pipes is not None:
            pipes.close_write_ends()


def _exit_code(code: int) -> int:
    return 128 - code if code < 0 else code


class Telling:
    """Says on standard error when a flight recorder has written a file."""

    def __init__(self, keeping: Keeping, *, quiet: bool) -> None:
        self._active = keeping.ring_ns is not None and not quiet
        self._told: set[str] = set()

    def __call__(self, fact: dict[str, Any]) -> None:
        """Take what the session heard."""
        if self._active and fact["kind"] == "files":
            for path in fact["paths"]:
                if path not in self._told:
                    self._told.add(path)
                    print(f"tubetap: {safe(path)} written", file=sys.stderr, flush=True)


class _Pipes:
    """The program's standard output and error on their way into the recording."""

    def __init__(self) -> None:
        self.read_ends: dict[Stream, int] = {}
        self.write_ends: dict[Stream, int] = {}
        streams: tuple[Stream, ...] = ("stdout", "stderr")
        for stream in streams:
            self.read_ends[stream], self.write_ends[stream] = os.pipe()

    def close_write_ends(self) -> None:
        for descriptor in self.write_ends.values():
            os.close(descriptor)
        self.write_ends.clear()


class _Signals:
    """Hands on the signals that reach only us; those of the terminal's keys reach the program anyway.

    Before there is a program they end the run. After it, while the recording is being finished, the first
    asks for patience and the next gives up on it. SIGUSR1 is for `dump` if there is one.
    """

    def __init__(self, dump: Callable[[], None] | None) -> None:
        self._dump = dump
        self.child: subprocess.Popen[bytes] | None = None
        self._asked = False
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in _FORWARDED:
                # What nohup and the like had ignored before us stays ignored, for the program as well.
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._previous[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGUSR1 and self._dump is not None:
            self._dump()
            return
        if self.child is None:
            raise SystemExit(128 + number)
        if self.child.returncode is None:
            if number not in (signal.SIGINT, signal.SIGQUIT) or not _in_foreground():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self.child.pid, number)
        elif self._asked:
            raise KeyboardInterrupt
        else:
            self._asked = True
            print("tubetap: finishing the recording; interrupt again to leave it cut off", file=sys.stderr)


_FORWARDED = (
    *(signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP),
    *(signal.SIGUSR1, signal.SIGUSR2),
)


def _in_foreground() -> bool:
    """Tell whether our process group has the terminal, so that its keys signal the program too."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)


def _watch(viewer: Viewer, session: Session, child: subprocess.Popen[bytes]) -> None:
    """Return when the program has ended. Leaving the viewer ends it as Ctrl-C would; if the viewer breaks,
    program and recording go on."""
    while child.poll() is None:
        code = viewer.exit_code()
        if code is None:
            time.sleep(_GLANCE_S)
            continue
        if code == 0:
            _end_program(child)
        else:
            viewer.tidy_terminal()
            session.note(f"the viewer ended with code {code}; the recording went on")
            print("tubetap: the viewer broke; the program goes on (Ctrl-C ends it)", file=sys.stderr)
        return


def _end_program(child: subprocess.Popen[bytes]) -> None:
    """End the program as a person would: Ctrl-C, then more firmly."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        child.send_signal(number)
        try:
            child.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            continue
        return


def _say_cut_off(path: Path) -> None:
    remove_empty(path)
    if path.exists():
        print(
            f"tubetap: {safe(str(path))} is cut off: tubetap recover makes a clean file of it",
            file=sys.stderr,
        )


def _result(code: int, report: SessionReport, *, quiet: bool) -> RunResult:
    notes = list(report.problems)
    if report.endpoints == 0:
        if not notes:
            notes.append(f"nothing was recorded: {report.why_nothing}")
    elif report.left_alone:
        left = report.left_alone
        notes.append(f"left alone, as tubetap run sees only ipc: {', '.join(left)}. For them {remedy(left)}")
    result = RunResult(code, report.recordings, report.messages, report.losses, notes)
    if not quiet:
        for note in notes:
            print(f"tubetap: {safe(note)}", file=sys.stderr)
        if report.recordings and report.endpoints:
            print(f"tubetap: {safe(closing_line(report))}", file=sys.stderr)
    return result
