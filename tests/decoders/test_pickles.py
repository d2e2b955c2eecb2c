"""The symbolic reader against real picklers, old and new: what was pickled is what is shown."""

import base64
import json
import pickle
import pickletools
import uuid
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoders.arrays import ArrayView
from decoders.pickles import (
    BigInteger,
    Blob,
    Call,
    Collection,
    Extension,
    Global,
    Limits,
    Mapping,
    Operation,
    OutOfBand,
    Persistent,
    Unreadable,
    head,
    one_line,
    pickled_error,
    plain_all,
    read,
    read_base64,
    to_item,
)
from decoders.pickles import plain as to_plain
from decoders.pickles.opcodes import STOP, TABLE
from decoders.tree import Item
from tests import support_pickles
from tests.support_fuzz import fuzz
from tests.support_pickles import CASES

CORPUS = Path(__file__).parent.parent / "data" / "pickles"
EXPECTED = {name: case.text if isinstance(case.text, tuple) else (case.text,) for name, case in CASES.items()}
ONLY_IN_CORPUS = {
    "table": tuple(
        f"DataFrame 2 rows × 3 columns: a int64, b float64, c {text}" for text in ("object", "str")
    ),
    "indexed table": ("DataFrame 1 row × 1 column: a int64",),
    "series": ("Series n (2,) int64",),
    "categories": ("Series (3,) category",),
    "nullable": ("Series (2,) Int64",),
    "index": ("RangeIndex (5,) int64",),
    "levels": ("MultiIndex (4,) tuples",),
    "timestamp": ("2024-01-02 03:04:05+00:00",),
    "timestamp with fraction": ("2024-01-02 03:04:05.25",),
    "pandas timedelta": ("1 day, 0:00:00",),
    "missing": ("[NaT, <NA>]",),
    "periods": (support_pickles.PERIODS,),
    "picture": ("Image RGB (32, 48, 3) uint8",),
    "gray pictures": (support_pickles.GRAYS,),
}


def corpus() -> dict[str, bytes]:
    found = {}
    for path in sorted(CORPUS.glob("*.json")):
        for name, pickles in json.loads(path.read_text()).items():
            for protocol, text in pickles.items():
                found[f"{path.stem} {name} {protocol}"] = base64.b64decode(text)
    assert len(found) > 1000
    return found


def tree(item: Item, depth: int = 6) -> dict[str, Any] | str:
    if item.children is None or not depth:
        return item.text
    return {child.name: tree(child, depth - 1) for child in item.children()}


def plain(value: Any) -> Any:
    """What a tree of plain data says, as that data."""
    match value:
        case Collection():
            kinds = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}
            return kinds[value.kind](map(plain, value.items))
        case Mapping():
            return {plain(key): plain(item) for key, item in zip(value.keys, value.values, strict=True)}
        case Blob(encoding=None):
            return value.read()
        case Blob():
            return value.text()
        case Call(function=Global(path="builtins.set" | "builtins.frozenset" as kind), args=[items]):
            return (set if kind == "builtins.set" else frozenset)(plain(items))
        case Call(function=Global(name="encode"), args=[text, "latin1"]):
            return plain(text).encode("latin-1")
        case Call(function=Global(name="bytes"), args=[]):
            return b""
    assert not hasattr(value, "__struct_fields__"), value
    return value


KEYS = st.none() | st.booleans() | st.integers() | st.text() | st.binary(max_size=300)
DATA = st.recursive(
    KEYS | st.floats(allow_nan=False) | st.binary(min_size=250, max_size=270),
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(KEYS, inner)
        | st.sets(KEYS, max_size=4)
        | st.frozensets(KEYS, max_size=4)
    ),
    max_leaves=20,
)


@given(DATA, st.integers(0, 5))
@fuzz
def test_plain_data_comes_back(data: Any, protocol: int) -> None:
    pickled = pickle.dumps(data, protocol)
    assert plain(read(pickled)) == data
    assert plain(read(pickle._dumps(data, protocol))) == data  # type: ignore[attr-defined]
    assert plain(read(pickletools.optimize(pickled))) == data
    text = base64.b64encode(pickled)
    tiny = Limits(window=16, inline=8, string=8)  # windows move, strings are left where they are
    assert plain(read_base64(text, limits=tiny)) == data
    assert plain(read_base64("pck__" + text.decode(), limits=tiny)) == data


