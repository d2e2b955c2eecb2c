"""The summary of a bug report in Markdown: versions, nodes, errors, what happened around the trouble, losses.

Foreign text is put into code spans and code blocks that it can't end, so that it is never read as markup.
"""

import re
import shlex
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from decoders.errors import DecodeError
from decoders.messages import Message as NoobMessage
from decoders.remote_errors import call_text, read_error
from decoders.text import safe
from recordings.epochs import EpochTable
from recordings.errors import RecordingError
from recordings.export.fields import Message, iso_time
from recordings.export.lines import Clock, Line
from recordings.export.sequence import sequence_diagram
from recordings.overview import ErrorLine, Overview, command_of, sum_up
from recordings.recording import Recording

MAX_ERRORS = 5
MAX_TRACEBACK = 6000
BEFORE, AFTER = 40, 15
"""Messages of the timeline before and after the point of interest."""

MAX_DIAGRAM = 40
MAX_UNFINISHED = 10
LOG_KINDS = ("process", "connection", "node", "output", "loss", "problem", "note")

MAX_NAMED = 5
MAX_SPECIFICATION = 400
INTERNAL_FACTS = ("format", "ended_ns", "started_ns", "messages", "redacted", "user_pid")
"""Facts that are told in other words elsewhere, or are of no use away from the machine."""

CUT = "..."


@dataclass(frozen=True)
class Subject:
    """What the summary is about: the whole recording summed up, the redacted part of it, and where to look.

    `epochs` are those of the whole recording. `point` is the row of the part where the trouble is. `notes`
    say what was done to the recording. Single messages are told of from the part alone, so that nothing else
    gets out.
    """

    overview: Overview
    epochs: EpochTable
    part: Recording
    point: int
    notes: Sequence[str]


def document(subject: Subject) -> Iterator[str]:
    """Yield the lines of the summary."""
    overview = subject.overview
    yield f"# Bug report: {code(_title(overview))}"
    yield ""
    yield from _in_short(subject)
    yield from _where(overview)
    yield from _errors(subject.part, overview)
    yield from _nodes(overview)
    yield from _unfinished(subject.epochs)
    yield from _timeline(subject.part, subject.point)
    yield from _messages(overview)
    yield from _losses(overview)
    yield from _versions(overview)
    yield from _specifications(subject.part)
    yield "## About this bundle"
    yield ""
    for note in subject.notes:
        yield f"- {note}"
    yield ""
    yield "Open the recording with `tubetap view recording.mcap`."


def code(text: str, limit: int = 200) -> str:
    """Write foreign text as a code span, on one line."""
    shown = safe(text, limit) or " "
    ticks = "`" * (1 + max((len(run) for run in re.findall("`+", shown)), default=0))
    return f"{ticks} {shown} {ticks}" if "`" in shown else f"`{shown}`"


def cell(text: str) -> str:
    """Write foreign text as a code span in a table."""
    return code(text).replace("|", "\\|")


def block(lines: Sequence[str]) -> Iterator[str]:
    """Write lines as a code block that nothing in them can end; each line is made safe."""
    shown = [safe(line) for line in lines]
    fence = "`" * max(3, 1 + max((len(run) for line in shown for run in re.findall("`+", line)), default=0))
    yield f"{fence}text"
    yield from shown
    yield fence


def _title(overview: Overview) -> str:
    return overview.facts.get("tube") or command_of(overview.facts) or overview.file


def _in_short(subject: Subject) -> Iterator[str]:
    """Say first what whoever receives it wants to know."""
    overview, part = subject.overview, sum_up(subject.part)
    for error in part.errors[:1]:
        at = (error.time_ns - (overview.start_ns or 0)) / 1e9
        more = f", the first of {overview.error_count:,} errors" if overview.error_count > 1 else ""
        text, _ = _said(subject.part, error)
        yield f"- Node {code(error.node)} failed after {at:.3f} s{more}: {code(text, 500)}."
    unfinished = np.flatnonzero(subject.epochs.ended_ns == 0).tolist()
    if unfinished and overview.epochs is not None and overview.epochs.ended:
        numbers = ", ".join(str(subject.epochs[index].number) for index in unfinished[:MAX_NAMED])
        more = f" and {len(unfinished) - MAX_NAMED:,} more" if len(unfinished) > MAX_NAMED else ""
        yield f"- Of {overview.epochs.count:,} epochs, {len(unfinished):,} did not end: {numbers}{more}."
    for process in [process for process in part.exits if process.exit_code][:MAX_NAMED]:
        command = f" ({code(shlex.join(process.command_line), 80)})" if process.command_line else ""
        yield f"- Process {process.pid}{command} exited with code {process.exit_code}."
    if overview.losses:
        size = sum(loss.bytes for loss in overview.losses)
        yield f"- Not all was recorded: {size:,} bytes are missing; see Losses and problems."
    else:
        yield "- Nothing is known to be missing from the recording."
    if overview.state != "complete":
        yield f"- The recording is {overview.state}: its end is missing."
    for remark in overview.remarks[:MAX_NAMED]:
        yield f"- {code(remark)}"
    yield ""


