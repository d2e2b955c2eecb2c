"""What can be typed next in a filter: operators with their help, and the values the recording has shown, with
counts.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from recordings.filters.operators import OPERATORS, SHORTHANDS, STATES, find
from recordings.filters.operators.payload import BodyOperator
from recordings.filters.syntax import quote

if TYPE_CHECKING:
    from recordings.recording import Recording

MAX_COMPLETIONS = 50
"""At most this many are offered."""

_TERM = re.compile(r"""(?:"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|[^\s|()!"']|(?<=[^\s|()])['"])*$""")
_VALUE = re.compile(
    r"""(?P<name>[A-Za-z_][\w-]*)(?P<sign>:(?:>=|<=|!=|=|<|>)?|>=|<=|!=|=|<|>)(?P<values>.*)$""", re.DOTALL
)


@dataclass(frozen=True)
class Completion:
    """One way to go on: put `text` in place of the characters from `start` to `end`, or show why it is
    offered.

    `detail` is the operator's help, or how many messages have the value.
    """

    text: str
    start: int
    end: int
    detail: str


def complete(text: str, cursor: int, recording: "Recording | None" = None) -> list[Completion]:
    """List what fits at the cursor, the most frequent values first; without a recording operators alone."""
    cursor = max(0, min(cursor, len(text)))
    found = _TERM.search(text, 0, cursor)
    begin = found.start() if found else cursor
    term = text[begin:cursor]
    if term.startswith(("~", '"', "'")):
        return []
    if re.match(r"body[.\[]", term):
        offers = _body_paths(term, begin, cursor, recording)
    else:
        value = _VALUE.match(term)
        offers = _values(value, begin, cursor, recording) if value else _operators(term, begin, cursor)
    return [offer for offer, _ in zip(offers, range(MAX_COMPLETIONS), strict=False)]


def _operators(prefix: str, start: int, end: int) -> Iterator[Completion]:
    for operator in OPERATORS:
        if not operator.name[0].isalpha() or operator.name == "word":
            continue
        sign = "." if operator is BodyOperator else ":"
        if operator.name.startswith(prefix.lower()):
            yield Completion(operator.name + sign, start, end, operator.help)
    for state in STATES:
        if state.name in SHORTHANDS and prefix and state.name.startswith(prefix.lower()):
            yield Completion(state.name, start, end, f"a message that {state.help}")


def _values(
    term: "re.Match[str]", start: int, end: int, recording: "Recording | None"
) -> Iterator[Completion]:
    operator = find(term["name"])
    if operator is None or recording is None:
        return
    typed = term["values"].rpartition(",")[2]
    begin = end - len(typed)
    prefix = typed.lstrip("\"'").lower()
    for value, count in operator.observed(recording):
        if value.lower().startswith(prefix):
            messages = "1 message" if count == 1 else f"{count:,} messages"
            yield Completion(quote(value), begin, end, messages)


def _body_paths(prefix: str, start: int, end: int, recording: "Recording | None") -> Iterator[Completion]:
    if recording is None or re.search(r"[:=<>!~]", prefix):
        return
    for path in BodyOperator.paths(recording):
        if path.startswith(prefix):
            yield Completion(path, start, end, "a field of a recent message")
