"""What came out of a comparison: every difference with both values, and the answer yes or no."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from decoders.text import safe
from recordings.replay.timing import Deviation

Kind = Literal["missing", "extra", "changed", "reordered", "late", "setup", "stopped"]
"""How the replay differs from the recording.

missing, extra: an output that was there only then, or only now; changed: another value; reordered: the same
at another place in the order; late: it came when it was no longer waited for; setup: the node says other
things of itself; stopped: its process ended.
"""

LINE = 100
"""How many characters of a value a line of the report shows."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference. `path` is where in the value, "" for all of it; `row` the recorded message, if any."""

    kind: Kind
    epoch: str
    node: str
    signal: str
    path: str = ""
    recorded: str | None = None
    replayed: str | None = None
    row: int | None = None
    detail: str = ""

    def line(self) -> str:
        """The difference in one line, safe for a terminal."""
        where = self.path or self.signal
        place = f"epoch {self.epoch} {self.node}.{where}" if self.epoch else f"{self.node}.{where}"
        text = f"{self.kind:<9}  {place}"
        then, now = (
            safe(value, LINE) if value is not None else None for value in (self.recorded, self.replayed)
        )
        if then is not None and now is not None:
            text += f": {then} -> {now}"
        elif then is not None or now is not None:
            text += f": {then if then is not None else now}"
        if self.detail:
            text += f" ({safe(self.detail)})"
        if self.row is not None:
            text += f"  [message {self.row}]"
        return safe(text)


@dataclass(frozen=True)
class Verdict:
    """The answer of a comparison.

    `recorded` and `replayed` count outputs, one a signal and epoch; `same` those that are equal. `beyond`
    counts outputs of epochs that the recording did not see to their end, which nothing can be said about.
    `sent` counts messages that the node got. `elapsed_ns` is how long the replay took, start of the node
    included.
    """

    node: str
    differences: tuple[Difference, ...] = ()
    recorded: int = 0
    replayed: int = 0
    same: int = 0
    beyond: int = 0
    sent: int = 0
    elapsed_ns: int = 0
    deviation: Deviation = field(default_factory=lambda: Deviation(0, 0, 0, 0))
    notes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether everything is the same."""
        return not self.differences

    def lines(self, most: int = 50) -> Iterator[str]:
        """The report, a line at a time, safe for a terminal; at most `most` differences."""
        for difference in self.differences[:most]:
            yield difference.line()
        if len(self.differences) > most:
            yield f"… and {len(self.differences) - most} more differences"
        for note in self.notes:
            yield f"note: {safe(note)}"
        if self.deviation.count:
            yield str(self.deviation)
        yield self.summary()

    def summary(self) -> str:
        """The answer in one line."""
        outputs = f"{self.same} of {self.recorded} outputs of {safe(self.node)} are the same"
        if self:
            return f"same: {outputs}"
        counts = Counter(difference.kind for difference in self.differences)
        return f"different: {outputs}; {', '.join(f'{count} {kind}' for kind, count in counts.items())}"

    def to_json(self) -> dict[str, Any]:
        """The answer for programs; texts are as they were recorded, at most 2,000 characters a value."""
        return {
            "same": bool(self),
            "node": self.node,
            "outputs": {
                "recorded": self.recorded,
                "replayed": self.replayed,
                "same": self.same,
                "beyond": self.beyond,
            },
            "differences": [
                {
                    "kind": one.kind,
                    "epoch": one.epoch,
                    "node": one.node,
                    "signal": one.signal,
                    "path": one.path,
                    "recorded": one.recorded,
                    "replayed": one.replayed,
                    "message": one.row,
                    "detail": one.detail,
                }
                for one in self.differences
            ],
            "notes": list(self.notes),
            "sent": self.sent,
            "elapsed_s": round(self.elapsed_ns / 1e9, 3),
            "late_ns": {
                "p50": self.deviation.p50_ns,
                "p99": self.deviation.p99_ns,
                "max": self.deviation.max_ns,
            },
        }
