"""A JSON text laid out in lines, as it was sent: numbers keep all their digits, keys their order and doubles.

The text is only cut into tokens, not parsed: a broken document is still shown up to where it breaks, and one
huge string costs no more than finding its end. Pure functions; nothing here knows Textual.
"""

import re
from collections.abc import Iterator

from tui.text import count, safe

TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)|[{}\[\],:]|[^\s"{}\[\],:]+', re.DOTALL)
STRING_LIMIT = 400
"""A longer string is folded to its beginning and its length."""
LINE_LIMIT = 50_000
DEPTH_SHOWN = 60
"""Indentation stops growing here."""

Piece = tuple[str, str]


def layout(text: str, line_limit: int = LINE_LIMIT) -> list[list[Piece]]:
    """Lay a JSON text out, one member or element a line; each piece has its text and its kind of style.

    A line past `line_limit` says that there is more.
    """
    lines: list[list[Piece]] = []
    line: list[Piece] = []
    depth = 0
    skip = False
    for token, after in _with_next(TOKEN.finditer(text)):
        if skip:
            skip = False
            continue
        if len(lines) >= line_limit:
            lines.append([("… more lines", "dim")])
            return lines
        if token in "{[":
            if after and after == ("}" if token == "{" else "]"):
                line.append((token + after, ""))
                skip = True
                continue
            line.append((token, ""))
            lines.append(line)
            depth += 1
            line = _indent(depth)
        elif token in "}]":
            if any(piece.strip() for piece, _ in line):
                lines.append(line)
            depth = max(0, depth - 1)
            line = [*_indent(depth), (token, "")]
        elif token == ",":
            line.append((",", ""))
            lines.append(line)
            line = _indent(depth)
        elif token == ":":
            line.append((": ", ""))
        elif token[0] == '"':
            line.append((_folded(token), "key" if after == ":" else "string"))
        else:
            line.append(
                (safe(token, STRING_LIMIT), "word" if token in ("true", "false", "null") else "number")
            )
    if any(piece.strip() for piece, _ in line):
        lines.append(line)
    return lines


def _with_next(matches: Iterator[re.Match[str]]) -> Iterator[tuple[str, str | None]]:
    before: str | None = None
    for match in matches:
        if before is not None:
            yield before, match.group()
        before = match.group()
    if before is not None:
        yield before, None


def _indent(depth: int) -> list[Piece]:
    return [("  " * min(depth, DEPTH_SHOWN), "")] if depth else []


def _folded(token: str) -> str:
    if len(token) <= STRING_LIMIT:
        return safe(token)
    return f'{safe(token[:STRING_LIMIT])}… {count(len(token) - STRING_LIMIT - 1)} more characters"'
