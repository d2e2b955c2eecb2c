"""Checksums: those of zip, with and without the fast library, of chunks in one piece and in several."""

import importlib
import os
import sys
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcap.reader import NonSeekingReader

from recordings import checksum
from recordings.recording import Recording
from recordings.writer import RecordingWriter
from tests.support_mcap import Traffic, event, introduce, run_mcap

MIB = 1 << 20


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_it_is_the_checksum_of_zip_and_can_go_on(first: bytes, second: bytes) -> None:
    assert checksum.crc32(first) == zlib.crc32(first)
    assert checksum.crc32(memoryview(second), checksum.crc32(first)) == zlib.crc32(first + second)


def test_it_does_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fastcrc.crc32", None)
    with monkeypatch.context():
        slow = importlib.reload(checksum)
        assert slow._crc32 is zlib.crc32
        assert slow.crc32(b"456", slow.crc32(b"123")) == zlib.crc32(b"123456")
    monkeypatch.undo()
    importlib.reload(checksum)


@pytest.mark.parametrize("content", ["noise", "text", "both", "one large after many small"])
def test_large_messages(tmp_path: Path, content: str) -> None:
    path = tmp_path / "a.mcap"
    writer = RecordingWriter(path, facts={})
    traffic = Traffic(writer)
    introduce(writer)
    if content.endswith("small"):
        traffic.events(3000)
    for number in range(6):
        value = b"x" * MIB if content == "text" or (content == "both" and number % 2) else os.urandom(MIB)
        traffic.message(event("a", number, f'"{value.hex()}"'))
        traffic.message((b"raw", value))
    writer.close()
    with Recording.open(path) as recording:
        assert [recording.frames(number) for number in range(len(recording.rows))] == [
            sent.frames for sent in traffic.sent
        ]
    assert run_mcap("doctor", path).returncode == 0
    with path.open("rb") as file:
        # The official reader holds each chunk against its checksum with zlib.
        assert sum(1 for _ in NonSeekingReader(file, validate_crcs=True).iter_messages()) >= len(traffic.sent)