def test_every_opcode_is_known() -> None:
    known = {ord(op.code) for op in pickletools.opcodes} - {STOP}
    unknown = TABLE[0xFF]
    assert {code for code, step in enumerate(TABLE) if step is not unknown} == known


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("name", CASES)
def test_objects_look_as_people_know_them(name: str, protocol: int) -> None:
    try:
        pickled = support_pickles.pickled(name, protocol)
    except (TypeError, pickle.PicklingError):
        pytest.skip("this class refuses the protocol")
    value = read(pickled)
    assert one_line(value) in EXPECTED[name]
    assert to_item("x", value).text in EXPECTED[name]
    text = "pck__" + base64.b64encode(pickled).decode()
    if (name, protocol) != (
        "frame",
        0,
    ):  # its pixels are one line of text, which a head does not read to its end
        assert head(text) in EXPECTED[name]
    assert one_line(read_base64(text)) in EXPECTED[name]


def test_pickles_of_other_releases_look_the_same() -> None:
    wrong = {}
    for name, pickled in corpus().items():
        case = name.partition(" ")[2].rpartition(" ")[0]
        expected = ONLY_IN_CORPUS.get(case) or EXPECTED[case]
        if (shown := one_line(read(pickled))) not in expected:
            wrong[name] = shown
    assert not wrong


def latest(name: str) -> bytes:
    return corpus()[f"python3.13-numpy2.5-pandas3.1 {name} 5"]


def test_tables_open_into_columns_and_cells() -> None:
    for release in (
        "python3.8-numpy1.24-pandas1.5",
        "python3.11-numpy1.26-pandas2.1",
        "python3.13-numpy2.5-pandas3.1",
    ):
        for protocol in range(6):
            cells = tree(to_item("", read(corpus()[f"{release} table {protocol}"])))
            assert cells == {
                "a": {"0": "1", "1": "2"},
                "b": {"0": "1.5", "1": "2.5"},
                "c": {"0": "'x'", "1": "'y'"},
                "index": {"0": "0", "1": "1"},
            }, (release, protocol)
            series = tree(to_item("", read(corpus()[f"{release} series {protocol}"])))
            assert series == {"a": "1", "b": "2"}
    assert tree(to_item("", read(latest("categories")))) == {"0": "'a'", "1": "'b'", "2": "'a'"}
    assert tree(to_item("", read(latest("nullable")))) == {"0": "1", "1": "<NA>"}
    assert tree(to_item("", read(latest("levels")))) == {
        "0": "(a, 1)",
        "1": "(a, 2)",
        "2": "(b, 1)",
        "3": "(b, 2)",
    }
    assert tree(to_item("", read(latest("indexed table")))) == {
        "a": {"2024-01-02T00:00:00+00:00": "1"},
        "index": {"0": "2024-01-02T00:00:00+00:00"},
    }


def test_pictures_open_as_pictures() -> None:
    view = to_item("", read(corpus()["python3.11-pandas3.1-pillow13 picture 4"])).value
    assert isinstance(view, ArrayView)
    assert view.picture == (32, 48)
    assert view.numpy().tobytes() == bytes(range(256)) * 18


def test_items_name_attributes_and_the_class() -> None:
    item = to_item("value", read(pickle.dumps(support_pickles.Point())))
    assert (item.name, item.kind) == ("value", "object")
    assert tree(item) == {"x": "1", "y": "'a'", "class": "tests.support_pickles.Point"}
    nested = to_item("", read(pickle.dumps({"a": [1, 2], 3: None, (1, 2): "t"})))
    assert tree(nested) == {"a": {"0": "1", "1": "2"}, "3": "None", "(1, 2)": "'t'"}


def test_an_item_that_contains_itself_ends() -> None:
    item = to_item("", read(pickle.dumps(support_pickles.Recursive)))
    assert item.children is not None
    (again,) = item.children()
    assert again.children is None
    assert again.text.endswith("(contains itself)")


def test_long_lists_come_in_batches() -> None:
    item = to_item("", read(pickle.dumps(list(range(1000)))))
    assert item.children is not None
    items = item.children()
    assert len(items) == 201
    assert items[-1].text == "… 800 more"


# noob's errors


