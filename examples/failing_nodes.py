"""Nodes of a tube with a bug: dividing by a counter that comes down to zero."""

import itertools
from collections.abc import Generator
from typing import Annotated

from noob import Name


def countdown(start: int = 7) -> Generator[Annotated[int, Name("left")], None, None]:
    """Count down from `start`, through zero."""
    yield from itertools.count(start, -1)


def reciprocal(left: int) -> Annotated[float, Name("value")]:
    """The bug: nobody thought of zero."""
    return round(1 / left, 4)


def report(left: int, value: float) -> Annotated[str, Name("text")]:
    """Say it in words."""
    return f"1/{left} = {value}"
