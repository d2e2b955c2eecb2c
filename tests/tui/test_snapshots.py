"""Every screen as text and as a picture (SVG, with its colours), compared with files.

The text at 120x36 and 80x24, in the dark and in an ansi theme; the picture in the dark one at 120x36. A
picture is what Textual and Rich make of it, so it is only compared under the versions that made the file. Set
UPDATE_SNAPSHOTS=1 to write the files anew after a change that is meant.
"""

import asyncio
import os
import re
from collections.abc import AsyncIterator
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.support_recordings import small_recording
from tests.support_tui import Viewed, viewing

FOLDER = Path(__file__).parent / "snapshots"
PICTURES = Path(__file__).parent / "pictures"
MADE_BY = f"<!-- textual {version('textual')}, rich {version('rich')} -->\n"
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


async def screens(viewed: Viewed) -> AsyncIterator[str]:
    """Go through all screens; give the name of each when it is shown."""
    for name, (keys, texts) in SCREENS.items():
        await viewed.press("escape", "escape", "1")
        while viewed.app.messages_screen.detail.tab:
            await viewed.press("d")
        await viewed.go(8)
        await viewed.press(*keys)
        await viewed.sees(*texts)
        yield name


@pytest.mark.parametrize("theme", ["tubetap-dark", "ansi-dark"])
@pytest.mark.parametrize("size", SIZES)
async def test_screens(recording: Path, size: str, theme: str):
    async with viewing(recording, size=SIZES[size], theme=theme) as viewed:
        async for name in screens(viewed):
            await compare(viewed, FOLDER / f"{name}-{size}.txt")


async def test_pictures(recording: Path, tmp_path: Path):
    async with viewing(recording, size=SIZES["120x36"]) as viewed:
        async for name in screens(viewed):
            await compare_picture(viewed, PICTURES / f"{name}.svg", tmp_path)


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


async def compare_picture(viewed: Viewed, path: Path, tmp_path: Path) -> None:
    """Compare a screen's picture with its file, once it stands still; what differs is left in `tmp_path`."""
    if os.environ.get("UPDATE_SNAPSHOTS"):
        await viewed.pilot.pause(0.5)
        path.parent.mkdir(exist_ok=True)
        path.write_text(MADE_BY + picture(viewed), encoding="utf-8")
    assert path.exists(), f"there is no {path.name}; make it with UPDATE_SNAPSHOTS=1 and look at it"
    expected = path.read_text(encoding="utf-8")
    if not expected.startswith(MADE_BY):
        pytest.skip(f"{path.name} was made by other versions than {MADE_BY[5:-5]}")
    for _ in range(200):
        if picture(viewed) == expected.removeprefix(MADE_BY):
            return
        await asyncio.sleep(0.01)
    (tmp_path / path.name).write_text(picture(viewed), encoding="utf-8")
    pytest.fail(f"{path.name} differs from {tmp_path / path.name}: look at both")


def picture(viewed: Viewed) -> str:
    """The screen as SVG, without fonts loaded from elsewhere and without a name made of its contents."""
    svg = re.sub(r"@font-face \{.*?\}\n", "", viewed.app.export_screenshot(title="tubetap"), flags=re.DOTALL)
    return re.sub(r"terminal-\d+", "terminal", svg)
