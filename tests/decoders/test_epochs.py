"""Epochs mean what they mean in noob, in every form that was ever on the wire."""

import json
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from noob.types import Epoch as NoobEpoch
from pydantic import TypeAdapter, ValidationError

from decoders.epochs import MAX_SEGMENTS, Epoch
from decoders.errors import DecodeError
from tests.support_fuzz import fuzz

NODES = st.text(st.sampled_from("abc_9"), min_size=1, max_size=4)
PATHS = st.lists(st.tuples(NODES, st.integers(0, 5)), max_size=3)
EPOCHS = st.builds(Epoch, st.integers(0, 3) | st.integers(0, 2**32 - 20), PATHS)


def noob(epoch: Epoch) -> NoobEpoch:
    return NoobEpoch(epoch.root, list(epoch.path))


@pytest.mark.parametrize(
    ("wire", "epoch", "text"),
    [
        (5, Epoch(5), "5"),
        ([5], Epoch(5), "5"),
        ([5, ["map1", 2]], Epoch(5, [("map1", 2)]), "5.map1[2]"),
        ([3, ["b", 1], ["c", 2]], Epoch(3, [("b", 1), ("c", 2)]), "3.b[1].c[2]"),
        ([["tube", 5]], Epoch(5), "5"),
        ([["tube", 5], ["map1", 2]], Epoch(5, [("map1", 2)]), "5.map1[2]"),
        ((5, ("map1", 2)), Epoch(5, [("map1", 2)]), "5.map1[2]"),
    ],
)
def test_every_form(wire: Any, epoch: Epoch, text: str) -> None:
    assert Epoch.from_wire(wire) == epoch
    assert str(epoch) == text
    assert Epoch.from_text(text) == epoch


@pytest.mark.parametrize(
    "wire",
    [
        None,
        True,
        -1,
        2**63,
        5.0,
        "5",
        {},
        [],
        [[]],
        [None],
        [["map1", 2]],
        [5, 6],
        [5, ["a"]],
        [5, ["a", -1]],
        [5, ["a", "1"]],
        [5, [1, 2]],
        [5, ["a", 1, 2]],
        [True],
        [5, *[["a", 0]] * (MAX_SEGMENTS + 1)],
    ],
)
def test_what_is_no_epoch(wire: Any) -> None:
    with pytest.raises(DecodeError):
        Epoch.from_wire(wire)


@pytest.mark.parametrize("text", ["", "x", "-1", "5.", "5.a", "5.a[]", "5.a[x]", "5a[1]", "9" * 19, "5 "])
def test_what_is_no_epochs_text(text: str) -> None:
    with pytest.raises(DecodeError):
        Epoch.from_text(text)


@given(EPOCHS)
@fuzz
def test_round_trips(epoch: Epoch) -> None:
    assert Epoch.from_text(str(epoch)) == epoch
    assert Epoch.from_wire(json.loads(json.dumps(epoch.to_wire()))) == epoch
    assert pickle.loads(pickle.dumps(epoch)) == epoch
    assert eval(repr(epoch)) == epoch
    adapter = TypeAdapter(Epoch)
    assert adapter.validate_json(adapter.dump_json(epoch)) == epoch
    assert adapter.validate_python(epoch) is epoch


@given(EPOCHS, EPOCHS, NODES, st.integers(0, 9))
@fuzz
def test_like_noobs(one: Epoch, other: Epoch, node: str, number: int) -> None:
    mine, theirs = noob(one), noob(other)
    assert NoobEpoch.from_wire(one.to_wire()) == mine
    assert Epoch.from_wire(mine.to_wire()) == one
    assert (one == other) == (mine == theirs)
    if all(left[0] == right[0] for left, right in zip(one.path, other.path, strict=False)):
        # noob orders the sub-epochs of different nodes by a number of its own, not by name
        assert (one < other, one <= other) == (mine < theirs, mine <= theirs)
    assert (hash(one) == hash(other)) >= (one == other)
    assert (len(one), one[0], one[-1], one.leaf) == (len(mine), mine[0], mine[-1], mine.leaf)
    assert (one.root, one.is_root) == (mine.root, mine.is_root)
    assert noob(one.root_epoch) == mine.root_epoch
    assert [noob(parent) for parent in one.parents] == mine.parents
    assert (one.parent and noob(one.parent)) == mine.parent
    assert noob(one / (node, number)) == mine / (node, number)
    assert [noob(sub) for sub in one.make_subepochs(node, 2)] == mine.make_subepochs(node, 2)
    assert noob(one + number) == mine + number
    assert noob(one + number - number) == mine
    assert one != one.root  # an epoch is no number, there as here
    assert mine != one.root


def test_immutable() -> None:
    epoch = Epoch(5)
    with pytest.raises(AttributeError):
        epoch.root = 6
    with pytest.raises(AttributeError):
        del epoch.root


def test_in_pydantic() -> None:
    adapter = TypeAdapter(Epoch | None)
    assert adapter.validate_json("null") is None
    assert adapter.validate_json('[5,["a",1]]') == Epoch(5, [("a", 1)])
    with pytest.raises(ValidationError, match="expected an epoch"):
        adapter.validate_json('{"a":1}')
    assert "anyOf" in TypeAdapter(Epoch).json_schema()
