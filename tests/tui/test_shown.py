"""Which rows are on display: filters over columns, scans over payloads, marks, and rows that come in."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordings.filters import parse
from recordings.recording import Recording
from tests.support_recordings import Tube
from tui import shown as shown_module
from tui.shown import Numbers, Shown


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def settled(shown: Shown) -> bool:
    shown.update()
    return shown.progress is None


def test_numbers_grow_and_are_cut():
    numbers = Numbers()
    numbers.extend(np.arange(5_000, dtype=np.uint32))
    numbers.extend(np.arange(3, dtype=np.uint32))
    assert len(numbers) == 5_003
    numbers.cut(10)
    assert numbers.array.tolist() == list(range(10))


@given(st.lists(st.integers(0, 500), unique=True), st.integers(1, 9))
def test_numbers_are_merged_in_any_order(rows: list[int], batch: int):
    numbers = Numbers()
    batches = [np.array(sorted(rows[at : at + batch]), dtype=np.uint32) for at in range(0, len(rows), batch)]
    for at in range(0, len(batches), 3):
        numbers.merge(batches[at : at + 3])
        assert numbers.array.tolist() == sorted(rows[: (at + 3) * batch])
    numbers.extend(np.array([501], dtype=np.uint32))
    assert numbers.array.tolist() == [*sorted(rows), 501]


@pytest.mark.parametrize(
    ("options", "order"),
    [
        ({"newest_first": True}, lambda row, rows: -row),
        ({"first": 40}, lambda row, rows: (row - 40) % rows),
    ],
)
def test_a_payload_filter_begins_where_one_looks(
    recording: Recording,
    monkeypatch: pytest.MonkeyPatch,
    options: dict[str, Any],
    order: Callable[[int, int], int],
):
    monkeypatch.setattr("tui.scan.BLOCK_ROWS", 1)
    filter, tested = parse("timestamp"), []
    select = type(filter).select

    def watched(self: Any, recording: Recording, start: int, stop: int, cancel: Any) -> Any:
        tested.append(start)
        return select(self, recording, start, stop, cancel)

    monkeypatch.setattr(type(filter), "select", watched)
    shown = Shown(recording)
    shown.update()
    shown.set_filter(filter, **options)
    until(lambda: settled(shown))
    rows = len(recording.rows)
    assert tested == sorted(range(rows), key=lambda row: order(row, rows))
    numbers = shown.numbers().tolist()
    assert numbers == sorted(set(numbers))
    assert len(numbers) > 40


def test_without_filter_lines_are_rows(recording: Recording):
    shown = Shown(recording)
    shown.update()
    assert len(shown) == len(recording.rows)
    assert shown.row(7) == 7
    assert shown.index(7) == 7
    assert not shown.narrowed


def test_a_header_filter_answers_at_once(recording: Recording):
    shown = Shown(recording)
    shown.update()
    shown.set_filter(parse("type:error"))
    assert [recording.rows[shown.row(line)].type for line in range(len(shown))] == ["error"]
    assert shown.narrowed
    assert shown.has(shown.row(0))
    assert not shown.has(0)
    shown.set_filter(parse(""))
    assert len(shown) == len(recording.rows)


def test_a_payload_filter_comes_in_bit_by_bit(recording: Recording):
    shown = Shown(recording)
    shown.update()
    shown.set_filter(parse('"index"'))
    until(lambda: settled(shown))
    assert len(shown) == 20
    assert shown.numbers().tolist() == sorted(shown.numbers().tolist())
    assert all(b'"index"' in recording.frames(row)[-1] for row in shown.numbers().tolist())
    shown.close()


def test_only_marked_rows_that_pass_the_filter(recording: Recording):
    shown = Shown(recording)
    shown.update()
    errors = [line for line in range(len(recording.rows)) if recording.rows[line].type == "error"]
    shown.only([0, 3, *errors])
    assert shown.numbers().tolist() == [0, 3, *errors]
    shown.set_filter(parse("type:error"))
    shown.only([0, 3, *errors])
    assert shown.numbers().tolist() == errors
    shown.only(None)
    assert len(shown) == len(errors)


def test_rows_that_come_later_are_filtered_too(tmp_path: Path):
    tube = Tube(tmp_path / "live.mcap")
    tube.start()
    tube.epoch(0)
    tube.writer.flush()
    with Recording.open(tube.path, follow=True) as recording:
        shown = Shown(recording)
        shown.update()
        shown.set_filter(parse("type:event from:a"))
        scanned = Shown(recording)
        scanned.update()
        scanned.set_filter(parse("index"))
        assert len(shown) == 1
        for number in range(1, 4):
            tube.epoch(number)
        tube.writer.flush()
        until(lambda: recording.refresh() or len(recording.rows) == tube.writer.messages)
        shown.update()
        assert len(shown) == 4
        until(lambda: settled(scanned) and len(scanned) == 4)
        scanned.close()
    tube.writer.close()


def test_a_receiver_that_becomes_known_later_changes_the_newest_rows(tmp_path: Path):
    tube = Tube(tmp_path / "live.mcap")
    tube.start()
    message = tube.event("a", 1, 1, delays_ms={"c": None})
    tube.writer.flush()
    with Recording.open(tube.path, follow=True) as recording:
        shown = Shown(recording)
        shown.update()
        shown.set_filter(parse("to:c type:event"))
        assert len(shown) == 0
        tube.writer.delivered(tube.connections[("c", "a")], message, tube.now_ns)
        tube.writer.flush()
        until(recording.refresh)
        shown.update()
        assert shown.numbers().tolist() == [message]
    tube.writer.close()


def test_settled_rows_are_not_tested_again(big: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(shown_module, "UNSETTLED_ROWS", 100)
    with Recording.open(big) as recording:
        shown = Shown(recording)
        shown.update()
        shown.set_filter(parse("type:event"))
        before = len(shown)
        asked: list[int] = []
        assert shown.filter is not None
        rows = shown.filter.rows

        def counting(columns: object, start: int, stop: int, **options: object) -> object:
            asked.append(stop - start)
            return rows(recording.rows, start, stop, recording=recording)

        monkeypatch.setattr(
            type(shown.filter), "rows", lambda self, *given, **options: counting(*given, **options)
        )
        shown.update()
        assert asked == [100]
        assert len(shown) == before


def test_closing_ends_the_scan(big: Path):
    with Recording.open(big) as recording:
        shown = Shown(recording)
        shown.update()
        shown.set_filter(parse('"not there"'))
        scan = shown._scan
        assert scan is not None
        shown.close()
        scan.join(20)
        assert scan.scanned <= scan.total
