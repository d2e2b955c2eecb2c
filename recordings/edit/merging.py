"""Several recordings on one time line, also from several machines whose clocks differ.

Two recordings that saw the same message tell how far their clocks are apart: it can't have arrived before it
was sent. Messages that went from the first machine to the second give one bound, those that went back the
other; the true difference lies between, and the middle is taken. noob's messages carry a time of their own,
so that equal frames are the same message.
"""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from recordings.edit.copying import Copied, Source, attach_all, copy, facts_of, new_writer
from recordings.errors import RecordingError
from recordings.filters.values import Mask
from recordings.output_files import whole_file
from recordings.recording import Recording
from recordings.rows import Flag

MAX_SIZE: Final = 1 << 20
"""Larger messages are not compared."""

Sightings = dict[tuple[str, bytes], tuple[int, int]]
"""When a message was seen, and in which row, by sender and a hash of the payload."""


class Offset(msgspec.Struct, frozen=True):
    """How a recording's clock relates to the first one's.

    `offset_ns` is to be added to its times. `common` messages were seen by both; the truth is within
    `uncertainty_ns` of the offset if messages went both ways, else that is None and the offset is off by the
    time that the fastest message took.
    """

    name: str
    offset_ns: int
    common: int
    uncertainty_ns: int | None


class Merged(msgspec.Struct, frozen=True):
    """What a merge brought; `repeated` messages were in several recordings and are kept once."""

    copied: Copied
    offsets: tuple[Offset, ...]
    repeated: int


def merge(
    recordings: Sequence[Recording],
    target: Path,
    *,
    offsets: Sequence[int | None] = (),
    keep_repeated: bool = False,
    force: bool = False,
    progress: Callable[[float], None] | None = None,
) -> Merged:
    """Write several recordings to a new one.

    `offsets` are added to the times of each; None (the default) estimates it from common messages against the
    first recording, and takes 0 where there are none. A message that several recorded is kept as the first
    one saw it unless `keep_repeated` is set. Raises RecordingError; an existing file is replaced only with
    `force`.
    """
    if len(recordings) < 2:
        raise RecordingError("there is nothing to merge: name two recordings or more")
    seen = [sightings(recording) for recording in recordings]
    given = [*offsets, *[None] * (len(recordings) - len(offsets))]
    found = [
        estimate(recordings[0], recording, seen[0], seen[index])
        if offset is None
        else _given(recording, offset)
        for index, (recording, offset) in enumerate(zip(recordings, given, strict=True))
    ]
    sources: list[Source] = []
    known: set[tuple[str, bytes]] = set()
    repeated = endpoints = connections = 0
    for recording, offset, own in zip(recordings, found, seen, strict=True):
        rows = _new_rows(recording, own, known) if not keep_repeated else None
        repeated += 0 if rows is None else int(np.count_nonzero(~rows))
        sources.append(
            Source(recording, rows, time_ns=offset.offset_ns, endpoints=endpoints, connections=connections)
        )
        endpoints += max(recording.session.endpoints, default=-1) + 1
        connections += max(recording.session.connections, default=-1) + 1
    with whole_file(target, force=force) as temporary:
        names = ", ".join(recording.path.name for recording in recordings)
        shifts = ", ".join(str(offset.offset_ns) for offset in found)
        writer = new_writer(temporary, facts_of(recordings[0], merged_from=names, merged_offsets_ns=shifts))
        try:
            copied = copy(sources, writer, progress=progress)
            attached: set[str] = set()
            for source in sources:
                attach_all(source, writer, lambda name, data: None if name in attached else data)
                attached.update(source.recording.attachments())
        finally:
            writer.close()
    return Merged(copied, tuple(found), repeated)


def sightings(recording: Recording) -> Sightings:
    """Find the messages by which a recording can be compared with another: noob's, the payload of each
    once.
    """
    seen: Sightings = {}
    twice: set[tuple[str, bytes]] = set()
    rows = recording.rows
    usable = np.flatnonzero((rows.size <= MAX_SIZE) & ((rows.flags & np.uint8(Flag.UNDECODED)) == 0))
    for row in usable.tolist():
        header = rows[row]
        if not header.type:
            continue
        try:
            payload = recording.frames(row)[-1]
        except RecordingError:
            continue
        key = (header.sender, hashlib.blake2b(payload, digest_size=16).digest())
        if key in seen:
            twice.add(key)
        else:
            seen[key] = (header.time_ns, row)
    for key in twice:
        del seen[key]
    return seen


def estimate(first: Recording, other: Recording, seen: Sightings, own: Sightings) -> Offset:
    """Estimate what must be added to the other recording's times."""
    forth: list[int] = []
    back: list[int] = []
    either: list[int] = []
    for key in own.keys() & seen.keys():
        difference = seen[key][0] - own[key][0]
        local, remote = _is_at_home(first, key[0]), _is_at_home(other, key[0])
        (forth if local and not remote else back if remote and not local else either).append(difference)
    common = len(forth) + len(back) + len(either)
    name = other.path.name
    if first is other or not common:
        return Offset(name, 0, common, None)
    # Sent by the first: seen by the other at least as late, so the difference is the offset or less.
    if forth and back:
        low, high = max(forth), min(back)
        return Offset(name, (low + high) // 2, common, abs(high - low) // 2)
    if forth or back:
        return Offset(name, max(forth) if forth else min(back), common, None)
    return Offset(name, int(np.median(either)), common, None)


def _given(recording: Recording, offset: int) -> Offset:
    return Offset(recording.path.name, offset, 0, None)


def _is_at_home(recording: Recording, node: str) -> bool:
    """Tell whether a node ran on the recording's machine: a socket of its own was bound there, by a known
    process.
    """
    return any(
        endpoint.node == node and endpoint.pid is not None
        for endpoint in recording.session.endpoints.values()
    )


def _new_rows(recording: Recording, own: Sightings, known: set[tuple[str, bytes]]) -> Mask:
    rows = np.ones(len(recording.rows), dtype=np.bool_)
    for key in own.keys() & known:
        rows[own[key][1]] = False
    known.update(own)
    return rows
