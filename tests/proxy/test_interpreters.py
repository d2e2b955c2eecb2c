"""The target's interpreter is its own: other versions, other environments, other releases of pyzmq."""

import json
import sys
from pathlib import Path

import pytest

from tests import support_interpreters
from tests.support_proxy import PROGRAMS, SMALL_TUBE, Place, answer, load

ECHO = str(PROGRAMS / "ipc_echo.py")
OWN = "{}.{}".format(*sys.version_info)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("version", [version for version in ("3.11", "3.12", "3.13") if version != OWN])
def test_a_tube_in_another_python(request: pytest.FixtureRequest, tmp_path: Path, version: str) -> None:
    python = support_interpreters.environment(request, version, "noob[zmq,cli]>=1003", "numpy")
    place = Place.make(tmp_path)
    tapped = place.tap([python, SMALL_TUBE, "--epochs", "3"])
    assert tapped.returncode == 0, tapped.stderr
    assert answer(tapped.stdout)["results"] == [{"total": 3 * n} for n in range(3)]
    with load(place.recording) as recording:
        assert set(recording.session.nodes) == {"command", "source", "double", "picture", "merge"}
        versions = [note.text for note in recording.session.notes if note.text.startswith("the program runs")]
        assert len(versions) == 1
        assert f"Python {version}." in versions[0]
        assert "noob 1" in versions[0]
    assert not place.leftovers()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("version", ["3.8"])
def test_pyzmq_in_an_old_python(request: pytest.FixtureRequest, tmp_path: Path, version: str) -> None:
    python = support_interpreters.environment(request, version, "pyzmq<26")
    place = Place.make(tmp_path)
    done = place.tap([python, ECHO, "talk", f"ipc://{place.root}/noob/socket"])
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["names"] == ["socket", "socket.tap"]
    with load(place.recording) as recording:
        assert len(recording.rows) == 2
