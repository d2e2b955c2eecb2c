"""A recording in several files: where it goes on after a recorder that died.

The supervisor starts another recorder, which writes NAME-2.mcap beside NAME.mcap and says in the facts of
the file what it goes on from. So whoever looks at the first file finds the next.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from proxy.reservation import CONTINUES
from recordings.errors import RecordingError
from recordings.recording import Recording

__all__ = ["continued_in"]


def continued_in(path: Path, facts: Mapping[str, str]) -> Path | None:
    """Find the file that goes on from the one at `path`, whose facts are `facts`; None if there is none."""
    for candidate in _beside(path):
        try:
            with Recording.open(candidate, follow=True) as recording:
                theirs = recording.facts
        except RecordingError:
            continue
        same_run = all(theirs.get(name) == facts.get(name) for name in ("command", "user_pid", "host"))
        if theirs.get(CONTINUES) == path.name and same_run:
            return candidate
    return None


def _beside(path: Path) -> Iterator[Path]:
    try:
        written = path.stat().st_mtime
        names = sorted(path.parent.glob("*" + path.suffix))
    except OSError:
        return
    for name in names:
        try:
            if name != path and name.stat().st_mtime >= written:
                yield name
        except OSError:
            continue
