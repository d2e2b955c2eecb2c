"""Decides how a value looks: plain values and containers here, known classes by name, others as instances."""

from collections.abc import Mapping as AbstractMapping
from dataclasses import replace

from decoders.arrays import ArrayView
from decoders.pickles import known_noob, known_numpy, known_pandas, known_pillow, known_python
from decoders.pickles.known_python import Recogniser
from decoders.pickles.look import (
    Look,
    Part,
    Shown,
    bytes_of,
    function_path,
    of_array,
    of_items,
    of_mapping,
    of_parts,
)
from decoders.pickles.objects import called, exception, instance, is_exception
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
)

_KNOWN: AbstractMapping[str, Recogniser] = {
    **known_python.KNOWN,
    **known_noob.KNOWN,
    **known_numpy.KNOWN,
    **known_pandas.KNOWN,
    **known_pillow.KNOWN,
}
_CONSTANTS = {
    "pandas.NA": Look("null", "<NA>"),
    "pandas._libs.missing.NA": Look("null", "<NA>"),
    "builtins.Ellipsis": Look("null", "Ellipsis"),
    "builtins.NotImplemented": Look("null", "NotImplemented"),
}
_BYTES = ("_codecs.encode", "builtins.bytes", "builtins.bytearray")
_BRACKETS = {"list": ("[", "]"), "tuple": ("(", ")"), "set": ("{", "}"), "frozenset": ("frozenset({", "})")}
_LONGEST = 4096  # characters of a string that anyone reads in a title


def look(value: Shown) -> Look:
    """Return how a value looks; never raises."""
    match value:
        case Look():
            return value
        case ArrayView():
            return of_array(value)
        case None:
            return Look("null", "None")
        case bool():
            return Look("bool", str(value))
        case int() | float():
            return Look("number", str(value), value=value)
        case str():
            return _string(value)
        case bytes() | Blob():
            return _bytes(value)
        case Collection():
            return _collection(value)
        case Mapping():
            return known_noob.error_look(value) or of_mapping("", ("{", "}"), value)
        case Global():
            return _CONSTANTS.get(value.path) or Look("object", value.path.removeprefix("builtins."))
        case Call():
            return _call(value)
        case Operation():
            parts = [Part("", operand) for operand in value.operands]
            return of_parts("object", value.opcode, parts)
        case Persistent():
            return of_parts("object", "persistent_id", [Part("", value.id)])
        case Extension():
            return Look("object", f"<class by extension code {value.code}>")
        case OutOfBand():
            return Look("bytes", f"<out-of-band buffer {value.index}>")
        case BigInteger():
            return Look("number", f"integer of {value.digits:,} {value.unit}")
        case Unreadable():
            return _unreadable(value)
        case list():
            return _collection(Collection("list", value))
        case tuple():
            return _collection(Collection("tuple", list(value)))
        case dict():
            return of_mapping("", ("{", "}"), Mapping(list(value), list(value.values())))
    return Look("object", f"<{type(value).__name__}>")


def _string(value: str) -> Look:
    if "\n" not in value:
        return Look("string", repr(value[:_LONGEST]), value=value)
    lines = value.split("\n")  # a traceback, say: one line a child

    def part(index: int) -> Part:
        return Part("", Look("string", lines[index]))

    return Look("string", repr(value[:_LONGEST]), count=len(lines), part=part, value=value)


def _bytes(value: bytes | Blob) -> Look:
    if isinstance(value, Blob) and value.encoding is not None:
        return Look("string", f"{value.text(_LONGEST)!r} ({len(value):,} bytes)", value=value)
    if len(value) <= _FEW_BYTES:
        data = value.read() if isinstance(value, Blob) else value
        return Look("bytes", repr(data), value=data)
    head = value.read(0, 32) if isinstance(value, Blob) else value[:32]
    return Look("bytes", f"{len(value):,} bytes  {head.hex(' ')}", value=value)


_FEW_BYTES = 64


def _collection(value: Collection) -> Look:
    if not value.items:
        return Look("array", {"list": "[]", "tuple": "()"}.get(value.kind, f"{value.kind}()"))
    opening, closing = _BRACKETS[value.kind]
    if value.kind == "tuple" and len(value.items) == 1:
        closing = ",)"
    return of_items("array", "", (opening, closing), value.items)


def _call(value: Call) -> Look:
    path = function_path(value)
    known = _KNOWN.get(path)
    found = known(value) if known is not None else None
    if found is not None:
        return found
    if is_exception(value):
        return exception(value)
    if path in _BYTES and (data := bytes_of(value)) is not None:
        shown = _bytes(data.read() if len(data) <= _FEW_BYTES or not isinstance(data, Blob) else data)
        return replace(shown, title=f"bytearray({shown.title})") if path == "builtins.bytearray" else shown
    if path == "builtins.getattr" and (name := called(value)) and not name.startswith("(…)"):
        return Look("object", name)
    return instance(value)


def _unreadable(value: Unreadable) -> Look:
    parts = [Part("", piece) for piece in value.pieces]
    brackets = ("; before that: ", "") if parts else None
    return of_parts("problem", f"unreadable pickle: {value.reason}", parts, brackets=brackets)
