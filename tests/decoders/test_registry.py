"""The registry: the best decoder, the chosen one, and raw bytes with a reason; whatever decoders do."""

import json
import tomllib
from collections.abc import Iterator, Sequence
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoders import registry
from decoders.interface import Context, Decoded
from decoders.tree import Item
from tests.support_fuzz import fuzz
from tests.support_samples import samples


def walked(item: Item, limit: int = 500) -> Iterator[Item]:
    """Yield the items of a tree, at most `limit`."""
    pending = [item]
    for _ in range(limit):
        if not pending:
            return
        item = pending.pop()
        yield item
        if item.children is not None:
            pending.extend(item.children())


def lines(item: Item) -> list[str]:
    return [f"{one.name}: {one.text}" for one in walked(item)]


def check(decoded: Decoded) -> None:
    assert len(decoded.summary) <= 120
    assert decoded.summary.isprintable()
    assert decoded.problem.isprintable()
    for item in walked(decoded.item):
        assert item.name.isprintable()
        assert item.text.isprintable()


def test_the_shipped_decoders_are_registered() -> None:
    assert registry.decoders()[:6] == ["noob", "jupyter", "json", "msgpack", "text", "raw"]
    assert registry.failures() == {}
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert project["entry-points"][registry.GROUP] == {entry.name: entry.value for entry in registry.SHIPPED}


@pytest.mark.parametrize(
    ("frames", "decoder", "summary"),
    [
        ([b"status", b'{"type":"status","node_id":"a","value":"ready"}'], "noob", "ready"),
        ([b'{"type":"hello","node_id":"a","value":5}'], "noob", "5"),
        ([b"topic", b'{"a": [1]}'], "json", "{a: [1]}"),
        ([b" [1, 2]"], "json", "[1, 2]"),
        ([msgspec.msgpack.encode({"a": [1, b"x"]})], "msgpack", "{a: [1, 1 bytes]}"),
        ([msgspec.msgpack.encode([0] * 20_000)], "msgpack", "[" + "0, " * 39 + "0…"),
        (["zwei\nZeilen é".encode()], "text", "zwei Zeilen é"),
        ([b"topic", b"one line"], "text", "'one line'"),
        ([b"\x00\x01"], "raw", "1 frame, 2 bytes"),
        ([b"\x93\x01"], "raw", "1 frame, 2 bytes"),
        ([b"\x1b[2J"], "raw", "1 frame, 4 bytes"),
        ([], "raw", "0 frames, 0 bytes"),
        ([b""], "raw", "1 frame, 0 bytes"),
    ],
)
def test_the_best_decoder_is_chosen(frames: list[bytes], decoder: str, summary: str) -> None:
    decoded = registry.decode(frames)
    assert (decoded.decoder, decoded.summary, decoded.problem) == (decoder, summary, "")
    check(decoded)


@pytest.mark.parametrize("decoder", ["noob", "jupyter", "json", "msgpack", "text", "raw"])
def test_a_decoder_can_be_forced(decoder: str) -> None:
    frames = {
        "noob": [b"5"],
        "jupyter": [b"<IDS|MSG>", b"", b"{}", b"{}", b"{}", b"{}"],
        "json": [b"5"],
        "msgpack": [b"\x05"],
        "text": [b"\x01"],
        "raw": [b'{"type":"status","node_id":"a","value":"ready"}'],
    }[decoder]
    decoded = registry.decode(frames, decoder=decoder)
    assert decoded.decoder == decoder
    check(decoded)


@pytest.mark.parametrize("decoder", ["jupyter", "json", "msgpack", "text"])
def test_a_forced_one_that_fails_falls_back_to_raw_with_the_reason(decoder: str) -> None:
    decoded = registry.decode([b"\x93\xff"], decoder=decoder)
    assert decoded.decoder == "raw"
    assert decoded.problem.startswith(f"{decoder}: ")
    assert len(lines(decoded.item)) == 2


def test_an_unknown_name_is_told_with_those_that_there_are() -> None:
    decoded = registry.decode([b"x"], decoder="protobuf\x1b")
    assert decoded.decoder == "raw"
    assert "noob" in decoded.problem
    check(decoded)


def test_broken_json_is_raw_with_the_reason() -> None:
    decoded = registry.decode([b'{"a": 1'])
    assert decoded.decoder == "raw"
    assert "not JSON" in decoded.problem


