"""The tube's own account of what each of its connections carried, with tubetap and without.

Written by a hook inside the program (`programs/transcribe.py`), so that tubetap is not its own witness.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support_proxy import SMALL_TUBE, Place, Transcript, answer, sent, transcript, without_times

EPOCHS = 12

Frames = tuple[bytes, ...]


@pytest.fixture(scope="module", params=[(), ("--free-run",)], ids=["process", "free-run"])
def folders(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The tube run both ways, in the same folders; where the transcripts are."""
    options: tuple[str, ...] = request.param
    tmp_path = tmp_path_factory.mktemp("tube")
    place = Place.make(tmp_path)
    program = [sys.executable, SMALL_TUBE, "--epochs", str(EPOCHS), *options]
    folders, printed = {}, {}
    for way, run in (("direct", place.run), ("tapped", place.tap)):
        folders[way] = tmp_path / way
        folders[way].mkdir()
        done = run(program, env={"TRANSCRIPTS": str(folders[way])})
        assert done.returncode == 0, done.stderr
        printed[way] = answer(done.stdout)["results"]
    assert printed["tapped"] == printed["direct"] == [{"total": 3 * n} for n in range(EPOCHS)]
    assert not place.leftovers()
    return folders


def by_type(messages: list[Frames], runner: str) -> dict[str, list[tuple[Any, ...]]]:
    """A connection's messages of each type, in order, without times, ids and the runner's name."""
    found: dict[str, list[tuple[Any, ...]]] = {}
    for frames in messages:
        kind = json.loads(frames[-1])["type"]
        found.setdefault(kind, []).append(without_times(frames, runner))
    return found


def runner_of(found: Transcript) -> str:
    """The id that noob gave the runner: it stands in every address."""
    addresses = {
        json.loads(frames[-1])["value"]["inbox"]
        for messages in found.values()
        for frames in messages
        if json.loads(frames[-1])["type"] == "announce"
    }
    (inbox,) = addresses
    match = re.search(r"/([^/]+)/command/inbox\Z", inbox)
    assert match is not None
    return match[1]


def without_status(message: tuple[Any, ...]) -> tuple[Any, ...]:
    """An identify or announce without the states of the nodes in it."""
    return (*message[:-1], re.sub(r'"status": "\w+"', '"status": "?"', message[-1]))


def fullest(messages: list[tuple[Any, ...]]) -> tuple[Any, ...]:
    """The identify or announce that knows of most subscribers, and of several the last.

    While the nodes start these become more; as they are ended they become fewer, for who is still there to
    say so.
    """

    def subscribers(message: tuple[Any, ...]) -> int:
        value = json.loads(message[-1])["value"]
        nodes = value["nodes"].values() if "nodes" in value else [value]
        return sum(len(node["subscribers"]) for node in nodes)

    return without_status(max(reversed(messages), key=subscribers))


def state_reached(found: dict[str, list[tuple[Any, ...]]]) -> str:
    """The last state that a node told before its end, be it as a status or on identifying itself."""
    told = [json.loads(message[-1])["value"] for message in (*found["identify"], *found.get("status", ()))]
    states = [value if isinstance(value, str) else value["status"] for value in told]
    return [state for state in states if state not in ("stopped", "closed")][-1]


def test_each_connection_carries_the_same_with_and_without_tubetap(
    folders: dict[str, Path], request: pytest.FixtureRequest
) -> None:
    """Same connections, same messages, same order.

    How often the nodes identify themselves, are announced and tell their state while they start depends on
    who is quicker, with tubetap or without; two direct runs differ in that. So these are compared by what
    they come to: the fullest identify and announce (who listens to whom), and the last state.
    A run ends when the results are there, and its nodes by a signal: how far what comes after the results
    still gets (`epoch_ended`, `stop`, `deinit`, the states of ending, in free run events of further epochs
    that were asked for) is a matter of time as well, so there one side may have less of the same.
    """
    direct, tapped = transcript(folders["direct"]), transcript(folders["tapped"])
    assert set(direct) == set(tapped)
    assert len(direct) == 16  # four nodes to and from the command node, to its router, and four edges
    exact = {"event", "process"} if "process" in request.node.name else set()
    late = {"epoch_ended", "stop", "deinit"} | {"event", "start"} - exact
    for connection in direct:
        ours = by_type(tapped[connection], runner_of(tapped))
        theirs = by_type(direct[connection], runner_of(direct))
        either_way = {"status", "epoch_ended", "stop", "deinit"}
        assert set(ours) - either_way == set(theirs) - either_way, connection
        if "identify" in theirs:
            assert state_reached(ours) == state_reached(theirs), connection
        for kind, messages in theirs.items():
            if kind in exact:
                assert ours[kind] == messages, (connection, kind)
            elif kind in late:
                both = min(len(messages), len(ours.get(kind, ())))
                assert both >= {"event": EPOCHS, "start": 1}.get(kind, 0), (connection, kind)
                assert ours.get(kind, [])[:both] == messages[:both], (connection, kind)
            elif kind in ("identify", "announce"):
                assert fullest(ours[kind]) == fullest(messages), (connection, kind)
            elif kind != "status":
                pytest.fail(f"a type that this test does not know: {kind}")


@pytest.mark.parametrize("way", ["direct", "tapped"])
def test_what_arrives_on_a_connection_is_what_was_sent(folders: dict[str, Path], way: str) -> None:
    """All types, every byte, the same order: what a subscriber got is an unbroken part of what the publisher
    sent, and what the router got from a node is the beginning of what that node sent.

    Before it, a subscriber was not yet there; after it, it was being ended. The same holds without tubetap:
    if not, this test would ask too much.
    """
    folder = folders[way]
    outgoing = sent(folder)
    for (receiver, kind, sender), messages in transcript(folder).items():
        if kind == "ROUTER":
            routing_id = sender.encode()
            assert (
                messages == [(routing_id, *frames) for frames in outgoing[sender, "DEALER"]][: len(messages)]
            )
            continue
        published = outgoing[sender, "XPUB"]
        start = published.index(messages[0])
        assert published[start : start + len(messages)] == messages, (receiver, sender)
        events = [frames for frames in published if json.loads(frames[-1])["type"] in ("event", "process")]
        assert set(events[:EPOCHS]) <= set(messages), (receiver, sender)
