"""Plays a recording again: to one real node runner, to a real command node, to any subscriber, to the viewer.

Planning, pacing and comparing are sans-io; only `sockets`, `as_command`, `as_nodes` and `publishing` touch
the network, and `target` starts a process.
"""

from recordings.replay.as_command import Addresses, CommandOptions, StartNode, replay_as_command
from recordings.replay.as_nodes import Conversation, NodesOptions, replay_as_nodes
from recordings.replay.errors import ReplayError
from recordings.replay.pacing import Controls, Pace
from recordings.replay.paths import Pattern, parse_pattern
from recordings.replay.publishing import Published, PublishOptions, publish
from recordings.replay.rewriting import release_of
from recordings.replay.target import NodeProcess
from recordings.replay.timing import Clock, Deviation, Lateness
from recordings.replay.traffic import Mask, Traffic, choose
from recordings.replay.values import Tolerance
from recordings.replay.verdict import Difference, Verdict

__all__ = [
    "Addresses",
    "Clock",
    "CommandOptions",
    "Controls",
    "Conversation",
    "Deviation",
    "Difference",
    "Lateness",
    "Mask",
    "NodeProcess",
    "NodesOptions",
    "Pace",
    "Pattern",
    "PublishOptions",
    "Published",
    "ReplayError",
    "StartNode",
    "Tolerance",
    "Traffic",
    "Verdict",
    "choose",
    "parse_pattern",
    "publish",
    "release_of",
    "replay_as_command",
    "replay_as_nodes",
]
