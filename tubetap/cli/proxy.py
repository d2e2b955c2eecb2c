"""`tubetap proxy`: stand between programs that tubetap did not start. See `proxy.explicit`."""

from pathlib import Path

import click

from proxy.explicit import ROLES, parse_link, stand_between
from tubetap.cli.recording import (
    buffer_option,
    check_terminal,
    keeping_options,
    output_options,
    overflow_option,
    read_keeping,
)
from tubetap.cli.watching import watch_live


@click.command()
@click.option(
    "--link",
    "links",
    multiple=True,
    required=True,
    metavar="LISTEN=CONNECT",
    help="Listen on LISTEN and pass on to CONNECT, which a program has bound. Can be given several times.",
)
@click.option(
    "--role",
    "roles",
    multiple=True,
    metavar="ROLE",
    help=f"What is at CONNECT, for the first, second, ... link: {', '.join(ROLES)}. "
    "Default: read off a path of noob's, else other.",
)
@output_options
@buffer_option
@overflow_option
@keeping_options
def command(
    links: tuple[str, ...],
    roles: tuple[str, ...],
    output: Path | None,
    force: bool,
    tui: bool,
    buffer: int,
    on_overflow: str,
    rotate: tuple[int | None, int | None] | None,
    keep: int | None,
    ring: int | None,
) -> int:
    """Stand between programs that tubetap did not start, and record what they say.

    CONNECT is the address that one program has bound, tcp://HOST:PORT or ipc://PATH. LISTEN is a new one:
    have the other programs connect to it in place of CONNECT. tcp://:PORT listens on this machine alone,
    tcp://127.0.0.1:* on a free port. The program at CONNECT may start later. Ctrl-C ends it.

    On the command sockets of a noob tube the addresses of its nodes are rewritten as they pass, so that
    events from node to node are recorded as well.

    \b
    Examples:
      tubetap proxy --link tcp://127.0.0.1:5556=tcp://127.0.0.1:5555
      tubetap proxy --tui --link ipc:///tmp/tapped=ipc:///tmp/feed --link tcp://:6001=tcp://10.0.0.7:6000
    """
    keeping = read_keeping(rotate, keep, ring, tui=tui)
    check_terminal(tui)
    if len(roles) > len(links):
        raise click.UsageError("more --role than --link", click.get_current_context())
    forwards = [
        parse_link(text, roles[number] if number < len(roles) else "") for number, text in enumerate(links)
    ]
    result = stand_between(
        forwards,
        output=output,
        force=force,
        tui=tui,
        buffer_bytes=buffer,
        on_overflow="block" if on_overflow == "block" else "drop",
        keeping=keeping,
    )
    return result.exit_code


def main(arguments: list[str]) -> None:
    """Show a growing recording; `tubetap proxy --tui` starts this as a process of its own."""
    watch_live(arguments[0], "The programs will be cut off from each other. End it?")
