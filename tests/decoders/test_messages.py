"""The typed messages: every captured release, every defect, and bytes that never change by themselves."""

import base64
import json
import pickle
from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from decoders import messages
from decoders.epochs import Epoch
from decoders.errors import DecodeError
from decoders.event_values import MetaSignal
from decoders.events import event_id_parts
from decoders.messages import (
    AnnounceMsg,
    ErrorMsg,
    EventMsg,
    IdentifyMsg,
    Message,
    ProcessMsg,
    StatusMsg,
    message_class,
)
from decoders.pickled import PickledValue
from decoders.problems import Problem, Unread
from tests.support_fuzz import fuzz
from tests.support_samples import samples

TIME = "2026-11-25T01:42:41.409466Z"


def payload(**fields: Any) -> bytes:
    return json.dumps({"type": "status", "node_id": "a", "timestamp": TIME, **fields}).encode()


def read(**fields: Any) -> Any:
    return Message.from_bytes([payload(**fields)])


def paths(message: Message) -> list[str]:
    return [problem.path for problem in message.problems]


def pck(value: Any) -> str:
    return "pck__" + base64.b64encode(pickle.dumps(value)).decode()


def event(**fields: Any) -> dict[str, Any]:
    return {
        "id": 529028013954695168,
        "timestamp": "2026-11-25T01:42:41.409286+00:00",
        "node_id": "a",
        "signal": "s",
        "epoch": 1,
        "value": None,
        **fields,
    }


def test_every_sample_is_read_without_a_problem_and_written_back() -> None:
    classes = defaultdict(set)
    for sample in samples():
        message = Message.from_bytes(sample.frames)
        fields = json.loads(sample.frames[-1])
        assert message.problems == ()
        assert type(message) is message_class(fields["type"]) is not Message
        assert (message.type_, message.node_id) == (fields["type"], fields["node_id"])
        assert message.timestamp == datetime.fromisoformat(fields["timestamp"])
        assert message.to_bytes() == sample.frames[-1]
        classes[sample.file].add(type(message))
    assert set().union(*classes.values()) == {
        *(getattr(messages, name) for name in messages.__all__ if name.endswith("Msg"))
    } - {messages.PingMsg, messages.InitMsg, messages.SpecMsg}


@pytest.mark.parametrize(
    ("release", "newest"), [("0.0.99999999", "0.0.9"), ("1000.0.0", "1000"), ("1001.0.0", "1001")]
)
def test_the_shape_tells_the_release(release: str, newest: str) -> None:
    shapes = {
        Message.from_bytes(sample.frames).shape for sample in samples() if sample.file == f"noob-{release}"
    }
    assert all(newest in shape.releases for shape in shapes)
    assert any(str(shape) == newest for shape in shapes)
    assert not any(shape.unknown for shape in shapes)


def test_the_newest_samples_have_the_newest_shape() -> None:
    for sample in samples():
        if sample.file in ("noob-1003.0.0", "bug-map-nested-overtake"):
            assert "1003" in Message.from_bytes(sample.frames).shape.releases


def test_values_are_normalised_over_all_releases() -> None:
    for sample in samples():
        message: Any = Message.from_bytes(sample.frames)
        if isinstance(message, ProcessMsg):
            assert set(message.value) == {"epoch", "input"}
            assert message.value["epoch"] is None or isinstance(message.value["epoch"], Epoch)
        if isinstance(message, EventMsg):
            for one in message.value:
                assert isinstance(one["epoch"], Epoch)
                assert isinstance(one["timestamp"], datetime)
                assert not isinstance(one["value"], str) or type(one["value"]) in (
                    str,
                    MetaSignal,
                    PickledValue,
                )
                if one["value"] in ("NoEvent", "__META__NoEvent"):
                    assert one["value"] is MetaSignal.NoEvent
        if isinstance(message, ErrorMsg):
            assert (message.value["err_type"], message.value["err_args"]) == (
                "builtins.ValueError",
                ("boom",),
            )
            assert 'raise ValueError("boom")' in message.value["traceback"]


