"""One line a message: what matters first, never long, never harmful, whatever the payload."""

import base64
import json
import pickle
import timeit
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoders.summary import LIMIT, summarize
from tests.support_fuzz import fuzz
from tests.support_samples import samples

TIME = "2026-11-25T01:42:41.409466Z"


def pck(value: Any, protocol: int = 4) -> str:
    return "pck__" + base64.b64encode(pickle.dumps(value, protocol=protocol)).decode()


def event(value: Any, **fields: Any) -> dict[str, Any]:
    return {"id": 1, "timestamp": TIME, "node_id": "a", "signal": "s", "epoch": 1, "value": value} | fields


def summary(kind: str, value: Any) -> str:
    fields = {"type": kind, "node_id": "b", "timestamp": TIME, "value": value}
    return summarize([kind.encode(), json.dumps(fields, separators=(",", ":")).encode()])


@pytest.mark.parametrize(
    ("kind", "value", "line"),
    [
        ("event", [event(41, signal="index")], "index=41"),
        ("event", [event("a"), event({"x": [1, None, True]}, signal="t")], "s='a', t={x: [1, null, true]}"),
        ("event", [event("__META__NoEvent")], "s: nothing"),
        ("event", [event("__META__Exhausted")], "s: exhausted"),
        ("event", [event("NoEvent", signal="__META__")], "nothing"),
        ("event", [event("b", node_id="meta", signal="NodeReady")], "NodeReady 'b'"),
        ("event", [event(2**127)], f"s={2**127}"),
        ("event", [], "no events"),
        ("event", [event(pck(np.zeros((480, 640, 3), np.uint8)))], "s=ndarray (480, 640, 3) uint8"),
        ("event", [event(pck(np.zeros((480, 640, 3), np.uint8), 5))], "s=ndarray (480, 640, 3) uint8"),
        ("event", [pck({"a": 1})], "{'a': 1}"),
        ("event", {"not": "a list"}, "{not: 'a list'}"),
        (
            "error",
            pck({"err_type": ValueError, "err_args": ("boom",), "traceback": "tb"}),
            "ValueError('boom') in node b",
        ),
        ("error", pck(KeyError("x", 1)), "KeyError('x', 1) in node b"),
        ("error", 5, "error in node b: expected a pickled exception"),
        (
            "announce",
            {"inbox": "i", "nodes": {"a": {"status": "ready"}, "b": {"status": "waiting"}}},
            "nodes: a ready, b waiting",
        ),
        (
            "identify",
            {"status": "waiting", "slots": ["x"], "signals": None, "subscribed_to": ["a"], "subscribers": []},
            "waiting; slots: x; subscribed to: a",
        ),
        ("process", {"epoch": 1, "input": None}, "input=null"),
        ("process", {"epoch": 1, "input": {"x": 3}}, "input={x: 3}"),
        ("process", None, ""),
        ("start", None, "until stopped"),
        ("start", 1, "1 epoch"),
        ("status", "closed", "closed"),
        ("stop", None, ""),
        ("epoch_ended", 5, ""),
        ("spec", {"nodes": {"a": {}, "b": {}}}, "nodes: a, b"),
        ("unheard_of", {"a": 1}, "{a: 1}"),
        ("status", "\x1b[31m\n", r"\x1b[31m\n"),
    ],
)
def test_examples(kind: str, value: Any, line: str) -> None:
    assert summary(kind, value) == line


@pytest.mark.parametrize(
    ("frames", "line"),
    [
        ([], "no frames"),
        ([b""], ""),
        ([b"topic", b"hello"], "topic | hello"),
        ([b"\x00\xff"], "0x00ff"),
        ([bytes(100)], r"\x00" * 29 + "…"),
        ([b"\xff" * 100], "100 bytes " + "ff" * 16),
        ([("é" * 5000).encode()], "é" * 119 + "…"),
    ],
)
def test_other_messages(frames: list[bytes], line: str) -> None:
    assert summarize(frames) == line


def test_large_payloads() -> None:
    assert summary("event", [event([1] * 100_000)]).startswith("s=[1,1,1,")
    assert summary("process", {"epoch": 1, "input": {"x": "y" * 100_000}}).startswith(
        '{"epoch":1,"input":{"x":"yyy'
    )
    assert summary("error", pck({"err_type": ValueError, "err_args": ("x" * 90_000,), "traceback": ""}))


def test_all_samples_have_a_harmless_line() -> None:
    for sample in samples(messages_only=False):
        line = summarize(sample.frames)
        assert len(line) <= LIMIT
        assert line.isprintable()
        assert line or json.loads(sample.frames[-1])["type"] in ("process", "stop", "deinit", "epoch_ended")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=150),
    lambda inner: st.lists(inner, max_size=30) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)
TYPES = [
    "announce",
    "identify",
    "process",
    "start",
    "status",
    "event",
    "error",
    "epoch_ended",
    "spec",
    "x\x1b",
]
EVENTS = st.lists(
    st.dictionaries(
        st.sampled_from(["signal", "value", "node_id", "epoch"]), st.just("meta") | JSON, max_size=4
    )
)


@given(
    st.sampled_from(TYPES),
    JSON
    | EVENTS
    | st.dictionaries(st.sampled_from(["nodes", "status", "slots", "input", "err_type", "err_args"]), JSON),
    st.sampled_from([0, 70_000]),
)
@fuzz
def test_any_value_has_a_harmless_line(kind: str, value: Any, padding: int) -> None:
    fields = {"type": kind, "node_id": "\x1b", "value": value, "x": "y" * padding}
    line = summarize([json.dumps(fields, separators=(",", ":")).encode()])
    assert len(line) <= LIMIT
    assert line.isprintable()


@given(st.lists(st.binary(max_size=200), max_size=4))
@fuzz
def test_any_frames_have_a_harmless_line(frames: list[bytes]) -> None:
    line = summarize(frames)
    assert len(line) <= LIMIT
    assert line.isprintable()


@pytest.mark.parametrize("protocol", [4, 5])
def test_a_camera_frame_costs_no_more_than_its_head(protocol: int) -> None:
    frames = [np.zeros((side, side), np.uint8) for side in (300, 3000)]
    payloads = [
        json.dumps(
            {"type": "event", "node_id": "b", "timestamp": TIME, "value": [event(pck(frame, protocol))]},
            separators=(",", ":"),
        ).encode()
        for frame in frames
    ]
    small, large = (min(timeit.repeat(lambda p=p: summarize([p]), number=5, repeat=5)) for p in payloads)
    decoding = min(timeit.repeat(lambda: base64.b64decode(payloads[1][250:-4]), number=5, repeat=3))
    assert large < small + decoding
