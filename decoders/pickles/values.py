"""What a pickle says, as plain data: the values that the symbolic reader builds instead of objects.

Numbers, strings and bytes are themselves; everything else is one of the structs below, which name what
unpickling would have done and do nothing. A value can hold itself and can be nested without end: never walk
one by recursion without a bound, compare it with `==`, or expect `repr` to show more than its kind.
"""

from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from typing import Literal, TypeAlias

import msgspec

from decoders.pickles.sources import Blob


class _Symbol(msgspec.Struct, eq=False):
    """Base of all structs: compared by identity, and with a `repr` that can't be made to explode."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class Global(_Symbol):
    """A class or function by name: `module` and `name` as written, `path` what Python 3 would look up.

    The two differ in protocols 0 to 2, which keep the names of Python 2: see `python3_path`.
    """

    module: str
    name: str
    path: str

    def __repr__(self) -> str:
        return f"<Global {self.path[:200]!r}>"


def python3_path(module: str, name: str) -> str:
    """Return the dotted name that unpickling looks up for a Python 2 name, by the tables of `pickle` itself.

    So `commands.getoutput` shows as the `subprocess.getoutput` that it would call.
    """
    module, name = NAME_MAPPING.get((module, name)) or (IMPORT_MAPPING.get(module, module), name)
    return f"{module}.{name}"


class Collection(_Symbol):
    """A list, tuple, set or frozenset; the items of a set are in the pickle's order, twice if it says so."""

    kind: Literal["list", "tuple", "set", "frozenset"]
    items: list["Value"]


class Mapping(_Symbol):
    """A dict, as two lists of the same length in the pickle's order.

    A key can come twice (the last one wins when unpickled).
    """

    keys: list["Value"]
    values: list["Value"]

    def get(self, name: str) -> "Value":
        """Return the last value whose key is the string `name`, None without one."""
        for index in range(len(self.keys) - 1, -1, -1):
            if self.keys[index] == name:
                return self.values[index]
        return None


class Call(_Symbol):
    """An object that unpickling would make by calling `function`, and what it would then do to it.

    `by` is the opcode that calls. `states` are given to `__setstate__` or put in `__dict__` one after the
    other (BUILD), `items` appended or added, the pairs of `mapping` set as items.
    """

    function: "Value"
    args: list["Value"]
    by: Literal["REDUCE", "NEWOBJ", "NEWOBJ_EX", "INST", "OBJ"]
    kwargs: "Value" = None
    states: list["Value"] | tuple[()] = ()
    items: list["Value"] | tuple[()] = ()
    mapping: Mapping | None = None

    @property
    def state(self) -> "Value":
        """The last state, None without one."""
        return self.states[-1] if self.states else None


class Operation(_Symbol):
    """An opcode applied to what no honest pickler applies it to, such as BUILD on a number."""

    opcode: str
    operands: list["Value"]


class Persistent(_Symbol):
    """A reference to an object outside the pickle, by an id that only its makers understand."""

    id: "Value"


class Extension(_Symbol):
    """A class by its number in the `copyreg` extension registry of the process that wrote it."""

    code: int


class OutOfBand(_Symbol):
    """A buffer that was sent beside the pickle (protocol 5), so its bytes are not here."""

    index: int
    readonly: bool = False


class BigInteger(_Symbol):
    """An integer too long to be worth computing, by its size on the wire."""

    digits: int
    unit: Literal["decimal digits", "bytes"]


class Unreadable(_Symbol):
    """What is left of a pickle that could not be read to its end.

    `reason` says which rule it breaks or which limit it meets (`limited`: not broken, only too much), `at`
    the byte offset of the opcode, and `pieces` holds what had been read, outermost first.
    """

    reason: str
    at: int = 0
    pieces: list["Value"] = []
    limited: bool = False


Value: TypeAlias = (
    bool
    | int
    | float
    | str
    | bytes
    | Blob
    | Collection
    | Mapping
    | Global
    | Call
    | Operation
    | Persistent
    | Extension
    | OutOfBand
    | BigInteger
    | Unreadable
    | None
)
