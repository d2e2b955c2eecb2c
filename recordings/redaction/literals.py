"""Finds any of thousands of texts at once, in upper and lower case alike."""

import re
from collections.abc import Iterable

from recordings.redaction.detectors import Category

_LEVELS = 4

WHOLE_WORD_BELOW = 5
"""Names shorter than this are not looked for inside of longer words."""


def learnt_pattern(learnt: Iterable[tuple[str, Category]]) -> "re.Pattern[str] | None":
    """Compile an expression for texts to look for: short names as whole words, anything else wherever it
    stands.
    """
    words: list[str] = []
    anywhere: list[str] = []
    for text, category in learnt:
        is_name = category in ("user", "host", "word")
        (words if is_name and len(text) < WHOLE_WORD_BELOW else anywhere).append(text)
    parts = [alternatives(anywhere)] if anywhere else []
    if words:
        parts.append(alternatives(words, whole_words=True))
    return re.compile("|".join(parts), re.IGNORECASE) if parts else None


def alternatives(texts: Iterable[str], *, whole_words: bool = False) -> str:
    """Write an expression that matches any of some texts, the longest that fits.

    Texts that begin alike are grouped, so that a search looks at some dozen branches instead of all texts.
    With `whole_words` a text is not found inside a longer word.
    """
    expression = _grouped(sorted(set(texts), key=lambda text: (-len(text), text)), _LEVELS)
    return rf"(?<![^\W_])(?:{expression})(?![^\W_])" if whole_words else f"(?:{expression})"


def _grouped(texts: list[str], levels: int) -> str:
    if levels == 0 or len(texts) < 5:
        return "|".join(re.escape(text) for text in texts)
    groups: dict[str, list[str]] = {}
    for text in texts:
        groups.setdefault(text[:1].lower(), []).append(text)
    parts = []
    for first, members in sorted(groups.items(), reverse=True):
        # The empty text sorts last: it fits where nothing longer does.
        rest = [text[1:] for text in members]
        parts.append(f"{re.escape(first)}(?:{_grouped(rest, levels - 1)})" if first else "")
    return "|".join(parts)
