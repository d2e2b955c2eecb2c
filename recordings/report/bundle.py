"""The zip file of a bug report: `report.md`, a redacted part of the recording, and the tube's
specification.
"""

import re
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from recordings.filters.values import Mask
from recordings.output_files import OutputError, whole_output
from recordings.overview import sum_up
from recordings.recording import Recording
from recordings.redaction.redacting import MANIFEST, LeakError, Redacted, redact
from recordings.redaction.rules import Rules
from recordings.report.choosing import choose, points_of_interest
from recordings.report.document import Subject, document

DOCUMENT, RECORDING = "report.md", "recording.mcap"

MAX_TRIES = 5

ROOM = 50_000
"""Bytes of the bundle that are left for everything but the recording."""

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Bundle:
    """What was put together: how many of the recording's messages are in it, and what the redaction did."""

    size: int
    messages: int
    of_messages: int
    redacted: Redacted


def report(
    recording: Recording,
    target: Path,
    *,
    max_size: int,
    rules: Rules,
    allowed: Mask | None = None,
    force: bool = False,
    progress: Progress = lambda what, fraction: None,
) -> Bundle:
    """Write the bundle; it has at most `max_size` bytes, and of the messages those of `allowed`.

    Raises LeakError if anything that was taken out is still in it, and RecordingError; then nothing is
    written.
    """
    if not force and target.exists():
        raise OutputError(f"{target} exists already: choose another name, or add --force to replace it")
    budget = max(0, max_size - ROOM) if max_size > ROOM else max_size // 2
    with tempfile.TemporaryDirectory(prefix="tubetap-report-") as folder:
        part = Path(folder) / RECORDING
        for _ in range(MAX_TRIES):
            rows = choose(recording, budget, allowed)
            redacted = redact(recording, part, rules, rows=rows, force=True, progress=progress)
            text = _document(recording, part, rows, redacted)
            packed = Path(folder) / "bundle.zip"
            _pack(packed, part, text)
            size = packed.stat().st_size
            if size <= max_size:
                with whole_output(target, force=force) as file:
                    file.write(packed.read_bytes())
                return Bundle(size, redacted.copied.messages, len(recording.rows), redacted)
            # It compressed less than was thought.
            budget = min(budget // 2, int(budget * max_size / size * 0.9))
    raise OutputError(f"the bundle does not get smaller than {size:,} bytes: allow more with --max-size")


def _document(recording: Recording, part: Path, rows: Mask, redacted: Redacted) -> str:
    """Write the summary, scrub it like the recording, and search it like that."""
    replacements = sum(redacted.counts.values())
    notes = [
        f"`{RECORDING}` holds {redacted.copied.messages:,} of {len(recording.rows):,} messages: what nodes "
        "said of themselves, and what is nearest to the trouble.",
        "Names, paths, tokens, addresses and secrets are replaced by stand-ins, pickles and binary data by "
        "what "
        f"they are: {replacements:,} replacements; see `{MANIFEST}`, which is attached to the recording.",
        *(f"Left out: {left_out}." for left_out in redacted.left_out),
    ]
    points = points_of_interest(recording)
    with Recording.open(part) as opened:
        overview = msgspec.structs.replace(sum_up(recording), facts=dict(opened.facts))
        point = int(np.searchsorted(np.flatnonzero(rows), points[0])) if points else 0
        point = max(0, min(point, len(opened.rows) - 1))
        lines = document(Subject(overview, recording.session.epochs, opened, point, notes))
        text = redacted.scrubber.text("\n".join(lines) + "\n")
    leaks = redacted.leaks(DOCUMENT, text)
    if leaks:
        raise LeakError(leaks)
    return text


def _pack(target: Path, part: Path, text: str) -> None:
    """Put the recording, the summary and the attached texts into a zip file."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(DOCUMENT, text)
        archive.write(part, RECORDING, compress_type=zipfile.ZIP_STORED)
        with Recording.open(part) as redacted:
            for number, name in enumerate(redacted.attachments()):
                inside = f"attachments/{_plain_name(name)}"
                if inside in archive.namelist():
                    inside = f"attachments/{number}-{_plain_name(name)}"
                archive.writestr(inside, redacted.attachment(name))


def _plain_name(name: str) -> str:
    """Make a foreign name one that can't choose where it is unpacked."""
    return re.sub(r"[^\w.-]|\.{2,}", "_", name)[:80].lstrip(".") or "unnamed"
