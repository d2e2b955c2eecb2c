"""noob's handshake from both sides, without a socket: what comes in, what must go out."""

import json
from typing import Any

from recordings.replay.handshake import (
    COMMAND,
    Action,
    CommandRole,
    Connect,
    NodeRole,
    Publish,
    Report,
    identity,
    subscriber_of,
)


def said(action: Action) -> dict[str, Any]:
    assert isinstance(action, Publish | Report)
    message: dict[str, Any] = json.loads(action.frames[-1] if isinstance(action, Publish) else action.payload)
    return message


def identify(status: str, subscribers: list[str] | None, **more: Any) -> dict[str, Any]:
    value = {
        "node_id": "b",
        "outbox": "ipc://b",
        "status": status,
        "signals": ["out"],
        "slots": ["x"],
        **more,
    }
    if subscribers is not None:
        value |= {"subscribed_to": ["a"], "subscribers": subscribers}
    return {"type": "identify", "node_id": "b", "value": value}


def test_the_command_node_s_part() -> None:
    role = CommandRole("b", "ipc://out", "ipc://in", {"a": identity("a", {"signals": ["index"]})})
    assert role.waiting_for() == "node runner b to identify itself"
    connect, announce = role.reported(identify("waiting", []))
    assert connect == Connect("ipc://b")
    nodes = said(announce)["value"]["nodes"]
    assert nodes["a"]["outbox"] == "ipc://out"
    assert nodes["a"]["subscribers"] == []
    assert "subscribe" in role.waiting_for()
    assert role.subscription(b"\x01") == []
    # Only when the node is known to listen is it told so: it becomes ready by that.
    (announce,) = role.subscription(b"\x01__subscriber__:b")
    assert said(announce)["value"]["nodes"]["a"]["subscribers"] == ["b"]
    assert said(announce)["value"]["inbox"] == "ipc://in"
    role.reported({"type": "status", "node_id": "b", "value": "ready"})
    assert not role.ready  # it may not hear us yet: our own subscription is not confirmed
    assert "notice our subscription" in role.waiting_for()
    role.reported(identify("ready", [COMMAND]))
    assert role.ready


def test_other_nodes_are_not_mistaken_for_ours() -> None:
    role = CommandRole("b", "ipc://out", "ipc://in", {})
    assert role.reported({"type": "identify", "node_id": "x", "value": {"outbox": "ipc://x"}}) == []
    assert role.subscription(b"\x01__subscriber__:x") == []
    assert role.identify is None
    assert not role.named


def test_a_node_from_before_1003_tells_less() -> None:
    role = CommandRole("b", "ipc://out", "ipc://in", {"a": identity("a")})
    role.reported(identify("ready", None))
    assert not role.ready
    role.subscription(b"\x01")
    assert role.ready


def test_a_new_dependency_is_announced_though_nothing_is_recorded_of_it() -> None:
    role = CommandRole("b", "ipc://out", "ipc://in", {"a": identity("a")})
    actions = role.reported(identify("waiting", [], subscribed_to=["a", "z"]) | {})
    role.reported(
        {
            "type": "identify",
            "node_id": "b",
            "value": {"outbox": "o", "subscribed_to": ["z"], "subscribers": []},
        }
    )
    assert "z" in role.upstream
    assert actions


def test_a_node_s_part() -> None:
    role = NodeRole("b", dict(identity("b", {"subscribed_to": ["a"]}), outbox="ipc://b"), frozenset({"b"}))
    (first,) = role.begin()
    assert said(first)["value"]["status"] == "waiting"
    assert "notice the subscription of b" in role.waiting_for()
    announced: dict[str, Any] = {"a": dict(identity("a"), outbox="ipc://a")}
    announce = {"type": "announce", "value": {"inbox": "", "nodes": announced}}
    assert role.commanded(announce) == [Connect("ipc://a")]
    assert role.commanded(announce) == []
    announced["a"]["subscribers"] = ["b"]
    (ready,) = role.commanded(announce)
    assert said(ready) == said(ready) | {"type": "status", "node_id": "b", "value": "ready"}
    assert role.waiting_for() == "the command node to subscribe to b"
    (again,) = role.subscription(b"\x01__subscriber__:command")
    assert said(again)["value"]["subscribers"] == ["command"]
    assert role.subscription(b"\x01__subscriber__:command") == []
    assert role.waiting_for() == ""
    assert said(role.commanded({"type": "ping"})[0])["type"] == "identify"
    (gone,) = role.subscription(b"\x00__subscriber__:command")
    assert said(gone)["value"]["subscribers"] == []


def test_a_command_node_that_is_out_of_step_is_told_again() -> None:
    role = NodeRole("b", identity("b"), frozenset({"b"}))
    assert role.status == "ready"
    nodes = {"b": dict(identity("b"), status="waiting")}
    (status,) = role.commanded({"type": "announce", "value": {"nodes": nodes}})
    assert said(status)["value"] == "ready"
    assert said(role.commanded({"type": "start"})[0])["value"] == "running"
    assert said(role.commanded({"type": "stop"})[0])["value"] == "stopped"
    assert said(role.commanded({"type": "deinit"})[0])["value"] == "closed"


def test_played_upstream_nodes_need_no_wire() -> None:
    role = NodeRole("c", identity("c", {"subscribed_to": ["a", "b"]}), frozenset({"a", "b", "c"}))
    assert role.status == "ready"


def test_strange_announcements_and_subscriptions_do_no_harm() -> None:
    role = NodeRole("b", identity("b", {"subscribed_to": ["a"]}), frozenset({"b"}))
    for value in (None, [], {"nodes": []}, {"nodes": {"a": 7}}, {"nodes": {"a": {"outbox": 7}}}):
        assert all(
            not isinstance(action, Connect) for action in role.commanded({"type": "announce", "value": value})
        )
    assert role.subscription(b"") == []
    assert subscriber_of(b"\x02__subscriber__:x") is None
    assert subscriber_of(b"\x01__subscriber__:\xff") == (True, "\ufffd")
