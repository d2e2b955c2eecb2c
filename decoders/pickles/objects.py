"""Instances of any other class, as the class would print them: `Point(x=1, y=2)`, `ValueError('boom')`.

What a class does with its state can't be known without running it. The usual ways are: a dict of
attributes, a pair of that and a dict of slots, a list of field values (frozen dataclasses with slots),
pydantic's four dicts.
"""

import builtins
import re
from collections.abc import Iterator

from decoders.pickles.look import Look, Part, function_path, items_of, label, of_parts, path_of
from decoders.pickles.sources import Blob
from decoders.pickles.values import Call, Collection, Global, Mapping, Value

_EXCEPTIONS = frozenset(
    name
    for name, value in vars(builtins).items()
    if isinstance(value, type) and issubclass(value, BaseException)
)
_BUILTIN_CLASSES = frozenset(name for name, value in vars(builtins).items() if isinstance(value, type))
_EXCEPTION_ENDINGS = ("Error", "Exception", "Warning", "Interrupt", "ExceptionGroup")
_LOUD_MODULES = re.compile(
    r"(asyncio|code|codeop|ctypes|ftplib|http|importlib|marshal|multiprocessing|nt|os|pickle|posix|pty|runpy|shelve"
    r"|shutil|signal|smtplib|socket|subprocess|sys|tempfile|threading|urllib|webbrowser)(\.|\Z)"
)
_MOST_FIELDS = 500
_PRIVATE = "__pydantic_private__"


def instance(call: Call) -> Look:
    """Return the look of an object made by a call, in the way Python's usual classes print themselves."""
    parts = [Part("", arg) for arg in call.args[:_MOST_FIELDS]]
    if isinstance(call.kwargs, Mapping):
        parts += _named(call.kwargs)
    if call.items:
        parts.append(Part("", Collection("list", list(call.items))))
    if call.mapping is not None:
        parts.append(Part("", call.mapping))
    for state in call.states[:8]:
        parts += state_fields(state)
    inline = len(parts)
    if (path := path_of(call.function)) and "." in path.removeprefix("builtins."):
        parts.append(Part("class" if _is_class(call) else "function", call.function))
    return of_parts("object", name_of(call), parts, inline=inline)


def name_of(call: Call) -> str:
    """Return what to call the called: a class by its own name, anything else by its full path.

    Classes of modules that act on the system keep their path, so that it can't be overlooked.
    """
    path = called(call.function)
    module, _, name = path.rpartition(".")
    if _LOUD_MODULES.match(module):
        return path
    return name if _is_class(call) else path


def called(function: Value, depth: int = 3) -> str:
    """Return the dotted name of a function, or of an attribute fetched with getattr, else `(…)`."""
    if isinstance(function, Global):
        return function.path
    if depth and isinstance(function, Call) and function_path(function) == "builtins.getattr":
        match function.args:
            case [owner, str() as name]:
                return f"{called(owner, depth - 1)}.{name}"
    if depth and isinstance(function, Call):
        return f"{called(function.function, depth - 1)}(…)"
    return "(…)"


def _is_class(call: Call) -> bool:
    module, _, name = path_of(call.function).rpartition(".")
    if call.by in ("NEWOBJ", "NEWOBJ_EX"):  # they call __new__, which nothing but a class has
        return True
    return name in _BUILTIN_CLASSES if module == "builtins" else name[:1].isupper()


def state_fields(state: Value) -> list[Part]:
    """Return the attributes that a state given to BUILD would set, under their names, the first 500."""
    match state:
        case Mapping() if "__pydantic_fields_set__" in state.keys[:8]:
            parts = _fields_of(state.get("__dict__")) + _fields_of(state.get("__pydantic_extra__"))
            return parts + _fields_of(state.get(_PRIVATE))
        case Mapping():
            return _named(state)
        case Collection(kind="tuple", items=[None | Mapping() as attributes, Mapping() as slots]):
            return _fields_of(attributes) + _named(slots)
        case Collection(kind="list", items=values):
            return [Part("", value) for value in values[:_MOST_FIELDS]]
        case None:
            return []
    return [Part("state", state)]


