"""Which pickles may reach a real noob: plain data passes, everything that could run code does not."""

import base64
import builtins
import contextlib
import datetime
import decimal
import fractions
import io
import json
import os
import pathlib
import pickle
import pickletools
import uuid
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections import Counter, OrderedDict, defaultdict, deque
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recordings.replay.trust import unsafe_pickle, why_not_plain

PROTOCOLS = range(6)

PLAIN: list[Any] = [
    None,
    [1, 2.5, "x", b"y", True],
    {"a": (1,), 2: {3, 4}, "f": frozenset("ab")},
    2**3000,
    complex(1, 2),
    bytearray(b"xyz"),
    np.zeros((3, 4)),
    np.arange(5, dtype=">i2"),
    np.asfortranarray(np.ones((2, 3), "u1")),
    np.float32(3),
    np.array(["a", "bc"]),
    np.array([b"a"]),
    np.array(["2020-01-01"], dtype="M8[D]"),
    {"frame": np.ones(3), "meta": [np.int64(1)]},
    datetime.datetime.now(datetime.UTC),
    datetime.timedelta(1),
    pathlib.PurePosixPath("/x"),
    uuid.uuid4(),
    decimal.Decimal("1.5"),
    fractions.Fraction(1, 3),
    OrderedDict(a=1),
    deque([1, 2], maxlen=3),
    Counter("aab"),
    {"err_type": ValueError, "err_args": ("x",), "traceback": "..."},
    ValueError("boom"),
]


class Thing:
    pass


class Runs:
    def __init__(self, *call: Any) -> None:
        self.call = call

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call[0], tuple(self.call[1:])


FOREIGN: list[Any] = [
    Thing(),
    Thing,
    os.system,
    Runs(os.system, "true"),
    Runs(eval, "1"),
    Runs(getattr, "x", "upper"),
    [1, {"deep": (Runs(print, "x"),)}],
    np.array([Thing()], dtype=object),
    np.array([1], dtype=object),
    np.zeros(2, dtype=[("a", "i4")]),
    defaultdict(list),
    SystemExit(1),
    {"err_type": KeyboardInterrupt, "err_args": (), "traceback": ""},
    np.ma.masked_array([1], [0]),
]


@pytest.mark.parametrize("value", PLAIN, ids=repr)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_plain_data_passes(value: Any, protocol: int) -> None:
    assert why_not_plain(pickle.dumps(value, protocol)) == ""


@pytest.mark.parametrize("value", FOREIGN, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_everything_else_does_not(value: Any, protocol: int) -> None:
    assert why_not_plain(pickle.dumps(value, protocol)) != ""


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        (b"cos\nsystem\n(S'true'\ntR0I1\n.", "opcode POP"),  # called, and thrown away
        (b"(cos\nsystem\n1I1\n.", "opcode POP_MARK"),
        (b"cos\nsystem\n(S'true'\ntRI1\n.", "leaves something"),  # called, and left below the result
        (b"(cos\nsystem\nI1\n.", "leaves something"),
        (b"(S'true'\nios\nsystem\n.", "opcode INST"),
        (b"(cos\nsystem\nS'true'\no.", "opcode OBJ"),
        (b"\x82\x01.", "opcode EXT1"),
        (b"Pid\n.", "opcode PERSID"),
        (b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.", "os.system"),
        (b"", "broken"),
        (b"\x80\x04garbage", "broken"),
        (b"I1\n", "broken"),
        (b"00.", "opcode POP"),
        # BUILD on a class would change it for everyone.
        (b"\x80\x04cexceptions\nValueError\n.", "a reference to exceptions.ValueError"),
        (b"\x80\x02cexceptions\nValueError\n\x80\x04.", "opcode PROTO"),
        (b"cnumpy\nndarray\n}S'x'\nI1\nsb.", "operation"),
        (b"cuuid\nUUID\n)R}S'x'\ncos\nsystem\nsb.", "os.system"),
        # protocol 0 names the base, which unpickling imports, and calls
        (b"ccopy_reg\n_reconstructor\n(cuuid\nUUID\nctyping\nobject\nNtR.", "copyreg._reconstructor"),
        (b"ccopy_reg\n_reconstructor\n(cuuid\nUUID\nctyping\ntuple\n)tR.", "copyreg._reconstructor"),
        (b"ccopy_reg\n_reconstructor\n(cuuid\nUUID\ncsubprocess\nPopen\nS'true'\ntR.", "_reconstructor"),
        # a dtype with flags and fields of its own making
        (b"cnumpy\ndtype\n(S'V8'\nI00\nI01\ntR(I3\nS'|'\nNNNI8\nI1\nI63\ntb.", "dtype"),
        (b"cnumpy\ndtype\n(S'O8'\nI00\nI01\ntR.", "other things"),
    ],
)
def test_hand_made_streams(stream: bytes, reason: str) -> None:
    assert reason in why_not_plain(stream)


