"""A small picture of an array in block characters, so that one sees what the camera saw.

Two rows of pixels a line of text, drawn as half blocks in greys; or, without colours, as a ramp of ASCII
characters.
"""

from collections.abc import Sequence

RAMP = " .:-=+*#%@"

MAX_WIDTH = 64
MAX_HEIGHT = 24
"""Most lines of text."""


def fit(pixels: tuple[int, int], width: int, height: int) -> tuple[int, int]:
    """Fit a picture (rows and columns of pixels, at least 1) into a box of characters, with its proportions.

    Returns columns and lines of text; a character is about twice as high as wide.
    """
    rows, columns = pixels
    width, height = min(width, MAX_WIDTH, columns), min(height, MAX_HEIGHT)
    lines = max(1, round(width * rows / columns / 2))
    if lines > height:
        lines = height
        width = max(1, min(width, round(2 * height * columns / rows)))
    return width, lines


def ramp(gray: Sequence[Sequence[int]]) -> list[str]:
    """Draw grey values (0 to 255), one row of them a line, in ASCII."""
    return ["".join(RAMP[min(255, max(0, value)) * (len(RAMP) - 1) // 255] for value in row) for row in gray]


def half_blocks(gray: Sequence[Sequence[int]]) -> list[list[tuple[int, int]]]:
    """Pair grey values for half blocks: for each line of text the upper and lower value of each character."""
    lines = []
    for top in range(0, len(gray), 2):
        below = gray[top + 1] if top + 1 < len(gray) else gray[top]
        lines.append([(_byte(a), _byte(b)) for a, b in zip(gray[top], below, strict=True)])
    return lines


def _byte(value: int) -> int:
    return min(255, max(0, value))
