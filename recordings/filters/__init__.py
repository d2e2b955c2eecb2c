"""The filter language: one implementation for the viewer, the command line, export and replay.

`parse` turns text into a `Filter`; `Filter.rows` answers from the columns at once, `Filter.select` reads what
it must in batches and can be cancelled; `complete` and `markdown` are made from the same operator classes.
"""

from recordings.filters.completion import Completion, complete
from recordings.filters.errors import FilterError
from recordings.filters.manual import markdown, plain
from recordings.filters.operators import OPERATORS, STATES, Example, Operator
from recordings.filters.query import Filter, TermCount, Unseen, parse
from recordings.filters.syntax import quote

__all__ = [
    "OPERATORS",
    "STATES",
    "Completion",
    "Example",
    "Filter",
    "FilterError",
    "Operator",
    "TermCount",
    "Unseen",
    "complete",
    "markdown",
    "parse",
    "plain",
    "quote",
]
