"""Node functions of the small tube: a source, two branches, a merge and a numpy frame."""

import itertools
from collections.abc import Generator
from typing import Annotated

import numpy as np
from noob import Name


def count() -> Generator[Annotated[int, Name("index")], None, None]:
    yield from itertools.count()


def double(value: int) -> Annotated[int, Name("value")]:
    return value * 2


def picture(value: int) -> Annotated[np.ndarray, Name("frame")]:
    return np.full((24, 32), value % 256, dtype=np.uint8)


def merge(doubled: int, frame: np.ndarray) -> Annotated[int, Name("total")]:
    return doubled + int(frame[0, 0])
