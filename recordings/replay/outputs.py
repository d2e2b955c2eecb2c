"""What a node's message says it did: one output for each event, and one for an error it raised.

Read the same way from a recording and from a live node, so that the two can be set side by side.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from decoders.epochs import Epoch
from decoders.messages import Message
from decoders.remote_errors import call_text

ERROR = "error"
"""The signal under which an exception counts as an output."""


@dataclass(frozen=True, slots=True)
class Raised:
    """An exception as an output: its class by name, and its arguments.

    Without the traceback: line numbers and paths change with every edit.
    """

    type: str
    args: list[Any]

    def __str__(self) -> str:
        return call_text(self.type, tuple(self.args))


@dataclass(frozen=True, slots=True)
class Key:
    """Which output it is: the nth of an epoch (as text, "" for an error), node and signal."""

    epoch: str
    node: str
    signal: str
    number: int = 1


@dataclass(frozen=True, slots=True)
class Output:
    """One output. `root` is its root epoch, -1 for none; `value` as `decoders.messages` gives it."""

    epoch: str
    node: str
    signal: str
    root: int
    value: Any


@dataclass(frozen=True)
class OutputReader:
    """Reads messages; `names` and `shift` bring a peer's node names and epochs back to the recorded ones."""

    names: Mapping[str, str] = field(default_factory=dict)
    shift: int = 0

    def read(self, frames: Sequence[bytes]) -> list[Output]:
        """The outputs in a message, in their order; none if it is no result of a node's work."""
        message = Message.from_bytes(frames)
        value: Any = message.value
        sender = self._name(message.node_id)
        if message.type_ == "error":
            if isinstance(value, dict) and {"err_type", "err_args"} <= value.keys():
                value = Raised(value["err_type"], list(value["err_args"]))
            return [Output("", sender, ERROR, -1, value)]
        if message.type_ != "event" or not isinstance(value, list):
            return []
        return [self._output(event, sender) for event in value]

    def _output(self, event: Any, sender: str) -> Output:
        if not isinstance(event, dict):
            return Output("", sender, "event", -1, event)
        epoch = event.get("epoch")
        text, root = "", -1
        if isinstance(epoch, Epoch):
            path = [(self._name(node), number) for node, number in epoch.path]
            epoch = Epoch(epoch.root + self.shift, path)
            text, root = str(epoch), epoch.root
        node = self._name(str(event.get("node_id", "")))
        return Output(text, node, str(event.get("signal", "")), root, event.get("value"))

    def _name(self, node: str) -> str:
        return self.names.get(node, node)
