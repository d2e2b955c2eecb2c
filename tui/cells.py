"""Pieces of a line: a text that is safe for a terminal, and the name of its style. Pure functions."""

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size

Cell = tuple[str, str]
"""A piece of a line: its text, already safe for a terminal, and the name of its style ("" for plain)."""


def width_of(text: str) -> int:
    """Give the width of a text in terminal cells."""
    return len(text) if text.isascii() else cell_len(text)


def highlighted(cells: Sequence[Cell], needle: str) -> list[Cell]:
    """Split the cells where the needle occurs, ignoring case, and give the occurrences the style "match"."""
    wanted = needle.casefold()
    result: list[Cell] = []
    for text, name in cells:
        folded = text.casefold()
        at = folded.find(wanted)
        if at < 0 or len(folded) != len(text):
            result.append((text, name))
            continue
        start = 0
        while at >= 0:
            if at > start:
                result.append((text[start:at], name))
            result.append((text[at : at + len(wanted)], "match"))
            start = at + len(wanted)
            at = folded.find(wanted, start)
        if start < len(text):
            result.append((text[start:], name))
    return result


def cut(text: str, width: int) -> str:
    """Cut a text that is too wide to `width` terminal cells."""
    return text[:width] if text.isascii() else set_cell_size(text, width)
