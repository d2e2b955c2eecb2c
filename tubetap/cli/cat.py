"""`tubetap cat`: messages, one a line, as text or JSON; clean with pipes and `head`, also while the file
grows.
"""

import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import click
import numpy as np

from recordings.export.fields import FIELDS, Message, choose, messages
from recordings.export.jsonl import DEFAULT_FIELDS, decoded_object, json_line, message_object
from recordings.export.lines import Clock, Line, field_line
from recordings.export.trees import tree_lines
from recordings.filters import Filter
from recordings.recording import Recording
from tubetap.cli.decoders import decoder_option
from tubetap.cli.files import filter_argument, open_whole, recording_argument, warn_of_damage, warn_of_unseen

POLL_S = 0.1
"""How often a growing file is looked at again."""

SETTLE_NS = 200_000_000
"""In a growing file, messages younger than this wait: copies of them may still be on their way."""

INDENT = " " * 10
"""What stands in front of a tree: it is below the time."""

FIELD_HELP = ", ".join(field.name for field in FIELDS)


@click.command()
@recording_argument()
@filter_argument
@click.option("--json", "as_json", is_flag=True, help="JSON Lines: one object a message, with its payload.")
@click.option(
    "--fields", metavar="A,B,..", help=f"Only these fields, separated by tabs. Known: {FIELD_HELP}."
)
@decoder_option
@click.option("--tree", is_flag=True, help="Below each message what it holds, decoded.")
@click.option("-n", "--tail", type=click.IntRange(0), metavar="N", help="Only the last N matching messages.")
@click.option("-f", "--follow", is_flag=True, help="Go on as the recording grows, until it ends.")
@click.option("--utc", is_flag=True, help="Times in UTC instead of local time.")
@click.option(
    "--color/--no-color", default=None, help="Colours; default: on a terminal, unless NO_COLOR is set."
)
def command(
    file: Path,
    filter: Filter,
    as_json: bool,
    fields: str | None,
    decoder: str | None,
    tree: bool,
    tail: int | None,
    follow: bool,
    utc: bool,
    color: bool | None,
) -> int:
    """Print the messages of FILE that pass FILTER, one a line.

    FILTER is explained by `tubetap filters`. Exits with 1 if a filter lets nothing through. With --json,
    --tree adds what was decoded as "decoded".

    \b
    Examples:
      tubetap cat run.mcap
      tubetap cat run.mcap 'type:event from:camera epoch>=10' | head
      tubetap cat run.mcap --json 'type:error' | jq .body.value
      tubetap cat run.mcap --fields time,from,to,summary -n 20
      tubetap cat run.mcap --follow error
      tubetap cat run.mcap 'type:error' --tree
      tubetap cat run.mcap --decoder jupyter
    """
    with open_whole(file) as recording:
        write = _writer(as_json, fields, tree, Clock(utc=utc), _use_color(color))
        count = damaged = 0
        for message in messages(recording, _rows(recording, filter, tail, follow), decoder=decoder):
            write(message)
            count += 1
            damaged += bool(message.damage)
        if count == 0 and not filter.empty:
            warn_of_unseen(recording, filter)
            return 1
    return warn_of_damage(damaged)


def _writer(
    as_json: bool, fields: str | None, tree: bool, clock: Clock, color: bool
) -> Callable[[Message], None]:
    """Choose how a message is printed."""
    out = sys.stdout
    # A summary may hold any letter, and the terminal or file perhaps not.
    if hasattr(out, "reconfigure"):
        out.reconfigure(errors="backslashreplace")
    names = [name.strip() for name in fields.split(",")] if fields else []
    if as_json:
        chosen = choose(names or DEFAULT_FIELDS)

        def write_object(message: Message) -> None:
            decoded = {"decoded": decoded_object(message)} if tree else {}
            _print(json_line(message_object(message, chosen) | decoded))

        return write_object
    if names:
        line: Callable[[Message], str] = partial(field_line, fields=choose(names))
    else:
        line = Line(clock, color=color)

    def write_lines(message: Message) -> None:
        _print(line(message))
        if tree:
            _print_tree(message)

    return write_lines


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")


def _print_tree(message: Message) -> None:
    decoded = message.decoded
    if decoded.problem:
        _print(f"{INDENT}({decoded.decoder}) {decoded.problem}")
    for line in tree_lines(decoded.item, INDENT):
        _print(line)


def _rows(recording: Recording, filter: Filter, tail: int | None, follow: bool) -> Iterator[int]:
    """Yield the matching rows as they are found."""
    done = len(recording.rows)
    if tail is not None:
        yield from _last(recording, filter, done, tail)
    else:
        for batch in filter.select(recording, 0, done):
            yield from batch.tolist()
    while follow:
        sys.stdout.flush()
        changed = recording.refresh(POLL_S)
        ready = len(recording.rows)
        if changed and recording.state == "growing" and ready:
            newest = int(recording.rows.time_ns[ready - 1])
            settled = np.searchsorted(recording.rows.time_ns[done:ready], newest - SETTLE_NS)
            ready = done + int(settled)
        for batch in filter.select(recording, done, ready):
            yield from batch.tolist()
        done = ready
        if not changed:
            if recording.state != "growing":
                return
            time.sleep(POLL_S)


def _last(recording: Recording, filter: Filter, stop: int, count: int) -> Iterator[int]:
    """Find the last matching rows, looking from the end backwards."""
    found: deque[np.ndarray[tuple[int], np.dtype[np.int64]]] = deque()
    size = 4096
    have = 0
    while stop > 0 and have < count:
        start = max(0, stop - size)
        batches = list(filter.select(recording, start, stop))
        for batch in reversed(batches):
            found.appendleft(batch)
            have += len(batch)
        stop, size = start, size * 2
    if count and found:
        yield from np.concatenate(list(found))[-count:].tolist()


def _use_color(wanted: bool | None) -> bool:
    if wanted is not None:
        return wanted
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")