@pytest.mark.parametrize(
    ("fields", "value", "shape"),
    [
        ({"type": "process", "value": None}, {"epoch": None, "input": None}, "0.0.9"),
        ({"type": "process", "value": {"epoch": None, "input": None}}, None, "1003 or later"),
        ({"type": "process", "value": {"epoch": 3, "input": None}}, None, "1002 or later"),
        ({"type": "process", "value": {"epoch": [["tube", 3]], "input": None}}, None, "1000 to 1001"),
        ({"type": "epoch_ended", "value": [3, ["m", 1]]}, Epoch(3, [("m", 1)]), "1002 or later"),
        ({"type": "start", "value": 5}, 5, "1000 or later"),
        ({"type": "start", "value": None}, None, "any release"),
        ({"type": "spec", "value": {"nodes": {}}}, {"nodes": {}}, "1003 or later"),
        ({"type": "event", "value": [pck({})]}, [pck({})], "0.0.9"),
        ({"type": "event", "value": [event(value="__META__Exhausted")]}, None, "1003 or later"),
        ({"type": "event", "value": [event(id=2**127)]}, None, "0.0.9"),
        ({"type": "event", "value": [event(id=2**127, epoch=[["tube", 1]])]}, None, "1000"),
        ({"type": "event", "value": [event(id=2**127, epoch=[1, ["m", 1]])]}, None, "of no known release"),
        ({"type": "status", "value": "ready", "extra": 1}, "ready", "newer than any known release"),
    ],
)
def test_shapes(fields: dict[str, Any], value: Any, shape: str) -> None:
    message = read(**fields)
    assert str(message.shape) == shape
    assert message.problems == ()
    if value is not None:
        assert message.value == value


def test_an_exception_object_as_before_1000() -> None:
    message = read(type="error", value=pck(ValueError("boom")))
    assert message.value == {"err_type": "builtins.ValueError", "err_args": ("boom",), "traceback": ""}
    assert message.to_bytes() == payload(type="error", value=pck(ValueError("boom")))


def test_unknown_fields_are_kept_and_named() -> None:
    identity = {"node_id": "a", "outbox": "o", "status": "ready", "signals": None, "slots": None, "gpu": 1}
    message = read(type="announce", value={"inbox": "i", "nodes": {"a": identity}, "more": 2}, version=3)
    assert isinstance(message, AnnounceMsg)
    assert message.problems == ()
    assert message.shape.unknown == ("value.more", "value.nodes.a.gpu", "version")
    assert message.value["nodes"]["a"]["gpu"] == 1  # type: ignore[typeddict-item]
    assert message.version == 3
    message.node_id = "edited"
    assert json.loads(message.to_bytes())["version"] == 3


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"value": "asleep"}, "value"),
        ({"type": "stop", "value": 1}, "value"),
        ({"type": "start", "value": "5"}, "value"),
        ({"type": "start", "value": True}, "value"),
        ({"type": "process", "value": 5}, "value"),
        ({"type": "process", "value": {"epoch": "x", "input": None}}, "value.epoch"),
        ({"type": "process", "value": {"epoch": 1, "input": 5}}, "value.input"),
        ({"type": "process", "value": {"epoch": 1}}, "value.input"),
        ({"type": "epoch_ended", "value": None}, "value"),
        ({"type": "event", "value": {}}, "value"),
        ({"type": "event", "value": [event(), 5]}, "value[1]"),
        ({"type": "event", "value": [event(id="x")]}, "value[0].id"),
        ({"type": "event", "value": [event(timestamp="x")]}, "value[0].timestamp"),
        ({"type": "event", "value": [event(epoch=[1, 2])]}, "value[0].epoch"),
        ({"type": "event", "value": [event(signal=None)]}, "value[0].signal"),
        ({"type": "event", "value": [event(node_id="meta")]}, "value[0].signal"),
        ({"type": "event", "value": [{"id": 1}]}, "value[0].timestamp"),
        ({"type": "identify", "value": []}, "value"),
        ({"type": "identify", "value": {"outbox": 5}}, "value.node_id"),
        ({"type": "announce", "value": {"inbox": "i", "nodes": []}}, "value.nodes"),
        ({"type": "announce", "value": {"inbox": "i", "nodes": {"a": 5}}}, "value.nodes.a"),
        ({"type": "error", "value": "pck__nonsense"}, "value"),
        ({"type": "error", "value": pck(5)}, "value"),
        ({"type": "error", "value": None}, "value"),
        ({"type": "spec", "value": 5}, "value"),
        ({"timestamp": "yesterday"}, "timestamp"),
        ({"timestamp": 5}, "timestamp"),
        ({"node_id": None}, "node_id"),
        ({"type": ["status"]}, "type"),
    ],
)
def test_a_wrong_field_is_reported_with_its_path_and_the_rest_is_usable(fields: Any, path: str) -> None:
    message = read(**{"value": "ready", **fields})
    assert path in paths(message)
    assert type(message) is message_class(fields.get("type", "status") if path != "type" else "")
    if path != "node_id":
        assert message.node_id == "a"
    if path != "timestamp":
        assert message.timestamp is not None
    if path.startswith("value"):
        assert json.dumps(message.value, default=str)
    assert message.to_bytes() == payload(**{"value": "ready", **fields})
    message.node_id = "edited"
    assert json.loads(message.to_bytes())["node_id"] == "edited"