def _fields_of(value: Value) -> list[Part]:
    return _named(value) if isinstance(value, Mapping) else []


def _named(mapping: Mapping) -> list[Part]:
    pairs = zip(mapping.keys[:_MOST_FIELDS], mapping.values, strict=False)
    return [Part(label(key), value) for key, value in pairs]


# Exceptions


def is_exception_name(path: str) -> bool:
    """Return whether a class of that dotted name is an exception, as far as a name can tell."""
    module, _, name = path.rpartition(".")
    return name in _EXCEPTIONS if module == "builtins" else name.endswith(_EXCEPTION_ENDINGS)


def is_exception(value: Value) -> bool:
    """Return whether a value is an exception object."""
    if not isinstance(value, Call):
        return False
    path = path_of(value.function)
    return path in _REBUILDERS or is_exception_name(path) or _class_of_maker(value) is not None


def exception(call: Call) -> Look:
    """Return the look of an exception object: its arguments in the line, then attributes, notes and cause."""
    original, cause = rebuilt(call)
    if original is None:
        return instance(call)
    parts = _refusals(original) or [Part("", arg) for arg in original.args]
    inline = len(parts)
    parts += [part for part in _attributes(original) if not part.name.startswith("__")]
    parts += [Part("note", note) for note in notes(original)]
    if cause is not None:
        parts.append(Part("traceback" if isinstance(cause, str | Blob) else "cause", cause))
    parts.append(Part("class", original.function))
    return of_parts("exception", path_of(original.function).rpartition(".")[2], parts, inline=inline)


def _refusals(call: Call) -> list[Part]:
    """Return the model's name and what pydantic found wrong with each field; none for other exceptions."""
    match call.args:
        case [str() as title, Collection(kind="list", items=errors), *_] if (
            path_of(call.function) == "pydantic_core._pydantic_core.ValidationError"
        ):
            found = [error for error in errors[:_MOST_FIELDS] if isinstance(error, Mapping)]
            places = [".".join(map(label, items_of(error.get("loc"))[:20])) for error in found]
            reasons = [error.get("msg") for error in found]
            return [Part("", title), *map(Part, places, reasons)]
    return []


def notes(call: Call) -> list[Value]:
    """Return the notes of an exception object (`add_note`)."""
    for part in _attributes(call):
        if part.name == "__notes__" and isinstance(part.value, Collection):
            return part.value.items
    return []


def rebuilt(call: Call) -> tuple[Call | None, Value]:
    """Return the exception object itself and its cause, where libraries wrap it to carry that along.

    `multiprocessing` and `concurrent.futures` send (exception, text of the remote traceback), `tblib` sends
    class, arguments, cause and more.
    """
    made = _class_of_maker(call)
    if made is not None:
        return Call(made, call.args, "REDUCE", states=call.states), None
    if path_of(call.function) not in _REBUILDERS:
        cause = next((p.value for p in _attributes(call) if p.name == "__cause__"), None)
        return call, cause if isinstance(cause, Call) else None
    first = call.args[0] if call.args else None
    if isinstance(first, Call) and is_exception_name(path_of(first.function)):
        return first, call.args[1] if len(call.args) > 1 else None
    if is_exception_name(path_of(first)) and len(call.args) > 2:  # tblib: class, arguments, cause, ...
        second = call.args[1]
        args = items_of(second.get("args") if isinstance(second, Mapping) else second)
        return Call(first, args, "REDUCE", states=call.states), call.args[2]
    return None, None


def _class_of_maker(call: Call) -> Global | None:
    """Return the exception class whose class method makes the exception: pydantic's ValidationError does."""
    maker = call.function
    if isinstance(maker, Call) and function_path(maker) == "builtins.getattr":
        match maker.args:
            case [Global() as made, str()] if is_exception_name(made.path):
                return made
    return None


def _attributes(call: Call) -> Iterator[Part]:
    for state in call.states[:8]:
        yield from state_fields(state)


_REBUILDERS = frozenset(
    {
        "multiprocessing.pool.rebuild_exc",
        "concurrent.futures.process._rebuild_exc",
        "tblib.pickling_support.unpickle_exception",
        "tblib.pickling_support.unpickle_exception_with_attrs",
    }
)
