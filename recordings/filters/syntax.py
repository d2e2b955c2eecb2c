"""The filter language's grammar: text to a tree of terms, by recursive descent, with positions for every
complaint.

filter  = either                             the empty filter lets everything through
either  = all { "|" all }
all     = part { part }                      a space is "and"
part    = "!" part | "(" either ")" | term
term    = name relation value { "," value }  type:event,error  size>1k
        | "body" path [ relation value ]     body.value[0].epoch=3
        | "~" value                          ~"reg(ular)? expression"
        | word | quoted                      boom  "division by zero"
"""

import difflib
import re

from recordings.filters.errors import FilterError
from recordings.filters.expression import And, Everything, Extent, Node, Not, Or, Term
from recordings.filters.operators import OPERATORS, SHORTHANDS, find
from recordings.filters.operators.base import Argument, Operator
from recordings.filters.operators.payload import BodyOperator, RegexOperator, WordOperator
from recordings.filters.operators.states import StateOperator
from recordings.filters.values import Value

MAX_TEXT = 10_000
"""The longest filter, in characters."""

MAX_DEPTH = 50
"""How deep parentheses and `!` may nest."""

_SPACE = re.compile(r"\s*")
_BODY = re.compile(r'body(?P<path>(?:\.(?!\.)[\w$@*-]*|\[(?:"(?:[^"\\]|\\.)*"|[^\]"\s]*)\])+|(?=[:=<>!~]))')
_NAME = re.compile(r"[A-Za-z_][\w-]*(?=:|=|<|>|!=)")
_RELATION = re.compile(r"(?::(?=(?:>=|<=|!=|=|<|>)))?(>=|<=|!=|=|<|>)|:")
_BODY_RELATION = re.compile(r"(?::(?=(?:>=|<=|!=|=|<|>)))?(>=|<=|!=|=|<|>)|:|~")
_BARE_VALUE = re.compile(r"[^\s|(),]*")
_WORD = re.compile(r"[^\s|()]+")
_REGEX = re.compile(r"[^\s|]+")
_QUOTED = re.compile(r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'""", re.DOTALL)


def parse_tree(text: str) -> Node:
    """Parse a filter, or raise FilterError."""
    if len(text) > MAX_TEXT:
        raise FilterError(f"the filter is longer than {MAX_TEXT:,} characters", MAX_TEXT, len(text))
    return _Parser(text).parse()


class _Parser:
    """The state of one parse: the text and how far it has been read."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0

    def parse(self) -> Node:
        self._skip_space()
        if self._at == len(self._text):
            return Everything()
        tree = self._either()
        if self._at < len(self._text):
            raise FilterError(
                "this ) closes nothing; remove it, or open it further left", self._at, self._at + 1
            )
        return tree

    def _either(self) -> Node:
        start = self._at
        parts = [self._all()]
        extents = [(start, self._at)]
        while self._peek() == "|":
            self._at += 1
            self._skip_space()
            start = self._at
            parts.append(self._all())
            extents.append((start, self._at))
        return parts[0] if len(parts) == 1 else Or(parts, extents)

    def _all(self) -> Node:
        parts: list[Node] = []
        extents: list[Extent] = []
        while self._peek() not in ("", "|", ")"):
            start = self._at
            parts.append(self._part())
            extents.append((start, self._at))
            self._skip_space()
        if parts:
            return parts[0] if len(parts) == 1 else And(parts, extents)
        if self._peek() == ")" and self._depth == 0:
            raise FilterError(
                "this ) closes nothing; remove it, or open it further left", self._at, self._at + 1
            )
        raise FilterError("a term is missing here", self._at, self._at + 1)

    def _part(self) -> Node:
        character = self._peek()
        if character not in ("!", "("):
            return self._term()
        opened = self._at
        self._at += 1
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise FilterError(f"more than {MAX_DEPTH} levels of ( and ! are too deep", opened)
        self._skip_space()
        if character == "!":
            if self._peek() in ("", "|", ")"):
                raise FilterError("! needs a term behind it, such as !type:event", opened, opened + 1)
            part: Node = Not(self._part())
        else:
            part = self._either()
            if self._peek() != ")":
                raise FilterError("this ( is never closed", opened, opened + 1)
            self._at += 1
        self._depth -= 1
        return part

    def _term(self) -> Node:
        start = self._at
        character = self._peek()
        if character == "~":
            self._at += 1
            value = self._value(_REGEX, regex=True)
            if not value.text:
                raise FilterError(
                    '~ needs a regular expression behind it, such as ~"index.:4"', start, self._at
                )
            return self._built(RegexOperator, Argument("", "~", (value,), start, self._at))
        if character in ('"', "'"):
            value = self._value(_WORD)
            if not value.text:
                raise FilterError("there is nothing in the quotes to search for", start, self._at)
            return self._built(WordOperator, Argument("", "", (value,), start, self._at))
        body = _BODY.match(self._text, start)
        if body:
            return self._body(body)
        name = _NAME.match(self._text, start)
        if name and not self._text.startswith("://", name.end()):
            return self._named(name)
        return self._word()

    def _word(self) -> Node:
        start = self._at
        found = _WORD.match(self._text, start)
        assert found is not None
        self._at = found.end()
        word = Value(found[0], start)
        if word.text in SHORTHANDS:
            return self._built(StateOperator, Argument("is", ":", (word,), start, self._at))
        return self._built(WordOperator, Argument("", "", (word,), start, self._at))

    def _body(self, found: "re.Match[str]") -> Node:
        start = self._at
        self._at = found.end()
        path = found["path"]
        relation = _BODY_RELATION.match(self._text, self._at)
        if relation is None:
            following = self._text[self._at : self._at + 1]
            if following and not following.isspace() and following not in "|()":
                raise FilterError(
                    f'{following} can\'t follow here; quote a key with such characters: body["my key"]',
                    self._at,
                    self._at + 1,
                )
            return self._built(BodyOperator, Argument("body", "", (), start, self._at, path))
        self._at = relation.end()
        sign = relation[1] or relation[0]
        values = self._values(f"body{path}{relation[0]}", "3", regex=sign == "~")
        return self._built(BodyOperator, Argument("body", sign, values, start, self._at, path))

    def _named(self, found: "re.Match[str]") -> Node:
        start = self._at
        name = found[0]
        operator = find(name) or find(name.lower())
        relation = _RELATION.match(self._text, found.end())
        assert relation is not None
        sign = relation[1] or relation[0]
        if operator is None:
            raise FilterError(self._unknown(name, relation[0]), start, relation.end())
        self._at = relation.end()
        values = self._values(name + relation[0], operator.examples[0].text.partition(":")[2])
        negated = sign == "!=" and "!=" not in operator.relations
        argument = Argument(operator.name, ":" if negated else sign, values, start, self._at)
        term = self._built(operator, argument)
        return Not(term) if negated else term

    def _unknown(self, name: str, sign: str) -> str:
        known = [operator.name for operator in OPERATORS if operator.name[0].isalpha()]
        known += [alias for operator in OPERATORS for alias in operator.aliases]
        close = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.5)
        if close:
            meant = f'did you mean "{close[0]}{sign}"?'
        elif sign == ":":
            meant = f"known are {' '.join(sorted(name + ':' for name in known))}"
        else:
            meant = f'a field of the payload is written "body.value.{name}{sign}"'
        return f'there is no operator "{name}{sign}"; {meant} (In quotes it is text to search for.)'

    def _values(self, before: str, example: str, *, regex: bool = False) -> tuple[Value, ...]:
        values: list[Value] = []
        while True:
            value = self._value(_REGEX if regex else _BARE_VALUE, regex=regex)
            if not value.text and not value.quoted:
                rest = self._text[self._at :]
                if rest[:1].isspace() and rest.strip():
                    raise FilterError(f"no space is allowed behind {before}", self._at, self._at + 1)
                suffix = f", such as {before}{example}" if example and not values else ""
                raise FilterError(f"a value is missing behind {before}{suffix}", self._at, self._at + 1)
            values.append(value)
            if regex or self._text[self._at : self._at + 1] != ",":
                return tuple(values)
            self._at += 1

    def _value(self, bare: "re.Pattern[str]", *, regex: bool = False) -> Value:
        start = self._at
        if self._text[start : start + 1] not in ('"', "'"):
            found = bare.match(self._text, start)
            self._at = found.end() if found else start
            return Value(self._text[start : self._at], start)
        quoted = _QUOTED.match(self._text, start)
        if quoted is None:
            raise FilterError(f"this {self._text[start]} is never closed", start, len(self._text))
        self._at = quoted.end()
        following = self._text[self._at : self._at + 1]
        if following and not following.isspace() and following not in "|(),":
            raise FilterError("a space is missing behind the closing quote", self._at, self._at + 1)
        return Value(unquote(quoted[0], regex=regex), start + 1, quoted=True)

    def _built(self, operator: type[Operator], argument: Argument) -> Term:
        return Term(operator.build(argument), argument.position, argument.end)

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _skip_space(self) -> None:
        found = _SPACE.match(self._text, self._at)
        assert found is not None
        self._at = found.end()


def unquote(text: str, *, regex: bool = False) -> str:
    """Take the quotes off; a backslash before a quote or a backslash goes too (in a regex only before a
    quote).
    """
    quote, inner = text[0], text[1:-1]
    if regex:
        return inner.replace("\\" + quote, quote)
    return re.sub(r"\\([\\\"'])", r"\1", inner)


def quote(text: str) -> str:
    """Write a value so that the filter takes it literally, with quotes only where they are needed."""
    if text and re.fullmatch(r"[\w./@+-]+", text) and ".." not in text and text not in SHORTHANDS:
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
