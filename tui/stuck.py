"""Which epoch a tube is stuck in, and which node it waits for.

An epoch is late when it runs much longer than epochs usually do. The node to blame is one whose sources have
all emitted while it has not; if there is none such, all that have not emitted.
"""

from dataclasses import dataclass

import numpy as np

from recordings.session import Session

PATIENCE_NS = 1_000_000_000
"""Nothing is called stuck before this."""
USUAL_FACTOR = 5
"""An epoch is late when it takes so many times the usual."""
LOOKED_AT = 200
"""So many of the latest epochs are looked at."""
COMMAND = "command"


@dataclass(frozen=True)
class Stuck:
    """An open epoch that is late: the nodes it waits for, and how long it has run (ns).

    `over` says that the recording has ended, so that nothing can come any more.
    """

    epoch: int
    nodes: tuple[str, ...]
    since_ns: int
    over: bool = False


def begun_ns(session: Session, index: int) -> int:
    """Give when an epoch began: when it was asked for, or its first event was seen; 0 if neither."""
    line = session.epochs[index]
    return line.asked_ns or min(line.emitted_ns.values(), default=0)


def waits_for(session: Session, index: int) -> tuple[str, ...]:
    """Name the nodes that an open epoch waits for."""
    epochs = session.epochs
    line = epochs[index]
    usual = _usual_emitters(session, index)
    missing = [node for node in usual if node not in line.emitted_ns]
    due = []
    for node in missing:
        info = session.nodes.get(node)
        sources = [name for name in info.subscribed_to if name in usual] if info is not None else []
        if all(name in line.emitted_ns for name in sources):
            due.append(node)
    return tuple(due or missing)


def _usual_emitters(session: Session, index: int) -> list[str]:
    """Name the nodes that emit in most epochs (all that are known, when there are few to go by)."""
    epochs = session.epochs
    first = max(0, index - LOOKED_AT)
    ended = epochs.ended_ns[first:index] > 0
    nodes = [node for node in list(epochs.nodes) if node != COMMAND]
    if ended.sum() < 3:
        return [node for node in nodes if node in session.nodes]
    emitted = epochs.emitted_ns[first:index][ended] > 0
    often = emitted.mean(axis=0) > 0.5
    return [node for place, node in enumerate(list(epochs.nodes)) if node != COMMAND and often[place]]


def usual_ns(session: Session) -> int:
    """Give how long an epoch usually takes: the median of the latest; 0 when none has ended."""
    epochs = session.epochs
    first = max(0, len(epochs) - LOOKED_AT)
    spans = [
        int(epochs.ended_ns[index]) - begun_ns(session, index)
        for index in range(first, len(epochs))
        if epochs.ended_ns[index] and begun_ns(session, index)
    ]
    return int(np.median(spans)) if spans else 0


def stuck(session: Session, now_ns: int, *, over: bool = False) -> Stuck | None:
    """Find the oldest epoch that is late at a time; None if all goes well.

    In a recording that is `over`, any epoch that was asked for and did not end counts; in free run the last
    ones are always cut short.
    """
    epochs = session.epochs
    first = max(0, len(epochs) - LOOKED_AT)
    open_epochs = np.flatnonzero(epochs.ended_ns[first:] == 0) + first
    if not len(open_epochs):
        return None
    limit = max(PATIENCE_NS, USUAL_FACTOR * usual_ns(session))
    for index in open_epochs.tolist():
        begun = begun_ns(session, index)
        if begun and (epochs.asked_ns[index] if over else now_ns - begun > limit):
            return Stuck(int(epochs.number[index]), waits_for(session, index), now_ns - begun, over)
    return None
