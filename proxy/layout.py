"""How noob lays out its socket paths, so that an endpoint can be named before it says anything.

Source: `noob.runner.zmq` 1003: `{tmp_dir}/{runner}/command/{outbox,inbox}` and
`{tmp_dir}/{runner}/nodes/{N}/outbox`.
"""

import re
from dataclasses import dataclass

from recordings.records import Role

__all__ = ["Place", "place"]


@dataclass(frozen=True)
class Place:
    """What an address says of its socket in noob's layout (see `place`)."""

    role: Role = "other"
    node: str | None = None
    runner: str | None = None


_LAYOUT = re.compile(
    r"/(?P<runner>[^/]+)/(?:command/(?P<command>outbox|inbox)|nodes/(?P<node>[^/]+)/outbox)\Z"
)


def place(address: str) -> Place:
    """Read role, node and runner off an address; "other" where it does not follow noob's layout."""
    found = _LAYOUT.search(address)
    if found is None:
        return Place()
    if found["node"] is not None:
        return Place("node outbox", found["node"], found["runner"])
    return Place(
        "command outbox" if found["command"] == "outbox" else "command inbox", "command", found["runner"]
    )
