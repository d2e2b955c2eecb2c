"""Which messages of a recording a bug report needs: what led to trouble first, then what else there is room
for.
"""

import numpy as np
from numpy.typing import NDArray

from recordings.filters.values import Mask
from recordings.layout import SESSION_TYPES
from recordings.recording import Recording
from recordings.rows import Flag

MAX_POINTS = 1000

BYTES_OF_PICKLES = 2000
"""A message larger than this is counted as this large: redaction leaves little of it."""

BYTES_PER_MESSAGE = 60
"""What a message takes beside its payload."""

COMPRESSION = 4
"""How much smaller recordings usually get."""


def points_of_interest(recording: Recording) -> list[int]:
    """List rows where something went wrong, or the last one if nothing did; the first ones count more.

    Errors, the messages around a loss, nodes that vanished while others went on, and the beginning of epochs
    that never ended.
    """
    rows, session = recording.rows, recording.session
    points = np.flatnonzero(rows.flags & np.uint8(Flag.ERROR)).tolist()[:MAX_POINTS]
    if not len(rows):
        return []
    moments = [loss.time_ns for loss in session.losses]
    moments += [entry.time_ns for entry in session.log if entry.kind == "problem" and entry.time_ns]
    epochs = session.epochs
    unfinished = epochs.ended_ns == 0
    moments += epochs.asked_ns[unfinished & (epochs.asked_ns > 0)].tolist()
    ordered = np.maximum.accumulate(rows.time_ns)
    found = np.searchsorted(ordered, moments[:MAX_POINTS])
    points += np.minimum(found, len(rows) - 1).tolist()
    return points or [len(rows) - 1]


def choose(recording: Recording, budget: int, allowed: Mask | None = None) -> Mask:
    """Mark as many messages as are estimated to fit in `budget` bytes of a redacted recording.

    What a node says of itself comes first, then what is nearest to a point of interest; what came before it
    counts as nearer than what came after. Only rows of `allowed` are chosen.
    """
    rows = recording.rows
    chosen = np.zeros(len(rows), dtype=np.bool_)
    if not len(rows):
        return chosen
    cost = (np.minimum(rows.size, BYTES_OF_PICKLES).astype(np.int64) + BYTES_PER_MESSAGE) // COMPRESSION
    distance = _distances(len(rows), points_of_interest(recording))
    session = [code for code, name in enumerate(rows.types) if name in SESSION_TYPES or name == "error"]
    distance[np.isin(rows.type, session)] = 0
    if allowed is not None:
        distance[~allowed] = np.iinfo(np.int64).max
    nearest = np.argsort(distance, kind="stable")
    fits = int(np.searchsorted(np.cumsum(cost[nearest]), budget, side="right"))
    chosen[nearest[:fits]] = True
    return chosen if allowed is None else chosen & allowed


def _distances(count: int, points: list[int]) -> NDArray[np.int64]:
    """Give for each row how far it is from the nearest point: rows up to one before, twice that behind."""
    at = np.arange(count, dtype=np.int64)
    ordered = np.array(sorted(set(points)), dtype=np.int64)
    following = np.searchsorted(ordered, at)
    far = np.int64(1) << 40
    until = np.where(following < len(ordered), ordered[np.minimum(following, len(ordered) - 1)] - at, far)
    since = np.where(following > 0, 2 * (at - ordered[np.maximum(following - 1, 0)]), far)
    return np.minimum(until, since)
