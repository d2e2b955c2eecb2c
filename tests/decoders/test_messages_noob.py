"""Our messages and noob's: the same names and settings, and each reads what the other writes."""

import enum
import json
import string
from datetime import UTC, datetime
from typing import Any, get_type_hints

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from noob import event as noob_event
from noob.network import message as noob
from noob.types import Epoch as NoobEpoch
from pydantic import BaseModel

from decoders import events, messages
from decoders.arrays import ArrayView
from decoders.epochs import Epoch
from decoders.errors import DecodeError
from decoders.pickled import PickledValue
from decoders.pickles import Unreadable, array_of, one_line
from tests.support_fuzz import fuzz

MODELS = [
    name
    for name, value in vars(noob).items()
    if isinstance(value, type) and issubclass(value, noob.Message) and value.__module__ == noob.__name__
]
VALUES = ["IdentifyValue", "AnnounceValue", "ErrorValue", "ProcessValue"]


def test_the_same_models() -> None:
    assert len(MODELS) == 14
    for name in MODELS:
        ours: type[BaseModel] = getattr(messages, name)
        theirs: type[BaseModel] = getattr(noob, name)
        for setting in ("use_enum_values", "validate_by_alias", "serialize_by_alias"):
            assert ours.model_config.get(setting) is theirs.model_config.get(setting) is True  # type: ignore[misc]
        assert list(ours.model_fields) == list(theirs.model_fields)
        for field in ours.model_fields:
            assert ours.model_fields[field].alias == theirs.model_fields[field].alias
        if name != "Message":
            assert ours.model_fields["type_"].default == theirs.model_fields["type_"].default
        required = {field for field, info in theirs.model_fields.items() if info.is_required()}
        assert required == {field for field, info in ours.model_fields.items() if info.is_required()}


@pytest.mark.parametrize("name", ["MessageType", "NodeStatus"])
def test_the_same_enums(name: str) -> None:
    ours: type[enum.Enum] = getattr(messages, name)
    assert {one.name: one.value for one in ours} == {one.name: one.value for one in getattr(noob, name)}


def test_the_same_values_and_events() -> None:
    for name in VALUES:
        assert list(get_type_hints(getattr(messages, name))) == list(get_type_hints(getattr(noob, name)))
    for name in ("Event", "MetaEvent"):
        assert list(get_type_hints(getattr(events, name))) == list(get_type_hints(getattr(noob_event, name)))
    for name in ("MetaSignal", "MetaEventType"):
        ours: type[enum.Enum] = getattr(events, name)
        assert {one.name: one.value for one in ours} == {
            one.name: one.value for one in getattr(noob_event, name)
        }


TEXTS = st.text(st.sampled_from(string.ascii_letters + 'é日😀"\\\n\x00'), max_size=6)
NODES = st.text(st.sampled_from("abc_"), min_size=1, max_size=4)
TIMES = st.datetimes(datetime(1990, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))
EPOCHS = st.builds(
    Epoch, st.integers(0, 2**32 - 1), st.lists(st.tuples(NODES, st.integers(0, 2**32 - 1)), max_size=3)
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
).filter(lambda value: not isinstance(value, str) or not value.startswith(("pck__", "__META__")))
IDENTITIES = st.fixed_dictionaries(
    {
        "node_id": NODES,
        "outbox": TEXTS,
        "status": st.sampled_from([status.value for status in messages.NodeStatus]),
        "signals": st.none() | st.lists(TEXTS, max_size=3),
        "slots": st.none() | st.lists(TEXTS, max_size=3),
        "subscribed_to": st.lists(NODES, max_size=3),
        "subscribers": st.lists(NODES, max_size=3),
    }
)
EVENTS = st.fixed_dictionaries(
    {
        "id": st.integers(0, 2**128 - 1),
        "timestamp": TIMES,
        "node_id": NODES | st.just("assets"),
        "signal": NODES,
        "epoch": EPOCHS,
        "value": JSON | st.sampled_from(list(events.MetaSignal)),
    }
)
META_EVENTS = st.fixed_dictionaries(
    {
        "id": st.integers(0, 2**64 - 1),
        "timestamp": TIMES,
        "node_id": st.just("meta"),
        "signal": st.sampled_from(list(events.MetaEventType)),
        "epoch": EPOCHS,
        "value": NODES,
    }
)
PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | TEXTS
    | st.binary(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(TEXTS, inner, max_size=3)
    ),
    max_leaves=5,
)
ERRORS = st.fixed_dictionaries(
    {
        "err_type": st.sampled_from([ValueError, KeyError, OSError, json.JSONDecodeError]),
        "err_args": st.lists(PLAIN, max_size=3).map(tuple),
        "traceback": TEXTS,
    }
)
SPECS = st.fixed_dictionaries(
    {
        "noob_id": NODES,
        "nodes": st.dictionaries(
            NODES,
            st.fixed_dictionaries({"type": st.sampled_from(["builtins.len", "builtins.sum"])}),
            max_size=3,
        ),
    }
)
SMALL = st.integers(-(2**40), 2**40)
RANGES = st.builds(range, SMALL, SMALL, st.integers(1, 9))
PICKLED = st.one_of(
    RANGES,
    st.builds(slice, SMALL, SMALL, st.none() | SMALL),
    st.integers(0, 300).map(lambda size: np.arange(size, dtype="<i2")),
    st.lists(RANGES, min_size=1, max_size=3),
    st.dictionaries(st.sampled_from("abc"), RANGES, min_size=1, max_size=3),
)
"""What noob can only send as a pickle."""