def test_a_good_field_next_to_a_wrong_one() -> None:
    message = read(type="event", value=[event(epoch="x", value=pck(1)), event(epoch=[2, ["m", 0]])])
    assert message.value[0]["epoch"] == "x"
    assert isinstance(message.value[0]["value"], PickledValue)
    assert message.value[1]["epoch"] == Epoch(2, [("m", 0)])


def test_unknown_type_is_a_plain_message() -> None:
    message = read(type="hello", value={"x": [1]})
    assert type(message) is Message
    assert (message.type_, message.value, message.problems) == ("hello", {"x": [1]}, ())


def test_a_missing_timestamp_stays_missing() -> None:
    message = Message.from_bytes([b'{"type":"status","node_id":"a","value":"ready"}'])
    assert message.timestamp is None
    assert message.problems == ()
    message.value = "closed"
    assert json.loads(message.to_bytes()) == {"type": "status", "node_id": "a", "value": "closed"}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"nonsense", "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        (b'{"type":"status"', "not JSON"),
        (b"[" * 100_000, "nested"),
        (b"5", "expected a message, found the number 5"),
        (b"[]", "a list"),
        (b"null", "null"),
        (b"\xef\xbb\xbf{}", "not JSON"),
    ],
)
def test_what_is_no_message_is_a_value_with_a_reason(data: bytes, reason: str) -> None:
    message = Message.from_bytes([data])
    assert type(message) is Message
    assert message.type_ == ""
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(str(message.problems[0]))
    assert message.to_bytes() == data


def test_no_frames() -> None:
    assert Message.from_bytes([]).problems[0] == Problem("", "empty")


@pytest.mark.parametrize("depth", [250, 100_000])
def test_too_deep_keeps_the_header(depth: int) -> None:
    data = payload(type="event").replace(b"}", b', "value": ' + b"[" * depth + b"]" * depth + b"}")
    data = data.replace(b'": ', b'":').replace(b', "', b',"')
    message = Message.from_bytes([data])
    assert type(message) is EventMsg
    assert (message.node_id, message.timestamp) == ("a", datetime.fromisoformat(TIME))
    assert message.value == Unread("nested more than 200 levels deep")  # type: ignore[comparison-overlap]
    assert message.to_bytes() == data
    message.node_id = "b"
    with pytest.raises(DecodeError, match="nested more than"):
        message.to_bytes()


@pytest.mark.parametrize(
    ("value", "path", "reason"),
    [
        (b'{"a":NaN}', "value.a", "nan is not JSON"),
        (b"[1,-Infinity]", "value[1]", "-inf is not JSON"),
        (b'"\\ud800"', "value", "a lone surrogate"),
        (b'{"\\ud800":1}', "value.\ud800", "a lone surrogate"),
        (b'"\xff"', "value", "not UTF-8"),
        (b'{"a":1,"a":2}', "value.a", "a key that comes twice"),
        (b"1" * 5000, "value", "an integer of 5,000 digits"),
    ],
)
def test_odd_json_is_read_and_reported(value: bytes, path: str, reason: str) -> None:
    data = payload(type="unheard_of").replace(b"}", b', "value": ' + value + b"}")
    message = Message.from_bytes([data])
    assert message.problems == (Problem(path, reason),)
    assert message.node_id == "a"
    assert message.to_bytes() == data


