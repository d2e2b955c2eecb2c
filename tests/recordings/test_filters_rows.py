"""Which rows filters pick, checked row by row against what the recording says of each message."""

import datetime
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recordings import filters
from recordings.filters.operators import times
from recordings.filters.operators.times import utc_offset
from recordings.notes import Notes
from recordings.recording import Recording
from recordings.records import Note
from recordings.rows import Row
from tests.support_sample_files import record_sample


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Recording]]:
    folder = tmp_path_factory.mktemp("filters")
    note = Note(time_ns=0, message=3, text="look here")
    made = {
        "basic": record_sample(folder / "basic.mcap", also=[note]),
        "error": record_sample(folder / "error.mcap", "error"),
        "map": record_sample(folder / "map.mcap", None, "bug-map-nested-overtake"),
        "pickle": record_sample(folder / "pickle.mcap", "pickle"),
    }
    opened = {name: Recording.open(path) for name, path in made.items()}
    yield opened
    for recording in opened.values():
        recording.close()


def picked(recording: Recording, text: str, **options: object) -> list[int]:
    batches = filters.parse(text).select(recording, **options)  # type: ignore[arg-type]
    return [int(row) for batch in batches for row in batch]


def body(recording: Recording, row: int) -> dict[str, object]:
    decoded = json.loads(recording.frames(row)[-1])
    assert isinstance(decoded, dict)
    return decoded


Test = Callable[[Recording, Row], bool]


def is_into_the_inbox(recording: Recording, row: Row) -> bool:
    endpoint = recording.session.endpoints[int(recording.rows.endpoint[row.number])]
    return endpoint.role == "command inbox"


def delta_ns(recording: Recording, row: Row) -> int:
    return row.time_ns - int(recording.rows.time_ns[row.number - 1]) if row.number else 0


def value(recording: Recording, row: Row) -> object:
    return body(recording, row.number)["value"]


def has_small_value(recording: Recording, row: Row) -> bool:
    number = value(recording, row)
    return isinstance(number, int) and 1 <= number <= 9


def is_identify_of_b(_: Recording, row: Row) -> bool:
    return row.type == "identify" and row.sender == "b"


def announces_a_waiting_node(recording: Recording, row: Row) -> bool:
    return row.type == "announce" and b'"waiting"' in recording.frames(row.number)[-1]


def longest_delay(recording: Recording, row: Row) -> int:
    return max(copy.delay_ns for copy in recording.deliveries(row.number))


def connections(recording: Recording, row: Row) -> list[int]:
    return [copy.connection for copy in recording.deliveries(row.number)]


def sub_epoch(recording: Recording, row: Row) -> str:
    return recording.envelope(row.number).sub_epoch


ROW_TESTS: list[tuple[str, str, Test]] = [
    ("basic", "type:event", lambda _, row: row.type == "event"),
    ("basic", "type:event,stop", lambda _, row: row.type in ("event", "stop")),
    ("basic", "type:*ed", lambda _, row: row.type == "epoch_ended"),
    ("basic", "type:EVENT", lambda _, row: row.type == "event"),
    ("basic", "type!=event", lambda _, row: row.type != "event"),
    ("basic", "from:a", lambda _, row: row.sender == "a"),
    ("basic", "to:command", lambda _, row: "command" in row.receivers),
    ("basic", "to:?", lambda _, row: bool({"a", "b"} & set(row.receivers))),
    ("basic", 'to:"?"', lambda _, row: False),
    ("basic", "node:b", lambda _, row: row.sender == "b" or "b" in row.receivers),
    ("basic", "from:a !to:b", lambda _, row: row.sender == "a" and "b" not in row.receivers),
    ("basic", "size>150", lambda _, row: row.size > 150),
    ("basic", "size:..0.15k,300..", lambda _, row: row.size <= 150 or row.size >= 300),
    ("basic", "epoch:1", lambda _, row: row.epoch == 1),
    ("basic", "epoch:1..2", lambda _, row: 1 <= row.epoch <= 2),
    ("basic", "epoch<2", lambda _, row: 0 <= row.epoch < 2),
    ("basic", "epoch!=2", lambda _, row: row.epoch != 2),
    ("basic", "epoch:none", lambda _, row: row.epoch == -1),
    ("map", "epoch:0.*", lambda r, row: sub_epoch(r, row).startswith("0.")),
    ("map", "is:sub-epoch", lambda r, row: bool(sub_epoch(r, row))),
    ("basic", "row:3..5", lambda _, row: 3 <= row.number <= 5),
    ("basic", "id>=30", lambda _, row: row.number >= 30),
    ("basic", "conn:2", lambda r, row: 2 in connections(r, row)),
    ("map", "delay>=100us", lambda r, row: longest_delay(r, row) >= 100_000),
    ("basic", "endpoint:inbox", is_into_the_inbox),
    ("basic", "endpoint:0", lambda r, row: int(r.rows.endpoint[row.number]) == 0),
    ("basic", "time:<5ms", lambda r, row: row.time_ns - int(r.rows.time_ns[0]) < 5_000_000),
    ("basic", "delta>1ms", lambda r, row: delta_ns(r, row) > 1_000_000),
    ("error", "error", lambda _, row: row.type == "error"),
    ("error", "is:raw", lambda _, row: row.type == ""),
    ("basic", "body.value.epoch=1", lambda r, row: row.type in ("process", "event") and row.epoch == 1),
    ("basic", "body.type:ev*", lambda _, row: row.type == "event"),
    ("basic", "body.value.signal", lambda _, row: row.type == "event"),
    ("basic", 'body["node_id"]=command', lambda _, row: row.sender == "command"),
    ("basic", "body.value=null", lambda r, row: value(r, row) is None),
    ("basic", "body.value=1..9", has_small_value),
    ("basic", 'body.value.outbox~"/nodes/[b]/"', is_identify_of_b),
    ("basic", "body.value.nodes.*.status=waiting", announces_a_waiting_node),
    ("basic", "EPOCH_ENDED", lambda _, row: row.type == "epoch_ended"),
    ("basic", '~"epoch_e[n]ded"', lambda _, row: row.type == "epoch_ended"),
    ("basic", '~"EPOCH_ENDED"', lambda _, row: False),
    ("basic", "type:event|type:stop", lambda _, row: row.type in ("event", "stop")),
    ("basic", "!(type:event|type:stop) from:command",
     lambda _, row: row.type not in ("event", "stop") and row.sender == "command"),
    ("basic", "marked", lambda _, row: row.number == 3),
]  # fmt: skip


