"""noob's epochs: one pass of the graph, and the passes nested in it.

A root epoch is a number. A node that turns one event into many (`map`) opens sub-epochs: the third one that
node `map1` made of epoch 5 is written `5.map1[2]`, and others may nest inside it. Reads the form that every
noob release has put on the wire and writes today's.
"""

import re
from collections.abc import Sequence
from functools import total_ordering
from typing import TYPE_CHECKING, Any, TypeAlias

from decoders.errors import DecodeError
from decoders.problems import found

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema

Segment: TypeAlias = tuple[str, int]
"""The node that made a sub-epoch, and its number among those made of the same parent, from 0."""

MAX_ROOT = 2**63 - 1
"""The largest number read in an epoch; noob itself stops at 2**32 - 1."""

MAX_SEGMENTS = 256
"""The deepest nesting that is read; noob nests one level for each `map` on the way."""

_ROOT_NODE = "tube"  # noob 1000 and 1001 wrote the root as the pair ["tube", 5]
_TEXT = re.compile(r"(\d{1,19})((?:\.[^.\[\]]+\[\d{1,19}\])*)")
_SEGMENT = re.compile(r"\.([^.\[\]]+)\[(\d+)\]")


@total_ordering
class Epoch:
    """An epoch, root or nested; immutable, hashable and ordered: a parent comes before its sub-epochs.

    `root` is the number of the root epoch, `path` the segments below it, outermost first. Behaves like
    noob's own class of this name (`noob.types.Epoch`), so `len`, indexing and arithmetic mean the same;
    only sub-epochs of different nodes are ordered by the node's name here, and by an internal number there.
    """

    __slots__ = ("path", "root")

    root: int
    path: tuple[Segment, ...]

    def __init__(self, root: int, path: Sequence[Segment] = ()) -> None:
        object.__setattr__(self, "root", root)
        object.__setattr__(self, "path", tuple((node, number) for node, number in path))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"an Epoch is immutable: make another one instead of setting {name!r}")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("an Epoch is immutable")

    def __reduce__(self) -> tuple[type["Epoch"], tuple[int, tuple[Segment, ...]]]:
        return Epoch, (self.root, self.path)

    @property
    def is_root(self) -> bool:
        """Whether this is a root epoch, not nested in another."""
        return not self.path

    @property
    def root_epoch(self) -> "Epoch":
        """The root epoch that this one is, or is nested in."""
        return Epoch(self.root)

    @property
    def parent(self) -> "Epoch | None":
        """The epoch this one was made of, None for a root."""
        return Epoch(self.root, self.path[:-1]) if self.path else None

    @property
    def parents(self) -> list["Epoch"]:
        """All epochs this one is nested in, innermost first, the root last."""
        return [Epoch(self.root, self.path[:length]) for length in range(len(self.path) - 1, -1, -1)]

    @property
    def leaf(self) -> Segment | None:
        """The last segment, None for a root."""
        return self.path[-1] if self.path else None

    def make_subepochs(self, node: str, n: int) -> list["Epoch"]:
        """Return the `n` sub-epochs that `node` makes of this epoch."""
        return [self / (node, number) for number in range(n)]

    def to_wire(self) -> int | list[int | Segment]:
        """Return the form on the wire since noob 1002: `5`, or `[5, ("map1", 2)]`."""
        return [self.root, *self.path] if self.path else self.root

    @classmethod
    def from_wire(cls, wire: Any) -> "Epoch":
        """Read any release's form: `5`, `[5, ["map1", 2]]`, or the older `[["tube", 5], ["map1", 2]]`.

        Raises DecodeError when it is none of them.
        """
        if isinstance(wire, int):
            return cls(_number(wire))
        if not isinstance(wire, list | tuple) or not wire:
            raise DecodeError(f"expected an epoch (a number or a list), found {found(wire)}")
        if len(wire) > MAX_SEGMENTS + 1:
            raise DecodeError(f"an epoch nested more than {MAX_SEGMENTS} levels deep")
        first, *rest = wire
        if isinstance(first, list | tuple):
            node, root = _segment(first)
            if node != _ROOT_NODE:
                raise DecodeError(f"expected an epoch that begins with '{_ROOT_NODE}', found {found(node)}")
        else:
            root = _number(first)
        return cls(root, [_segment(pair) for pair in rest])

    @classmethod
    def from_text(cls, text: str) -> "Epoch":
        """Read the text form, `5` or `5.map1[2]`; raises DecodeError when `text` is neither."""
        match = _TEXT.fullmatch(text)
        if match is None:
            raise DecodeError(f"expected an epoch like 5 or 5.map1[2], found {text[:80]!r}")
        path = [(node, _number(int(number))) for node, number in _SEGMENT.findall(match[2])]
        return cls(_number(int(match[1])), path)

    def __str__(self) -> str:
        return f"{self.root}" + "".join(f".{node}[{number}]" for node, number in self.path)

    def __repr__(self) -> str:
        return f"Epoch({self.root}, {list(self.path)})" if self.path else f"Epoch({self.root})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Epoch):
            return NotImplemented
        return self.root == other.root and self.path == other.path

    def __lt__(self, other: "Epoch") -> bool:
        if not isinstance(other, Epoch):
            return NotImplemented
        return (self.root, self.path) < (other.root, other.path)

    def __hash__(self) -> int:
        return hash((self.root, self.path))

    def __len__(self) -> int:
        return 1 + len(self.path)

    def __getitem__(self, item: int) -> Segment:
        return ((_ROOT_NODE, self.root), *self.path)[item]

    def __truediv__(self, other: Segment) -> "Epoch":
        node, number = other
        return Epoch(self.root, (*self.path, (node, number)))

    def __add__(self, other: int) -> "Epoch":
        if self.path:
            node, number = self.path[-1]
            return Epoch(self.root, (*self.path[:-1], (node, number + other)))
        return Epoch(self.root + other)

    def __sub__(self, other: int) -> "Epoch":
        return self + -other

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: "GetCoreSchemaHandler") -> "CoreSchema":
        """Let pydantic read every wire form and write today's."""
        from pydantic_core import core_schema  # here, as whoever needs no models needs no pydantic

        wire = core_schema.chain_schema(
            [core_schema.any_schema(), core_schema.no_info_plain_validator_function(cls.from_wire)]
        )
        instance = core_schema.is_instance_schema(cls)
        return core_schema.json_or_python_schema(
            json_schema=wire,
            python_schema=core_schema.union_schema([instance, wire], mode="left_to_right"),
            serialization=core_schema.plain_serializer_function_ser_schema(cls.to_wire, when_used="json"),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: "CoreSchema", handler: Any) -> dict[str, Any]:
        """Describe the wire form in JSON Schema."""
        segment = {
            "type": "array",
            "prefixItems": [{"type": "string"}, {"type": "integer", "minimum": 0}],
            "minItems": 2,
            "maxItems": 2,
        }
        root = {"type": "integer", "minimum": 0}
        nested = {"type": "array", "prefixItems": [root], "items": segment, "minItems": 1}
        return {"title": "Epoch", "anyOf": [root, nested]}


def _number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise DecodeError(f"expected an epoch's number, found {found(value)}")
    if not 0 <= value <= MAX_ROOT:
        raise DecodeError("expected an epoch's number between 0 and 2**63 - 1, found one outside")
    return value


def _segment(pair: Any) -> Segment:
    match pair:
        case [str(node), number]:
            return node, _number(number)
        case _:
            raise DecodeError(f"expected an epoch's [node, number], found {found(pair)}")
