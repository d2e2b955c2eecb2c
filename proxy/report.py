"""What became of a session, put together from what its agents, its relay and its recorders say."""

import contextlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["SessionReport", "size_text"]


@dataclass
class SessionReport:
    """What became of a session: the files, the counts, and in words what went wrong.

    `messages` are those in the files; `let_go` are others that were recorded and, as was asked for, not kept;
    `lost_messages` those the system refused to write, `lost_bytes` what was lost before it was known what it
    was.
    """

    recordings: list[Path] = field(default_factory=list)
    messages: int = 0
    let_go: int = 0
    endpoints: int = 0
    connections: int = 0
    lost_messages: int = 0
    lost_bytes: int = 0
    problems: list[str] = field(default_factory=list)
    left_alone: list[str] = field(default_factory=list)
    why_nothing: str = ""

    @property
    def losses(self) -> list[str]:
        """What could not be recorded, in words; empty if everything was."""
        losses = []
        if self.lost_messages:
            losses.append(f"{self.lost_messages:,} messages could not be recorded")
        if self.lost_bytes:
            losses.append(f"{size_text(self.lost_bytes)} could not be recorded")
        return losses

    def problem(self, text: str) -> None:
        """Note what went wrong, once."""
        if text not in self.problems:
            self.problems.append(text)

    def forget_missing(self) -> None:
        """Leave out the files that somebody has deleted meanwhile."""
        self.recordings = [path for path in self.recordings if path.exists()]
        if not self.recordings:
            self.messages = 0

    def agents_said(self, told: Path) -> None:
        """Take in what the agents in the program wrote down, one JSON object a line."""
        try:
            lines = told.read_bytes().splitlines()
        except OSError:
            return
        for line in lines:
            with contextlib.suppress(ValueError, KeyError, TypeError):
                self._agent_said(json.loads(line))

    def _agent_said(self, fact: dict[str, Any]) -> None:
        match fact["kind"]:
            case "left":
                if fact["scheme"] != "inproc":
                    self.left_alone.append(f"{fact['address']} ({fact['socket_type']})")
            case "bypassed":
                self.problem(
                    f"{fact['count']} connection(s) to {fact['address']} came before the relay: not recorded"
                )
            case "failed":
                self._failed(fact)

    def _failed(self, fact: dict[str, Any]) -> None:
        self.problem(f"{fact['address']} is not recorded: {fact['reason']}")

    def relay_said(self, fact: dict[str, Any]) -> bool:
        """Take in a fact from the relay; False if it is none that is known here."""
        match fact["kind"]:
            case "endpoint":
                self.endpoints += 1
            case "failed":
                self._failed(fact)
            case "finished":
                self.lost_bytes += fact["unrecorded"]
            case _:
                return False
        return True

    def recorder_said(self, fact: dict[str, Any], before: int) -> None:
        """Take in a fact from a recorder; `before` is how many files others have written."""
        match fact["kind"]:
            case "files":
                self.recordings[before:] = map(Path, fact["paths"])
            case "error":
                self.problem(f"nothing is recorded: {fact['reason']}")
            case "recorded":
                self.messages += fact["messages"]
                self.let_go += fact["let_go"]
                self.connections += fact["connections"]
                self.lost_messages += fact["lost_messages"]
                self.lost_bytes += fact["lost_bytes"]
                if fact["disk_error"]:
                    self.problem(fact["disk_error"])


def size_text(count: int) -> str:
    """Return a number of bytes for people to read."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"
