"""Small pickles that say the same thing a million times, through everything here that walks a whole one."""

import base64
import json
import pickle
import sys
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest

from decoders.pickled import PickledValue
from decoders.pickles import Blob
from recordings.filters.message import MAX_PICKLE, searchable
from recordings.redaction.blobs import outline
from recordings.redaction.leaks import layers, pickle_pieces
from recordings.replay import trust
from recordings.replay.values import Tolerance, compare_values, value_text

SHORT, LONG = 60_000, 100_000


def laughs(levels: int) -> bytes:
    """A list that holds a list ten times, that holds a list ten times, and so on."""
    body = b"]q\x00"
    for level in range(levels):
        body += b"](" + b"h%c" % level * 10 + b"eq%c" % (level + 1)
    return body


def repeated(size: int, times: int = 50_000) -> bytes:
    """A string of that size, many times."""
    return b"(X" + size.to_bytes(4, "little") + b"x" * size + b"q\x00" + b"h\x00" * times + b"t"


BOMBS = {
    "laughs": b"\x80\x02(" + laughs(200) + b"t.",
    "a string in memory": b"\x80\x02" + repeated(SHORT) + b".",
    "a string in the pickle": b"\x80\x02" + repeated(LONG) + b".",
    "bytes in the pickle": b"\x80\x03(B\xa0\x86\x01\x00" + b"x" * LONG + b"q\x00" + b"h\x00" * 50_000 + b"t.",
}


@pytest.fixture(autouse=True)
def reads(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The sizes of what was read out of pickles."""
    sizes: list[int] = []
    real = Blob.read

    def counting(self: Blob, start: int = 0, stop: int | None = None) -> bytes:
        data = real(self, start, stop)
        sizes.append(len(data))
        return data

    monkeypatch.setattr(Blob, "read", counting)
    yield sizes
    assert sum(sizes) < 30_000_000


def pck(data: bytes) -> PickledValue:
    return PickledValue("pck__" + base64.b64encode(data).decode())


def error(arguments: bytes) -> PickledValue:
    """A noob error with these arguments."""
    return pck(
        b"}(U\x08err_typecbuiltins\nValueError\nU\x08err_args" + arguments + b"U\x09tracebackU\x02tbu."
    )


@pytest.mark.parametrize("name", BOMBS)
def test_the_search_for_leaks(name: str) -> None:
    assert sum(len(layer) for _, layer in layers(BOMBS[name])) < 5_000_000
    assert sum(map(len, pickle_pieces(BOMBS[name]))) < 1_000_000


@pytest.mark.parametrize(
    "arguments",
    [b"(" + laughs(200) + b"t", b"(" + laughs(5) + b"h\x05" * 5000 + b"t", repeated(SHORT), repeated(LONG)],
)
def test_what_stands_in_for_an_error(arguments: bytes) -> None:
    outlined = outline(error(arguments))
    assert outlined.fields is not None
    assert len(json.dumps(outlined.fields)) < 10_000_000


@pytest.mark.parametrize("name", BOMBS)
def test_comparing(name: str) -> None:
    then, now = pck(BOMBS[name]), pck(BOMBS[name] + b"after the end")
    assert len(compare_values(then, now, tolerance=Tolerance())) <= 1  # nested too deep, else the same
    other = pck(BOMBS[name].replace(b"xxxx", b"xxxy", 1))
    assert len(compare_values(then, other, tolerance=Tolerance())) <= 21
    assert len(value_text(then)) <= 2000


def test_comparing_sets() -> None:
    then, now = (
        pck(b"\x80\x04(" + laughs(9) + b"\x8f(" + b"h\x09" * count + b"\x90t.") for count in (60_000, 60_001)
    )
    (difference,) = compare_values(then, now, tolerance=Tolerance())
    assert difference.recorded == "a set of 60,000"
    assert difference.detail == "too many members to compare"


@pytest.mark.parametrize("name", BOMBS)
def test_searching(name: str) -> None:
    frame = b'{"value":"' + pck(BOMBS[name]).encode() + b'"}'
    assert sum(map(len, searchable(frame))) <= MAX_PICKLE + 100


@pytest.mark.parametrize("name", BOMBS)
def test_judging_whether_to_trust(name: str) -> None:
    assert "a call" not in trust.why_not_plain(BOMBS[name])


# Names: pickles of protocols 0 to 2 have Python 2's, which `pickle` translates.


def _found(path: str) -> Any:
    parts = path.split(".")
    for length in range(len(parts) - 1, 0, -1):
        try:
            found = import_module(".".join(parts[:length]))
        except ImportError:
            continue
        for part in parts[length:]:
            found = getattr(found, part, None)
        return found
    return None


def _disguises() -> set[tuple[str, str]]:
    """All names that may stand for one that is let through."""
    names = set(NAME_MAPPING)
    for path in trust._CONSTRUCTORS | trust._CLASSES:
        parts = path.split(".")
        names |= {(".".join(parts[:length]), ".".join(parts[length:])) for length in range(1, len(parts))}
    for module, _ in [*names]:
        names |= {
            (module, name) for name in ("eval", "exec", "system", "long", "unicode", "xrange", "reduce")
        }
    today = {path.rpartition(".")[2] for path in trust._CONSTRUCTORS | trust._CLASSES}
    old_modules = {*IMPORT_MAPPING, "exceptions", "itertools", "urllib", "os", "__main__"}
    return names | {(module, name) for module in old_modules for name in today}


class Foreign(ModuleType):
    """A module of the reader's own that happens to have a name of Python 2."""

    def __getattr__(self, name: str) -> Any:
        return self


@pytest.mark.filterwarnings("ignore:numpy.core")
@pytest.mark.parametrize("protocol", range(6))
def test_no_name_stands_for_another_than_it_seems(protocol: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is let through is looked up by `pickle` as one of the harmless functions, or not at all."""
    for name in ("exceptions", "__builtin__", "copy_reg", "UserDict"):
        monkeypatch.setitem(sys.modules, name, Foreign(name))
    start = b"" if protocol < 2 else b"\x80%c" % protocol
    harmless = [_found(path) for path in trust._CONSTRUCTORS | trust._CLASSES]
    passed = 0
    for module, name in sorted(_disguises()):
        reference = f"c{module}\n{name}\n".encode()
        called = trust.why_not_plain(start + reference + b")R.") == ""
        named = trust.why_not_plain(start + reference + b".") == ""
        if not called and not named:
            continue
        passed += 1
        try:
            meant = pickle.loads(start + reference + b".")  # harmless, if the test holds
        except (AttributeError, ImportError):
            continue
        assert any(meant is each for each in harmless), (module, name)
    assert passed > 60
