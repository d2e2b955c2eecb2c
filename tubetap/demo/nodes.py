"""The nodes of the demo tube: plain functions, as a noob user would write them."""

import itertools
import math
import time
from collections.abc import Generator
from typing import Annotated

import numpy as np
from noob import Name
from numpy.typing import NDArray

Frame = NDArray[np.uint8]

HEIGHT, WIDTH = 120, 160


def clock(rate: float = 25.0) -> Generator[Annotated[int, Name("index")], None, None]:
    """Count up, `rate` times a second."""
    start = time.monotonic()
    for index in itertools.count():
        yield index
        time.sleep(max(0.0, start + (index + 1) / rate - time.monotonic()))


def camera(index: int) -> Annotated[Frame, Name("frame")]:
    """Take a picture (height, width, uint8) of two bright discs that circle each other, with some noise."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    picture = np.random.default_rng(index).normal(24, 6, (HEIGHT, WIDTH))
    for phase in (0.0, math.pi):
        row = HEIGHT / 2 + 36 * math.sin(index / 10 + phase)
        column = WIDTH / 2 + 52 * math.cos(index / 10 + phase)
        picture += 210 * np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / 120)
    return picture.clip(0, 255).astype(np.uint8)


def brightness(frame: Frame) -> Annotated[float, Name("mean")]:
    """Mean grey value of the frame, 0 to 255."""
    return round(float(frame.mean()), 3)


def find_discs(frame: Frame) -> Annotated[list[tuple[int, int]], Name("centres")]:
    """Find the brightest point of the left and of the right half, as (row, column)."""
    half = frame.shape[1] // 2
    centres = []
    for offset in (0, half):
        part = frame[:, offset : offset + half]
        row, column = np.unravel_index(int(part.argmax()), part.shape)
        centres.append((int(row), int(column) + offset))
    return centres


def distance(centre: tuple[int, int]) -> Annotated[float, Name("pixels")]:
    """How far a point lies from the middle of the frame, in pixels."""
    return round(math.hypot(centre[0] - HEIGHT / 2, centre[1] - WIDTH / 2), 1)


def describe(index: int, mean: float) -> Annotated[str, Name("text")]:
    """Put the two branches together again."""
    return f"frame {index}: mean {mean}"
