"""Makes text from strangers safe to show: the one sanitiser between a payload and a terminal.

Everything invisible or active (control characters, bidirectional overrides, zero-width characters,
surrogates, unassigned and private code points, line separators) becomes a visible escape such as `\\x1b`,
so that a result is one line and does nothing. Backslashes stay single: the result is for people to read,
not to parse back.
"""

import re

_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}

# Code points that Unicode calls printable but renders as nothing (Default_Ignorable_Code_Point, plus blank
# letters): str.isprintable() lets them through.
_BLANK = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)

_SURROGATES = re.compile("[\ud800-\udfff]")

ELLIPSIS = "…"


def safe(text: str, limit: int | None = None) -> str:
    """Return `text` as one harmless line, cut to at most `limit` characters (the last one then is `…`).

    Never cuts an escape in two, and looks at no more of `text` than it needs.
    """
    if limit is not None:
        if limit < 1:
            return ""
        head = text[: limit + 1]
    else:
        head = text
    if _is_clean(head):
        if limit is None or len(head) <= limit:
            return head
        return head[: limit - 1] + ELLIPSIS
    pieces: list[str] = []
    length = 0
    fitting = 0  # how many pieces leave room for the ellipsis
    for character in head:
        piece = character if _is_safe(character) else _escape(character)
        pieces.append(piece)
        length += len(piece)
        if limit is not None:
            if length < limit:
                fitting = len(pieces)
            elif length > limit:
                return "".join(pieces[:fitting]) + ELLIPSIS
    return "".join(pieces)


def encodable(text: str) -> str:
    """Return `text` as it can be written down: bytes of a file name or an argument that were no UTF-8 (lone
    surrogates, PEP 383) become visible escapes such as `\\xff`."""
    return _SURROGATES.sub(lambda found: f"\\x{ord(found[0]) & 0xFF:02x}", text)


def safe_bytes(data: bytes, limit: int | None = None) -> str:
    """Return bytes that usually are text (a topic, a routing id) as one harmless line; see `safe`.

    What is not UTF-8 shows as `\\xff`.
    """
    if limit is not None:
        data = data[: 4 * (limit + 1)]  # no character takes more than four bytes
    return safe(data.decode("utf-8", "backslashreplace"), limit)


def safe_json(text: str) -> str:
    """Return JSON text of one line that does nothing in a terminal and still means the same.

    What `safe` would escape can only stand inside of strings, where it becomes an escape of JSON.
    """
    if _is_clean(text):
        return text
    return "".join(character if _is_safe(character) else _json_escape(character) for character in text)


def utf8_head(data: bytes, size: int) -> str | None:
    """Return the first `size` bytes as text, without a character that is cut in two; None if not UTF-8."""
    head = data[:size]
    try:
        return head.decode("utf-8")
    except UnicodeDecodeError as error:
        if len(head) == len(data) or error.start < len(head) - 3:
            return None
        return head[: error.start].decode("utf-8")


def _is_clean(text: str) -> bool:
    return text.isprintable() and (text.isascii() or not _BLANK.search(text))


def _is_safe(character: str) -> bool:
    return character.isprintable() and not _BLANK.match(character)


def _escape(character: str) -> str:
    if character in _NAMED:
        return _NAMED[character]
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    if code < 0x10000:
        return f"\\u{code:04x}"
    return f"\\U{code:08x}"


def _json_escape(character: str) -> str:
    pair = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{pair[place : place + 2].hex()}" for place in range(0, len(pair), 2))
