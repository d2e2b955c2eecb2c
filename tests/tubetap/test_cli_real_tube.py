"""The verbs on a recording of a real noob tube: what they make opens again and says the same."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from recordings.recording import Recording
from tests.support_cli import Tubetap
from tests.support_proxy import Place

EPOCHS = 12


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = Place.make(tmp_path_factory.mktemp("real"))
    demo = [sys.executable, "-m", "tubetap.demo", "--epochs", str(EPOCHS)]
    done = place.run(place.command(demo))
    assert done.returncode == 0, done.stderr
    return place.recording


@pytest.fixture
def tubetap(capsys: pytest.CaptureFixture[str]) -> Tubetap:
    return Tubetap(capsys)


def doctor(path: Path) -> None:
    """Have the file checked by the Go tool of the format's makers, where it is installed."""
    reader = pytest.importorskip("databeam_mcap_reader")
    tool = Path(reader.__file__).parent / "mcap_cli"
    checked = subprocess.run([tool, "doctor", path], capture_output=True, text=True, timeout=60)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_info_counts_what_cat_prints(tubetap: Tubetap, run: Path) -> None:
    told = json.loads(tubetap("info", run, "--json").out)
    lines = [json.loads(line) for line in tubetap("cat", run, "--json").lines]
    assert told["messages"] == len(lines)
    for each in told["types"]:
        assert each["messages"] == sum(line["type"] == each["name"] for line in lines)
    for node in told["nodes"]:
        assert node["sent"] == sum(line["from"] == node["name"] for line in lines)
    assert told["epochs"]["ended"] == EPOCHS
    assert told["losses"] == []
    assert "noob" in " ".join(told["remarks"])


def test_epochs_can_be_picked(tubetap: Tubetap, run: Path) -> None:
    for epoch in (0, EPOCHS - 1):
        lines = [
            json.loads(line) for line in tubetap("cat", run, "--json", f"epoch:{epoch} type:event").lines
        ]
        assert {
            value["epoch"] if isinstance(value["epoch"], int) else value["epoch"][0]
            for line in lines
            for value in line["body"]["value"]
        } == {epoch}
        assert {line["from"] for line in lines} == {
            "clock", "camera", "brightness", "discs", "each_disc", "distance", "describe"
        }  # fmt: skip
    assert tubetap("cat", run, "frame type:event from:camera").lines


def test_slice_merge_and_recover_make_files_without_fault(
    tubetap: Tubetap, run: Path, tmp_path: Path
) -> None:
    first, second, both, whole = (tmp_path / f"{name}.mcap" for name in ("first", "second", "both", "whole"))
    assert tubetap("slice", run, first, "epoch:0..5|epoch:none").code == 0
    assert tubetap("slice", run, second, "epoch:4..").code == 0
    assert tubetap("merge", first, second, "-o", both).code == 0
    assert tubetap("recover", run, whole).code == 0
    for path in (first, second, both, whole):
        doctor(path)
    with Recording.open(run) as original, Recording.open(both) as merged:
        assert len(merged.rows) == len(original.rows)
        frames = sorted(original.frames(row) for row in range(len(original.rows)))
        assert sorted(merged.frames(row) for row in range(len(merged.rows))) == frames
        copies = sum(len(original.deliveries(row)) for row in range(len(original.rows)))
        assert sum(len(merged.deliveries(row)) for row in range(len(merged.rows))) == copies


def test_redact_and_report_can_be_given_away(tubetap: Tubetap, run: Path, tmp_path: Path) -> None:
    public, bundle = tmp_path / "public.mcap", tmp_path / "report.zip"
    assert tubetap("redact", run, public).code == 0
    doctor(public)
    with Recording.open(run) as original, Recording.open(public) as copy:
        assert len(copy.rows) == len(original.rows)
        assert copy.rows.epoch.tolist() == original.rows.epoch.tolist()
        assert not any(b"pck__" in copy.frames(row)[-1] for row in range(len(copy.rows)))
    assert tubetap("report", run, "-o", bundle).code == 0
    with zipfile.ZipFile(bundle) as archive:
        text = archive.read("report.md").decode()
    assert f"{EPOCHS} (0 to {EPOCHS - 1}), {EPOCHS} ended" in text
    assert "noob 1" in text


@pytest.mark.parametrize("name", ["run.csv", "run.jsonl", "run.md", "run.json", "run.pcapng"])
def test_exports_are_written(tubetap: Tubetap, run: Path, tmp_path: Path, name: str) -> None:
    assert tubetap("export", run, "-o", tmp_path / name).code == 0
    assert (tmp_path / name).stat().st_size > 1000
