"""Editing a filter term by term, for the side panel and for filtering by the cell under the cursor.

The filter's text is the only state: the panel reads from it what is shown or hidden, and writes it anew. A
term is what stands between spaces at the top level of the filter language.
"""

import re
from collections.abc import Sequence

from recordings.filters import quote

QUOTED = r"""\"(?:\\.|[^"\\])*"?|'(?:\\.|[^'\\])*'?"""
VALUE = re.compile(rf"({QUOTED})|([^,\"']+)")


def split(text: str) -> list[str]:
    """Split a filter at the spaces that are outside quotes and parentheses."""
    terms: list[str] = []
    term = ""
    depth = 0
    quote_mark = ""
    escaped = False
    for character in text:
        if quote_mark:
            if character == quote_mark and not escaped:
                quote_mark = ""
            escaped = not escaped and character == "\\"
        elif character in "\"'":
            quote_mark = character
        elif character in "()":
            depth += 1 if character == "(" else -1
        if character.isspace() and not quote_mark and depth <= 0:
            if term:
                terms.append(term)
            term = ""
        else:
            term += character
    return [*terms, term] if term else terms


def join(terms: Sequence[str]) -> str:
    """Put terms together again."""
    return " ".join(terms)


def has_or(text: str) -> bool:
    """Tell whether `|` stands at the top level: a term put beside would bind to one alternative only."""
    return any("|" in _outside(term) for term in split(text))


def _grouped(text: str) -> str:
    """Put parentheses around; a bare regular expression at the end would take the last one for its own."""
    return f"({text} )" if "~" in split(text)[-1] else f"({text})"


def _outside(term: str) -> str:
    """Give what of a term stands outside quotes and parentheses."""
    without = re.sub(QUOTED, "", term)
    while (shorter := re.sub(r"\([^()]*\)", "", without)) != without:
        without = shorter
    return without


def add(text: str, term: str) -> str:
    """Narrow a filter by one more term, unless it has it already."""
    if has_or(text):
        return f"{_grouped(text)} {term}"
    terms = split(text)
    return text if term in terms else join([*terms, term])


def drop_last(text: str) -> str:
    """Drop the last term; what was `a | b` becomes empty, as neither half means what the whole did."""
    return "" if has_or(text) else join(split(text)[:-1])


def _values(term: str, key: str, *, negated: bool) -> list[str] | None:
    """Give the values of the term `key:a,b` (or `!key:a,b`), None if it is another term."""
    prefix = f"!{key}:" if negated else f"{key}:"
    if not term.startswith(prefix):
        return None
    found = VALUE.findall(term[len(prefix) :])
    return [re.sub(r"\\(.)", r"\1", quoted[1:-1]) if quoted else bare for quoted, bare in found]


def values(text: str, key: str, *, negated: bool = False) -> list[str]:
    """Give the values that the filter's top-level terms `key:…` name, in order."""
    if has_or(text):
        return []
    found = (_values(term, key, negated=negated) for term in split(text))
    return [value for values_ in found if values_ is not None for value in values_]


def without(text: str, *keys: str) -> str:
    """Drop every top-level term with one of these keys, negated or not."""
    if has_or(text):
        return text
    return join(
        [
            term
            for term in split(text)
            if not any(
                _values(term, key, negated=negated) is not None for key in keys for negated in (False, True)
            )
        ]
    )


def with_values(text: str, key: str, names: Sequence[str], *, negated: bool = False) -> str:
    """Make the filter's term `key:…` (or `!key:…`) name exactly these values; none removes the term."""
    prefix = f"!{key}:" if negated else f"{key}:"
    new = [prefix + ",".join(quote(name) for name in names)] if names else []
    if has_or(text):
        return join([_grouped(text), *new]) if new else text
    terms = split(text)
    places = [i for i, term in enumerate(terms) if _values(term, key, negated=negated) is not None]
    if not places:
        return join([*terms, *new])
    kept = [term for i, term in enumerate(terms) if i not in places]
    kept[places[0] : places[0]] = new
    return join(kept)


def toggle(text: str, only: str, hide: str, name: str, names: Sequence[str]) -> str:
    """Show or hide one of the side panel's entries.

    `only:` is the key that lists what is shown, `!hide:` the one that lists what is not. Hiding the last
    shown one shows everything again: an empty list helps nobody.
    """
    shown = values(text, only)
    if shown:
        changed = [value for value in shown if value != name] if name in shown else [*shown, name]
        if set(names) <= set(changed):
            changed = []
        return with_values(text, only, changed)
    hidden = values(text, hide, negated=True)
    changed = [value for value in hidden if value != name] if name in hidden else [*hidden, name]
    return with_values(text, hide, changed, negated=True)


def only(text: str, key: str, hide: str, name: str) -> str:
    """Show one entry alone; asked again, everything."""
    rest = without(text, key, hide)
    return rest if values(text, key) == [name] else with_values(rest, key, [name])


def all_but(text: str, key: str, hide: str, name: str) -> str:
    """Hide one entry alone; asked again, show everything."""
    rest = without(text, key, hide)
    return (
        rest if values(text, hide, negated=True) == [name] else with_values(rest, hide, [name], negated=True)
    )


def is_shown(text: str, key: str, hide: str, name: str) -> bool:
    """Tell whether the panel's box of an entry is checked."""
    shown = values(text, key)
    return name in shown if shown else name not in values(text, hide, negated=True)
