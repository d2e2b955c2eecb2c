"""The envelope: right for every release, never an exception, and its cost doesn't grow with the payload."""

import json
import timeit
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoders.envelope import MAX_SEARCH, Envelope, read_envelope
from decoders.epochs import Epoch
from tests.support_fuzz import fuzz
from tests.support_samples import samples

TIME = "2026-11-25T01:42:41.409466Z"
TIME_NS = 1_795_570_961_409_466_000
EVENT = (
    b'{"type":"event","node_id":"a","timestamp":"2026-11-25T01:42:41.409466Z","value":[{"id":8667704724469841920,'
    b'"timestamp":"2026-11-25T01:42:41.409286+00:00","node_id":"a","signal":"words","epoch":41,"value":%b}]}'
)


def message(**fields: Any) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode()


def test_event() -> None:
    assert read_envelope([b"event", EVENT % b"1"]) == Envelope("event", "a", TIME_NS, 41)


@pytest.mark.parametrize("size", [10, 990, 1024, 5000, 3_000_000])
@pytest.mark.parametrize("epoch", [7, [7], [7, ["m", 1]], [["tube", 7]], [["tube", 7], ["m", 1]]])
def test_epochs_in_every_form_and_size(epoch: Any, size: int) -> None:
    value = "x" * size
    sub_epoch = str(Epoch.from_wire(epoch)) if "m" in json.dumps(epoch) else ""
    head = {"node_id": "n", "timestamp": TIME}
    event = {"id": 2**127, "timestamp": TIME, "node_id": "n", "signal": "s", "epoch": epoch, "value": value}
    for payload in (
        message(type="event", **head, value=[event, {**event, "epoch": 9}]),
        message(type="process", **head, value={"epoch": epoch, "input": {"x": value}}),
        message(type="epoch_ended", **head, value=epoch, more=value),
    ):
        kind = json.loads(payload)["type"]
        assert read_envelope([payload]) == Envelope(kind, "n", TIME_NS, 7, sub_epoch)


@pytest.mark.parametrize("value", [b"[Infinity]", b'"\xff"', b"{", b"[1,"])
def test_a_header_behind_a_value_that_is_not_quite_json(value: bytes) -> None:
    payload = b'{"other":1,"value":%b,"type":"event","node_id":"n"}' % value
    envelope = read_envelope([payload])
    assert envelope.problem
    if value in (b"[Infinity]", b'"\xff"'):
        assert (envelope.type, envelope.node_id) == ("event", "n")


def test_types_without_an_epoch() -> None:
    for kind, value in [("status", "ready"), ("start", 5), ("stop", None), ("new_in_2027", {"epoch": 3})]:
        payload = message(type=kind, node_id="n", timestamp=TIME, value=value)
        assert read_envelope([payload]) == Envelope(kind, "n", TIME_NS)


def test_any_key_order_and_missing_timestamp() -> None:
    payload = message(value={"epoch": 5, "input": None}, node_id="n", type="process")
    assert read_envelope([payload]) == Envelope("process", "n", None, 5)
    large = message(value={"epoch": 5, "input": "x" * 5000}, node_id="n", type="process")
    assert read_envelope([large]) == Envelope("process", "n", None, 5)
    event = {"value": {"epoch": 1}, "epoch": 2, "signal": "s"}
    assert read_envelope([message(type="event", node_id="n", value=[event])]).epoch == 2
    event = {"value": {"epoch": 1, "x": "y" * 5000}, "epoch": 2, "signal": "s"}
    assert read_envelope([message(type="event", node_id="n", timestamp=TIME, value=[event])]).epoch == 2


@pytest.mark.parametrize(
    ("text", "time_ns"),
    [
        ("2026-11-25T01:42:41Z", 1_795_570_961_000_000_000),
        ("2026-11-25T03:42:41.5+02:00", 1_795_570_961_500_000_000),
        ("2026-11-25T01:42:41.409466", TIME_NS),
        ("1969-12-31T23:59:59.999999Z", -1000),
    ],
)
def test_times(text: str, time_ns: int) -> None:
    assert read_envelope([message(type="stop", node_id="n", timestamp=text)]) == Envelope(
        "stop", "n", time_ns
    )


@pytest.mark.parametrize("text", [5, None, "yesterday", "9999-01-01T00:00:00Z", "0001-01-01T00:00:00Z", {}])
def test_wrong_times_are_reported_and_the_rest_is_read(text: Any) -> None:
    payload = message(type="epoch_ended", node_id="n", timestamp=text, value=3)
    envelope = read_envelope([payload])
    assert (envelope.type, envelope.timestamp_ns, envelope.epoch) == ("epoch_ended", None, 3)
    assert envelope.problem.startswith("timestamp") == (text is not None)


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        ([], "without frames"),
        ([b""], "empty"),
        ([b"event"], "not JSON"),
        ([b"\xff\xfe"], "not JSON"),
        ([b"[1]"], "not an object"),
        ([b"5"], "not an object"),
        ([b"{}"], "no text in"),
        ([b'{"type":"event"}'], "'node_id'"),
        ([b'{"type":5,"node_id":"a"}'], "'type'"),
        ([b'{"a":' * 100_000], "deep|not JSON"),
        ([b"x" * 5_000_000], "not JSON"),
        ([b" " * (MAX_SEARCH + 1)], "no noob header"),
    ],
)
def test_what_is_no_noob_message(frames: list[bytes], reason: str) -> None:
    envelope = read_envelope(frames)
    assert (envelope.type, envelope.node_id, envelope.epoch) == ("", "", -1)
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(envelope.problem)


