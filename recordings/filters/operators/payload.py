"""Operators that look into the payload: fields of a JSON body, words, and regular expressions.

These read messages from the file, so they run as a scan behind the terms that the columns answer.
"""

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Self

from recordings.filters.errors import FilterError
from recordings.filters.message import MAX_TEXT, MessageText
from recordings.filters.operators.base import (
    BODY,
    EQUALITY,
    ORDER,
    WORDS,
    Argument,
    Example,
    MessageOperator,
    check_relation,
)
from recordings.filters.values import Pattern, Span, Value, compared, span
from recordings.jsonpaths import PathError, Step, read_path, walk

if TYPE_CHECKING:
    from recordings.recording import Recording

MAX_REGEX = 1000
"""The longest regular expression, in characters."""

SAMPLED = 30
"""Completion of `body.` paths looks at this many of the latest messages."""

_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?")


class BodyOperator(MessageOperator):
    """Compares a field of the JSON body."""

    name = "body"
    relations = (*EQUALITY, "!=", *ORDER, "~")
    cost = BODY
    help = (
        "A field of the payload's JSON: body.value.input.x=3. Steps are keys (quoted in brackets where "
        'they hold other characters: body["my key"]), indices ([0]) and * for any key or index. A key '
        "applied to an array looks at each of its elements. = compares numbers as numbers and text with "
        "globs, < and > numbers alone, != finds fields that are there but differ, ~ searches text for a "
        "regular expression. Without a comparison, or compared with *, the field only has to be there. "
        "null, true and false are themselves; in quotes all are text."
    )
    values_help = "value"
    examples = (
        Example("body.value.input.x=3", "process messages whose input x is 3"),
        Example("body.value.signal=frame", "event messages with an event of signal frame"),
        Example("body.value.value>=0.5", "event messages with a number of at least 0.5"),
        Example('body.value.outbox~"/nodes/[ab]/"', "identify messages of the nodes a and b"),
        Example("body.value.subscribers", "messages that name subscribers at all"),
    )

    def __init__(self, path: Sequence[Step], test: "Test") -> None:
        self.path = tuple(path)
        self.test = test

    @classmethod
    def build(cls, argument: Argument) -> Self:
        """Read the path and what its values are compared with."""
        try:
            path = read_path(argument.path)
        except PathError as error:
            if not argument.path:
                raise FilterError(str(error), argument.position, argument.end) from None
            begin = argument.position + len(argument.name)
            raise FilterError(str(error), begin + error.position, begin + len(argument.path)) from None
        if argument.relation:
            check_relation(cls, argument)
        return cls(path, Test.build(argument))

    def accepts(self, message: MessageText) -> bool:
        """Look for a field that passes."""
        return message.has_body and any(self.test.passes(field) for field in walk(message.body, self.path))

    @classmethod
    def paths(cls, recording: "Recording") -> list[str]:
        """List the paths of fields in the latest messages, for completion."""
        found: dict[str, None] = {}
        count = len(recording.rows)
        for row in range(max(0, count - SAMPLED), count):
            if int(recording.rows.size[row]) > MAX_TEXT:
                continue
            message = MessageText(recording, row)
            if message.has_body:
                for path in _paths(message.body, "body", 6):
                    found.setdefault(path)
        return sorted(found)


class Test:
    """A comparison of one field."""

    def __init__(
        self,
        spans: Sequence[Span] = (),
        patterns: Sequence[Pattern] = (),
        constants: Sequence[object] = (),
        regex: "re.Pattern[str] | None" = None,
        exists: bool = False,
        differs: bool = False,
    ) -> None:
        self.spans = tuple(spans)
        self.patterns = tuple(patterns)
        self.constants = tuple(constants)
        self.regex = regex
        self.exists = exists
        self.differs = differs

    @classmethod
    def build(cls, argument: Argument) -> "Test":
        """Read the values."""
        if not argument.relation:
            return cls(exists=True)
        if argument.relation == "~":
            return cls(regex=compile_regex(argument.values[0]))
        spans: list[Span] = []
        patterns: list[Pattern] = []
        constants: list[object] = []
        for value in argument.values:
            if argument.relation in ORDER:
                spans.append(compared(argument.relation, _number(value)))
                continue
            if value.text == "*" and not value.quoted:
                return cls(exists=True, differs=argument.relation == "!=")
            patterns.append(Pattern(value.text, value.quoted))
            if value.quoted:
                continue
            if value.text in ("null", "true", "false"):
                constants.append({"null": None, "true": True, "false": False}[value.text])
            elif re.fullmatch(r"[-\d.eE+]*\.\.[-\d.eE+]*", value.text):
                spans.append(span(value, ":", _number))
            elif _NUMBER.fullmatch(value.text):
                spans.append(compared("=", _number(value)))
        return cls(spans, patterns, constants, differs=argument.relation == "!=")

    def passes(self, field: object) -> bool:
        """Compare one field."""
        return self._equals(field) != self.differs

    def _equals(self, field: object) -> bool:
        if self.exists:
            return True
        if self.regex is not None:
            return isinstance(field, str) and self.regex.search(field[:MAX_TEXT]) is not None
        if isinstance(field, str):
            return any(each.matches(field) for each in self.patterns)
        if isinstance(field, bool) or field is None:
            return any(field is each for each in self.constants)
        return isinstance(field, (int, float)) and any(field in each for each in self.spans)


