"""`tubetap redact` on the command line."""

import json
from pathlib import Path

import pytest

from recordings.recording import Recording
from recordings.redaction import Rules, parse_rules
from recordings.redaction.scrubber import Scrubber
from tests.support_cli import Tubetap
from tests.support_sample_files import record_sample

FACTS = {"host": "lab-pc-7", "user": "alicejones", "command": '["python", "/home/alicejones/tube.py"]'}


@pytest.fixture
def tubetap(capsys: pytest.CaptureFixture[str]) -> Tubetap:
    return Tubetap(capsys)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return record_sample(tmp_path / "run.mcap", "error", facts=FACTS)


def test_a_copy_that_can_be_shown(tubetap: Tubetap, run: Path, tmp_path: Path) -> None:
    out = tmp_path / "public.mcap"
    result = tubetap("redact", run, out)
    assert (result.code, result.err) == (0, "")
    assert "none of what was taken out is in it" in result.out
    shown = tubetap("info", out).out + tubetap("cat", out, "--json").out
    assert "alicejones" not in shown
    assert "lab-pc-7" not in shown
    # The error can still be read as one.
    assert "ValueError('boom')" in tubetap("cat", out, "error").out
    assert 'File \\"/home/user-' in tubetap("cat", out, "error", "--json").out


def test_a_preview(tubetap: Tubetap, run: Path, tmp_path: Path) -> None:
    result = tubetap("redact", run, "--dry-run")
    assert result.code == 0
    assert "alicejones -> user-" in result.out
    assert "lab-pc-7 -> host-" in result.out
    assert [each.name for each in tmp_path.iterdir()] == ["run.mcap"]
    told = json.loads(tubetap("redact", run, "--dry-run", "--json").out)
    assert "alicejones" in told["secrets"]["user"].values()


def test_rules_and_filter(tubetap: Tubetap, run: Path, tmp_path: Path) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text("[find]\nhost-names = false\n[words]\nreplace = ['boom']")
    out = tmp_path / "public.mcap"
    assert tubetap("redact", run, out, "--rules", rules, "--filter", "error").code == 0
    assert "lab-pc-7" in tubetap("info", out).out
    lines = tubetap("cat", out).lines
    assert len(lines) == 1
    assert "boom" not in lines[0]
    assert tubetap("redact", run, out, "--filter", "type:nosuch", "--force").code == 1


def test_wrong_rules_are_one_line(tubetap: Tubetap, run: Path, tmp_path: Path) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text("[find]\nhost = false")
    result = tubetap("redact", run, tmp_path / "x.mcap", "--rules", rules)
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert parse_rules(tubetap("redact", "--print-rules").out) == Rules()


def test_the_map_is_for_oneself(tubetap: Tubetap, run: Path, tmp_path: Path) -> None:
    mapping = tmp_path / "map.json"
    assert tubetap("redact", run, tmp_path / "x.mcap", "--map", mapping).code == 0
    assert mapping.stat().st_mode & 0o777 == 0o600
    users = json.loads(mapping.read_text())["user"]
    (stand_in,) = [given for given, original in users.items() if original == "alicejones"]
    with Recording.open(tmp_path / "x.mcap") as recording:
        assert recording.facts["user"] == stand_in
    assert tubetap("redact", run, tmp_path / "y.mcap", "--map", mapping).code == 2
    assert not (tmp_path / "y.mcap").exists()


def test_the_same_key_makes_the_same_stand_ins(tubetap: Tubetap, run: Path, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_bytes(b"secret key of mine")
    facts = []
    for name in ("a.mcap", "b.mcap"):
        assert tubetap("redact", run, tmp_path / name, "--key-file", key).code == 0
        with Recording.open(tmp_path / name) as recording:
            facts.append(recording.facts["user"])
    assert facts[0] == facts[1]


def test_a_leak_fails_and_is_listed(
    tubetap: Tubetap, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Scrubber, "arguments", lambda self, arguments: tuple(arguments))
    result = tubetap("redact", run, tmp_path / "x.mcap")
    assert result.code == 1
    assert "nothing was written" in result.err
    assert "alicejones" in result.err
    assert not (tmp_path / "x.mcap").exists()


def test_it_says_what_is_missing(tubetap: Tubetap, run: Path) -> None:
    result = tubetap("redact", run)
    assert (result.code, result.err.count("\n")) == (2, 1)