MADE: dict[str, st.SearchStrategy[Any]] = {
    "AnnounceMsg": st.fixed_dictionaries(
        {"inbox": TEXTS, "nodes": st.dictionaries(NODES, IDENTITIES, max_size=3)}
    ),
    "IdentifyMsg": IDENTITIES,
    "PingMsg": st.none(),
    "ProcessMsg": st.fixed_dictionaries(
        {"epoch": st.none() | EPOCHS, "input": st.none() | st.dictionaries(TEXTS, JSON, max_size=3)}
    ),
    "InitMsg": st.none(),
    "DeinitMsg": st.none(),
    "StartMsg": st.none() | st.integers(0, 2**60),
    "StatusMsg": st.sampled_from([status.value for status in messages.NodeStatus]),
    "StopMsg": st.none(),
    "EventMsg": st.lists(EVENTS | META_EVENTS, max_size=3),
    "EpochEndedMsg": EPOCHS,
}
"""What each type's value may be; errors and specifications have tests of their own."""

ANY = st.sampled_from(sorted(MADE)).flatmap(lambda name: st.tuples(st.just(name), MADE[name]))


def comparable(value: Any) -> Any:
    """Return a value of either side in a form in which both can be compared."""
    match value:
        case NoobEpoch() | Epoch():
            return ("epoch", [list(step) if isinstance(step, tuple) else step for step in _wire(value)])
        case enum.Enum():
            return value.value
        case datetime():
            return value.astimezone(UTC)
        case dict():
            return {key: comparable(item) for key, item in value.items()}
        case list() | tuple():
            return [comparable(item) for item in value]
        case _:
            return value


def _wire(epoch: Any) -> list[Any]:
    wire = epoch.to_wire()
    return wire if isinstance(wire, list) else [wire]


def theirs_of(value: Any) -> Any:
    """Return one of our values with noob's own epochs."""
    match value:
        case Epoch():
            return NoobEpoch(value.root, list(value.path))
        case dict():
            return {key: theirs_of(item) for key, item in value.items()}
        case list():
            return [theirs_of(item) for item in value]
        case _:
            return value


def test_all_types_are_tested() -> None:
    assert {*MADE, "ErrorMsg", "SpecMsg", "Message"} == set(MODELS)


@given(ANY, NODES, TIMES)
@fuzz
def test_noob_reads_what_we_write(made: tuple[str, Any], node_id: str, time: datetime) -> None:
    name, value = made
    ours = getattr(messages, name)(node_id=node_id, timestamp=time, value=value)
    theirs = noob.Message.from_bytes([ours.to_bytes()])
    assert type(theirs).__name__ == name
    assert (theirs.type_, theirs.node_id, theirs.timestamp) == (ours.type_, node_id, time)
    assert comparable(theirs.value) == comparable(ours.value) == comparable(value)
    by_pydantic = noob.Message.from_bytes([ours.model_dump_json().encode()])
    assert comparable(by_pydantic.value) == comparable(theirs.value)