def test_odd_json_can_be_edited() -> None:
    for value in (b'{"a":NaN}', b'"\\ud800"', b'"\xff"', b'{"a":1,"a":2}'):
        message = Message.from_bytes([payload(type="odd").replace(b"}", b', "value": ' + value + b"}")])
        message.node_id = "b"
        again = Message.from_bytes([message.to_bytes()])
        assert again.node_id == "b"
        assert repr(again.value) == repr(message.value) or value == b'"\xff"'


def test_duplicate_keys_of_the_message_itself() -> None:
    message = Message.from_bytes([b'{"type":"stop","type":"status","node_id":"a","value":"ready"}'])
    assert isinstance(message, StatusMsg)
    assert message.problems == (Problem("type", "a key that comes twice"),)


def test_hostile_field_names() -> None:
    names = [
        "type_",
        "_fields_set",
        "cls",
        "self",
        "__class__",
        "model_config",
        "_payload",
        "__pydantic_extra__",
    ]
    message = read(value="ready", **dict.fromkeys(names, "x"))
    assert (message.type_, message.value, message.node_id) == ("status", "ready", "a")
    assert isinstance(message, StatusMsg)
    assert set(message.shape.unknown) == set(names)
    message.value = "closed"
    assert Message.from_bytes([message.to_bytes()]).value == "closed"


def test_many_values_are_not_read() -> None:
    data = payload(type="odd").replace(b"}", b', "value": [' + b"[]," * 3_000_000 + b"0]}")
    message = Message.from_bytes([data.replace(b'": ', b'":').replace(b', "', b',"')])
    assert (message.type_, message.value) == ("odd", Unread("more than 1,000,000 JSON lists and objects"))


def test_a_flood_of_events_and_fields_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("decoders.readers.MAX_EVENTS", 10)
    message = read(type="event", value=[event(), *[5] * 300], **{f"x{number}": 1 for number in range(300)})
    assert message.value[0]["epoch"] == Epoch(1)
    assert len(message.value) == 301
    assert "only the first 10 of 301" in str(message.problems[-1])
    assert len(message.shape.unknown) == 100
    assert len(read(type="event", value=[5] * 10 + [event()]).problems) == 11


def test_edits_are_seen_however_deep() -> None:
    data = payload(type="process", value={"epoch": 5, "input": {"x": [1, {"y": 2}]}})
    message = Message.from_bytes([data])
    assert isinstance(message, ProcessMsg)
    assert message.to_bytes() == data
    assert message.value["input"] is not None
    message.value["input"]["x"][1]["y"] = 3
    assert json.loads(message.to_bytes())["value"] == {"epoch": 5, "input": {"x": [1, {"y": 3}]}}
    message.value["input"]["x"][1]["y"] = 2
    assert message.to_bytes() == data
    message.value["epoch"] = Epoch(5) / ("m", 1)
    assert json.loads(message.to_bytes())["value"]["epoch"] == [5, ["m", 1]]


def test_copies_are_messages_of_their_own() -> None:
    message = read(value="ready")
    copy = message.model_copy(update={"value": "closed"})
    assert copy.to_bytes() != message.to_bytes()
    assert message.to_bytes() == payload(value="ready")
    assert message.model_copy().to_bytes() == message.to_bytes()


def test_an_edited_older_message_is_written_in_the_newest_form() -> None:
    identity = {"node_id": "a", "outbox": "o", "status": "ready", "signals": ["s"], "slots": None}
    message = read(type="identify", value=identity)
    assert isinstance(message, IdentifyMsg)
    assert "subscribers" not in message.value
    message.value["status"] = "closed"
    assert json.loads(message.to_bytes())["value"] == {
        **identity,
        "status": "closed",
        "subscribed_to": [],
        "subscribers": [],
    }
    message = read(type="epoch_ended", value=[["tube", 5], ["m", 1]])
    message.node_id = "x"
    assert json.loads(message.to_bytes())["value"] == [5, ["m", 1]]


def test_what_json_cannot_hold_is_refused_when_written() -> None:
    message = read(value="ready")
    for value in (b"bytes", object(), {1, 2}, {("a", "tuple"): 1}):
        message.value = value
        with pytest.raises(DecodeError):
            message.to_bytes()


