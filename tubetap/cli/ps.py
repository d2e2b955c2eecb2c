"""`tubetap ps`: noob tubes that run, sockets of those that don't, and node processes left behind. See
`proxy.tubes`."""

import shlex
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from decoders.text import safe
from proxy.tubes import SocketFile, Tube, argv_of, find_tubes, remove_dead, runtime_folders
from recordings.export.jsonl import json_line
from tubetap.cli.figures import duration, table

MOST_LISTED = 20
"""How many stale sockets are listed when they are not about to be removed."""


def folder_option(function: Any) -> Any:
    """Declare --dir."""
    return click.option(
        "--dir",
        "folders",
        multiple=True,
        type=click.Path(path_type=Path, file_okay=False, exists=True),
        help="Look here alone (noob's NOOB_TMP_DIR). Can be given several times. "
        "Default: everywhere noob puts its sockets.",
    )(function)


@click.command()
@folder_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option("--clean", is_flag=True, help="Remove socket files that provably nobody listens on.")
def command(folders: tuple[Path, ...], as_json: bool, clean: bool) -> int:
    """List running noob tubes, stale sockets, and orphans: node processes whose command process is gone.

    noob never removes its socket files. --clean does, once it has listed them; each is moved aside and asked
    again before it goes. Processes are never ended.

    \b
    Examples:
      tubetap ps
      tubetap ps --json | jq -r '.tubes[].runner'
      tubetap ps --clean
    """
    looked = [folder.absolute() for folder in folders] or runtime_folders()
    tubes = find_tubes(looked)
    stale = [each.path for tube in tubes for each in tube.stale]
    if not as_json:
        for line in _lines(tubes, looked, most=len(stale) if clean else MOST_LISTED):
            click.echo(line)
    removed = [path for path in stale if remove_dead(path)] if clean else []
    if as_json:
        click.echo(json_line(_facts(tubes, looked, removed)))
    elif clean:
        kept = len(stale) - len(removed)
        click.echo(
            f"removed {len(removed):,} socket files" + (f", kept {kept:,} in use again" if kept else "")
        )
    elif stale:
        click.echo("remove them with: tubetap ps --clean")
    return 0


def _lines(tubes: Sequence[Tube], folders: Sequence[Path], *, most: int) -> Iterator[str]:
    live = [tube for tube in tubes if tube.state != "dead"]
    if not live:
        yield safe(f"no tube runs (looked in {', '.join(map(str, folders))})")
    for tube in live:
        yield from _tube_lines(tube)
        yield ""
    stale = [each for tube in tubes for each in tube.stale]
    if not stale:
        return
    dead = sum(tube.state == "dead" for tube in tubes)
    yield f"{len(stale):,} stale socket files ({dead:,} dead tubes)"
    for each in stale[:most]:
        yield safe(f"  {each.path}")
    if len(stale) > most:
        yield f"  ... {len(stale) - most:,} more"


def _tube_lines(tube: Tube) -> Iterator[str]:
    since = datetime.fromtimestamp(tube.since)
    age = duration(int(max(0.0, time.time() - tube.since) * 1e9))
    yield safe(f"{tube.runner}  {tube.state} since {since:%Y-%m-%d %H:%M:%S} ({age}), in {tube.folder}")
    pid = tube.command_pid
    if tube.state == "running" and pid is not None:
        yield safe(f"  started by {pid}: {shlex.join(argv_of(pid))}", 300)
    elif tube.state == "orphaned":
        pids = " ".join(str(each) for each in tube.nodes.values() if each is not None)
        gone = "its command process" if pid is None else f"its command process {pid}"
        yield f"  {gone} is gone; end the nodes with: kill {pids}"
    rows = [
        (
            each.node or "",
            "-" if each.pid is None else str(each.pid),
            Path(each.path).name,
            _state(each) + (", under tubetap run" if each.tapped else ""),
        )
        for each in tube.sockets
    ]
    for line in table(("node", "pid", "socket", "state"), rows):
        yield safe(f"  {line}".rstrip())


def _state(socket: SocketFile) -> str:
    if socket.probe == "listening":
        return "in use" if socket.in_use else "left open by a process that is gone"
    return "stale" if socket.probe == "dead" else "unknown"


def _facts(tubes: Sequence[Tube], folders: Sequence[Path], removed: Sequence[str]) -> dict[str, Any]:
    return {
        "folders": [str(folder) for folder in folders],
        "tubes": [_tube_facts(tube) for tube in tubes if tube.state != "dead"],
        "stale": [each.path for tube in tubes for each in tube.stale],
        "orphans": [
            {"pid": pid, "node": node, "runner": tube.runner, "command_line": argv_of(pid)}
            for tube in tubes
            if tube.state == "orphaned"
            for node, pid in tube.nodes.items()
            if pid is not None
        ],
        "removed": list(removed),
    }


def _tube_facts(tube: Tube) -> dict[str, Any]:
    pid = tube.command_pid
    return {
        "runner": tube.runner,
        "folder": tube.folder,
        "state": tube.state,
        "since": datetime.fromtimestamp(tube.since).astimezone().isoformat(timespec="milliseconds"),
        "pid": pid,
        "command_line": argv_of(pid) if pid is not None else [],
        "nodes": tube.nodes,
        "sockets": [
            {
                "address": f"ipc://{each.path}",
                "role": each.role,
                "node": each.node,
                "pid": each.pid,
                "in_use": each.in_use,
                "tapped": each.tapped,
            }
            for each in tube.sockets
        ],
    }
