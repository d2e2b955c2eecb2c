"""Recorded messages made to fit a peer: untouched where they fit, else accepted by the real noob."""

import json
from collections import Counter
from typing import Any

import pytest
from noob.network.message import Message as NoobMessage
from noob.types import Epoch as NoobEpoch

from recordings.replay.errors import ReplayError
from recordings.replay.rewriting import Rewriter, release_of
from recordings.replay.trust import unsafe_pickle
from tests.support_samples import samples

EVENT_ID = (0x9F3A0001 << 32) ^ 7
WORK = ("process", "start", "stop", "event", "epoch_ended", "error", "init")


def event(epoch: Any, node: str = "b", value: Any = 1) -> tuple[bytes, ...]:
    one = {
        "id": EVENT_ID,
        "timestamp": "2026-01-01T00:00:00+00:00",
        "node_id": node,
        "signal": "out",
        "epoch": epoch,
        "value": value,
    }
    body = {"type": "event", "node_id": node, "timestamp": "2026-01-01T00:00:00Z", "value": [one]}
    return b"event", json.dumps(body).encode()


def decoded(frames: tuple[bytes, ...]) -> Any:
    return json.loads(frames[-1])


def test_what_fits_is_sent_byte_for_byte() -> None:
    assert Rewriter().frames(event([5, ["m", 2]])) == event([5, ["m", 2]])
    for sample in samples():
        if sample.file == "noob-1003.0.0":
            assert Rewriter().frames(sample.frames) == tuple(sample.frames)


def test_names_and_epochs_change_everywhere() -> None:
    rewriter = Rewriter({"b": "cam1", "m": "split"}, shift=-3)
    new = decoded(rewriter.frames(event([5, ["m", 2]], "b")))
    assert new["node_id"] == "cam1"
    assert new["value"][0]["node_id"] == "cam1"
    assert new["value"][0]["epoch"] == [2, ["split", 2]]
    assert new["value"][0]["id"] == EVENT_ID
    ended = (b"epoch_ended", b'{"type":"epoch_ended","node_id":"command","value":5}')
    assert decoded(rewriter.frames(ended))["value"] == 2
    process = (b"process", b'{"type":"process","node_id":"command","value":{"epoch":5,"input":{"x":1}}}')
    assert decoded(rewriter.frames(process))["value"] == {"epoch": 2, "input": {"x": 1}}
    assert rewriter.identity({"node_id": "b", "subscribed_to": ["m", "x"], "subscribers": ["b"]}) == {
        "node_id": "cam1",
        "subscribed_to": ["split", "x"],
        "subscribers": ["cam1"],
    }


def test_numbers_survive_exactly() -> None:
    value = {"pi": 3.141592653589793, "big": 2**200, "nan": float("nan"), "text": "ü\ud800"}
    new = Rewriter(shift=1).frames(event(1, value=value))
    assert repr(decoded(new)["value"][0]["value"]) == repr(value)


def test_messages_of_older_releases_are_accepted_by_the_installed_noob() -> None:
    """noob's own decoder is the judge; it refuses many of the originals."""
    rewritten: Counter[tuple[str, str]] = Counter()
    refused_before = 0
    signals = {"a": ["value"], "b": ["value"], "g": ["value"], "m": ["value", "n"]}
    for sample in samples():
        original = json.loads(sample.frames[-1])
        if original["type"] not in WORK:
            continue
        try:
            NoobMessage.from_bytes(sample.frames)
        except Exception:  # pydantic's, or whatever its unpickling raises
            refused_before += 1
        if original["type"] == "event" and any(isinstance(one, str) for one in original["value"]):
            with pytest.raises(ReplayError, match=r"0\.0\.9 pickled a whole event"):
                Rewriter().frames(sample.frames)
            continue
        new = Rewriter(signals=signals).frames(sample.frames)
        if unsafe_pickle(new):
            continue  # noob would look for the module it names
        message = NoobMessage.from_bytes(list(new))
        rewritten[sample.file, original["type"]] += 1
        if original["type"] == "event":
            for noob_event in message.value:
                assert isinstance(noob_event["epoch"], NoobEpoch)
                assert noob_event["signal"] != "__META__"
    assert refused_before > 20
    assert {file for file, _ in rewritten} >= {"noob-0.0.99999999", "noob-1000.0.0", "noob-1001.0.0"}


def test_today_s_messages_in_the_words_of_noob_1001() -> None:
    rewriter = Rewriter(release="1001")
    assert decoded(rewriter.frames(event(5)))["value"][0]["epoch"] == [["tube", 5]]
    nested = rewriter.frames(event([5, ["m", 2]]))
    assert decoded(nested)["value"][0]["epoch"] == [["tube", 5], ["m", 2]]
    process = (b"process", b'{"type":"process","node_id":"command","value":{"epoch":5,"input":null}}')
    assert decoded(rewriter.frames(process))["value"]["epoch"] == [["tube", 5]]
    ended = (b"epoch_ended", b'{"type":"epoch_ended","node_id":"command","value":5}')
    assert decoded(rewriter.frames(ended))["value"] == [["tube", 5]]


@pytest.mark.parametrize(
    ("version", "release"),
    [("1003.0.2", "1003"), ("1005.1.0", "1003"), ("1002.0.0", "1002"), ("1001.3.1", "1001")],
)
def test_versions_and_their_wire(version: str, release: str) -> None:
    assert release_of(version) == release


@pytest.mark.parametrize("version", ["0.0.99999999", "main"])
def test_versions_that_cannot_be_replayed_to(version: str) -> None:
    with pytest.raises(ReplayError):
        release_of(version)