@pytest.mark.parametrize(("name", "text", "wanted"), ROW_TESTS, ids=[f"{n} {t}" for n, t, _ in ROW_TESTS])
def test_operator(recordings: dict[str, Recording], name: str, text: str, wanted: Test) -> None:
    recording = recordings[name]
    expected = [
        row.number
        for row in map(recording.rows.__getitem__, range(len(recording.rows)))
        if wanted(recording, row)
    ]
    assert picked(recording, text) == expected
    mask = filters.parse(text).rows(recording.rows)
    assert set(expected) <= set(np.flatnonzero(mask).tolist())
    if not filters.parse(text).needs_payload:
        assert np.flatnonzero(mask).tolist() == expected


def test_the_tests_above_tell_matching_from_not_matching(recordings: dict[str, Recording]) -> None:
    for name, text, wanted in ROW_TESTS:
        recording = recordings[name]
        found = sum(wanted(recording, recording.rows[row]) for row in range(len(recording.rows)))
        assert found < len(recording.rows), text
        assert found or text in ('to:"?"', "is:raw", '~"EPOCH_ENDED"'), text


POOL = [
    "type:event",
    "from:a",
    "epoch:1..2",
    "size>150",
    "body.value.epoch=1",
    "ended",
    "delay>=50us",
    "row:3..30",
    "epoch:0.*",
]


def joined(name: str, sign: str, one: tuple, two: tuple) -> tuple:  # type: ignore[type-arg]
    return f"(({one[0]}){sign}({two[0]}))", (name, one[1], two[1])


EXPRESSIONS = st.recursive(
    st.sampled_from(POOL).map(lambda text: (text, ("term", text))),
    lambda inner: st.one_of(
        inner.map(lambda one: (f"!({one[0]})", ("not", one[1]))),
        st.tuples(inner, inner).map(lambda two: joined("and", " ", *two)),
        st.tuples(inner, inner).map(lambda two: joined("or", "|", *two)),
    ),
    max_leaves=6,
)  # fmt: skip


def evaluate(tree: tuple, sets: dict[str, set[int]], everything: set[int]) -> set[int]:  # type: ignore[type-arg]
    match tree:
        case ("term", text):
            return sets[text]
        case ("not", part):
            return everything - evaluate(part, sets, everything)
        case ("and", one, two):
            return evaluate(one, sets, everything) & evaluate(two, sets, everything)
        case (_, one, two):
            return evaluate(one, sets, everything) | evaluate(two, sets, everything)
    raise AssertionError(tree)


@settings(max_examples=100, deadline=None)
@given(expression=EXPRESSIONS)
def test_and_or_not_are_those_of_sets(recordings: dict[str, Recording], expression: tuple) -> None:  # type: ignore[type-arg]
    recording = recordings["map"]
    everything = set(range(len(recording.rows)))
    sets = {text: set(picked(recording, text)) for text in POOL}
    text, tree = expression
    wanted = evaluate(tree, sets, everything)
    assert set(picked(recording, text)) == wanted
    assert wanted <= set(np.flatnonzero(filters.parse(text).rows(recording.rows)).tolist())


def test_a_stretch_of_rows_gives_the_same_as_the_whole(recordings: dict[str, Recording]) -> None:
    recording = recordings["map"]
    for text in (*POOL, "delta>1ms", "time:<5ms", "time:5ms..9ms"):
        whole = picked(recording, text)
        assert picked(recording, text, start=10, stop=40) == [row for row in whole if 10 <= row < 40], text
        filter = filters.parse(text)
        assert [row for row in range(len(recording.rows)) if filter.matches(recording, row)] == whole, text


