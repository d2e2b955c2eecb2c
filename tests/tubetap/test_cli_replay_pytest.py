"""The pytest helper, in a pytest of its own: a recording as a regression test."""

import subprocess
import sys
from pathlib import Path

from tests.support_replay import Recorded, environment, recorded, root

TEST = """
import pytest

from recordings.errors import RecordingError


def test_total(tubetap_replay):
    verdict = tubetap_replay({recording!r}, "total", tube="tube.yaml", directory={folder!r})
    assert verdict.same == 6


def test_trust(tubetap_replay):
    options = dict(tube="tube.yaml", directory={folder!r}, trust_recording=True)
    assert tubetap_replay({recording!r}, node="norm", **options)


def test_range(tubetap_replay):
    with pytest.raises(RecordingError, match="leave nothing to replay"):
        tubetap_replay({recording!r}, "total", tube="tube.yaml", start=3600.0)
    verdict = tubetap_replay({recording!r}, "total", tube="tube.yaml", directory={folder!r}, end=3600.0)
    assert verdict.same == 6
"""


def run_pytest(source: Recorded, *arguments: str) -> subprocess.CompletedProcess[str]:
    (source.folder / "test_bug.py").write_text(
        TEST.format(recording=str(source.path), folder=str(source.folder))
    )
    # By name: an installation of before the entry point was added does not load it by itself.
    plugin = ("-p", "no:tubetap", "-p", "tubetap.pytest_plugin", "-p", "no:cacheprovider")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--rootdir", str(source.folder), *plugin, *arguments],
        cwd=source.folder,
        env=environment(root() / "cli"),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_recording_is_a_regression_test(tmp_path: Path) -> None:
    good = recorded().changed(tmp_path / "good", {})
    done = run_pytest(good)
    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout


def test_it_fails_with_the_list_of_differences(tmp_path: Path) -> None:
    changed = recorded().changed(tmp_path / "bad", {"self.total += index": "self.total += 2 * index"})
    done = run_pytest(changed, "-k", "total")
    assert done.returncode == 1, done.stdout
    assert "changed    epoch 1 total.total: 1 -> 2" in done.stdout
    assert "different: 1 of 6 outputs of total are the same; 5 changed" in done.stdout
    assert "Traceback" not in done.stdout