def _where(overview: Overview) -> Iterator[str]:
    yield "| recording | |"
    yield "|---|---|"
    yield f"| file | {cell(overview.file)}, {overview.size:,} bytes, {overview.state} |"
    if overview.start_ns is not None and overview.end_ns is not None:
        start, end = iso_time(overview.start_ns), iso_time(overview.end_ns)
        yield f"| time | {start} to {end} ({overview.duration_s:.3f} s) |"
    size = f"{overview.message_bytes:,} bytes"
    yield f"| messages | {overview.messages:,} ({size}), {overview.copies:,} copies |"
    yield f"| errors | {overview.error_count:,} |"
    odd = f"{overview.late:,} late, {overview.undelivered:,} undelivered, {overview.undecoded:,} undecoded"
    yield f"| odd | {odd} |"
    yield f"| lost | {overview.lost_messages:,} messages in {len(overview.losses):,} places |"
    if overview.epochs is not None:
        epochs = overview.epochs
        yield f"| epochs | {epochs.count:,} ({epochs.first} to {epochs.last}), {epochs.ended:,} ended |"
    yield ""


def _versions(overview: Overview) -> Iterator[str]:
    yield "## Versions and command"
    yield ""
    yield "| | |"
    yield "|---|---|"
    for remark in overview.remarks:
        yield f"| remark | {cell(remark)} |"
    for name, value in sorted(overview.facts.items()):
        if name not in INTERNAL_FACTS:
            yield f"| {cell(name)} | {cell(command_of(overview.facts) if name == 'command' else value)} |"
    yield ""


def _specifications(part: Recording) -> Iterator[str]:
    """Show the YAML files of tubes and pipelines that were attached."""
    for name in part.attachments():
        if not name.endswith((".yaml", ".yml")):
            continue
        lines = part.attachment(name).decode("utf-8", "replace").splitlines()
        yield f"## Specification {code(name)}"
        yield ""
        yield from block(lines[:MAX_SPECIFICATION])
        if len(lines) > MAX_SPECIFICATION:
            yield f"{CUT} and {len(lines) - MAX_SPECIFICATION:,} more lines, in the attachment"
        yield ""


def _nodes(overview: Overview) -> Iterator[str]:
    if not overview.nodes:
        return
    yield "## Nodes"
    yield ""
    yield "| node | state | since (s) | sent | received | errors | last seen (s) | states |"
    yield "|---|---|---:|---:|---:|---:|---:|---|"
    start = overview.start_ns or 0
    for node in overview.nodes:
        states = " > ".join(state for _, state in node.states[-6:])
        since = f"{(node.since_ns - start) / 1e9:.3f}" if node.since_ns else "-"
        seen = f"{(node.last_seen_ns - start) / 1e9:.3f}" if node.last_seen_ns else "-"
        yield (
            f"| {cell(node.name)} | {cell(node.state or '-')} | {since} | {node.sent:,} | {node.received:,} "
            f"| {node.errors:,} | {seen} | {cell(states or '-')} |"
        )
    yield ""


def _errors(part: Recording, overview: Overview) -> Iterator[str]:
    if not overview.error_count:
        return
    yield f"## Errors ({overview.error_count:,})"
    yield ""
    for error in sum_up(part).errors[:MAX_ERRORS]:
        yield from _error(part, overview, error)
    yield ""


