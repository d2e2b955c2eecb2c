"""Node functions of the tubes that are measured."""

import itertools
import time
from collections.abc import Generator
from typing import Annotated

import numpy as np
from noob import Name


def count() -> Generator[Annotated[int, Name("index")], None, None]:
    yield from itertools.count()


def step(value: int) -> Annotated[int, Name("value")]:
    return value + 1


def add(left: int, right: int) -> Annotated[int, Name("value")]:
    return left + right


def camera() -> Generator[Annotated[np.ndarray, Name("frame")], None, None]:
    """VGA pictures of noise, as from a sensor; made in advance, so that they cost nothing here."""
    frames = [np.random.default_rng(n).integers(0, 255, (480, 640, 3), np.uint8) for n in range(8)]
    yield from itertools.cycle(frames)


def brightness(frame: np.ndarray) -> Annotated[float, Name("value")]:
    return float(frame[::16, ::16].mean())


def clock() -> float:
    return time.perf_counter()