@settings(max_examples=200)
@given(st.binary(max_size=60))
def test_never_raises_and_never_lets_a_call_through(data: bytes) -> None:
    reason = why_not_plain(data)
    names = {"GLOBAL", "STACK_GLOBAL", "INST", "OBJ", "NEWOBJ"}
    try:
        opcodes = {opcode.name for opcode, _, _ in pickletools.genops(data)}
    except Exception:  # broken in any way
        assert reason
    else:
        assert reason or not opcodes & names


@settings(max_examples=200)
@given(st.sampled_from(PLAIN), st.data())
def test_what_passes_calls_only_what_is_listed(value: Any, data: st.DataObject) -> None:
    """Mutated pickles: either refused, or unpickling looks up nothing that is not on the list."""
    stream = bytearray(pickle.dumps(value, data.draw(st.sampled_from([0, 2, 4]))))
    for _ in range(data.draw(st.integers(1, 3))):
        stream[data.draw(st.integers(0, len(stream) - 1))] = data.draw(st.integers(0, 255))
    if why_not_plain(bytes(stream)):
        return
    looked_up = _looked_up(bytes(stream))
    assert looked_up <= HONEST | {("builtins", error.__name__) for error in ERRORS}


def _looked_up(stream: bytes) -> set[tuple[str, str]]:
    """The names that unpickling looks up, each of which gets something in its place that does nothing."""
    names = set()
    old = stream[:1] != b"\x80" or stream[1] < 3  # the names of Python 2

    class Watching(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            if old:
                module, name = NAME_MAPPING.get((module, name), (IMPORT_MAPPING.get(module, module), name))
            names.add((module, name))
            return Nothing

    with contextlib.suppress(Exception):  # it may be broken otherwise
        Watching(io.BytesIO(stream)).load()
    return names


class Nothing:
    """Takes whatever a pickle gives it."""

    def __new__(cls, *args: Any) -> "Nothing":
        return super().__new__(cls)

    def __init__(self, *args: Any) -> None: ...

    def __setstate__(self, state: Any) -> None: ...

    def __setitem__(self, key: Any, value: Any) -> None: ...

    def append(self, item: Any) -> None: ...

    def extend(self, items: Any) -> None: ...


ERRORS = [kind for kind in vars(builtins).values() if isinstance(kind, type) and issubclass(kind, Exception)]
HONEST = {
    name for value in PLAIN for protocol in PROTOCOLS for name in _looked_up(pickle.dumps(value, protocol))
}


def message(value: Any) -> tuple[bytes, ...]:
    event = {"id": 1, "node_id": "a", "signal": "x", "epoch": 0, "value": value}
    return b"event", json.dumps({"type": "event", "node_id": "a", "value": [event]}).encode()


def pck(value: Any) -> str:
    return "pck__" + base64.b64encode(pickle.dumps(value)).decode()


def test_messages_are_searched_through() -> None:
    assert unsafe_pickle(message({"plain": [1, 2]})) == ""
    assert unsafe_pickle(message(pck(np.ones(3)))) == ""
    assert "a call of " in unsafe_pickle(message(pck(Runs(os.system, "true"))))
    assert "a call of " in unsafe_pickle(message([{"deep": pck(Runs(os.system, "true"))}]))
    assert unsafe_pickle(message("pck__!!!not base64!!!")) != ""
    assert unsafe_pickle(()) == ""


def test_disguises_are_seen_through() -> None:
    evil = pck(Runs(os.system, "true"))
    frames = message(evil)
    escaped = frames[-1].replace(b"pck__", b"\\u0070ck__")
    assert json.loads(escaped)["value"][0]["value"] == evil
    assert unsafe_pickle((b"event", escaped)) != ""
    # The same key twice: readers differ in which one they take.
    twice = frames[-1].replace(b'"value": "pck__', b'"value": 1, "value": "pck__', 1)
    assert unsafe_pickle((b"event", twice)) != ""
    # Characters that a base64 reader passes over
    broken_up = evil[:20] + "\\n" + evil[20:]
    assert unsafe_pickle((b"event", frames[-1].replace(evil.encode(), broken_up.encode()))) != ""
