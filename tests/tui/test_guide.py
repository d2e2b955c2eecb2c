"""The guide of the app lists the keys as they are. Set UPDATE_SNAPSHOTS=1 to write its table anew."""

import os
from pathlib import Path

from tui.keys import KEYS

GUIDE = Path(__file__).parents[2] / "docs" / "tui.md"
HEADING = "| key | what it does | id |\n|---|---|---|\n"


def table() -> str:
    lines, area = [], ""
    for key in KEYS:
        if key.area != area:
            area = key.area
            lines.append(f"| | **{area}** | |")
        keys = " ".join(f"`{name}`" for name in key.keys.split(","))
        lines.append(f"| {keys} | {key.help} | {key.id} |")
    return HEADING + "\n".join(lines) + "\n"


def test_the_guide_lists_all_keys():
    before, heading, after = GUIDE.read_text(encoding="utf-8").partition(HEADING)
    if os.environ.get("UPDATE_SNAPSHOTS"):
        GUIDE.write_text(before + table(), encoding="utf-8")
    else:
        assert heading + after == table(), "docs/tui.md is made anew with UPDATE_SNAPSHOTS=1"


def test_the_guide_is_found():
    readme = (GUIDE.parents[1] / "README.md").read_text(encoding="utf-8")
    assert "docs/tui.md" in readme