def test_a_noob_error_gives_type_arguments_and_traceback() -> None:
    value = {"err_type": KeyError, "err_args": ("k", 2), "traceback": "Traceback:\n  here\nKeyError"}
    error = pickled_error(read(pickle.dumps(value)))
    assert error is not None
    assert (error.module, error.name, error.args) == ("builtins", "KeyError", ("k", 2))
    assert error.traceback == value["traceback"]
    item = to_item("value", read(pickle.dumps(value)))
    assert (item.kind, item.text) == ("exception", "KeyError('k', 2)")
    assert tree(item)["traceback"] == {"0": "Traceback:", "1": "  here", "2": "KeyError"}  # type: ignore[index]


def test_an_exception_object_gives_its_notes_too() -> None:
    error = pickled_error(read(pickle.dumps(support_pickles.with_note())))
    assert error is not None
    assert (error.name, error.args, error.notes) == ("ValueError", ("boom",), ("a hint",))
    assert pickled_error(read(pickle.dumps(support_pickles.Point()))) is None
    assert pickled_error(read(pickle.dumps({"err_type": 1}))) is None


def test_an_exception_from_a_process_pool_has_its_traceback() -> None:
    from concurrent.futures.process import _ExceptionWithTraceback  # type: ignore[attr-defined]

    try:
        raise ValueError("far away")
    except ValueError as raised:
        wrapped = _ExceptionWithTraceback(raised, raised.__traceback__)
    error = pickled_error(read(pickle.dumps(wrapped)))
    assert error is not None
    assert (error.name, error.args) == ("ValueError", ("far away",))
    assert 'raise ValueError("far away")' in error.traceback


def test_the_errors_of_every_noob_release_are_read() -> None:
    samples = Path(__file__).parent.parent / "data" / "noob-wire-samples"
    seen = 0
    for path in sorted(samples.glob("*.jsonl")):
        for line in path.read_text().splitlines():
            for frame in json.loads(line).get("frames", []):
                payload = base64.b64decode(frame)
                if b'"type":"error"' in payload:
                    error = pickled_error(read_base64(json.loads(payload)["value"]))
                    assert error is not None, path
                    assert (error.name, error.args) == ("ValueError", ("boom",))
                    seen += 1
    assert seen >= 3


@pytest.mark.parametrize("protocol", range(6))
def test_a_long_traceback_is_read_whole(protocol: int) -> None:
    traceback = "\n".join(f'  File "é{number}.py", line {number}' for number in range(10_000))
    assert len(traceback) > 200_000
    value = {"err_type": KeyError, "err_args": ("k", "x" * 100_000), "traceback": traceback}
    pickled = read(pickle.dumps(value, protocol))
    error = pickled_error(pickled)
    assert error is not None
    assert error.traceback == traceback
    assert plain_all(error.args) == value["err_args"]
    item = to_item("value", pickled)
    assert item.text.startswith("KeyError('k', 'xxx")
    assert item.children is not None
    (shown,) = (child for child in item.children() if child.name == "traceback")
    assert shown.children is not None
    lines = shown.children()
    assert [line.text for line in lines[:200]] == [repr(line) for line in traceback.split("\n")[:200]]
    assert lines[200].text == "… 9800 more"


def test_a_long_note_and_the_text_of_a_far_traceback() -> None:
    error = ValueError("boom")
    error.__dict__["__notes__"] = ["n" * 100_000]
    read_back = pickled_error(read(pickle.dumps(error)))
    assert read_back is not None
    assert read_back.notes == ("n" * 100_000,)
    far = (
        b"cmultiprocessing.pool\nrebuild_exc\n(cbuiltins\nValueError\n)RX\x40\x42\x0f\x00"
        + b"t" * 1_000_000
        + b"tR."
    )
    read_back = pickled_error(read(far))
    assert read_back is not None
    assert len(read_back.traceback) == 1_000_000


# plain data from a tree


@given(DATA)
@fuzz
def test_plain_data_is_taken_from_a_tree(data: Any) -> None:
    taken = to_plain(read(pickle.dumps(data), limits=Limits(inline=8)))
    assert not _comparable(data) or taken == data


def _comparable(data: Any) -> bool:
    """Whether a value is made of what has a plain form: sets and keys that are no strings have none."""
    match data:
        case list() | tuple():
            return all(map(_comparable, data))
        case dict():
            return all(isinstance(key, str) and _comparable(value) for key, value in data.items())
        case set() | frozenset():
            return False
    return True


