"""The captured traffic of all noob releases, as lists of frames."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

SAMPLES = Path(__file__).parent / "data" / "noob-wire-samples"


class Sample(NamedTuple):
    """One captured multipart message: which file, which way (send, recv, recv1, bind, connect), frames."""

    file: str
    action: str
    socket_type: str
    frames: list[bytes]


def samples(*, messages_only: bool = True) -> Iterator[Sample]:
    """Yield every captured message; with `messages_only` none of the addresses and subscriptions."""
    for path in sorted(SAMPLES.glob("*.jsonl")):
        for line in path.read_text().splitlines():
            entry = json.loads(line)
            if messages_only and entry["dir"] in ("bind", "connect", "recv1"):
                continue
            frames = [base64.b64decode(frame) for frame in entry["frames"]]
            yield Sample(path.stem, entry["dir"], entry["type"], frames)