def _error(part: Recording, overview: Overview, error: ErrorLine) -> Iterator[str]:
    at = (error.time_ns - (overview.start_ns or 0)) / 1e9
    text, traceback = _said(part, error)
    yield f"**{code(error.node)}** after {at:.3f} s (message {error.row}): {code(text, 500)}"
    yield ""
    if traceback:
        shown = traceback if len(traceback) <= MAX_TRACEBACK else f"{CUT}\n{traceback[-MAX_TRACEBACK:]}"
        yield from block(shown.splitlines())
        yield ""


def _said(part: Recording, error: ErrorLine) -> tuple[str, str]:
    """Give the exception that a node reports, and its traceback; the summary and nothing if unreadable."""
    with suppress(DecodeError, RecordingError):
        value = read_error(NoobMessage.from_bytes(part.frames(error.row)).value)
        return call_text(value["err_type"], value["err_args"]), value["traceback"]
    return error.text, ""


def _unfinished(epochs: EpochTable) -> Iterator[str]:
    unfinished = np.flatnonzero(epochs.ended_ns == 0).tolist()
    if not unfinished:
        return
    yield f"## Epochs that did not end ({len(unfinished):,})"
    yield ""
    yield "| epoch | emitted by | received by, but nothing emitted |"
    yield "|---:|---|---|"
    for index in unfinished[:MAX_UNFINISHED]:
        epoch = epochs[index]
        silent = [name for name in epoch.received_ns if name not in epoch.emitted_ns and name != "command"]
        emitted, waiting = ", ".join(epoch.emitted_ns) or "-", ", ".join(silent) or "-"
        yield f"| {epoch.number} | {cell(emitted)} | {cell(waiting)} |"
    if len(unfinished) > MAX_UNFINISHED:
        yield f"| {CUT} | | |"
    yield ""


def _timeline(part: Recording, point: int) -> Iterator[str]:
    shown = range(max(0, point - BEFORE), min(len(part.rows), point + AFTER + 1))
    if not shown:
        return
    messages = [Message(part, row) for row in shown]
    yield f"## Around message {point}"
    yield ""
    yield "Numbers are those of the attached recording, times are in UTC."
    yield ""
    yield from block(_lines(part, messages))
    yield ""
    before = [message for message in messages if message.number <= point][-MAX_DIAGRAM:]
    yield "<details><summary>The same as a sequence diagram</summary>"
    yield ""
    yield from sequence_diagram(before)
    yield ""
    yield "</details>"
    yield ""


def _lines(part: Recording, messages: Sequence[Message]) -> list[str]:
    """Write messages and what else happened meanwhile, in the order of time."""
    clock = Clock(utc=True)
    line = Line(clock)
    first, last = messages[0].row.time_ns, messages[-1].row.time_ns
    told = [(message.row.time_ns, line(message)) for message in messages]
    for entry in part.session.log:
        if first <= entry.time_ns <= last and entry.kind in LOG_KINDS:
            text = safe(entry.text, 160)
            told.append((entry.time_ns, f"{'':8}  {clock(entry.time_ns)}  ({entry.kind}) {text}"))
    return [text for _, text in sorted(told, key=lambda each: each[0])]


def _messages(overview: Overview) -> Iterator[str]:
    yield "## Messages"
    yield ""
    yield "| type | messages | bytes |"
    yield "|---|---:|---:|"
    for each in overview.types:
        yield f"| {cell(each.name)} | {each.messages:,} | {each.bytes:,} |"
    yield ""
    yield "| endpoint | type | role | connections | messages |"
    yield "|---|---|---|---:|---:|"
    for endpoint in overview.endpoints:
        yield (
            f"| {cell(endpoint.address)} | {cell(endpoint.socket_type)} | {cell(endpoint.role)} "
            f"| {endpoint.connections} | {endpoint.messages:,} |"
        )
    yield ""


def _losses(overview: Overview) -> Iterator[str]:
    if not (overview.losses or overview.problems):
        return
    yield "## Losses and problems"
    yield ""
    for loss in overview.losses:
        reason = f": {code(loss.reason)}" if loss.reason else ""
        count = f"{loss.messages:,} messages, {loss.bytes:,} bytes in {loss.times:,} gaps"
        yield f"- at the {loss.stage}: {count}{reason}"
    for problem in overview.problems:
        yield f"- {code(problem)}"
    yield ""
