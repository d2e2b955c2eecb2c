"""The tree of a noob message: what needs little is there at once, what needs much when it is opened."""

import base64
import json
import pickle
from typing import Any

import numpy as np
import pytest

from decoders import registry
from decoders.arrays import ArrayView
from decoders.pickled import PickledValue
from decoders.pickles import Limits
from decoders.tree import Item


def tree(*values: bytes) -> Item:
    """The branch with the events that carry these pickles."""
    head = {"timestamp": "2026-11-25T01:42:41+00:00", "node_id": "a", "signal": "s", "epoch": 1}
    events = [
        {"id": number, **head, "value": "pck__" + base64.b64encode(value).decode()}
        for number, value in enumerate(values)
    ]
    message = {"type": "event", "node_id": "a", "value": events}
    payload = json.dumps(message, separators=(",", ":")).encode()
    return child(registry.decode([b"event", payload]).item, "value")


def child(item: Item, name: str) -> Item:
    assert item.children is not None
    return next(one for one in item.children() if one.name == name)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Limits]:
    """The limits that pickles were read with."""
    seen: list[Limits] = []
    real = PickledValue.read

    def noting(self: PickledValue, *limits: Any) -> Any:
        seen.append(limits[0] if limits else Limits())
        return real(self, *limits)

    monkeypatch.setattr(PickledValue, "read", noting)
    return seen


def test_an_array_is_there_at_once(reads: list[Limits]) -> None:
    value = child(child(tree(pickle.dumps(np.zeros((300, 400), np.uint8))), "s"), "value")
    assert isinstance(value.value, ArrayView)
    assert value.text == "ndarray (300, 400) uint8"
    assert len(reads) == 1


def test_very_long_pickles_are_read_when_they_are_opened(reads: list[Limits]) -> None:
    long = pickle.dumps([(number, str(number)) for number in range(30_000)])
    events = tree(*[long] * 5)
    assert events.children is not None
    fields = [child(event, "value") for event in events.children()]
    assert all(limits.opcodes <= 20_000 for limits in reads)
    assert {field.kind for field in fields} == {"pickle"}
    assert fields[0].text.startswith("[(0, '0'), (1, '1'), (2, '2')")
    assert fields[0].text.endswith("…")
    assert fields[0].children is not None
    items = fields[0].children()
    assert reads[-1] == Limits()
    assert items[-1].text == "… 29800 more"
    assert child(fields[1], "199").text == "(199, '199')"


def test_a_bomb_costs_nothing_until_it_is_opened(reads: list[Limits]) -> None:
    events = tree(*[b")" + b"\x85" * 30_000 + b"."] * 30)
    assert events.children is not None
    fields = [child(event, "value") for event in events.children()]
    assert all(limits.opcodes <= 20_000 for limits in reads)
    assert fields[0].children is not None
    assert fields[0].children()
    assert reads[-1] == Limits()


def test_what_is_broken_says_so_at_once() -> None:
    value = child(child(tree(b"\x80\x04]"), "s"), "value")
    assert value.kind == "problem"
    assert value.text.startswith("unreadable pickle: it is cut off before its end")
