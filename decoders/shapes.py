"""What a message was like on the wire: which noob releases write one of that shape, and what else it holds.

No message carries a version, and the wire format changed with nearly every release; a message's shape is told
from the fields it has. `Findings` collects what turns up while one is read.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from decoders.problems import Problem, Unread, found

RELEASES = ("0.0.9", "1000", "1001", "1002", "1003")
"""The noob releases that changed the wire format, oldest first; each stands for those up to the next."""

_MOST = 100  # problems and unknown fields that are noted


class Shape(msgspec.Struct, frozen=True):
    """The shape a message had on the wire.

    `releases` are those that write a message like this one, as far as it shows; none when it mixes shapes
    that never were in one release. `unknown` are the paths of fields that no known release has; they are
    kept.
    """

    releases: tuple[str, ...] = RELEASES
    unknown: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.unknown:
            return "newer than any known release"
        if not self.releases:
            return "of no known release"
        first, last = (RELEASES.index(release) for release in (self.releases[0], self.releases[-1]))
        if len(self.releases) == 1 and last < len(RELEASES) - 1:
            return self.releases[0]
        if len(self.releases) <= last - first:
            return " or ".join(self.releases)
        if last == len(RELEASES) - 1:
            return f"{RELEASES[first]} or later" if first else "any release"
        return f"{RELEASES[first]} to {RELEASES[last]}" if first else f"up to {RELEASES[last]}"


class Findings:
    """What turns up while a message is read: problems, unknown fields, and evidence of who wrote it."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self._unknown: list[str] = []
        self._releases = set(RELEASES)

    @property
    def shape(self) -> Shape:
        """The shape, by all evidence so far."""
        releases = tuple(release for release in RELEASES if release in self._releases)
        return Shape(releases, tuple(self._unknown))

    def wrong(self, path: str, reason: str) -> None:
        """Note a problem, up to a bound."""
        if len(self.problems) < _MOST:
            self.problems.append(Problem(path, reason))

    def expected(self, path: str, what: str, value: Any) -> Any:
        """Note that `value` is not `what` it should be; return it as it is."""
        self.wrong(
            path, value.reason if isinstance(value, Unread) else f"expected {what}, found {found(value)}"
        )
        return value

    def between(self, first: str, last: str = RELEASES[-1]) -> None:
        """Note that only the releases from `first` to `last` write this."""
        self._releases &= set(RELEASES[RELEASES.index(first) : RELEASES.index(last) + 1])

    def not_from(self, *releases: str) -> None:
        """Note that these releases don't write this."""
        self._releases.difference_update(releases)

    def fields(self, value: Mapping[str, Any], path: str, known: tuple[str, ...], needed: int) -> None:
        """Note which of the first `needed` fields are missing, and which fields are not `known`."""
        for name in known[:needed]:
            if name not in value:
                self.wrong(f"{path}.{name}", "missing")
        if len(value) > len(known) or not known_only(value, known):
            for name in value:
                if name not in known:
                    self.unknown(f"{path}.{name}")

    def unknown(self, path: str) -> None:
        """Note a field that no known release has, up to a bound."""
        if len(self._unknown) < _MOST:
            self._unknown.append(path)


def known_only(value: Mapping[str, Any], known: tuple[str, ...]) -> bool:
    """Return whether `value` has no field but those in `known`."""
    return all(name in known for name in value)
