"""The bound on msgpack: counts as the reader does, and refuses what would make too many objects."""

import tracemalloc
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoders import msgpack_bytes, registry
from decoders.errors import DecodeError
from tests.support_fuzz import fuzz

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=40)
    | st.integers(0, 300).map(bytes)
    | st.integers(0, 300).map(lambda size: "x" * size)
    | st.builds(msgspec.msgpack.Ext, st.integers(-128, 127), st.binary(max_size=20)),
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(st.text(max_size=5), inner, max_size=20),
    max_leaves=40,
)


def count(value: Any) -> int:
    if isinstance(value, list):
        return 1 + sum(map(count, value))
    if isinstance(value, dict):
        return 1 + sum(1 + count(item) for item in value.values())
    return 1


@given(VALUES)
@fuzz
def test_counts_what_is_there(value: Any) -> None:
    data = msgspec.msgpack.encode(value)
    values = count(value)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(msgpack_bytes, "MAX_VALUES", values)
        msgpack_bytes.check(data + bytes(values))  # longer than so many values, or it is not looked at
        if values > 1:
            patch.setattr(msgpack_bytes, "MAX_VALUES", values - 1)
            with pytest.raises(DecodeError):
                msgpack_bytes.check(data + bytes(values))


@given(st.binary(max_size=60))
@fuzz
def test_any_bytes(data: bytes) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(msgpack_bytes, "MAX_VALUES", 5)
        try:
            msgpack_bytes.check(data)
        except DecodeError:
            assert len(data) > 5


@pytest.mark.parametrize("inner", [b"\x90", b"\x80", b"\xdc\x00\x00", b"\x91\xc0"])
def test_a_bomb_is_refused(inner: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(msgpack_bytes, "MAX_VALUES", 20_000)
    data = b"\xdd" + (30_000).to_bytes(4, "big") + inner * 30_000
    tracemalloc.start()
    decoded = registry.decode([data])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert decoded.decoder == "raw"
    assert decoded.problem == "msgpack: more than 20,000 msgpack values"
    assert peak < 1_000_000  # no objects were made


def test_large_blobs_are_no_bomb() -> None:
    decoded = registry.decode([msgspec.msgpack.encode({"frame": bytes(range(256)) * 20_000, "n": 1})])
    assert (decoded.decoder, decoded.problem) == ("msgpack", "")
    assert decoded.summary == "{frame: 5,120,000 bytes, n: 1}"
