"""Every screen as text, compared with files: at 120x36 and 80x24, in the dark and in an ansi theme.

Set UPDATE_SNAPSHOTS=1 to write the files anew after a change that is meant.
"""

import asyncio
import os
from pathlib import Path

import pytest

from tests.support_recordings import small_recording
from tests.support_tui import Viewed, viewing

FOLDER = Path(__file__).parent / "snapshots"
SIZES = {"120x36": (120, 36), "80x24": (80, 24)}
SCREENS = {
    "messages": (["1"], ["EventMsg", "index: 0"]),
    "detail": (["1", "enter"], ["EventMsg", "signal: 'value'"]),
    "json": (["1", "d"], ['"node_id"']),
    "deliveries": (["1", "D"], ["delivered", "+0.15 ms"]),
    "nodes": (["2", "j"], ["subscribed to"]),
    "epochs": (["3"], ["WAITED FOR"]),
    "log": (["4"], ["starting the tube"]),
    "help": (["1", "?"], ["tubetap: keys"]),
}


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("snapshots") / "run-42.mcap"
    small_recording(path)
    return path


@pytest.mark.parametrize("theme", ["tubetap-dark", "ansi-dark"])
@pytest.mark.parametrize("size", SIZES)
async def test_screens(recording: Path, size: str, theme: str):
    async with viewing(recording, size=SIZES[size], theme=theme) as viewed:
        for name, (keys, texts) in SCREENS.items():
            await viewed.press("escape", "escape", "1")
            while viewed.app.messages_screen.detail.tab:
                await viewed.press("d")
            await viewed.go(8)
            await viewed.press(*keys)
            await viewed.sees(*texts)
            await compare(viewed, FOLDER / f"{name}-{size}.txt")


@pytest.mark.parametrize(("theme", "name"), [("tubetap-dark", "picture"), ("ansi-dark", "picture-ascii")])
async def test_a_frame(recording: Path, theme: str, name: str):
    async with viewing(recording, filter='"ndarray"', theme=theme) as viewed:
        await viewed.until(lambda: len(viewed.viewer.shown) == 1, "the frame")
        await viewed.press("enter")
        await viewed.sees("ndarray (48, 64) uint8")
        await compare(viewed, FOLDER / f"{name}-120x36.txt")


async def compare(viewed: Viewed, path: Path) -> None:
    """Compare a screen with its file, once it stands still, or write the file when that is asked for."""
    if os.environ.get("UPDATE_SNAPSHOTS"):
        await viewed.pilot.pause(0.5)
        path.parent.mkdir(exist_ok=True)
        path.write_text(viewed.text() + "\n", encoding="utf-8")
    assert path.exists(), f"there is no {path.name}; make it with UPDATE_SNAPSHOTS=1 and look at it"
    expected = path.read_text(encoding="utf-8").rstrip("\n")
    for _ in range(200):
        if viewed.text() == expected:
            return
        await asyncio.sleep(0.01)
    assert viewed.text() == expected, f"{path.name} differs"
