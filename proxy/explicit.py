"""`tubetap proxy`: relays between programs that tubetap did not start, on addresses that are given.

The programs are told to connect to LISTEN in place of CONNECT; what is bound at CONNECT stays where it is.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from proxy.addresses import Bound, bind, parse
from proxy.errors import ProxyError
from proxy.forwarding import Forward
from proxy.layout import place
from proxy.output import reserve_output, say, session_facts
from proxy.run import RunResult, Telling
from proxy.session import BUFFER_BYTES, RelayProgram, Session
from proxy.standing import record_until_told, say_result
from recordings.keeping import EVERYTHING, Keeping
from recordings.records import Role

__all__ = ["ROLES", "parse_link", "stand_between"]

ROLES = tuple(str(role).replace(" ", "-") for role in get_args(Role))
"""What can be at the CONNECT side, as written on the command line; `node-outbox:NAME` names the node."""

_BETWEEN = re.compile(r"=(?=[a-z]+://)")
_VIEWER = "tubetap.cli.proxy"


def parse_link(text: str, role: str = "") -> Forward:
    """Read LISTEN=CONNECT; raises ProxyError with what to write instead.

    `role` is one of `ROLES`; without it, the role is read off a path of noob's layout.
    """
    sides = _BETWEEN.split(text)
    if len(sides) != 2:
        raise ProxyError(
            f"{text!r} is no link: write LISTEN=CONNECT, CONNECT being what a program has bound and LISTEN a "
            "new address for those who connect, as in tcp://127.0.0.1:5556=tcp://127.0.0.1:5555"
        )
    listen, connect = parse(sides[0], listen=True), parse(sides[1], listen=False)
    if listen == connect:
        raise ProxyError(f"{listen} is on both sides: LISTEN is an address of its own")
    where = place(str(connect))
    if not role:
        return Forward(listen, connect, where.role, where.node or "")
    name, _, node = role.partition(":")
    if name not in ROLES or (node and name != "node-outbox"):
        raise ProxyError(
            f"{role!r} is no role: choose one of {', '.join(ROLES)} (node-outbox:NAME for a node)"
        )
    found: Role = next(each for each in get_args(Role) if each.replace(" ", "-") == name)
    if found.startswith("command"):
        node = "command"
    return Forward(listen, connect, found, node or where.node or "")


def stand_between(
    links: Sequence[Forward],
    *,
    output: Path | None = None,
    force: bool = False,
    tui: bool = False,
    buffer_bytes: int = BUFFER_BYTES,
    on_overflow: Literal["drop", "block"] = "drop",
    keeping: Keeping = EVERYTHING,
    quiet: bool = False,
) -> RunResult:
    """Relay and record `links` until Ctrl-C, SIGTERM, or the viewer is left.

    The arguments are those of `proxy.run.run`. Raises ProxyError if an address can't be listened on or the
    recording can't be written.
    """
    _check(links)
    bound: list[Bound] = []
    path = reserve_output(output, "proxy", force=force)
    try:
        for link in links:
            bound.append(bind(link.listen))
        links = [
            Forward(each.address, link.connect, link.role, link.node)
            for link, each in zip(links, bound, strict=True)
        ]
        report = record_until_told(
            _session(path, links, bound, buffer_bytes, on_overflow, keeping, quiet=quiet or tui),
            path,
            viewer=_VIEWER if tui else "",
            started=lambda: _started(links, bound, quiet=quiet or tui),
        )
    except ProxyError:
        path.unlink(missing_ok=True)
        raise
    finally:
        for each in bound:
            each.socket.close()
            each.remove_file()
    notes = []
    if not report.connections:
        heard = " or ".join(str(link.listen) for link in links)
        notes.append(f"nobody connected: programs see the relay only if they connect to {heard}")
    return say_result(report, notes, quiet=quiet)


def _check(links: Sequence[Forward]) -> None:
    if not links:
        raise ProxyError("nothing to relay: give at least one --link LISTEN=CONNECT")
    listens = [link.listen for link in links if link.listen.path or link.listen.port]
    for listen in listens:
        if listens.count(listen) > 1:
            raise ProxyError(f"{listen} is the LISTEN of two links: each needs an address of its own")
        if any(link.connect == listen for link in links):
            raise ProxyError(f"{listen} is the LISTEN of one link and the CONNECT of another: a loop")


def _session(
    path: Path,
    links: Sequence[Forward],
    bound: Sequence[Bound],
    limit: int,
    on_overflow: str,
    keeping: Keeping,
    *,
    quiet: bool,
) -> Session:
    descriptors = tuple(each.socket.fileno() for each in bound)
    arguments = tuple(link.to_json(descriptor) for link, descriptor in zip(links, descriptors, strict=True))

    telling = Telling(keeping, quiet=quiet)

    def heard(fact: dict[str, Any]) -> None:
        telling(fact)
        if not quiet and fact["kind"] in ("missing", "reached"):
            what = f"nobody at {fact['address']} yet ({fact.get('reason', '')}): trying again until there is"
            if fact["kind"] == "reached":
                what = f"{fact['address']} is there now"
            say(what)

    return Session(
        path,
        facts={
            "source": "tubetap proxy",
            "links": ", ".join(f"{link.listen}={link.connect}" for link in links),
            **session_facts(),
        },
        limit=limit,
        on_overflow=on_overflow,
        keeping=keeping,
        relay=RelayProgram("proxy.forwarding", arguments, descriptors),
        heard=heard,
    )


def _started(links: Sequence[Forward], bound: Sequence[Bound], *, quiet: bool) -> None:
    for each in bound:
        each.socket.close()  # only the relay listens: were it killed, nobody may wait in vain
    if quiet:
        return
    for link in links:
        whose = f" of {link.node}" if link.node and link.role == "node outbox" else ""
        role = "" if link.role == "other" else f" ({link.role}{whose})"
        say(f"{link.listen} leads to {link.connect}{role}")
        if not link.listen.is_local:
            say(f"{link.listen} is open to the network, without a password")
    say("recording until Ctrl-C")
