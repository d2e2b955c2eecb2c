"""The registry: the best decoder, the chosen one, and raw bytes with a reason; whatever decoders do."""

import json
import tomllib
from collections.abc import Iterator, Sequence
from importlib.metadata import EntryPoint, entry_points
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
        ([b"topic", b'{"a": [1]}'], "json", "topic | {a: [1]}"),
        ([b" [1, 2]"], "json", "[1, 2]"),
        ([msgspec.msgpack.encode({"a": [1, b"x"]})], "msgpack", "{a: [1, 1 byte]}"),
        ([b"\xff\x00", msgspec.msgpack.encode({"a": 1})], "msgpack", "0xff00 | {a: 1}"),
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


class Wild(Loud):
    """One that answers with what nobody asked for."""

    name = "wild"
    answer: Any = None
    importance: Any = 200

    def priority(self, frames: Sequence[bytes], context: Context) -> float:
        return self.importance  # type: ignore[no-any-return]

    def decode(self, frames: Sequence[bytes], context: Context) -> Decoded:
        return self.answer  # type: ignore[no-any-return]


class Escape(Loud):
    name = "\x1b[2J"


class Nameless:
    pass


class Thief(Loud):
    name = "json"


def install(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Let there be entry points for classes of this file, and one for a module that is not there."""
    real = list(entry_points(group=registry.GROUP))
    added = [EntryPoint(name.lower(), f"{__name__}:{name}", registry.GROUP) for name in names]
    added.append(EntryPoint("absent", "no.such.module:Decoder", registry.GROUP))
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [*added, *real])
    registry._load.cache_clear()


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    install(monkeypatch, "Loud", "Broken", "Escape", "Nameless", "Thief")
    yield
    registry._load.cache_clear()


@pytest.fixture
def wild(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Wild]]:
    install(monkeypatch, "Wild")
    yield Wild
    registry._load.cache_clear()
    Wild.answer, Wild.importance = None, 200


class NoText(Exception):
    def __str__(self) -> str:
        raise RuntimeError("not even that")


def explode() -> Any:
    raise NoText


@pytest.mark.parametrize(
    "answer",
    [
        None,
        "text",
        Decoded("wild", None),  # type: ignore[arg-type]
        Decoded("wild", Item("", "", "string"), None),  # type: ignore[arg-type]
        Decoded(5, Item("", "", "string")),  # type: ignore[arg-type]
        Decoded("wild", Item("", "", "string"), "", b"bytes"),  # type: ignore[arg-type]
        Decoded("wild", "no item"),  # type: ignore[arg-type]
    ],
    ids=repr,
)
def test_what_is_no_answer_is_raw_with_a_reason(wild: type[Wild], answer: Any) -> None:
    wild.answer = answer
    decoded = registry.decode([b"x"])
    assert (decoded.decoder, decoded.summary) == ("raw", "1 frame, 1 byte")
    assert decoded.problem.startswith("wild: ")
    assert registry.summary([b"x"]) == "x"
    assert registry.summary([b"x"], decoder="wild").startswith("(wild: ")


@pytest.mark.parametrize("importance", [None, "high", float("nan"), [], NoText()])
def test_what_is_no_priority_does_not_count(wild: type[Wild], importance: Any) -> None:
    wild.importance = importance
    assert registry.decode([b"x"]).decoder == "text"


@pytest.mark.parametrize(
    "children", [explode, lambda: None, lambda: ["no item"], lambda: [Item("", "a", "array", explode)]]
)
def test_a_tree_that_fails_when_it_is_opened_says_so(wild: type[Wild], children: Any) -> None:
    wild.answer = Decoded("wild", Item("", "root", "array", children))
    decoded = registry.decode([b"x"])
    assert decoded.decoder == "wild"
    items = list(walked(decoded.item))
    assert items[-1].kind == "problem"
    assert items[-1].text.startswith("wild: ")


@pytest.mark.usefixtures("plugins")
def test_decoders_of_other_packages() -> None:
    assert registry.decoders()[6:] == ["loud"]
    assert registry.failures().keys() == {"broken", "absent", "escape", "nameless", "thief"}
    assert registry.failures()["thief"] == "the name 'json' is taken"
    assert registry.why_unknown("broken") == "the decoder 'broken' could not be loaded: can't be made"
    assert registry.why_unknown("loud") == ""
    assert registry.decode([b"x"], decoder="broken").problem == registry.why_unknown("broken")
    assert type(registry._found()["json"]).__module__ == "decoders.generic"
    context = Context(address="tcp://loud")
    decoded = registry.decode([b"x"], context=context)
    assert decoded.decoder == "loud"
    check(decoded)
    failed = registry.decode([b"raise"], context=context)
    assert (failed.decoder, failed.problem) == ("raw", r"loud: 'missing\x1b'")
    assert registry.decode([b"refuse"], context=context).decoder == "text"
    assert registry.decode([b"x"]).decoder == "text"


def test_broken_metadata_of_another_package(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(group: str) -> Any:
        raise ValueError("not an entry point")

    monkeypatch.setattr("importlib.metadata.entry_points", broken)
    registry._load.cache_clear()
    try:
        assert registry.decoders() == [entry.name for entry in registry.SHIPPED]
        assert registry.failures() == {"*": "the entry points can't be listed: not an entry point"}
    finally:
        registry._load.cache_clear()


@pytest.mark.parametrize(
    ("frames", "line"),
    [
        ([b"status", b'{"type":"status","node_id":"a","value":"ready"}'], "ready"),
        ([b"topic", b"hello"], "topic | hello"),
        ([b"topic", b'{"a": 1}'], "topic | {a: 1}"),
        ([b"topic", b'{"a": 1'], 'topic | {"a": 1'),
        ([b"topic", b'{"a": "' + b"x" * 70_000 + b'"}'], 'topic | {"a": "' + "x" * 104 + "…"),
        ([msgspec.msgpack.encode({"a": b"\x00"})], "{a: 1 byte}"),
        ([b"\x00\xff"], "0x00ff"),
        ([], "no frames"),
        (
            [b"<IDS|MSG>", b"", b'{"msg_type":"status"}', b"{}", b"{}", b'{"execution_state":"busy"}'],
            "status  busy",
        ),
    ],
)
def test_lines_for_lists(frames: list[bytes], line: str) -> None:
    assert registry.summary(frames) == line


def test_lines_of_a_chosen_decoder() -> None:
    frames = [b"status", b'{"type":"status","node_id":"a","value":"ready"}']
    assert registry.summary(frames, decoder="noob") == "ready"
    assert (
        registry.summary(frames, decoder="json") == "status | {type: 'status', node_id: 'a', value: 'ready'}"
    )
    assert registry.summary(frames, decoder="raw") == "2 frames, 53 bytes"
    failed = registry.summary(frames, decoder="jupyter")
    assert failed.startswith("(jupyter: no <IDS|MSG> delimiter among the frames) status | {")
    assert len(failed) <= 120
    assert registry.summary(frames, decoder="what").startswith("(there is no decoder 'what'; there are noob,")


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
    line = registry.summary(frames, decoder=decoder)
    assert len(line) <= 120
    assert line.isprintable()
