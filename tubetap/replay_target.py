"""Brings up the real node runner for a replay: which interpreter, which tube, and how it is started.

Shared by the command line and the pytest helper.
"""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import msgspec

from recordings.recording import Recording
from recordings.replay.as_command import Addresses
from recordings.replay.errors import ReplayError
from recordings.replay.target import NodeProcess

Debugger = Literal["pdb", "debugpy"]

SCRIPT = Path(__file__).with_name("replay_node.py")
"""What the target's interpreter executes."""

_ASK_VERSION = "import importlib.metadata as m, sys; sys.stdout.write(m.version('noob'))"


@dataclass(frozen=True, slots=True)
class Target:
    """The node runner to be started.

    `python` is an interpreter that has noob, `tube` a tube file, an id that noob can find, or the content of
    a tube file, `inputs` the tube's own input. `directory` is where it runs and imports from. Its output goes
    to our standard error, or is kept if it is to be `quiet`. All that is written is in the replay's private
    directory.
    """

    python: str
    tube: str | bytes
    inputs: Mapping[str, object] = field(default_factory=dict)
    directory: Path | None = None
    debugger: Debugger | None = None
    debug_port: int = 5678
    quiet: bool = False

    def command(self, addresses: Addresses) -> list[str]:
        """The command line that starts it."""
        command = [
            self.python,
            str(SCRIPT),
            *("--tube", self.tube if isinstance(self.tube, str) else str(_own_tube(addresses))),
            *("--node", addresses.node),
            *("--runner-id", addresses.runner_id),
            *("--command-outbox", addresses.command_outbox),
            *("--command-router", addresses.command_router),
        ]
        if self.inputs:
            command += ["--input", msgspec.json.encode(dict(self.inputs)).decode()]
        if self.debugger is not None:
            command += ["--debugger", self.debugger, "--debug-port", str(self.debug_port)]
        return command

    @contextlib.contextmanager
    def start(self, addresses: Addresses) -> Iterator[NodeProcess]:
        """Start it, and end it afterwards."""
        if isinstance(self.tube, bytes):
            _own_tube(addresses).write_bytes(self.tube)
        environment = {
            "XDG_RUNTIME_DIR": addresses.runtime_dir,
            **os.environ,
            "NOOB_TMP_DIR": addresses.runtime_dir,
        }
        with NodeProcess(
            [*self.command(addresses), "--stage", addresses.runtime_dir],
            environment=environment,
            log=Path(addresses.runtime_dir) / "node.log" if self.quiet else None,
            interactive=self.debugger == "pdb",
            directory=self.directory,
        ) as process:
            yield process


def find_python(wanted: str | None = None) -> tuple[str, str]:
    """An interpreter that has noob, and noob's version there: the one asked for, else the first that has it.

    Looks at the active environment's `python` before our own. Raises ReplayError if there is none.
    """
    candidates = [wanted] if wanted else [shutil.which("python"), shutil.which("python3"), sys.executable]
    for candidate in candidates:
        if candidate is None:
            continue
        try:
            asked = subprocess.run(
                [candidate, "-c", _ASK_VERSION], capture_output=True, text=True, timeout=30, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            if wanted:
                raise ReplayError(f"can't run {wanted}: {error}") from None
            continue
        if asked.returncode == 0:
            return candidate, asked.stdout.strip()
    if wanted:
        raise ReplayError(
            f"{wanted} has no noob: give the interpreter of the tube's environment with --python"
        )
    raise ReplayError(
        "no Python with noob here: give the interpreter of the tube's environment with --python"
    )


def find_tube(recording: Recording, given: str | None, *, trusted: bool) -> str | bytes:
    """The tube to start the node from: the given file or id, else the content of the one in the recording.

    A tube names the functions that it runs, so one from a recording is used only if the recording is trusted.
    Raises ReplayError if there is none.
    """
    if given is not None:
        return str(Path(given).resolve()) if Path(given).is_file() else given
    names = [name for name in recording.attachments() if name.endswith((".yaml", ".yml"))]
    if not names:
        raise ReplayError(
            "the recording holds no tube (it does when `noob run TUBE` was recorded): give its file or id "
            "with --tube"
        )
    if not trusted:
        raise ReplayError(
            "the tube in the recording says which functions to run: give your own with --tube, or add "
            "--trust-recording if you trust who made it"
        )
    return recording.attachment(names[0])


def _own_tube(addresses: Addresses) -> Path:
    return Path(addresses.runtime_dir) / "tube.yaml"
