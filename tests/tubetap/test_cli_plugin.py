"""The example of docs/decoders.md: a decoder of another package, installed as people would, and used."""

import json
import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from recordings.writer import RecordingWriter
from tests.support_mcap import Traffic, plain

ROOT = Path(__file__).parents[2]
READING = struct.Struct("<dh")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the example installed, from what the guide says and nothing else."""
    guide = (ROOT / "docs" / "decoders.md").read_text().partition("## Your own decoder")[2]
    package = tmp_path_factory.mktemp("thermometer")
    for name, language in (("thermometer.py", "python"), ("pyproject.toml", "toml")):
        (block,) = re.findall(rf"```{language}\n(.*?)```", guide, re.DOTALL)
        (package / name).write_text(block)
    place = tmp_path_factory.mktemp("site")
    options = ["--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--target", str(place)]
    subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, str(package)],
        check=True,
        timeout=100,
        env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
    )
    return place


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    path = tmp_path / "temperatures.mcap"
    writer = RecordingWriter(path, facts={})
    traffic = Traffic(writer)
    traffic.message((b"temperature/kitchen", READING.pack(0, 2150) + READING.pack(1.5, 2155)))
    traffic.message((b"temperature/kitchen", b"odd"))
    traffic.message((b"status", plain("status", "a", '"ready"')))
    traffic.message((b"temperature/\xff", READING.pack(0, 0)))
    writer.close()
    return path


def tubetap(site: Path, *arguments: object) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-m", "tubetap", *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": f"{site}{os.pathsep}{ROOT}", "PYTHONUTF8": "1"},
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_it_is_used_for_what_it_fits(installed: Path, recorded: Path) -> None:
    assert tubetap(installed, "cat", recorded, "--fields", "summary") == [
        "kitchen: 21.55 °C",
        "temperature/kitchen | odd",
        "ready",
        "0x74656d70657261747572652fff | " + r"\x00" * 10,  # it fits, but can't decode the name
    ]


def test_its_tree(installed: Path, recorded: Path) -> None:
    line = tubetap(installed, "cat", recorded, "--json", "--tree", "-n", "4")[0]
    decoded = json.loads(line)["decoded"]
    assert (decoded["decoder"], decoded["problem"]) == ("thermometer", None)
    assert decoded["tree"]["text"] == "2 readings in kitchen"
    assert [(item["name"], item["text"]) for item in decoded["tree"]["children"]] == [
        ("0.0 s", "21.50 °C"),
        ("1.5 s", "21.55 °C"),
    ]


def test_it_can_be_chosen_and_then_tells_what_it_cannot_do(installed: Path, recorded: Path) -> None:
    lines = tubetap(installed, "cat", recorded, "--fields", "summary", "--decoder", "thermometer")
    assert lines[0] == "kitchen: 21.55 °C"
    assert lines[1].startswith(
        "(thermometer: iterative unpacking requires a buffer of a multiple of 10 bytes)"
    )
    assert lines[3].startswith("(thermometer: 'utf-8' codec can't decode byte 0xff")


def test_without_it_there_is_none_of_that_name(recorded: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tubetap", "cat", str(recorded), "--decoder", "thermometer"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert "there is no decoder 'thermometer'" in done.stderr