def test_what_is_not_plain_stays_a_symbol() -> None:
    values = to_plain(read(pickle.dumps([{1}, {2: 3}, support_pickles.Point(), int])))
    assert list(map(type, values)) == [Collection, Mapping, Call, Global]


# what a pickle can say that no object shows


def test_what_would_be_called_is_named() -> None:
    class Harmful:
        def __reduce__(self) -> Any:
            import os

            return os.system, ("echo hello",)

    value = read(pickle.dumps(Harmful()))
    assert isinstance(value, Call)
    assert isinstance(value.function, Global)
    assert value.function.path in ("posix.system", "nt.system")
    assert one_line(value) == f"{value.function.path}('echo hello')"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"Pthe id\n.", "persistent_id('the id')"),
        (b"K\x05Q.", "persistent_id(5)"),
        (b"\x82\x07.", "<class by extension code 7>"),
        (b"\x83\x07\x00.", "<class by extension code 7>"),
        (b"\x84\x07\x00\x00\x00.", "<class by extension code 7>"),
        (b"\x97\x98.", "<out-of-band buffer 0>"),
        (b"(iosmod\nThing\n.", "Thing()"),
        (b"(imod\nthing\n.", "mod.thing()"),
        (b"(cmod\nthing\no.", "mod.thing()"),
        (b"(I1\niosmod\nThing\n.", "Thing(1)"),
        (b"(cmod\nThing\nI1\no.", "Thing(1)"),
        (b"cmod\nThing\n)}\x92.", "Thing()"),
        (b"cmod\nThing\n(I1\nt(S'k'\nI2\nd\x92.", "Thing(1, k=2)"),
        (b"cmod\nthing\n)R.", "mod.thing()"),
        (b"csubprocess\nPopen\n)R.", "subprocess.Popen()"),
        (b"K\x01K\x02b.", "BUILD(1, 2)"),
        (b"K\x01K\x02a.", "APPENDS(1, [2])"),
        (b"K\x01K\x02K\x03s.", "SETITEMS(1, {2: 3})"),
        (b"K\x01K\x02\x93.", "STACK_GLOBAL(1, 2)"),
        (b"cmod\nThing\nK\x01R.", "REDUCE(mod.Thing, 1)"),
        (b"S'it\\'s \\x41\\n\\101'\n.", '"it\'s A\\nA"'),
        (b"S'\\xff'\n.", r"b'\xff'"),
        (b"U\x02hi.", "'hi'"),
        (b"T\x02\x00\x00\x00\xff\xfe.", r"b'\xff\xfe'"),
        (b"Vgr\xfcn \\u20ac\n.", "'grün €'"),
        (b"F1.5\n.", "1.5"),
        (b"L12L\n.", "12"),
        (b"I01\n.", "True"),
        (b"L" + b"9" * 5000 + b"L\n.", "integer of 5,000 decimal digits"),
        (b"\x8b\x00\x10\x00\x00" + b"\xff" * 4096 + b".", "integer of 4,096 bytes"),
        (b"K\x01(K\x02K\x031.", "1"),
        (b"K\x01(0.", "1"),
        (b"K\x01K\x020.", "1"),
        (b"K\x012\x86.", "(1, 1)"),
    ],
)
def test_rare_opcodes(data: bytes, text: str) -> None:
    assert one_line(read(data)) == text


def test_rare_values_are_of_their_types() -> None:
    assert isinstance(read(b"K\x05Q."), Persistent)
    assert isinstance(read(b"\x82\x07."), Extension)
    assert isinstance(read(b"K\x01K\x02b."), Operation)
    buffer = read(b"\x97\x98.")
    assert isinstance(buffer, OutOfBand)
    assert buffer.readonly
    number = read(b"L" + b"9" * 5000 + b"L\n.")
    assert isinstance(number, BigInteger)