@pytest.mark.parametrize("value", [b"NaN", b"[" * 100_000, b'"\xff"', b"nonsense", b'{"a":1'])
@pytest.mark.parametrize("padding", [b"", b'"%b",' % (b"x" * 2000)])
def test_a_header_before_a_broken_value_is_read(value: bytes, padding: bytes) -> None:
    envelope = read_envelope([EVENT % (b"[" + padding + value + b"]")])
    assert (envelope.type, envelope.node_id, envelope.epoch) == ("event", "a", 41)
    if not padding and value in (b"NaN", b"nonsense", b'{"a":1'):  # in a large payload it goes unseen
        assert envelope.problem


@pytest.mark.parametrize("size", [10, 5000])
def test_cut_off(size: int) -> None:
    whole = EVENT % (b'"%b"' % (b"x" * size))
    envelope = read_envelope([whole[:-3]])
    assert (envelope.type, envelope.epoch) == ("event", 41)
    assert envelope.problem
    assert read_envelope([whole + b" \n"]).problem == ""


@pytest.mark.parametrize("epoch", [-1, 2**63, 2**200, 1.5, "1", [5, 6], {}, True])
def test_wrong_epochs_are_reported(epoch: Any) -> None:
    for kind, value in [("epoch_ended", epoch), ("process", {"epoch": epoch}), ("event", [{"epoch": epoch}])]:
        envelope = read_envelope([message(type=kind, node_id="n", value=value)])
        assert (envelope.type, envelope.epoch, envelope.sub_epoch) == (kind, -1, "")
        assert envelope.problem or kind == "process" or epoch == "1"


def test_lone_surrogates_and_bad_utf8_become_escapes() -> None:
    assert read_envelope([b'{"type":"stop","node_id":"\\ud800"}']).node_id == "\\ud800"
    envelope = read_envelope([b'{"type":"stop","node_id":"a\xff"}'])
    assert envelope.type in ("stop", "")
    assert envelope.problem


def test_all_samples() -> None:
    seen = set()
    for sample in samples():
        fields = json.loads(sample.frames[-1])
        envelope = read_envelope(sample.frames)
        assert (envelope.type, envelope.node_id, envelope.problem) == (fields["type"], fields["node_id"], "")
        assert envelope.timestamp_ns is not None
        time = datetime.fromisoformat(fields["timestamp"]) - datetime(1970, 1, 1, tzinfo=UTC)
        assert (
            envelope.timestamp_ns == ((time.days * 86400 + time.seconds) * 10**6 + time.microseconds) * 1000
        )
        value = fields["value"]
        wire = {
            "event": lambda value=value: value[0]["epoch"],
            "process": lambda value=value: value and value["epoch"],
            "epoch_ended": lambda value=value: value,
        }.get(fields["type"], lambda: None)()
        if wire is None:
            assert envelope.epoch == -1
        else:
            epoch = Epoch.from_wire(wire)
            assert envelope.epoch == epoch.root
            assert envelope.sub_epoch == ("" if epoch.is_root else str(epoch))
        seen.add(fields["type"])
    assert len(seen) == 10


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(["type", "node_id", "timestamp", "value", "other"])
TYPES = st.sampled_from(["event", "process", "epoch_ended", "status", TIME])


@given(st.dictionaries(KEYS, TYPES | JSON, max_size=5), st.integers(0, 2000))
@fuzz
def test_agrees_with_a_json_reader(fields: dict[str, Any], padding: int) -> None:
    payload = message(**fields, more="x" * padding)
    envelope = read_envelope([payload])
    kind, node_id = fields.get("type"), fields.get("node_id")
    if isinstance(kind, str) and isinstance(node_id, str) and kind:
        assert (envelope.type, envelope.node_id) == (kind, node_id)
    else:
        assert envelope.type == ""


@given(st.binary(max_size=100), st.integers(0, 300), st.integers(0, 300))
@fuzz
def test_mutations_never_raise(noise: bytes, start: int, stop: int) -> None:
    payload = EVENT % (b'"' + b"x" * 1000 + b'"')
    for text in (payload[:start] + noise + payload[stop:], payload[start:stop], noise):
        envelope = read_envelope([text])
        assert -1 <= envelope.epoch < 2**63
        (envelope.type + envelope.node_id + envelope.sub_epoch + envelope.problem).encode()


def test_cost_is_independent_of_the_payload() -> None:
    large = [EVENT % (b'"pck__%b"' % (b"A" * size)) for size in (20_000, 20_000_000)]
    times = [min(timeit.repeat(lambda: read_envelope([p]), number=50, repeat=20)) for p in large]  # noqa: B023
    assert times[1] < 5 * times[0]


@pytest.mark.parametrize("digits", [25, 500, 4400, 100_000])
@pytest.mark.parametrize("form", ["%s", "[1, %s]", "[[%s, 1]]", '[1, ["a", %s]]', '[["tube", %s]]'])
def test_numbers_of_any_length(form: str, digits: int) -> None:
    value = form % ("9" * digits)
    for head in ("", '"more": "' + "x" * 5000 + '", '):
        payload = f'{{{head}"type": "epoch_ended", "node_id": "a", "value": {value}}}'.encode()
        envelope = read_envelope([payload])
        assert envelope.epoch == -1
        assert envelope.problem
