"""Makes a recorded message fit its peer: other node names, shifted epochs, another release's shape.

A message that fits as it is goes out byte for byte.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from decoders.epochs import Epoch
from decoders.errors import DecodeError
from decoders.event_values import META_SIGNAL
from decoders.messages import Message
from recordings.replay.errors import ReplayError

NEWEST = "1003"
"""The newest release whose wire shape is known; the names of releases are those of `decoders.shapes`."""

_PAIRS = ("1000", "1001")  # these write an epoch as [["tube", 5], ["map1", 2]]


def release_of(version: str) -> str:
    """The release, of those between which the wire changed, that a noob version belongs to.

    Raises ReplayError for a noob that can't be replayed to.
    """
    number = version.split(".")[0]
    if not number.isdigit():
        raise ReplayError(f"can't tell what noob {version} writes on the wire")
    if int(number) < 1000:
        raise ReplayError(
            f"noob {version} leaves the epoch to the node, which can't be replayed: use noob 1000 or newer"
        )
    return number if number in ("1000", "1001", "1002") else NEWEST


@dataclass(frozen=True)
class Rewriter:
    """What to change in messages on their way to a peer.

    `names` gives nodes other names, `shift` is added to root epochs, `release` is the peer's. `signals` are
    each node's, needed where noob 0.0.9 said "nothing" for all of them at once.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    shift: int = 0
    release: str = NEWEST
    signals: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def name(self, node: str) -> str:
        """What the peer calls a node."""
        return self.names.get(node, node)

    def epoch(self, epoch: Epoch) -> Epoch:
        """What the peer calls an epoch."""
        path = [(self.name(node), number) for node, number in epoch.path]
        return Epoch(max(0, epoch.root + self.shift), path)

    def identity(self, identity: Mapping[str, Any]) -> dict[str, Any]:
        """A node's identity in the peer's names."""
        renamed = dict(identity, node_id=self.name(str(identity.get("node_id", ""))))
        for key in ("subscribed_to", "subscribers"):
            if isinstance(renamed.get(key), list):
                renamed[key] = [self.name(node) for node in renamed[key]]
        return renamed

    def frames(self, frames: Sequence[bytes]) -> tuple[bytes, ...]:
        """A multipart message as the peer gets it."""
        message = Message.from_bytes(frames)
        releases = message.shape.releases
        if not self.names and not self.shift and (not releases or self.release in releases):
            return tuple(frames)
        payload = self._written(message)
        if self.release in _PAIRS:
            payload = _with_pairs(payload)
        return (*frames[:-1], payload)

    def _written(self, message: Message) -> bytes:
        value: Any = message.value
        match str(message.type_):
            case "process" if isinstance(value, dict) and isinstance(value.get("epoch"), Epoch):
                value = dict(value, epoch=self.epoch(value["epoch"]))
            case "epoch_ended" if isinstance(value, Epoch):
                value = self.epoch(value)
            case "event" if isinstance(value, list):
                value = [new for old in value for new in self._event(old)]
        # A new message, for an unchanged one would be written as the bytes it was read from.
        new = type(message).model_construct(
            type_=message.type_,
            node_id=self.name(message.node_id),
            timestamp=message.timestamp,
            value=value,
        )
        try:
            return new.to_bytes()
        except (DecodeError, KeyError, TypeError) as error:  # also what is no error in an error message
            raise ReplayError(
                f"a recorded {message.type_} can't be written for noob {self.release}: {error}"
            ) from None

    def _event(self, event: Any) -> list[Any]:
        if not isinstance(event, dict):
            raise ReplayError(
                "noob 0.0.9 pickled a whole event, which no later noob reads; it can't be replayed"
            )
        changed = dict(event, node_id=self.name(str(event.get("node_id", ""))))
        if isinstance(event.get("epoch"), Epoch):
            changed["epoch"] = self.epoch(event["epoch"])
        if event.get("signal") == META_SIGNAL:
            signals = self.signals.get(str(event.get("node_id"))) or ["value"]
            return [dict(changed, signal=signal) for signal in signals]
        return [changed]


def _with_pairs(payload: bytes) -> bytes:
    """Write the epochs of a message of today as noob 1000 and 1001 did."""
    message = json.loads(payload)
    value = message.get("value")
    match message.get("type"):
        case "process" if isinstance(value, dict):
            value["epoch"] = _pairs(value.get("epoch"))
        case "epoch_ended":
            message["value"] = _pairs(value)
        case "event" if isinstance(value, list):
            for event in value:
                if isinstance(event, dict):
                    event["epoch"] = _pairs(event.get("epoch"))
    return json.dumps(message, separators=(",", ":")).encode()


def _pairs(epoch: Any) -> Any:
    if isinstance(epoch, int):
        return [["tube", epoch]]
    return [["tube", epoch[0]], *epoch[1:]] if isinstance(epoch, list) and epoch else epoch
