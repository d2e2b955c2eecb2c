"""`tubetap info`: a recording summed up on one screen, or as JSON."""

from collections.abc import Iterator
from pathlib import Path

import click

from decoders.text import safe
from recordings.export.fields import iso_time
from recordings.export.jsonl import json_line
from recordings.overview import Overview, command_of, sum_up
from tubetap.cli.figures import duration, quantity, table
from tubetap.cli.files import open_whole, recording_argument

STATES = {
    "complete": "complete",
    "growing": "still being written",
    "cut off": "cut off: the end is missing; tubetap recover makes a clean file of it",
}

TOLD_OTHERWISE = ("format", "started_ns", "ended_ns", "messages", "command")
"""Facts that have a line of their own, or say nothing to a person."""


@click.command()
@recording_argument()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def command(file: Path, as_json: bool) -> None:
    """Sum up FILE: what it is, who took part, when, how much, what was lost.

    Also for a recording that is still being written or was cut off.

    \b
    Examples:
      tubetap info run.mcap
      tubetap info run.mcap --json | jq .losses
    """
    with open_whole(file) as recording:
        overview = sum_up(recording)
    if as_json:
        click.echo(json_line(overview))
        return
    for line in lines(overview):
        click.echo(line)


def lines(overview: Overview) -> Iterator[str]:
    """Write the overview for a person."""
    yield from _head(overview)
    yield ""
    yield from table(
        ("type", "messages", "bytes"),
        ((each.name, f"{each.messages:,}", quantity(each.bytes)) for each in overview.types),
    )
    if overview.nodes:
        yield ""
        yield from table(
            ("node", "state", "pid", "sent", "bytes", "received", "errors"),
            (
                (
                    node.name,
                    node.state or "-",
                    "-" if node.pid is None else str(node.pid),
                    f"{node.sent:,}",
                    quantity(node.sent_bytes),
                    f"{node.received:,}",
                    f"{node.errors:,}",
                )
                for node in overview.nodes
            ),
        )
    if overview.endpoints:
        yield ""
        yield from table(
            ("endpoint", "type", "role", "connections", "messages", "bytes"),
            (
                (
                    each.address,
                    each.socket_type,
                    each.role,
                    str(each.connections),
                    f"{each.messages:,}",
                    quantity(each.bytes),
                )
                for each in overview.endpoints
            ),
        )
    yield from _trouble(overview)


def _head(overview: Overview) -> Iterator[str]:
    facts: list[tuple[str, str]] = [
        ("file", f"{overview.file}, {quantity(overview.size)}, {STATES[overview.state]}"),
        ("format", f"tubetap {overview.format}" if overview.format else "MCAP, not written by tubetap"),
    ]
    if overview.start_ns is not None and overview.end_ns is not None:
        start, end = iso_time(overview.start_ns, utc=False), iso_time(overview.end_ns, utc=False)
        facts.append(("time", f"{start} to {end} ({duration(overview.end_ns - overview.start_ns)})"))
    rate = overview.messages / overview.duration_s if overview.duration_s else 0.0
    facts.append(
        (
            "messages",
            f"{overview.messages:,} ({quantity(overview.message_bytes)}), {rate:,.0f}/s on average, "
            f"{overview.busiest_second:,} in the busiest second, the largest {quantity(overview.largest)}",
        )
    )
    facts.append(
        ("copies", f"{overview.copies:,} delivered to subscribers, {overview.late:,} of the messages late")
    )
    if overview.epochs is not None:
        epochs = overview.epochs
        text = f"{epochs.count:,} ({epochs.first} to {epochs.last}), {epochs.ended:,} ended"
        if epochs.median_ns is not None and epochs.longest_ns is not None:
            text += (
                f", {duration(epochs.median_ns)} each (median), the longest {duration(epochs.longest_ns)} "
            )
            text += f"(epoch {epochs.longest})"
        facts.append(("epochs", text))
    states = ", ".join(f"{count} {state}" for state, count in overview.connections.items())
    facts.append(("connections", states or "none"))
    if overview.runner:
        facts.append(("runner", overview.runner))
    command = command_of(overview.facts)
    facts += [("command", command)] if command else []
    facts += [(name, value) for name, value in overview.facts.items() if name not in TOLD_OTHERWISE]
    facts += [("remark", remark) for remark in overview.remarks]
    facts += [("attachment", name) for name in overview.attachments]
    if overview.notes:
        facts.append(("notes", f"{overview.notes:,} on messages (tubetap cat FILE marked)"))
    width = max(len(name) for name, _ in facts)
    for name, value in facts:
        yield f"{safe(name):<{width}}  {safe(value, 300)}"


def _trouble(overview: Overview) -> Iterator[str]:
    yield ""
    if overview.losses:
        for loss in overview.losses:
            reason = f" ({loss.reason})" if loss.reason else ""
            yield safe(
                f"lost at the {loss.stage}: {loss.messages:,} messages, {quantity(loss.bytes)} "
                f"in {loss.times:,} gaps{reason}"
            )
    else:
        yield "lost: nothing"
    if overview.undecoded:
        yield f"not decoded: {overview.undecoded:,} messages (tubetap cat FILE is:undecoded)"
    if overview.undelivered:
        yield f"undelivered: {overview.undelivered:,} messages that no one received"
    for problem in overview.problems:
        yield safe(f"problem: {problem}", 300)
    if overview.error_count:
        yield f"errors: {overview.error_count:,}"
    for error in overview.errors:
        yield safe(f"  {error.row:>8}  {iso_time(error.time_ns, utc=False)}  {error.node}: {error.text}", 300)
