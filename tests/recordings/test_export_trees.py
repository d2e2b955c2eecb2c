"""A decoded message as lines and as JSON: all of a usual one, a bounded part of an endless one."""

import json
from collections.abc import Sequence

import msgspec

from decoders import registry
from decoders.tree import Item, from_value
from recordings.export.trees import MAX_DEPTH, MAX_ITEMS, tree_lines, tree_object

VALUE = {"a": [1, {"b": None}], "c": "x\x1b"}


def test_lines() -> None:
    assert list(tree_lines(from_value("", VALUE), "| ")) == [
        "| 2 keys",
        "|   a: 2 items",
        "|     0: 1",
        "|     1: 1 key",
        "|       b: null",
        r"|   c: 'x\x1b'",
    ]


def test_json() -> None:
    assert tree_object(from_value("", VALUE)) == {
        "name": "",
        "kind": "object",
        "text": "2 keys",
        "children": [
            {
                "name": "a",
                "kind": "array",
                "text": "2 items",
                "children": [
                    {"name": "0", "kind": "number", "text": "1"},
                    {
                        "name": "1",
                        "kind": "object",
                        "text": "1 key",
                        "children": [{"name": "b", "kind": "null", "text": "null"}],
                    },
                ],
            },
            {"name": "c", "kind": "string", "text": r"'x\x1b'"},
        ],
    }


def test_long_levels_show_their_first_batch() -> None:
    lines = list(tree_lines(from_value("", list(range(500)))))
    assert len(lines) == 202
    assert lines[-1] == "  … 300 more"


def endless(name: str = "") -> Item:
    """A tree without an end in any direction."""

    def children() -> Sequence[Item]:
        return [endless(str(number)) for number in range(200)]

    return Item(name, "endless", "array", children)


def deep(level: int = 0) -> Item:
    return Item("", str(level), "array", lambda: [deep(level + 1)])


def test_endless_trees_end() -> None:
    lines = list(tree_lines(endless()))
    assert len(lines) == MAX_ITEMS + 1
    assert lines[-1].strip() == "… not shown"
    assert len(json.dumps(tree_object(endless()))) < 100 * MAX_ITEMS
    assert [line.strip() for line in tree_lines(deep())] == [
        *map(str, range(MAX_DEPTH + 1)),
        "… not shown",
    ]


def test_a_pickle_that_says_the_same_a_billion_times() -> None:
    body = b"]q\x00" + b"".join(b"](" + b"h%c" % n * 10 + b"eq%c" % (n + 1) for n in range(200))
    payload = msgspec.msgpack.encode({"x": 1})
    assert len(list(tree_lines(registry.decode([payload]).item))) == 2
    from base64 import b64encode

    event = {"id": 1, "timestamp": "2026-11-25T01:42:41Z", "node_id": "a", "signal": "s", "epoch": 1}
    event["value"] = "pck__" + b64encode(body + b".").decode()
    message = {"type": "event", "node_id": "a", "value": [event]}
    lines = list(tree_lines(registry.decode([b"event", json.dumps(message).encode()]).item))
    assert len(lines) == MAX_ITEMS + 1
