"""Messages of every type as noob itself writes them, made by any release of it.

Run by a Python that has the release, this writes them as JSON Lines; tests/data/noob-messages holds such
files of all releases that changed the wire format:

    python -m tests.support_noob_messages > tests/data/noob-messages/noob-1000.0.0.jsonl
"""

from __future__ import annotations

import base64
import datetime
import fractions
import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = datetime.datetime(2026, 11, 25, 1, 42, 41, 409286, datetime.timezone.utc)  # noqa: UP017
ID = 0x9F3A_0001_0000_002A
"""Of 64 bits, as since 1001; before, ids had up to 128."""


def values(event: Any) -> list[Any]:
    """What events can carry."""
    import numpy as np

    plain = [1, 2.5, "text é", None, True, [1, [2]], {"a": {"b": 1}}]
    pickled = [
        np.arange(6).reshape(2, 3),
        fractions.Fraction(1, 3),
        (1, 2),
        b"bytes",
        {1, 2},
        datetime.timedelta(1),
    ]
    return [*plain, *pickled, *event.MetaSignal]


def made(release: str) -> Iterator[tuple[str, Any]]:
    """Yield the class and the message of every type, in the forms that this release has."""
    from noob import event
    from noob.network import message

    number = int(release.split(".")[0])
    statuses = list(message.NodeStatus)
    identity: dict[str, Any] = {
        "node_id": "a",
        "outbox": "ipc:///x",
        "status": statuses[0],
        "signals": ["s"],
        "slots": None,
    }
    if number >= 1003:
        identity.update(subscribed_to=["b"], subscribers=["command"])
    yield "IdentifyMsg", identity
    yield "AnnounceMsg", {"inbox": "ipc:///y", "nodes": {"a": identity, "b": identity}}
    for status in statuses:
        yield "StatusMsg", status
    yield "StopMsg", None
    yield "StartMsg", None
    epochs: list[Any] = [3]
    if number < 1000:
        yield "ProcessMsg", None
        yield "ErrorMsg", KeyError("k", 1)
    else:
        from noob.types import Epoch

        epochs = [Epoch(5), Epoch(5) / ("m", 2), Epoch(5) / ("m", 2) / ("n", 1)]
        for name in ("PingMsg", "InitMsg", "DeinitMsg"):
            yield name, None
        yield "StartMsg", 3
        for epoch in epochs:
            yield "EpochEndedMsg", epoch
            yield "ProcessMsg", {"epoch": epoch, "input": None}
            yield "ProcessMsg", {"epoch": epoch, "input": {"x": [1]}}
        yield "ErrorMsg", {"err_type": KeyError, "err_args": ("k", 1), "traceback": "Traceback: é"}
    if number >= 1003:
        from noob.tube import TubeSpecification

        yield "ProcessMsg", {"epoch": None, "input": {"x": 1}}
        yield "SpecMsg", TubeSpecification(noob_id="my-tube", nodes={"a": {"type": "builtins.len"}})
    event_id = ID if number > 1000 else ID << 60
    for epoch in epochs:
        for value in values(event):
            one = {"id": event_id, "timestamp": NOW, "node_id": "a", "signal": "s"}
            yield "EventMsg", [{**one, "epoch": epoch, "value": value}]
    if number < 1000:
        nothing = {"node_id": "a", "signal": "__META__", "epoch": 3, "value": event.MetaSignal.NoEvent}
        yield "EventMsg", [{"id": 7, "timestamp": NOW, **nothing}]
    meta = {"node_id": "meta", "signal": event.MetaEventType.NodeReady, "epoch": epochs[0], "value": "a"}
    yield "EventMsg", [{"id": event_id, "timestamp": NOW, **meta}]


def main() -> None:
    """Write all messages of the installed release."""
    from importlib.metadata import version

    from noob.network import message

    for name, value in made(version("noob")):
        payload = getattr(message, name)(node_id="a", timestamp=NOW, value=value).to_bytes()
        sys.stdout.write(json.dumps({"class": name, "payload": base64.b64encode(payload).decode()}) + "\n")


if __name__ == "__main__":
    main()
