"""Recordings that the viewer's tests share, and a clock that shows the same everywhere."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from recordings.recording import Recording
from tests.support_recordings import big_recording, hostile_recording, small_recording


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Local time is UTC, and nothing of the environment changes colours, keys or the clipboard."""
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setenv("LANG", "C.UTF-8")
    for name in ("NO_COLOR", "LC_ALL", "SSH_CONNECTION", "SSH_TTY", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A short life of a tube."""
    path = tmp_path / "small.mcap"
    small_recording(path)
    return path


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """Messages that try to get at the terminal."""
    path = tmp_path / "hostile.mcap"
    hostile_recording(path)
    return path


@pytest.fixture(scope="session")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fifty thousand events."""
    path = tmp_path_factory.mktemp("big") / "big.mcap"
    big_recording(path, messages=50_000)
    return path


@pytest.fixture
def recording(small: Path) -> Iterator[Recording]:
    """The short recording, open."""
    with Recording.open(small) as opened:
        yield opened