class WordOperator(MessageOperator):
    """Searches a word or a quoted text."""

    name = "word"
    cost = WORDS
    help = (
        "A bare word, or any text in quotes, is searched in the payload and in the summary that the list "
        "shows, upper and lower case alike. Base64 pickles are searched in decoded form if they are short "
        "(64 KiB), else left out, so that a short word isn't found in the noise of an image. Of each frame "
        "the first MiB is searched."
    )
    values_help = "text"
    examples = (
        Example("boom", "messages that say boom anywhere"),
        Example('"division by zero"', "messages with that text"),
        Example("type:event !index", "events that don't mention index"),
    )

    def __init__(self, text: str) -> None:
        self.text = text
        self._ascii = text.lower().encode() if text.isascii() else None
        self._folded = text.casefold()

    @classmethod
    def build(cls, argument: Argument) -> Self:
        """Take the text as it is."""
        return cls(argument.values[0].text)

    def accepts(self, message: MessageText) -> bool:
        """Search bytes for ASCII, text for anything else."""
        word, folded = self._ascii, self._folded
        if word is not None:
            return message.contains(lambda data: word in data.lower())
        return message.contains(lambda data: folded in as_text(data).casefold())


class RegexOperator(MessageOperator):
    """Searches a regular expression."""

    name = "~"
    cost = BODY
    help = (
        "A regular expression (Python's, case-sensitive unless it begins with (?i)) is searched in the "
        "same text as a bare word. Put it in quotes when it holds spaces, | or parentheses. An expression "
        "that backtracks without end keeps the scan busy on one message for as long as it takes."
    )
    values_help = "regular expression"
    examples = (
        Example('~"index.:4[0-9]\\b"', "messages with an index from 40 to 49"),
        Example('~"(?i)timed? ?out"', "messages that speak of a timeout"),
    )

    def __init__(self, regex: "re.Pattern[str]") -> None:
        self.regex = regex

    @classmethod
    def build(cls, argument: Argument) -> Self:
        """Compile the expression."""
        return cls(compile_regex(argument.values[0]))

    def accepts(self, message: MessageText) -> bool:
        """Search each text."""
        search = self.regex.search
        return message.contains(lambda data: search(as_text(data)))


def as_text(data: bytes) -> str:
    """Read bytes as UTF-8, with what is none escaped."""
    return data.decode("utf-8", "backslashreplace")


def compile_regex(value: Value) -> "re.Pattern[str]":
    """Compile a regular expression, or say where it is wrong."""
    if len(value.text) > MAX_REGEX:
        raise value.wrong(f"the regular expression is longer than {MAX_REGEX} characters")
    try:
        return re.compile(value.text)
    except re.error as error:
        at = value.position + (error.pos or 0)
        raise FilterError(f"the regular expression is wrong here: {error.msg}", at, value.end) from None
    except (OverflowError, RecursionError):
        raise value.wrong("the regular expression is too deep or too large") from None


def _number(value: Value) -> float:
    if not _NUMBER.fullmatch(value.text):
        raise value.wrong(f'"{value.text}" is no number')
    return float(value.text) if any(letter in value.text for letter in ".eE") else int(value.text)


def _paths(field: object, prefix: str, depth: int) -> Iterator[str]:
    if depth == 0:
        return
    if isinstance(field, dict):
        for name, each in list(field.items())[:50]:
            path = f"{prefix}.{name}" if re.fullmatch(r"[\w$@-]+", name) else f'{prefix}["{_escaped(name)}"]'
            yield path
            yield from _paths(each, path, depth - 1)
    elif isinstance(field, list):
        for each in field[:5]:
            yield from _paths(each, prefix, depth - 1)


def _escaped(name: str) -> str:
    return name.replace("\\", "\\\\").replace('"', '\\"')
