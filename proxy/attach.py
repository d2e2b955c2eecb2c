"""`tubetap attach`: a recording of a tube that already runs, made by listening to what its nodes publish.

Nothing is restarted and nothing stands in the path, so some things can't be seen: `UNSEEN`.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from decoders.text import safe
from proxy.errors import ProxyError
from proxy.output import reserve_output, say, session_facts
from proxy.run import RunResult, Telling
from proxy.session import BUFFER_BYTES, RelayProgram, Session
from proxy.standing import record_until_told, say_result
from proxy.tubes import Tube, argv_of, find_tubes, runtime_folders
from recordings.keeping import EVERYTHING, Keeping

__all__ = ["UNSEEN", "attach", "choose"]

UNSEEN = (
    "what nodes tell the command node (identify, status, error), who else received a message, and anything "
    "before the attaching"
)
"""What listening alone can't see, in words."""

_VIEWER = "tubetap.cli.attach"


def choose(runner: str, folders: Sequence[Path] = ()) -> Tube:
    """Find the tube to attach to: a runner's id, the beginning of one, or its folder; the only one if "".

    Looks in `folders`, by default wherever noob puts its sockets. Raises ProxyError, naming the tubes there
    are, if there is not exactly one.
    """
    path = Path(runner)
    if runner and path.is_dir():
        folders, runner = [path.absolute().parent], path.absolute().name
    looked = list(folders) or runtime_folders()
    live = [tube for tube in find_tubes(looked) if tube.state != "dead"]
    found = [tube for tube in live if tube.runner == runner] or [
        tube for tube in live if tube.runner.startswith(runner)
    ]
    if not runner and len(found) > 1:
        found = [tube for tube in found if tube.state == "running"]
    if len(found) == 1:
        return found[0]
    if found:
        raise ProxyError(f"{len(found)} tubes run: attach to one of {_listed(found)}")
    if live:
        raise ProxyError(f"no tube {runner!r} runs, but {_listed(live)}")
    where = ", ".join(str(folder) for folder in looked)
    raise ProxyError(f"no tube runs (looked in {where}): start one, or say with --dir where its sockets are")


def _listed(tubes: Sequence[Tube]) -> str:
    named = []
    for tube in tubes:
        pid = tube.command_pid
        command = " ".join(argv_of(pid)) if pid is not None else ""
        named.append(f"{tube.runner} ({safe(command, 60) or tube.state})")
    return ", ".join(named)


def attach(
    runner: str = "",
    *,
    folders: Sequence[Path] = (),
    output: Path | None = None,
    force: bool = False,
    tui: bool = False,
    buffer_bytes: int = BUFFER_BYTES,
    keeping: Keeping = EVERYTHING,
    quiet: bool = False,
) -> RunResult:
    """Record what a running tube publishes, until it ends, or Ctrl-C, SIGTERM, or the viewer is left.

    `runner` and `folders` are as in `choose`, the others as in `proxy.run.run`. Raises ProxyError if there is
    no such tube or the recording can't be written.
    """
    tube = choose(runner, folders)
    path = reserve_output(output, f"attach-{tube.runner}", force=force)
    silent = quiet or tui
    telling = Telling(keeping, quiet=silent)

    def heard(fact: dict[str, Any]) -> None:
        telling(fact)
        if fact["kind"] == "joined" and not silent:
            say(f"node {fact['node']} is announced: listening to it too")

    def started() -> None:
        if not silent:
            nodes = ", ".join(each.node or "" for each in tube.outboxes)
            say(f"listening to {tube.runner}: {nodes}")
            say(f"not seen this way: {UNSEEN}")
            say("recording until the tube ends, or Ctrl-C")

    session = Session(
        path,
        facts=_facts(tube),
        limit=buffer_bytes,
        keeping=keeping,
        relay=RelayProgram("proxy.subscribing", (_outboxes(tube),)),
        heard=heard,
    )
    report = record_until_told(session, path, viewer=_VIEWER if tui else "", started=started)
    return say_result(report, [], quiet=quiet, tail=f"; not seen by attaching: {UNSEEN}")


def _outboxes(tube: Tube) -> str:
    return json.dumps([(f"ipc://{each.path}", each.node) for each in tube.outboxes])


def _facts(tube: Tube) -> dict[str, str]:
    pid = tube.command_pid
    return {
        "source": "tubetap attach",
        "runner": tube.runner,
        "unseen": UNSEEN,
        **({"command": json.dumps(list(argv_of(pid)))} if pid is not None and argv_of(pid) else {}),
        **session_facts(),
    }
