"""What looking at a message costs, beside what else reads it: ratios only, as machines differ."""

import base64
import json
import pickle
import timeit
from collections.abc import Callable

import numpy as np
import pytest

from benchmarks import decoders as benchmark
from decoders.messages import Message
from decoders.summary import summarize

FRAME = base64.b64encode(pickle.dumps(np.zeros((480, 640, 3), np.uint8)))
CAMERA = [
    b"event",
    b'{"type":"event","node_id":"a","timestamp":"2026-11-25T01:42:41.409466Z","value":[{"id":1,"timestamp":'
    b'"2026-11-25T01:42:41.409286+00:00","node_id":"a","signal":"frame","epoch":41,"value":"pck__%b"}]}'
    % FRAME,
]


def best(run: Callable[[], object]) -> float:
    return min(timeit.repeat(run, number=1, repeat=15))


def test_the_benchmark_shows_all_readers_and_judges_the_envelope() -> None:
    rows = benchmark.run(quick=True)
    figures = {(row.case, row.figure) for row in rows}
    for case in (
        "tubetap, envelope",
        "json.loads",
        "noob's decoder",
        "pydantic, our model",
        "noob's models alone",
    ):
        assert {(case, "200 B, µs"), (case, "1.2 MB, µs")} <= figures
    assert [goal.text for goal in benchmark.goals(rows)][:2] == [
        "the envelope of a 200-byte message takes less than 1.5 µs",
        "the envelope of a camera frame takes at most twice that",
    ]


def test_a_typed_camera_frame_costs_little_more_than_its_json() -> None:
    """The one pass over the frame is the JSON reader's: its pickle is not looked at."""
    assert best(lambda: Message.from_bytes(CAMERA)) < 3 * best(lambda: json.loads(CAMERA[-1]))


def test_opening_a_camera_frame_costs_less_than_decoding_its_base64_twice() -> None:
    message = Message.from_bytes(CAMERA)
    value = message.value[0]["value"]
    assert best(value.read) < 2 * best(lambda: base64.b64decode(FRAME))


@pytest.mark.parametrize("size", [70_000, 7_000_000])
def test_a_summary_looks_at_the_head(size: int) -> None:
    payload = CAMERA[-1].replace(b"pck__" + FRAME, b"x" * size)
    json.loads(payload)
    assert best(lambda: summarize([payload])) < best(lambda: json.loads(payload))
