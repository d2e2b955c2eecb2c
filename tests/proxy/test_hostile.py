"""Peers that speak no ZMTP: relayed unchanged, marked opaque, and nobody else notices."""

import json
import sys
from pathlib import Path

import pytest

from tests.support_proxy import PROGRAMS, Place, load


@pytest.mark.parametrize("seed", [1, 2])
def test_noise_on_a_link_affects_nothing_else(tmp_path: Path, seed: int) -> None:
    place = Place.make(tmp_path)
    program = [sys.executable, str(PROGRAMS / "hostile.py"), str(tmp_path / "noob"), str(seed)]
    tapped = place.tap(program)
    assert tapped.returncode == 0, tapped.stderr
    assert json.loads(tapped.stdout) == [str(number) for number in range(6)]
    with load(place.recording) as recording:
        assert recording.state == "complete"
        sent = [recording.frames(row) for row in range(len(recording.rows))]
        assert [frames for frames in sent if frames[0] == b"topic"] == [
            (b"topic", b"%d" % number) for number in range(6)
        ]
        connections = list(recording.session.connections.values())
        assert len(connections) == 7
        opaque = {entry.connection for entry in recording.session.log if " opaque: " in entry.text}
        assert len(opaque) >= 4
        assert not recording.session.losses
