"""Pickles as trees that say what unpickling would do, read without doing any of it.

`read` and `read_base64` give a `Value`; `to_item`, `one_line` and `head` show one; `pickled_error` and
`array_of` get at what noob sends most, errors and arrays, and `plain` at plain data. Nothing a pickle names
is imported, and nothing in it is called.
"""

from decoders.pickles.heads import head
from decoders.pickles.items import to_item
from decoders.pickles.known_noob import PickledError, pickled_error
from decoders.pickles.known_numpy import ObjectArray, array_of
from decoders.pickles.lines import one_line
from decoders.pickles.machine import Limits
from decoders.pickles.plain import plain, plain_all, text_of
from decoders.pickles.reading import PREFIX, read, read_base64
from decoders.pickles.sources import Blob
from decoders.pickles.values import (
    BigInteger,
    Call,
    Collection,
    Extension,
    Global,
    Mapping,
    Operation,
    OutOfBand,
    Persistent,
    Unreadable,
    Value,
)

__all__ = [
    "PREFIX",
    "BigInteger",
    "Blob",
    "Call",
    "Collection",
    "Extension",
    "Global",
    "Limits",
    "Mapping",
    "ObjectArray",
    "Operation",
    "OutOfBand",
    "Persistent",
    "PickledError",
    "Unreadable",
    "Value",
    "array_of",
    "head",
    "one_line",
    "pickled_error",
    "plain",
    "plain_all",
    "read",
    "read_base64",
    "text_of",
    "to_item",
]