def test_clock_times_are_local_unless_they_say_utc(recordings: dict[str, Recording]) -> None:
    recording = recordings["basic"]
    row = len(recording.rows) // 2
    time_ns = int(recording.rows.time_ns[row])
    utc = datetime.datetime.fromtimestamp(time_ns // 10**9, datetime.UTC)
    local = utc + datetime.timedelta(microseconds=utc_offset(time_ns) // 1000)
    for text in (
        f"time:{utc:%H:%M:%S}Z",
        f"time:{local:%H:%M:%S}",
        f"time:{utc:%Y-%m-%dT%H:%M:%S}Z",
        f"time:{local:%Y-%m-%dT%H:%M:%S}",
        f"time:{local:%Y-%m-%d}",
        f"time:{utc + datetime.timedelta(hours=1):%Y-%m-%dT%H:%M:%S}+01:00",
        f"time>={utc:%H:%M:%S}Z time<{utc + datetime.timedelta(seconds=1):%H:%M:%S}Z",
    ):
        assert row in picked(recording, text), text
    assert row not in picked(recording, f"time:{utc + datetime.timedelta(seconds=1):%H:%M:%S}Z")
    assert row not in picked(recording, f"time:..{utc:%Y-%m-%dT%H:%M:%S}Z")


def test_a_range_of_the_clock_may_pass_midnight(recordings: dict[str, Recording]) -> None:
    recording = recordings["basic"]
    moment = datetime.datetime.fromtimestamp(int(recording.rows.time_ns[0]) // 10**9, datetime.UTC)
    before, after = moment - datetime.timedelta(hours=1), moment - datetime.timedelta(hours=2)
    everything = list(range(len(recording.rows)))
    assert picked(recording, f"time:{before:%H:%M}Z..{after:%H:%M}Z") == everything
    assert picked(recording, f"time:{after:%H:%M}Z..{before:%H:%M}Z") == []


def test_words_are_not_found_in_the_noise_of_a_pickle(recordings: dict[str, Recording]) -> None:
    recording = recordings["pickle"]
    pickled = [row for row in range(len(recording.rows)) if b'"pck__' in recording.frames(row)[-1]]
    base64 = recording.frames(pickled[0])[-1].split(b'"pck__')[1][20:28].decode()
    assert picked(recording, filters.quote(base64)) == []
    # What the pickle says in plain text is found.
    assert set(pickled) <= set(picked(recording, "R1NODES"))


def test_an_error_is_found_by_the_text_in_its_pickle(recordings: dict[str, Recording]) -> None:
    recording = recordings["error"]
    (row,) = picked(recording, "type:error")
    assert picked(recording, "asyncio.gather") == [row]
    assert picked(recording, '~"site-packages.noob"') == [row]


def test_notes_beside_the_recording_count_as_marks(tmp_path: Path) -> None:
    path = record_sample(tmp_path / "run.mcap")
    Notes(path).set(7, mark=True, text="here")
    with Recording.open(path) as recording:
        assert picked(recording, "marked") == [7]


def test_a_scan_can_be_cancelled_and_tells_its_progress(recordings: dict[str, Recording]) -> None:
    recording = recordings["map"]
    asked = 0

    def cancel() -> bool:
        nonlocal asked
        asked += 1
        return asked > 20

    assert picked(recording, "event", cancel=cancel) == []
    assert asked < 30
    told: list[int] = []
    picked(recording, "event", progress=told.append)
    assert told == sorted(told)
    assert told[-1] == len(recording.rows)


def test_payload_terms_read_only_what_the_columns_leave_open(
    recordings: dict[str, Recording], monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = recordings["basic"]
    read: list[int] = []
    original = recording.frames
    monkeypatch.setattr(recording, "frames", lambda row: (read.append(row), original(row))[1])
    picked(recording, "type:stop|from:a boom")
    assert sorted(set(read)) == picked(recording, "from:a !type:stop")


def test_explain_counts_what_each_part_lets_through(recordings: dict[str, Recording]) -> None:
    recording = recordings["basic"]
    counts = filters.parse("type:event (from:a | from:b) boom").explain(recording)
    assert [(count.text, count.exact) for count in counts] == [
        ("type:event", True),
        ("(from:a | from:b)", True),
        ("boom", False),
    ]
    assert counts[0].matching == len(picked(recording, "type:event"))


def test_names_that_never_occur_are_pointed_out(recordings: dict[str, Recording]) -> None:
    (unseen,) = filters.parse("type:evnt from:a").unseen(recordings["basic"])
    assert unseen.name == "evnt"
    assert unseen.term == "type:evnt"
    assert "event" in unseen.suggestions


@pytest.mark.parametrize(
    "text", ["delay>=100us", "delay<1us", "delay:50us..100us", "delay=0us", "!delay>0us"]
)
@pytest.mark.parametrize("name", ["map", "basic"])
def test_delays_of_many_rows_are_those_of_each(
    recordings: dict[str, Recording], monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    one_by_one = picked(recordings[name], text)
    monkeypatch.setattr(times, "FEW_ROWS", 0)
    assert picked(recordings[name], text) == one_by_one
    assert one_by_one or name == "basic"
