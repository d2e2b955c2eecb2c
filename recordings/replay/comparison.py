"""Sets what a node says now beside what it said then, output by output, and collects the differences.

Outputs are matched by epoch, node and signal, the nth to the nth; times, ids and addresses are not looked at.
Each live message is compared when it comes and then dropped: camera frames are never piled up.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from recordings.replay.feed import Feed
from recordings.replay.outputs import ERROR, Key, Output, OutputReader
from recordings.replay.paths import Pattern, path_text
from recordings.replay.timing import Deviation
from recordings.replay.traffic import Traffic
from recordings.replay.values import Tolerance, compare_values, value_text
from recordings.replay.verdict import Difference, Verdict

SETUP = ("signals", "slots", "subscribed_to")
"""What of a node's `identify` must be as it was."""

SHOWN = 2000
"""How many characters of a value a difference keeps."""


class Comparison:
    """Collects what a live node says, and judges it.

    `reader` brings the live node's names and epochs back to the recorded ones.
    """

    def __init__(
        self,
        traffic: Traffic,
        feed: Feed,
        reader: OutputReader,
        *,
        tolerance: Tolerance,
        ignore: Sequence[Pattern] = (),
        ignore_order: bool = False,
    ) -> None:
        self._traffic = traffic
        self._feed = feed
        self._reader = reader
        self._tolerance = tolerance
        self._ignore = tuple(ignore)
        self._ignore_order = ignore_order
        self._then = OutputReader()
        self._expected: dict[Key, tuple[int, int]] = {}
        self._order: dict[Key, int] = {}
        counts: Counter[tuple[str, str, str]] = Counter()
        for row in feed.expected:
            for index, output in enumerate(self._then.read(traffic.recording.frames(row))):
                if self._ignored(output):
                    continue
                key = _numbered(output, counts)
                self._expected[key] = row, index
                self._order[key] = len(self._order)
        self._seen: Counter[tuple[str, str, str]] = Counter()
        self._matched: list[Key] = []
        self._replayed = 0
        self._beyond = 0
        self._differing: set[Key] = set()
        self._differences: list[Difference] = []
        self._notes: list[str] = []

    def introduced(self, now: Mapping[str, Any], then: Mapping[str, Any] | None) -> None:
        """Compare what the node says of itself."""
        for name in SETUP:
            old, new = (then or {}).get(name), now.get(name)
            if name == "subscribed_to" and isinstance(new, list):
                new = sorted(self._reader.names.get(node, node) for node in new)
            if name in (then or {}) and name in now and old != new:
                self._differences.append(
                    Difference("setup", "", self._feed.node, name, "", value_text(old), value_text(new))
                )

    def arrived(self, frames: Sequence[bytes], *, late: bool = False) -> None:
        """Compare a message that the node sent; `late` if it was no longer waited for."""
        for output in self._reader.read(frames):
            if self._ignored(output):
                continue
            self._replayed += 1
            key = _numbered(output, self._seen)
            place = self._expected.get(key)
            if place is None:
                self._extra(output, key)
                continue
            self._matched.append(key)
            if late:
                self._differ(key, Difference("late", key.epoch, key.node, key.signal, row=place[0]))
            self._compare(key, place, output)

    def ended(self, exit_code: int) -> None:
        """Note that the node's process ended before it was told to; after an error that is its way."""
        raised = any(key.signal == ERROR for key in self._matched)
        raised |= any(one.kind == "extra" and one.signal == ERROR for one in self._differences)
        if raised:
            self.note("after its error the node ended")
        else:
            how = f"exit code {exit_code}" if exit_code >= 0 else f"signal {-exit_code}"
            self._differences.append(
                Difference("stopped", "", self._feed.node, "process", "", None, how, detail="it ran on then")
            )

    def note(self, text: str) -> None:
        """Add something that a reader of the verdict should know."""
        self._notes.append(text)

    def verdict(self, *, sent: int, elapsed_ns: int, deviation: Deviation) -> Verdict:
        """Judge: what never came is missing, what came in another order is reordered."""
        matched = set(self._matched)
        missing = [key for key in self._expected if key not in matched]
        for key in missing:
            row, index = self._expected[key]
            text = value_text(self._recorded(row, index).value, SHOWN)
            self._differ(key, Difference("missing", key.epoch, key.node, key.signal, "", text, None, row))
        if not self._ignore_order:
            self._find_reordered()
        if self._beyond:
            self.note(
                f"{self._beyond} outputs belong to epochs that the recording does not follow to their end; "
                "they were not compared"
            )
        order = {"setup": 0, "stopped": 3}
        return Verdict(
            node=self._feed.node,
            differences=tuple(sorted(self._differences, key=lambda one: order.get(one.kind, 1))),
            recorded=len(self._expected),
            replayed=self._replayed,
            same=len(self._expected) - len(self._differing),
            beyond=self._beyond,
            sent=sent,
            elapsed_ns=elapsed_ns,
            deviation=deviation,
            notes=tuple(self._notes),
        )

    def _ignored(self, output: Output) -> bool:
        return any(pattern.covers((output.signal,)) for pattern in self._ignore)

    def _compare(self, key: Key, place: tuple[int, int], output: Output) -> None:
        row, index = place
        recorded = self._recorded(row, index)
        found = compare_values(
            recorded.value, output.value, (key.signal,), tolerance=self._tolerance, ignore=self._ignore
        )
        for one in found:
            path = path_text(one.path)
            self._differ(
                key,
                Difference(
                    "changed",
                    key.epoch,
                    key.node,
                    key.signal,
                    path if len(one.path) > 1 else "",
                    one.recorded,
                    one.replayed,
                    row,
                    one.detail,
                ),
            )

    def _extra(self, output: Output, key: Key) -> None:
        if output.root >= 0 and output.root not in self._feed.ended and key.signal != ERROR:
            self._beyond += 1
            return
        text = value_text(output.value, SHOWN)
        self._differences.append(Difference("extra", key.epoch, key.node, key.signal, "", None, text))

    def _find_reordered(self) -> None:
        """Report the fewest outputs that, taken out, leave the rest in the recorded order."""
        places = [self._order[key] for key in self._matched]
        kept = _longest_increasing(places)
        for position, key in enumerate(self._matched):
            if position not in kept:
                row, _ = self._expected[key]
                self._differ(
                    key,
                    Difference(
                        "reordered",
                        key.epoch,
                        key.node,
                        key.signal,
                        "",
                        f"output {places[position] + 1}",
                        f"output {position + 1}",
                        row,
                    ),
                )

    def _recorded(self, row: int, index: int) -> Output:
        return self._then.read(self._traffic.recording.frames(row))[index]

    def _differ(self, key: Key, difference: Difference) -> None:
        self._differing.add(key)
        self._differences.append(difference)


def _numbered(output: Output, counts: Counter[tuple[str, str, str]]) -> Key:
    place = (output.epoch, output.node, output.signal)
    counts[place] += 1
    return Key(*place, counts[place])


def _longest_increasing(values: Sequence[int]) -> set[int]:
    """The positions of one longest strictly increasing subsequence (patience sorting)."""
    tails: list[int] = []
    tail_positions: list[int] = []
    previous: list[int] = []
    for position, value in enumerate(values):
        length = bisect_left(tails, value)
        if length == len(tails):
            tails.append(value)
            tail_positions.append(position)
        else:
            tails[length] = value
            tail_positions[length] = position
        previous.append(tail_positions[length - 1] if length else -1)
    kept: set[int] = set()
    position = tail_positions[-1] if tail_positions else -1
    while position >= 0:
        kept.add(position)
        position = previous[position]
    return kept
