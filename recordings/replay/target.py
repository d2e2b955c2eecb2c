"""The real node runner as a process of ours: started in a private directory, watched, and always ended."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from decoders.text import safe
from recordings.replay.errors import ReplayError

GRACE_S = 5.0
"""How long a node may take to end by itself before it is killed, in seconds."""

LONGEST_PATH = 103
"""The longest ipc path in bytes that every system takes (Linux 107, macOS 103)."""


class Stage:
    """A private directory (mode 0700) for the sockets of one replay; gone afterwards with all that is in it.

    It is noob's runtime directory for the node, so that nothing of it appears among the user's running tubes.
    """

    def __init__(self) -> None:
        # Socket paths are short: the system's own place for temporary files can be too deep.
        short = "/tmp" if os.path.isdir("/tmp") and os.access("/tmp", os.W_OK) else None
        self.path = Path(tempfile.mkdtemp(prefix=f"ttreplay-{os.getpid()}-", dir=short))

    def address(self, *parts: str) -> str:
        """An ipc address below the directory; raises ReplayError if a socket can't have it."""
        for part in parts:
            if part in ("", ".", "..") or "/" in part or "\0" in part:
                raise ReplayError(
                    f"{safe(part)!r} can't be part of a socket's path: use another name (--remap)"
                )
        path = self.path.joinpath(*parts)
        if len(os.fsencode(path)) > LONGEST_PATH:
            raise ReplayError(
                f"the socket path {path} is too long for the system: use a shorter node id (--remap)"
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        return f"ipc://{path}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self.path, ignore_errors=True)


class NodeProcess:
    """A started node runner.

    `command` is what to execute; `--lifeline FD` is added to it, a pipe that closes when this process dies.
    With `log` its output goes there, else where ours does (standard output to standard error). `interactive`
    leaves it the terminal.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        log: Path | None = None,
        interactive: bool = False,
        directory: Path | None = None,
    ) -> None:
        self._log = log
        lifeline, self._hold = os.pipe()
        output = log.open("wb") if log is not None else None
        self._group = not interactive
        try:
            self._process = subprocess.Popen(
                [*command, "--lifeline", str(lifeline)],
                env=dict(environment),
                cwd=directory,
                stdin=None if interactive else subprocess.DEVNULL,
                stdout=output or (None if interactive else 2),
                stderr=output,
                pass_fds=(lifeline,),
                start_new_session=self._group,
            )
        except OSError as error:
            os.close(self._hold)
            raise ReplayError(f"can't start {command[0]}: {error.strerror or error}") from None
        finally:
            os.close(lifeline)
            if output is not None:
                output.close()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """How it ended; None while it runs."""
        return self._process.poll()

    def last_words(self, lines: int = 12) -> str:
        """The end of what it wrote, if that was kept."""
        if self._log is None:
            return ""
        with contextlib.suppress(OSError):
            return "\n".join(self._log.read_text("utf-8", "replace").splitlines()[-lines:])
        return ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End it, politely first, and everything it started."""
        try:
            if self._process.poll() is None:
                self._signal(signal.SIGTERM)
                try:
                    self._process.wait(GRACE_S)
                except subprocess.TimeoutExpired:
                    self._signal(signal.SIGKILL)
        finally:
            if self._group:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            os.close(self._hold)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)
