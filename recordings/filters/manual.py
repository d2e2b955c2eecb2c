"""The manual of the filter language, made from the operators, so that it can't fall behind them."""

from collections.abc import Iterator

from recordings.filters.operators import OPERATORS, SHORTHANDS, STATES, Operator

INTRODUCTION = """\
# Filters

A filter picks messages. The same language works in the filter line of `tubetap view`, on the command line
(`tubetap cat FILE 'type:error'`), for `slice`, `export` and `report`, and in replay.

    type:event,error node:b from:a to:command size>1k epoch:3..7 time:<5s delta>50ms
    body.value.input.x=3 ~"re+" word

| written | means |
|---|---|
| `a b` | both: a space is "and" |
| `a\\|b` | either; "and" binds more tightly, so `a b\\|c` is `(a b)\\|c` |
| `!a` | not |
| `( )` | grouping |
| `name:x,y` | alternatives: x or y |
| `name!=x` | the same as `!name:x` |
| `name:<5` | the same as `name<5` |
| `3..7`, `3..`, `..7` | a range, both ends included (for times the end is not) |
| `*`, `?` | in names: any text, any one character |
| `"..."`, `'...'` | literal text: no globs or ranges; spaces, commas, `\\|` and parentheses are ordinary |

Inside quotes, `\\"` is a quote and `\\\\` a backslash. Names are compared as they are written; words are
searched in upper and lower case alike.

"""

CLOSING = """\
## What is fast

All operators but bare words, `~`, `body.`, `delay` and sub-epochs are answered from columns kept in
memory: a million messages take some milliseconds. The others read messages from the file, but only those that
the fast terms leave over: `type:error boom` reads the errors alone. Such a scan runs in the background, shows
what it has found so far and stops as soon as the filter changes.
"""


def markdown() -> str:
    """Write the manual as Markdown."""
    return INTRODUCTION + "".join(_section(operator) for operator in OPERATORS) + CLOSING


def plain() -> str:
    """Write a short manual for a terminal: each operator's help and examples."""
    lines: list[str] = []
    for operator in OPERATORS:
        lines += [f"{heading(operator)}", f"    {operator.help}"]
        width = max(len(example.text) for example in operator.examples)
        lines += [f"      {example.text:{width}}  {example.finds}" for example in operator.examples]
        lines.append("")
    return "\n".join(lines)


def heading(operator: type[Operator]) -> str:
    """Name an operator as it is written."""
    if operator.name == "word":
        return 'word, "some text"'
    if operator.name == "~":
        return '~"regular expression"'
    name = f"{operator.name}.PATH" if operator.name == "body" else operator.name
    written = [f"{name}:"] + [f"{alias}:" for alias in operator.aliases]
    if "<" in operator.relations:
        written.append(" ".join(f"{name}{sign}" for sign in ("<", ">=")))
    return "  ".join(written)


def _section(operator: type[Operator]) -> str:
    return "".join(_section_lines(operator))


def _section_lines(operator: type[Operator]) -> Iterator[str]:
    yield f"## `{heading(operator)}`\n\n"
    if operator.name == "is":
        yield from _states()
    else:
        yield f"{_escaped(operator.help)}\n\n"
    yield "| filter | finds |\n|---|---|\n"
    for example in operator.examples:
        yield f"| `{_escaped(example.text)}` | {_escaped(example.finds)} |\n"
    yield "\n"


def _states() -> Iterator[str]:
    yield "The message is in one of these states.\n\n| state | the message |\n|---|---|\n"
    for state in STATES:
        yield f"| `{state.name}` | {_escaped(state.help)} |\n"
    yield f"\n`{'`, `'.join(SHORTHANDS)}` may be written without `is:`.\n\n"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")
