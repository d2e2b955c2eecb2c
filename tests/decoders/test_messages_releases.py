"""What each noob release wrote, type by type: read into the same classes, told apart, accepted by today's."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from noob.network import message as noob

from decoders import messages, registry
from decoders.envelope import read_envelope
from decoders.epochs import Epoch
from decoders.event_values import MetaSignal
from decoders.messages import ErrorMsg, EventMsg, Message
from decoders.pickled import PickledValue
from decoders.shapes import RELEASES
from decoders.summary import summarize
from tests.support_noob_messages import NOW

FOLDER = Path(__file__).parent.parent / "data" / "noob-messages"


class Sent(NamedTuple):
    """A message as a release wrote it; `release` is the one of `RELEASES` that it counts as."""

    release: str
    name: str
    payload: bytes


def sent() -> Iterator[Sent]:
    for path in sorted(FOLDER.glob("*.jsonl")):
        number = path.stem.removeprefix("noob-").split(".")[0]
        for line in path.read_text().splitlines():
            entry = json.loads(line)
            release = "0.0.9" if number == "0" else number
            yield Sent(release, entry["class"], base64.b64decode(entry["payload"]))


ALL = list(sent())
KINDS = {name for name in messages.__all__ if name.endswith("Msg")}
SINCE_1000 = {"PingMsg", "InitMsg", "DeinitMsg", "EpochEndedMsg"}


@pytest.mark.parametrize("release", RELEASES)
def test_every_type_of_every_release_is_there(release: str) -> None:
    there = {one.name for one in ALL if one.release == release}
    missing = (SINCE_1000 if release == "0.0.9" else set()) | (set() if release == "1003" else {"SpecMsg"})
    assert there == KINDS - missing


def test_all_are_read_and_none_is_changed() -> None:
    for release, name, payload in ALL:
        message = Message.from_bytes([payload])
        assert type(message).__name__ == name
        assert message.problems == ()
        assert message.timestamp == NOW
        assert release in message.shape.releases, (payload, str(message.shape))
        assert message.to_bytes() == payload
        assert read_envelope([payload]).problem == ""
        assert summarize([payload]) or message.type_ in (
            "ping",
            "init",
            "deinit",
            "stop",
            "process",
            "epoch_ended",
        )
        assert registry.decode([payload]).problem == ""


def test_values_are_the_same_whatever_the_release() -> None:
    """What the releases write differently comes out equal, the fields that are new in one aside."""
    by_release: dict[str, list[tuple[str, Any]]] = {release: [] for release in RELEASES}
    for release, name, payload in ALL:
        value: Any = Message.from_bytes([payload]).value
        match name:
            case "EventMsg":
                value = [
                    event | {"id": 0, "epoch": event["epoch"].root} for event in value if type(event) is dict
                ]
            case "EpochEndedMsg":
                assert isinstance(value, Epoch)
            case "ErrorMsg":
                value = value["err_type"], value["err_args"]
            case "IdentifyMsg":
                value = {key: value[key] for key in ("node_id", "outbox", "status", "signals", "slots")}
            case "AnnounceMsg":
                value = sorted(value["nodes"])
        by_release[release].append((name, value))
    for name in KINDS - SINCE_1000 - {"SpecMsg", "ProcessMsg", "StartMsg"}:
        newest = _shown(by_release["1003"], name)
        for release in RELEASES[1:]:
            assert _shown(by_release[release], name) <= newest, (release, name)
        assert _shown(by_release["0.0.9"], name) & newest


def _shown(values: list[tuple[str, Any]], name: str) -> set[str]:
    return {repr(_without_pickles(value)) for kind, value in values if kind == name}


def _without_pickles(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_pickles(one) for one in value]
    if isinstance(value, dict):
        return {key: _without_pickles(one) for key, one in value.items() if key != "epoch"}
    return "a pickle" if isinstance(value, PickledValue) else value


@pytest.mark.parametrize("release", RELEASES)
def test_the_release_is_told_where_it_shows(release: str) -> None:
    shapes = {
        name: {
            str(Message.from_bytes([one.payload]).shape)
            for one in ALL
            if (one.release, one.name) == (release, name)
        }
        for name in ("EventMsg", "ErrorMsg", "ProcessMsg", "IdentifyMsg")
    }
    assert (
        shapes
        == {
            "0.0.9": {
                "EventMsg": {"0.0.9"},
                "ErrorMsg": {"0.0.9"},
                "ProcessMsg": {"0.0.9"},
                "IdentifyMsg": {"up to 1002"},
            },
            "1000": {
                "EventMsg": {"1000"},
                "ErrorMsg": {"1000 or later"},
                "ProcessMsg": {"1000 to 1001"},
                "IdentifyMsg": {"up to 1002"},
            },
            "1001": {
                "EventMsg": {"1001"},
                "ErrorMsg": {"1000 or later"},
                "ProcessMsg": {"1000 to 1001"},
                "IdentifyMsg": {"up to 1002"},
            },
            "1002": {
                "EventMsg": {"1002 or later"},
                "ErrorMsg": {"1000 or later"},
                "ProcessMsg": {"1002 or later"},
                "IdentifyMsg": {"up to 1002"},
            },
            "1003": {
                "EventMsg": {"1002 or later", "1003 or later"},
                "ErrorMsg": {"1000 or later"},
                "ProcessMsg": {"1002 or later", "1003 or later"},
                "IdentifyMsg": {"1003 or later"},
            },
        }[release]
    )


def test_todays_noob_accepts_all_of_them_once_edited() -> None:
    for _, name, payload in ALL:
        message = Message.from_bytes([payload])
        message.node_id = "edited"
        theirs = noob.Message.from_bytes([message.to_bytes()])
        assert (type(theirs).__name__, theirs.node_id) == (name, "edited")
        assert theirs.timestamp == NOW
        if isinstance(message, ErrorMsg):
            error: Any = theirs.value
            assert (error["err_type"], error["err_args"]) == (KeyError, ("k", 1))
        if isinstance(message, EventMsg):
            for ours, event in zip(message.value, theirs.value, strict=True):
                assert event["id"] == ours["id"]
                assert event["timestamp"] == ours["timestamp"]
                assert str(ours["epoch"].root) in str(event["epoch"])
                assert (ours["value"] is MetaSignal.NoEvent) == (
                    getattr(event["value"], "name", "") == "NoEvent"
                )
