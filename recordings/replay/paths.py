"""Where in a message's value a difference is, written as people write it: `result.items[2].x`.

A path begins with the signal's name; keys follow after a dot, indexes in brackets. Patterns may use `*` for
any one step and `**` for any number of steps: `--ignore '**.created_at'`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from recordings.replay.errors import ReplayError

Step: TypeAlias = str | int | tuple[int, ...]
"""A key, an index, or an ndarray's index in all its dimensions."""

Path: TypeAlias = tuple[Step, ...]

_PLAIN = re.compile(r"[^\W\d]\w*")
_TOKEN = re.compile(r"\.?(\*\*|\*|[^.\[\]'\"]+)|\[\s*(\*|-?\d+(?:\s*,\s*\d+)*|'[^']*'|\"[^\"]*\")\s*\]")


def path_text(path: Path) -> str:
    """Write a path the way patterns are written."""
    text = ""
    for step in path:
        if isinstance(step, tuple):
            text += f"[{', '.join(map(str, step))}]"
        elif isinstance(step, int):
            text += f"[{step}]"
        elif _PLAIN.fullmatch(step) or not text:
            text += f".{step}" if text else step
        else:
            text += f"[{step!r}]"
    return text


@dataclass(frozen=True, slots=True)
class Pattern:
    """A path with wildcards; it also covers everything below the places it names."""

    text: str
    steps: tuple[str, ...]

    def covers(self, path: Path) -> bool:
        """Whether `path`, or a place that it lies in, is named by the pattern."""
        return _covers(self.steps, [_written(step) for step in path])


def parse_pattern(text: str) -> Pattern:
    """Read a pattern; raises ReplayError that says where it went wrong."""
    steps: list[str] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise ReplayError(
                f"can't read the path {text!r} from character {position + 1}: write it like result.items[0].x"
            )
        name, index = match.groups()
        steps.append(name if name is not None else _index(index))
        position = match.end()
    if not steps:
        raise ReplayError("an empty path to ignore: write it like result.items[0].x or '**.created_at'")
    return Pattern(text, tuple(steps))


def _index(text: str) -> str:
    if text[0] in "'\"":
        return text[1:-1]
    return ",".join(part.strip() for part in text.split(","))


def _written(step: Step) -> str:
    return ",".join(map(str, step)) if isinstance(step, tuple) else str(step)


def _covers(pattern: Sequence[str], path: Sequence[str]) -> bool:
    if not pattern:
        return True
    if pattern[0] == "**":
        return any(_covers(pattern[1:], path[skipped:]) for skipped in range(len(path) + 1))
    if not path:
        return False
    return pattern[0] in ("*", path[0]) and _covers(pattern[1:], path[1:])