def test_names_of_python_2_show_as_what_is_looked_up() -> None:
    """Protocols 0 to 2 translate names, by tables that a hostile pickle can use as a disguise."""
    names = {*NAME_MAPPING, *((module, "x") for module in IMPORT_MAPPING), ("mod", "Thing")}
    for module, name in names:
        body = f"c{module}\n{name}\n.".encode()
        if (module, name) in NAME_MAPPING:
            meant = NAME_MAPPING[module, name]
        else:
            meant = (IMPORT_MAPPING.get(module, module), name)
        for start in (b"", b"\x80\x01", b"\x80\x02"):
            old = read(start + body)
            assert isinstance(old, Global)
            assert (old.module, old.name, old.path) == (module, name, ".".join(meant))
        for start in (b"\x80\x03", b"\x80\x04", b"\x80\x02\x80\x05"):
            new = read(start + body)
            assert isinstance(new, Global)
            assert new.path == f"{module}.{name}"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"ccommands\ngetoutput\n(S'id'\ntR.", "subprocess.getoutput('id')"),
        (b"(S'id'\nicommands\ngetoutput\n.", "subprocess.getoutput('id')"),
        (b"ccPickle\nloads\n(S'x'\ntR.", "pickle.loads('x')"),
        (b"curllib2\nRequest\n(S'x'\ntR.", "urllib.request.Request('x')"),
        (b"c__builtin__\nunicode\n.", "str"),
        (b"\x80\x03c__builtin__\nunicode\n.", "__builtin__.unicode"),
        (b"\x80\x04cbuiltins\nunicode\n.", "unicode"),
        (b"cexceptions\nValueError\n(S'boom'\ntR.", "ValueError('boom')"),
    ],
)
def test_disguises_of_python_2(data: bytes, text: str) -> None:
    assert one_line(read(data)) == text


def test_a_name_that_changes_its_meaning_in_the_middle() -> None:
    old, new = read(b"(c__builtin__\nlong\n\x80\x04c__builtin__\nlong\nt.").items  # type: ignore[union-attr]
    assert isinstance(old, Global)
    assert isinstance(new, Global)
    assert (old.path, new.path) == ("builtins.int", "__builtin__.long")


def test_uuid_of_protocol_2_with_a_safety_flag() -> None:
    value = uuid.UUID(int=7, is_safe=uuid.SafeUUID.safe)
    assert one_line(read(pickle.dumps(value))) == f"UUID('{value}')"


# base64


def test_a_camera_frame_is_decoded_only_where_it_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    import binascii

    pixels = bytes(range(256)) * 4096
    text = base64.b64encode(pickle.dumps({"frame": pixels, "index": 3}))
    decoded = 0
    real = binascii.a2b_base64

    def counting(data: Any, **options: Any) -> bytes:
        nonlocal decoded
        decoded += len(data)
        return real(data, **options)

    monkeypatch.setattr("decoders.pickles.sources.binascii.a2b_base64", counting)
    value = read_base64(b"pck__" + text)
    assert isinstance(value, Mapping)
    frame = value.get("frame")
    assert isinstance(frame, Blob)
    assert value.get("index") == 3
    assert frame.read(1000, 1004) == pixels[1000:1004]
    assert head(text).startswith("{'frame': 1,048,576 bytes")
    assert decoded < 20_000
    assert frame.read() == pixels


def test_foreign_characters_in_base64_are_passed_over_as_noob_does() -> None:
    text = base64.b64encode(pickle.dumps(["a" * 100, 7])).decode()
    broken = text[:20] + "\n*" + text[20:]
    assert plain(read_base64(broken)) == ["a" * 100, 7]
    assert head(broken).startswith("['aaa")


def test_base64_that_is_cut_off_says_so_and_shows_what_is_there() -> None:
    text = base64.b64encode(pickle.dumps(list(range(100)), 2)).decode()
    value = read_base64(text[:41])
    assert isinstance(value, Unreadable)
    assert "base64" in value.reason
    assert one_line(value.pieces[0]).startswith("[0, 1, 2, 3")
    for bad in ("", "pck__", "pck__\u20ac", "pck__*", b"\xff\xfe", "A"):
        assert isinstance(read_base64(bad), Unreadable)
        assert head(bad)


def test_head_of_a_beginning_alone() -> None:
    import numpy as np

    frame = np.zeros((480, 640, 3), np.uint8)
    text = base64.b64encode(pickle.dumps(frame, 4)).decode()
    assert head(text) == "ndarray (480, 640, 3) uint8"
    assert "(480, 640, 3) uint8" in head(text[:4000], whole=False)
    many = base64.b64encode(pickle.dumps(list(range(100_000)))).decode()
    assert head(many).startswith("[0, 1, 2, 3")
    assert len(head(many, limit=40)) <= 40
    assert head(base64.b64encode(pickle.dumps([[1, 2]] * 5000))).endswith("…")