@given(ANY, NODES, TIMES)
@fuzz
def test_we_read_what_noob_writes(made: tuple[str, Any], node_id: str, time: datetime) -> None:
    name, value = made
    theirs = getattr(noob, name)(node_id=node_id, timestamp=time, value=theirs_of(value))
    data = theirs.to_bytes()
    ours = messages.Message.from_bytes([data])
    assert type(ours).__name__ == name
    assert ours.problems == ()
    assert (ours.type_, ours.node_id, ours.timestamp) == (theirs.type_, node_id, time)
    assert comparable(ours.value) == comparable(noob.Message.from_bytes([data]).value)
    assert ours.to_bytes() == data
    assert "1003" in ours.shape.releases or "id" in repr(value)


@given(ANY, NODES, TIMES)
@fuzz
def test_noob_reads_what_we_edited(made: tuple[str, Any], node_id: str, time: datetime) -> None:
    name, value = made
    data = getattr(noob, name)(node_id=node_id, timestamp=time, value=theirs_of(value)).to_bytes()
    ours = messages.Message.from_bytes([data])
    ours.node_id = "edited"
    assert ours.to_bytes() != data
    theirs = noob.Message.from_bytes([ours.to_bytes()])
    assert theirs.node_id == "edited"
    assert comparable(theirs.value) == comparable(ours.value)


@given(ERRORS)
@fuzz
def test_errors_both_ways(error: dict[str, Any]) -> None:
    data = noob.ErrorMsg(node_id="a", value=error).to_bytes()
    ours = messages.Message.from_bytes([data])
    assert isinstance(ours, messages.ErrorMsg)
    assert ours.problems == ()
    name = f"{error['err_type'].__module__}.{error['err_type'].__qualname__}"
    assert ours.value == {**error, "err_type": name}
    assert ours.to_bytes() == data
    exception = ours.to_exception()
    assert (exception.type_name, exception.remote_args) == (name, error["err_args"])
    assert exception.remote_traceback == error["traceback"]
    ours.node_id = "b"  # edited outside of the error: its pickle stays
    assert noob.Message.from_bytes([ours.to_bytes()]).value == error
    ours.value["traceback"] += "!"  # edited inside: the pickle is written anew
    again: Any = noob.Message.from_bytes([ours.to_bytes()])
    assert again.value == {**error, "traceback": error["traceback"] + "!"}


def test_errors_that_cannot_be_written_say_so() -> None:
    for value in (
        {"err_type": "NoModule", "err_args": (), "traceback": ""},
        {"err_type": "a.b\nc", "err_args": (), "traceback": ""},
        {"err_type": "builtins.ValueError", "err_args": (object(),), "traceback": ""},
    ):
        with pytest.raises(DecodeError):
            messages.ErrorMsg(node_id="a", value=value).to_bytes()


@given(SPECS, NODES)
@fuzz
def test_specifications_both_ways(specification: dict[str, Any], node_id: str) -> None:
    made: Any = noob.TubeSpecification(**specification)
    data = noob.SpecMsg(node_id=node_id, value=made).to_bytes()
    ours = messages.Message.from_bytes([data])
    assert isinstance(ours, messages.SpecMsg)
    assert ours.problems == ()
    assert ours.to_bytes() == data
    assert set(ours.value["nodes"]) == set(specification["nodes"])
    ours.node_id = "other"
    theirs: Any = noob.Message.from_bytes([ours.to_bytes()])
    assert theirs.value == noob.Message.from_bytes([data]).value  # type: ignore[comparison-overlap]


@given(PICKLED, EPOCHS)
@fuzz
def test_pickled_event_values_both_ways(value: Any, epoch: Epoch) -> None:
    event = noob_event.EventMaker(node_id="a").new_event(value, theirs_of(epoch))
    data = noob.EventMsg(node_id="a", value=[event]).to_bytes()
    ours = messages.Message.from_bytes([data])
    assert isinstance(ours, messages.EventMsg)
    pickled = ours.value[0]["value"]
    assert isinstance(pickled, PickledValue)
    assert not isinstance(pickled.read(), Unreadable)
    assert events.event_id_parts(ours.value[0]["id"]) == noob_event.event_id_parts(event["id"])
    assert ours.to_bytes() == data
    ours.node_id = "b"
    theirs: Any = noob.Message.from_bytes([ours.to_bytes()])
    back = theirs.value[0]["value"]
    if isinstance(value, np.ndarray):
        view = array_of(pickled.read())
        assert isinstance(view, ArrayView)
        assert view.numpy().tolist() == back.tolist() == value.tolist()
    else:
        assert back == value
        assert one_line(pickled.read()) == repr(value)
