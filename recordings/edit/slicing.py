"""A part of a recording as a recording of its own: what a filter lets through, with the session around it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from recordings.edit.copying import Copied, Source, attach_all, copy, facts_of, new_writer
from recordings.filters.values import Mask
from recordings.output_files import whole_file
from recordings.recording import Recording
from recordings.records import Loss, Node, Output, Record


def cut(
    recording: Recording,
    rows: Mask,
    target: Path,
    *,
    why: str,
    force: bool = False,
    progress: Callable[[float], None] | None = None,
) -> Copied:
    """Write the marked rows to a new recording.

    Endpoints, processes, connections, subscriptions, notes and attachments come along, and the states that
    nodes were in when the part begins, so that it can be read without the whole; the program's output and
    losses as far as they lie between the first and the last message. `why` is noted in the facts. Raises
    RecordingError; an existing file is replaced only with `force`.
    """
    source = Source(recording, rows, keep=within(recording, rows))
    with whole_file(target, force=force) as temporary:
        writer = new_writer(temporary, facts_of(recording, sliced_from=recording.path.name, slice=why))
        try:
            for record in states_before(recording, rows):
                writer.record(record)
            copied = copy([source], writer, progress=progress)
            attach_all(source, writer, lambda name, data: data)
        finally:
            writer.close()
    return copied


def states_before(recording: Recording, rows: Mask) -> list[Node]:
    """Say in which state each node was when the first of some rows came."""
    times = recording.rows.time_ns[: len(rows)][rows]
    if not len(times):
        return []
    start = int(times.min())
    found = []
    for node in recording.session.nodes.values():
        before = [entry for entry in node.history if entry[0] < start]
        if before:
            since, state = max(before)
            found.append(
                Node(
                    time_ns=since,
                    name=node.name,
                    state=state,
                    outbox=node.outbox,
                    signals=node.signals,
                    slots=node.slots,
                )
            )
    return found


def within(recording: Recording, rows: Mask) -> Callable[[Record], bool]:
    """Tell which records belong to some rows: all but output and losses of another time."""
    times = recording.rows.time_ns[: len(rows)][rows]
    if not len(times):
        return lambda record: not isinstance(record, Output | Loss)
    start, end = int(times.min()), int(times.max())
    if rows.all():
        return lambda record: True

    def keep(record: Record) -> bool:
        return not isinstance(record, Output | Loss) or start <= record.time_ns <= end

    return keep


def everything(recording: Recording) -> Mask:
    """Mark all rows."""
    return np.ones(len(recording.rows), dtype=np.bool_)