def test_to_exception() -> None:
    message = read(
        type="error", node_id="b", value=pck({"err_type": KeyError, "err_args": ("k", 1), "traceback": "TB"})
    )
    error = message.to_exception()
    assert type(error).__mro__[1] is Exception
    assert (error.type_name, error.remote_args, error.remote_traceback) == (
        "builtins.KeyError",
        ("k", 1),
        "TB",
    )
    assert error.node_id == "b"
    assert str(error) == "KeyError('k', 1) in node b"
    assert "TB" in error.__notes__[0]
    broken = read(type="error", node_id="b", value="pck__gASV").to_exception()
    assert "can't be read" in str(broken)


class Evil:
    def __reduce__(self) -> Any:
        return print, ("this must not be called",)


def test_pickles_are_never_run(capsys: pytest.CaptureFixture[str]) -> None:
    for value in (
        Evil(),
        {"err_type": Evil(), "err_args": (Evil(),), "traceback": Evil()},
        ValueError(Evil()),
    ):
        for message in (
            read(type="error", value=pck(value)),
            read(type="event", value=[event(value=pck(value)), pck(value)]),
        ):
            message.to_bytes()
            repr(message)
            if isinstance(message, ErrorMsg):
                str(message.to_exception())
            else:
                message.value[0]["value"].read()
    assert capsys.readouterr().out == ""


def test_pickled_value() -> None:
    data = pickle.dumps(list(range(50)))
    for size in (len(data), len(data) - 1, len(data) - 2):
        value = PickledValue("pck__" + base64.b64encode(data[:size]).decode())
        assert value.size == size
    assert PickledValue("pck__").size == 0
    assert repr(PickledValue(pck(1))).startswith("<PickledValue of")


def test_event_ids() -> None:
    assert event_id_parts((7 << 32) ^ 42) == (7, 42)


def test_models_validate_what_is_built_by_hand() -> None:
    with pytest.raises(ValidationError):
        StatusMsg(node_id="a", value="asleep")
    with pytest.raises(ValidationError):
        EventMsg(node_id="a", value=[{"id": 1}])
    message = EventMsg(node_id="a", value=[event(value="pck__gAROLg=="), event(value="__META__NoEvent")])
    assert isinstance(message.value[0]["value"], PickledValue)
    assert message.value[1]["value"] is MetaSignal.NoEvent
    assert message.value[0]["epoch"] == Epoch(1)
    assert StatusMsg(node_id="a", value="ready") == StatusMsg(node_id="a", value="ready")
    assert StatusMsg(node_id="a", value="ready") != StatusMsg(node_id="b", value="ready")
    assert StatusMsg(node_id="a", value="ready").timestamp is None
    time = datetime(2026, 1, 2, tzinfo=UTC)
    assert (
        b'"timestamp":"2026-01-02T00:00:00Z"'
        in StatusMsg(node_id="a", value="ready", timestamp=time).to_bytes()
    )


def test_json_schemas() -> None:
    for name in messages.__all__:
        model = getattr(messages, name)
        if isinstance(model, type) and issubclass(model, Message):
            assert model.model_json_schema()["properties"]["type"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(
    [
        "type",
        "node_id",
        "timestamp",
        "value",
        "id",
        "signal",
        "epoch",
        "nodes",
        "inbox",
        "input",
        "err_type",
        "x",
    ]
)
TYPES = st.sampled_from([*messages.MessageType, "odd"])


@given(TYPES, JSON | st.lists(st.dictionaries(NAMES, JSON), max_size=2) | st.dictionaries(NAMES, JSON), JSON)
@fuzz
def test_any_json_is_read_and_kept(kind: str, value: Any, extra: Any) -> None:
    data = json.dumps({"type": kind, "node_id": "a", "value": value, "extra": extra}).encode()
    message = Message.from_bytes([data])
    assert type(message) is message_class(kind)
    assert message.to_bytes() == data
    repr(message)
    message.node_id = "b"
    again = Message.from_bytes([message.to_bytes()])
    assert again.node_id == "b"
    assert again.to_bytes() == message.to_bytes()


@given(st.binary(max_size=60), st.integers(0, 400), st.integers(0, 400))
@fuzz
def test_any_bytes_are_read_and_kept(noise: bytes, start: int, stop: int) -> None:
    data = payload(type="event", value=[event(value=pck(ValueError("x"))), event()])
    for mutated in (data[:start] + noise + data[stop:], noise, data[start:stop]):
        message = Message.from_bytes([mutated])
        assert message.to_bytes() == mutated
        repr(message)
