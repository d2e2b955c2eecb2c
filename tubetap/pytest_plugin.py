"""A recording as a regression test: `tubetap_replay("bug.mcap", node="b", tube="tube.yaml")` in pytest.

Loaded by pytest wherever tubetap is installed, so it imports nothing until a test asks for it.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from recordings.replay import Verdict


def replay_node(
    recording: str | Path,
    node: str,
    *,
    tube: str | Path | None = None,
    filter: str = "",
    start: float | None = None,
    end: float | None = None,
    runner: str | None = None,
    python: str = sys.executable,
    inputs: Mapping[str, object] | None = None,
    directory: str | Path | None = None,
    remap: Mapping[str, str] | None = None,
    ignore: Sequence[str] = (),
    ignore_order: bool = False,
    rtol: float = 0.0,
    atol: float = 0.0,
    rate: float | None = None,
    timeout: float = 10.0,
    start_timeout: float = 60.0,
    trust_recording: bool = False,
) -> "Verdict":
    """Feed the real node `node` of `tube` what it got in `recording`, and say whether it does the same again.

    Everything as in `tubetap replay --as command`, but as fast as causes allow unless `rate` is given, and
    with this interpreter. Times are in seconds; 0 for `timeout` means no limit. The node's own output is kept
    and shown only if it can't start. Raises RecordingError if the replay could not run.
    """
    from recordings.recording import Recording
    from recordings.replay import (
        CommandOptions,
        Pace,
        Tolerance,
        Traffic,
        choose,
        parse_pattern,
        release_of,
        replay_as_command,
    )
    from tubetap.replay_target import Target, find_python, find_tube

    with Recording.open(recording) as opened:
        chosen = choose(opened, filter, start_ns=_nanoseconds(start), end_ns=_nanoseconds(end))
        traffic = Traffic(opened, runner=runner, chosen=chosen)
        traffic.require(node)
        found = find_tube(opened, str(tube) if tube is not None else None, trusted=trust_recording)
        interpreter, version = find_python(python)
        target = Target(
            interpreter,
            found,
            inputs=inputs or {},
            directory=Path(directory) if directory is not None else None,
            quiet=True,
        )
        return replay_as_command(
            traffic,
            node,
            target.start,
            CommandOptions(
                pace=Pace(rate),
                timeout_ns=round(timeout * 1e9) or None,
                start_timeout_ns=round(start_timeout * 1e9) or None,
                remap=remap or {},
                release=release_of(version),
                ignore=tuple(parse_pattern(text) for text in ignore),
                ignore_order=ignore_order,
                tolerance=Tolerance(rtol, atol),
                trust_recording=trust_recording,
            ),
        )


def _nanoseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1e9)


@pytest.fixture
def tubetap_replay(request: pytest.FixtureRequest) -> Callable[..., "Verdict"]:
    """A function like `replay_node` that fails the test with the list of differences.

    Relative paths of the recording and the tube are looked for beside the test's file.
    """
    folder = request.path.parent

    def check(
        recording: str | Path, node: str, *, tube: str | Path | None = None, **options: object
    ) -> "Verdict":
        if tube is not None and (folder / tube).exists():
            tube = folder / tube
        verdict = replay_node(folder / recording, node, tube=tube, **options)  # type: ignore[arg-type]
        if not verdict:
            pytest.fail("\n".join(verdict.lines()), pytrace=False)
        return verdict

    return check
