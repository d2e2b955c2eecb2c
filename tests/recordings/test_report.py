"""The bundle for a bug report: it says what is needed, fits, and gives nothing away."""

import json
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import recordings
from decoders.envelope import read_envelope
from recordings import filters
from recordings.output_files import OutputError
from recordings.recording import Recording
from recordings.records import Process
from recordings.redaction import LeakError, Rules
from recordings.redaction.scrubber import Scrubber
from recordings.report import report
from recordings.report.choosing import choose, points_of_interest
from recordings.report.document import block, code
from recordings.writer import RecordingWriter
from tests.recordings.test_redact_file import SECRETS, everything_in, with_secrets
from tests.support_sample_files import FACTS, record_sample

SAMPLES = Path(recordings.__file__).parent / "samples"


def bundled(path: Path, target: Path, **options: object) -> dict[str, bytes]:
    with Recording.open(path) as recording:
        arguments: dict[str, object] = {"max_size": 20_000_000, "rules": Rules()} | options
        bundle = report(recording, target, **arguments)  # type: ignore[arg-type]
    assert bundle.size == target.stat().st_size
    assert target.stat().st_mode & 0o777 == 0o600
    with zipfile.ZipFile(target) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def with_noise(path: Path, count: int) -> Path:
    """Write many messages that don't compress, and one error in the middle."""
    writer = RecordingWriter(path, facts=FACTS)
    random = np.random.default_rng(1)
    for number in range(count):
        kind = "error" if number == count // 2 else "event"
        noise = random.integers(0, 10**18, 60).tolist()
        body = {"type": kind, "node_id": "a", "timestamp": "2026-01-01T00:00:00Z", "value": [{"x": noise}]}
        frames = [json.dumps(body).encode()]
        writer.message(10**18 + number * 10**6, 1, 1, "out", frames, read_envelope(frames))
    writer.close()
    return path


def test_what_is_in_it(tmp_path: Path) -> None:
    files = bundled(record_sample(tmp_path / "run.mcap", "error"), tmp_path / "report.zip")
    assert set(files) == {"report.md", "recording.mcap", "attachments/redaction.json"}
    text = files["report.md"].decode()
    assert "`ValueError('boom')`" in text
    assert 'raise ValueError("boom")' in text
    assert "## Epochs that did not end (1)" in text
    assert re.search(r"\| 0 \| `a` \| `b` \|", text)
    assert "| `noob` | `1003.0.0` |" in text
    assert "ready > stopped > gone" in text
    assert "```mermaid" in text
    assert "/home/u/" not in text
    (tmp_path / "again.mcap").write_bytes(files["recording.mcap"])
    with Recording.open(tmp_path / "again.mcap") as recording:
        assert recording.state == "complete"
        (row,) = np.flatnonzero(recording.rows.type == recording.rows.types.index("error"))
        assert f"message {row}" in text


def test_nothing_is_given_away(tmp_path: Path) -> None:
    path = with_secrets(tmp_path / "alicejones-run.mcap")
    files = bundled(path, tmp_path / "report.zip")
    assert "attachments/tube.yaml" in files
    (tmp_path / "again.mcap").write_bytes(files.pop("recording.mcap"))
    said = everything_in(tmp_path / "again.mcap") + b"".join(files.values()).lower()
    assert [secret for secret in SECRETS if secret.encode() in said] == []


def test_a_leak_leaves_no_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = with_secrets(tmp_path / "run.mcap")
    monkeypatch.setattr(Scrubber, "octets", lambda self, data: data)
    with pytest.raises(LeakError):
        bundled(path, tmp_path / "report.zip")
    assert [each.name for each in tmp_path.iterdir() if "report" in each.name] == []


def test_it_fits_and_keeps_the_error(tmp_path: Path) -> None:
    path = with_noise(tmp_path / "run.mcap", 4000)
    files = bundled(path, tmp_path / "report.zip", max_size=300_000)
    assert sum(map(len, files.values())) > 100_000
    (tmp_path / "again.mcap").write_bytes(files["recording.mcap"])
    with Recording.open(tmp_path / "again.mcap") as recording:
        assert 100 < len(recording.rows) < 4000
        assert "error" in recording.rows.types
    with pytest.raises(OutputError, match="--max-size"):
        bundled(path, tmp_path / "small.zip", max_size=1000)
    assert not (tmp_path / "small.zip").exists()


def test_a_filter_bounds_it(tmp_path: Path) -> None:
    path = record_sample(tmp_path / "run.mcap")
    with Recording.open(path) as recording:
        allowed = filters.parse("epoch:1").rows(recording.rows)
    files = bundled(path, tmp_path / "report.zip", allowed=allowed)
    (tmp_path / "again.mcap").write_bytes(files["recording.mcap"])
    with Recording.open(tmp_path / "again.mcap") as part:
        assert part.rows.epoch.tolist() == [1] * int(allowed.sum())


