"""What the target program needs to be interposed, and, where that did not work out, the reason in words."""

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from proxy.agent._tubetap_agent import CONTROL

__all__ = ["attachments", "environment", "program_name", "remedy", "why_nothing"]

_AGENT = Path(__file__).parent / "agent"
_PYTHON = re.compile(r"(python|pypy)[0-9.]*\Z")
_ISOLATING = re.compile(r"-[a-zA-Z]*[IES]")
_NOOB_VALUES = {
    **dict.fromkeys(("--runner", "-n", "--n", "-if", "--input-format", "-of", "--output-format"), 1),
    **dict.fromkeys(("-i", "--input"), 2),
}
"""How many values an option of `noob run` takes."""

_REMEDY = (
    "start `tubetap proxy --link LISTEN=CONNECT`, where CONNECT is what it binds, and let the others connect "
    "to LISTEN"
)
_ANYWHERE = re.compile(r"//(0\.0\.0\.0|\[::\]|\*):")


def environment(base: Mapping[str, str], control: Path) -> dict[str, str]:
    """Return `base` with the agent in front of PYTHONPATH and the way to the relay."""
    path = base.get("PYTHONPATH")
    return {
        **base,
        "PYTHONPATH": f"{_AGENT}{os.pathsep}{path}" if path else str(_AGENT),
        CONTROL: str(control),
    }


def program_name(command: Sequence[str]) -> str:
    """Name a run by its tube or program: `noob run TUBE`, `python SCRIPT`, `python -m MODULE`, `PROGRAM`."""
    name = Path(command[0]).name
    rest = list(command[1:])
    if _PYTHON.match(name):
        while rest and rest[0].startswith("-") and rest[0] not in ("-m", "-c", "-"):
            del rest[: 2 if rest[0] in ("-X", "-W") else 1]
        if rest[:1] == ["-m"] and len(rest) > 1:
            name, rest = rest[1], rest[2:]
        elif rest and rest[0] not in ("-c", "-", "-m"):
            name, rest = rest[0], rest[1:]
    tube = _tube(name, rest)
    name = Path(tube).name if tube else Path(name).name
    name = re.sub(r"\.(py|ya?ml)\Z", "", name)
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:60] or "run"


def _tube(name: str, arguments: Sequence[str]) -> str | None:
    if Path(name).name != "noob" or arguments[:1] != ["run"]:
        return None
    rest = list(arguments[1:])
    while rest and rest[0].startswith("-"):
        del rest[: 1 + _NOOB_VALUES.get(rest[0], 0)]
    return rest[0] if rest else None


def attachments(command: Sequence[str]) -> list[tuple[str, str, str]]:
    """Return what belongs into the recording as (name, media type, file): the tube's specification if it is
    a file.

    Only where the command line names it: `noob run TUBE.yaml`.
    """
    for position, part in enumerate(command):
        tube = _tube(part, command[position + 1 :])
        if tube and tube.endswith((".yaml", ".yml")) and Path(tube).is_file():
            return [(Path(tube).name, "application/yaml", str(Path(tube).resolve()))]
    return []


def why_nothing(command: Sequence[str], seen: Path, left_alone: Sequence[str]) -> str:
    """Say why no socket was interposed and what to do; `seen` is the folder with the agent's marks."""
    if not (seen / "seen-python").exists():
        flags = _isolating_flags(command)
        if flags:
            return f"the interpreter runs with {flags}, which ignores PYTHONPATH: leave it out, or {_REMEDY}"
        return (
            "no Python of the program loaded tubetap's agent (it is not Python 3.8 or newer, or it clears "
            f"PYTHONPATH): {_REMEDY}"
        )
    if not (seen / "seen-zmq").exists():
        return f"no process imported pyzmq; for a program with another ZeroMQ binding {_REMEDY}"
    if left_alone:
        return f"no ipc:// socket was bound, only {', '.join(left_alone)}: {remedy(left_alone)}"
    return "pyzmq was imported, but no ipc:// socket was bound: was the tube run with its ZMQ runner?"


def remedy(left_alone: Sequence[str]) -> str:
    """Say how sockets that were left alone ("ADDRESS (TYPE)") can be recorded all the same."""
    addresses = [each.partition(" ")[0] for each in left_alone]
    links = [
        f"--link tcp://127.0.0.1:*={_ANYWHERE.sub('//127.0.0.1:', address)}"
        for address in addresses
        if address.startswith(("tcp://", "ipc://"))
    ]
    if not links:
        return "tubetap relays only tcp:// and ipc://"
    return f"start `tubetap proxy {' '.join(links)}` beside it, and let the others connect where it says"


def _isolating_flags(command: Sequence[str]) -> str:
    arguments = list(command)
    program = shutil.which(arguments[0])
    if program is None:
        return ""
    if not _PYTHON.match(Path(program).name):
        try:
            with open(program, "rb") as file:
                first = file.readline(512)
        except OSError:
            return ""
        if not first.startswith(b"#!"):
            return ""
        arguments = first[2:].decode("utf-8", "replace").split()
        if arguments and Path(arguments[0]).name == "env":
            arguments = [part for part in arguments[1:] if part != "-S"]
        if not arguments or not _PYTHON.match(Path(arguments[0]).name):
            return ""
    flags = []
    for argument in arguments[1:]:
        if not argument.startswith("-") or argument in ("-m", "-c", "-"):
            break
        if _ISOLATING.match(argument):
            flags.append(argument)
    return " ".join(flags)