def test_samples_and_their_trees() -> None:
    for sample in samples(messages_only=False):
        decoded = registry.decode(sample.frames)
        assert decoded.problem == ""
        assert decoded.decoder == ("noob" if sample.frames[-1][:1] == b"{" else decoded.decoder)
        check(decoded)


def test_an_event_as_a_tree() -> None:
    event = {
        "id": (0x9F3A << 32) ^ 42,
        "timestamp": "2026-11-25T01:42:41.409286+00:00",
        "node_id": "a",
        "signal": "index",
        "epoch": [42, ["m", 1]],
        "value": {"x": [1, "\x1b"]},
    }
    payload = {
        "type": "event",
        "node_id": "a",
        "timestamp": "2026-11-25T01:42:41Z",
        "value": [event],
        "new": 1,
    }
    decoded = registry.decode([b"event", json.dumps(payload).encode()])
    assert sorted(lines(decoded.item)) == sorted(
        [
            ": EventMsg",
            "node_id: 'a'",
            "timestamp: 2026-11-25T01:42:41+00:00",
            "value: 1 event",
            "index: epoch 42.m[1]  id 00009f3a:42",
            "value: 1 key",
            "x: 2 items",
            "0: 1",
            r"1: '\x1b'",
            "signal: 'index'",
            "node_id: 'a'",
            "epoch: 42.m[1]",
            f"id: {event['id']}",
            "timestamp: 2026-11-25T01:42:41.409286+00:00",
            "new: 1",
            "shape: newer than any known release",
        ]
    )


def test_problems_stand_first_in_the_tree() -> None:
    payload = {"type": "process", "node_id": "a", "value": {"epoch": "x", "input": None}}
    decoded = registry.decode([json.dumps(payload).encode()])
    assert decoded.problem == "value.epoch: expected an epoch (a number or a list), found the text 'x'"
    assert decoded.item.children is not None
    first = decoded.item.children()[0]
    assert (first.kind, first.name) == ("problem", "value.epoch")


class Loud:
    """A decoder of another package, as bad as they come."""

    name = "loud"

    def priority(self, frames: Sequence[bytes], context: Context) -> float:
        if frames[-1] == b"refuse":
            raise RuntimeError("no idea")
        return 100 if context.address == "tcp://loud" else -1

    def decode(self, frames: Sequence[bytes], context: Context) -> Decoded:
        if frames[-1] == b"raise":
            raise KeyError("missing\x1b")
        return Decoded(self.name, Item("na\x1bme", "te\nxt", "string"), "sum\x1bmary" * 50, "\x07")


class Broken:
    def __init__(self) -> None:
        raise OSError("can't be made")


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    real = list(registry.entry_points(group=registry.GROUP))
    added = [
        EntryPoint("loud", "tests.decoders.test_registry:Loud", registry.GROUP),
        EntryPoint("broken", "tests.decoders.test_registry:Broken", registry.GROUP),
        EntryPoint("absent", "no.such.module:Decoder", registry.GROUP),
    ]
    monkeypatch.setattr(registry, "entry_points", lambda group: [*added, *real])
    registry._load.cache_clear()
    yield
    registry._load.cache_clear()


@pytest.mark.usefixtures("plugins")
def test_decoders_of_other_packages() -> None:
    assert registry.decoders()[-1] == "loud"
    assert set(registry.failures()) == {"broken", "absent"}
    context = Context(address="tcp://loud")
    decoded = registry.decode([b"x"], context=context)
    assert decoded.decoder == "loud"
    check(decoded)
    failed = registry.decode([b"raise"], context=context)
    assert (failed.decoder, failed.problem) == ("raw", r"loud: 'missing\x1b'")
    assert registry.decode([b"refuse"], context=context).decoder == "text"
    assert registry.decode([b"x"]).decoder == "text"


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FRAMES = (
    st.binary(max_size=40)
    | st.text(max_size=20).map(str.encode)
    | JSON.map(lambda value: json.dumps(value).encode())
    | st.just(b"<IDS|MSG>")
    | st.sampled_from(["event", "announce", "error", "status"]).flatmap(
        lambda kind: JSON.map(
            lambda value: json.dumps({"type": kind, "node_id": "a", "value": value}).encode()
        )
    )
)


@given(
    st.lists(FRAMES, max_size=7), st.none() | st.sampled_from(["noob", "jupyter", "json", "msgpack", "text"])
)
@fuzz
def test_any_frames_are_decoded(frames: list[bytes], decoder: str | None) -> None:
    check(registry.decode(frames, decoder=decoder))
