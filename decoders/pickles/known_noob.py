"""What noob itself pickles: the error value of a node that failed, and epochs.

Since 1000.0.0 an error is a dict of type, arguments and traceback; releases before sent the exception object.
"""

from collections.abc import Mapping as AbstractMapping
from dataclasses import dataclass

from decoders.pickles.known_python import Recogniser
from decoders.pickles.look import Look, Part, integer, items_of, of_parts, path_of
from decoders.pickles.objects import is_exception, notes, rebuilt
from decoders.pickles.plain import text_of
from decoders.pickles.values import Call, Collection, Global, Mapping, Value

_MOST_NOTES = 20


@dataclass(frozen=True, slots=True)
class PickledError:
    """An exception of another process, as far as its pickle tells.

    `module` and `name` are those of its class, `args` its arguments as values, `traceback` the text of its
    traceback ("" when it was not sent), `notes` what was added to it (`add_note`). `whole` tells that the
    exception object itself was pickled, as noob did before 1000.
    """

    module: str
    name: str
    args: tuple[Value, ...]
    traceback: str = ""
    notes: tuple[str, ...] = ()
    cause: "PickledError | None" = None
    whole: bool = False


def pickled_error(value: Value) -> PickledError | None:
    """Return the error in a noob error value, or in a pickled exception object; None for anything else."""
    if isinstance(value, Mapping):
        error = _parts_of(value)
        if error is None:
            return None
        kind, args = error
        return PickledError(*_split(kind), tuple(args), text_of(value.get("traceback")))
    return _from_object(value, 8)


def _from_object(value: Value, depth: int) -> PickledError | None:
    if not depth or not isinstance(value, Call) or not is_exception(value):
        return None
    original, cause = rebuilt(value)
    if original is None:
        return None
    return PickledError(
        *_split(original.function),
        tuple(original.args),
        text_of(cause),
        tuple(filter(None, map(text_of, notes(original)[:_MOST_NOTES]))),
        _from_object(cause, depth - 1),
        whole=True,
    )


def error_look(value: Mapping) -> Look | None:
    """Return the look of a noob error value, None for any other dict."""
    error = _parts_of(value)
    if error is None:
        return None
    kind, args = error
    parts = [Part("", arg) for arg in args]
    shown = [*parts, Part("traceback", value.get("traceback")), Part("class", kind)]
    return of_parts("exception", _split(kind)[1], shown, inline=len(parts))


def _parts_of(value: Mapping) -> tuple[Value, list[Value]] | None:
    if not 3 <= len(value.keys) <= 8 or not {"err_type", "err_args", "traceback"} <= _names(value):
        return None
    kind, args = value.get("err_type"), value.get("err_args")
    return (kind, args.items) if isinstance(kind, Global) and isinstance(args, Collection) else None


def _names(value: Mapping) -> set[str]:
    return {key for key in value.keys if isinstance(key, str)}


def _split(kind: Value) -> tuple[str, str]:
    module, _, name = path_of(kind).rpartition(".")
    return module, name


def _epoch(call: Call) -> Look | None:
    """Return the look of `Epoch(root, [(node, index), ...])`, such as `5.map1[2]`."""
    root = integer(call.args[0]) if call.args else None
    steps = items_of(call.args[1], "list") if len(call.args) > 1 else []
    if root is None:
        return None
    text = f"Epoch {root}"
    for step in steps[:32]:
        match step:
            case Collection(items=[str() as node, int() as index]):
                text += f".{node[:80]}[{index}]"
            case _:
                return None
    return Look("object", text)


KNOWN: AbstractMapping[str, Recogniser] = {"noob_core._core.Epoch": _epoch}
"""Which function reads the arguments of which class or function."""
