"""Make the pictures of the README and the guides from the recordings in `recordings/samples/`.

    python docs/make_pictures.py

Each picture is the app itself, run without a terminal and driven by keys, exported by Textual as SVG.
"""

import asyncio
import re
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from recordings.recording import Recording  # noqa: E402
from tui.app import TubetapApp  # noqa: E402

SAMPLES = ROOT / "recordings" / "samples"
PICTURES = Path(__file__).parent / "pictures"


@dataclass(frozen=True)
class Picture:
    """One picture: a recording, the filter in force, and the keys pressed before it is taken."""

    name: str
    sample: str
    keys: tuple[str, ...] = ()
    filter: str = ""
    size: tuple[int, int] = (120, 36)


ALL = (
    Picture("messages", "camera", ("G", *["k"] * 7), filter="type:event,epoch_ended"),
    Picture("frame", "camera", ("G", "enter"), filter="node:camera type:event"),
    Picture("error", "failing", ("e", "enter")),
    Picture("nodes", "camera", ("2",)),
    Picture("epochs", "camera", ("3",)),
    Picture("log", "failing", ("4",)),
    Picture("small", "camera", ("G",), size=(80, 24)),
)


async def take(picture: Picture) -> str:
    """Return the picture as SVG."""
    with Recording.open(SAMPLES / f"{picture.sample}.mcap") as recording:
        app = TubetapApp(recording, filter=picture.filter)
        async with app.run_test(size=picture.size) as pilot:
            await pilot.pause(0.5)
            for key in picture.keys:
                await pilot.press(key)
                await pilot.pause(0.05)
            await pilot.pause(0.8)
            return self_contained(app.export_screenshot(title=f"tubetap view {picture.sample}.mcap"))


def self_contained(svg: str) -> str:
    """Leave out the fonts that Textual would load from elsewhere: any monospaced font does."""
    svg = re.sub(r"@font-face\s*\{.*?\}\s*", "", svg, flags=re.DOTALL)
    return re.sub(r"font-family: ?[^;]*Fira Code[^;]*;", "font-family: ui-monospace, Menlo, monospace;", svg)


def main() -> None:
    """Take all pictures, or those named on the command line."""
    PICTURES.mkdir(exist_ok=True)
    for picture in ALL:
        if sys.argv[1:] and picture.name not in sys.argv[1:]:
            continue
        (PICTURES / f"{picture.name}.svg").write_text(asyncio.run(take(picture)), "utf-8")
        print(f"docs/pictures/{picture.name}.svg")


if __name__ == "__main__":
    main()