def test_an_existing_bundle_stays(tmp_path: Path) -> None:
    path = record_sample(tmp_path / "run.mcap")
    (tmp_path / "report.zip").write_text("precious")
    with pytest.raises(OutputError, match="--force"):
        bundled(path, tmp_path / "report.zip")
    assert (tmp_path / "report.zip").read_text() == "precious"
    assert "report.md" in bundled(path, tmp_path / "report.zip", force=True)


def test_names_of_attachments_do_not_choose_where_they_go(tmp_path: Path) -> None:
    path = with_secrets(tmp_path / "run.mcap", attachments={"../../etc/passwd": b"x", "/tmp/y": b"z"})
    files = bundled(path, tmp_path / "report.zip")
    assert all(re.fullmatch(r"(attachments/)?[\w.-]+", name) and ".." not in name for name in files)


def test_an_empty_recording(tmp_path: Path) -> None:
    RecordingWriter(tmp_path / "run.mcap", facts=FACTS).close()
    assert "report.md" in bundled(tmp_path / "run.mcap", tmp_path / "report.zip")


def test_what_is_nearest_to_the_trouble_comes_first(tmp_path: Path) -> None:
    with Recording.open(with_noise(tmp_path / "run.mcap", 400)) as recording:
        assert points_of_interest(recording) == [200]
        previous = np.zeros(len(recording.rows), dtype=np.bool_)
        for budget in (0, 500, 5_000, 20_000, 10**9):
            rows = choose(recording, budget)
            assert (rows >= previous).all()
            chosen = np.flatnonzero(rows)
            if len(chosen):
                assert rows[200]
                # Twice as much before as behind, and no gap.
                assert len(chosen) == chosen[-1] - chosen[0] + 1
                assert len(chosen) == 400 or 200 - chosen[0] >= chosen[-1] - 200
            previous = rows
        assert previous.all()


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text("`ab\n|<", max_size=12), max_size=4))
def test_foreign_text_cannot_end_its_code_block(lines: list[str]) -> None:
    opening, *inside, closing = block(lines)
    fence = opening.removesuffix("text")
    assert closing == fence
    assert not any(line.strip().startswith(fence) for line in inside)
    for line in lines:
        span = code(line)
        ticks = re.match("`+", span)
        assert ticks is not None
        assert span.endswith(ticks[0])
        inner = span[len(ticks[0]) : -len(ticks[0])]
        assert not re.search(f"(?<!`){ticks[0]}(?!`)", inner)
        assert "\n" not in span


def test_the_sample_s_summary_says_first_what_went_wrong(tmp_path: Path) -> None:
    files = bundled(SAMPLES / "failing.mcap", tmp_path / "report.zip")
    lines = files["report.md"].decode().splitlines()
    assert lines[0] == "# Bug report: `python examples/failing.py`"
    short = lines[2 : lines.index("| recording | |")]
    assert short[0].startswith("- Node `reciprocal` failed after 0.4")
    assert short[0].endswith("s: `ZeroDivisionError('division by zero')`.")
    assert "- Of 8 epochs, 1 did not end: 7." in short
    assert "- Process 10312 (`python examples/failing.py`) exited with code 1." in short
    assert any("noob 1003.0.2" in line for line in short)
    assert "examples/failing_nodes.py" in files["report.md"].decode()
    # What is enclosed opens as any other recording, and knows the same nodes.
    (tmp_path / "again.mcap").write_bytes(files["recording.mcap"])
    with Recording.open(tmp_path / "again.mcap") as recording:
        assert recording.state == "complete"
        assert set(recording.session.nodes) == {"command", "countdown", "reciprocal", "report"}


def test_secrets_of_command_lines_and_specifications_are_not_in_the_summary(tmp_path: Path) -> None:
    path = tmp_path / "run.mcap"
    writer = RecordingWriter(path, facts=FACTS)
    secret = "s3cr3tv4lue99"
    arguments = ("python", "tube.py", "--password", secret)
    writer.record(Process(time_ns=10**18, pid=7, command_line=arguments))
    writer.record(Process(time_ns=10**18 + 5, pid=7, state="exited", exit_code=3))
    writer.attach("tube.yaml", "application/yaml", f"noob_id: tube\npassword: {secret}\n".encode())
    writer.close()
    files = bundled(path, tmp_path / "report.zip")
    text = files["report.md"].decode()
    assert re.search(r"- Process 7 \(`python tube.py --password secret-\w+`\) exited with code 3.", text)
    assert "## Specification `tube.yaml`" in text
    assert "noob_id: tube" in text
    assert secret not in text
    assert secret.encode() not in files["attachments/tube.yaml"]
