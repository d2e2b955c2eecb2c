"""Paths to the fields of a JSON value, such as `.value[0].input.x`: read once, then followed in many
values.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

Step = str | int
"""A key, an index, or "*" for any of them."""

_STEP = re.compile(r'\.([\w$@*-]+)|\[(\d{1,9}|\*)\]|\["((?:[^"\\]|\\.)*)"\]')


class PathError(ValueError):
    """A path that can't be read; `position` is where the trouble begins."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.position = position


def read_path(path: str) -> list[Step]:
    """Read a path: `.name`, `[0]`, `[*]` (or `.*`) and `["any name"]`, one behind the other; PathError if it
    is none.
    """
    steps: list[Step] = []
    at = 0
    while at < len(path):
        found = _STEP.match(path, at)
        if found is None:
            raise PathError(f'"{path[at:]}" is no step of a path; write .name, [0], [*] or ["any name"]', at)
        name, index, quoted = found.groups()
        if index is not None:
            steps.append("*" if index == "*" else int(index))
        else:
            steps.append(name if name is not None else re.sub(r"\\(.)", r"\1", quoted))
        at = found.end()
    if not steps:
        raise PathError("the path of a field is missing, such as body.value.input.x", 0)
    return steps


def walk(field: Any, path: Sequence[Step]) -> Iterator[Any]:
    """Yield the fields at the end of a path; a key looks into each element of an array it meets."""
    if not path:
        yield field
        return
    step, rest = path[0], path[1:]
    if isinstance(field, dict):
        if step == "*":
            for each in field.values():
                yield from walk(each, rest)
        elif str(step) in field:
            yield from walk(field[str(step)], rest)
    elif isinstance(field, list):
        if isinstance(step, int) or (isinstance(step, str) and step.isascii() and step.isdigit()):
            if int(step) < len(field):
                yield from walk(field[int(step)], rest)
        elif step == "*":
            for each in field:
                yield from walk(each, rest)
        else:
            for each in field:
                if isinstance(each, dict) and step in each:
                    yield from walk(each[step], rest)
