"""`tubetap run`: a program with the relay in the path of its sockets, a recording of what they carry, and
its exit code.

Without a viewer the program keeps its terminal, its streams and its signals. With one, the viewer has the
terminal, the program reads nothing and what it prints goes into the recording.
"""

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Literal, Self

from proxy.interpose import attachments, environment, program_name, remedy
from proxy.output import closing_line, recordings_directory, reserve_output, say, session_facts
from proxy.program import CommandError, Pipes, Program
from proxy.report import SessionReport
from proxy.reservation import remove_empty
from proxy.session import BUFFER_BYTES, Session
from proxy.viewer import Viewer
from recordings.keeping import EVERYTHING, Keeping

__all__ = ["CommandError", "RunResult", "Telling", "recordings_directory", "run"]

_VIEWER = "tubetap.cli.run"
"""The module whose `main([FILE])` shows a growing recording; by name, as it belongs to a layer above."""

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
    pipes = Pipes() if tui else None
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
    program = None
    with _Signals(session.dump if keeping.ring_ns is not None else None) as signals:
        try:
            session.start()
            if pipes is not None:
                viewer = Viewer(path, _VIEWER) if session.wait_recording() else None
            surroundings = environment(os.environ if env is None else env, session.control)
            program = Program(command, surroundings, pipes)
            signals.program = program
            session.program_started(program.pid, command)
            if viewer is not None:
                _watch(viewer, session, program)
            code = program.wait()
            session.program_exited(program.pid, code)
            report = session.finish()
        except BaseException:
            if viewer is not None:
                viewer.close()
            if program is None:
                session.discard()
            else:
                session.abandon()
                _say_cut_off(path)
            raise
    if viewer is not None:
        viewer.wait()
    return _result(code, report, quiet=quiet)


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
                    say(f"{path} written")


class _Signals:
    """Hands on the signals that reach only us; those of the terminal's keys reach the program anyway.

    Before there is a program they end the run. After it, while the recording is being finished, the first
    asks for patience and the next gives up on it, but for a hang-up, which is no impatience. SIGUSR1 is for
    `dump` if there is one.
    """

    def __init__(self, dump: Callable[[], None] | None) -> None:
        self._dump = dump
        self.program: Program | None = None
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
        if self.program is None:
            raise SystemExit(128 + number)
        if not self.program.ended:
            self.program.hand_on(number)
        elif number == signal.SIGHUP:
            return
        elif self._asked:
            raise KeyboardInterrupt
        else:
            self._asked = True
            say("finishing the recording; interrupt again to leave it cut off")


_FORWARDED = (
    *(signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP),
    *(signal.SIGUSR1, signal.SIGUSR2),
)


def _watch(viewer: Viewer, session: Session, program: Program) -> None:
    """Return when the program has ended. Leaving the viewer ends it and all it started; if the viewer breaks,
    program and recording go on."""
    while not program.poll():
        code = viewer.exit_code()
        if code is None:
            time.sleep(_GLANCE_S)
            continue
        if code == 0:
            if program.end():
                session.note("the program, or a process it had started, had to be killed")
        else:
            viewer.tidy_terminal()
            session.note(f"the viewer ended with code {code}; the recording went on")
            say("the viewer broke; the program goes on (Ctrl-C ends it)")
        return


def _say_cut_off(path: Path) -> None:
    remove_empty(path)
    if path.exists():
        say(f"{path} is cut off: tubetap recover makes a clean file of it")


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
            say(note)
        if report.recordings and report.endpoints:
            say(closing_line(report))
    return result
