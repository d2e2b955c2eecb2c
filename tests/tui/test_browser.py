"""The app in a real browser: the page paints the app and takes keys. Skipped where there is no Chromium."""

import asyncio
import signal
import socket
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

pytest.importorskip("textual_serve")

from tests.support_chromium import Page, browsing, chromium

PROGRAM = chromium()


@pytest.mark.skipif(PROGRAM is None, reason="no Chromium on PATH")
async def test_a_browser_shows_the_app_and_takes_keys(small: Path, tmp_path: Path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-u", "-m", "tubetap", "serve", str(small), "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            address = server.stdout.readline().split()[1]
            assert PROGRAM is not None
            async with browsing(PROGRAM, tmp_path / "profile", address) as page:
                await page.until("document.body?.className", lambda name: "-first-byte" in (name or ""))
                messages = await painted(page, b"")
                await page.ask("document.querySelector('.xterm-helper-textarea').focus()")
                await page.press("4")
                assert await painted(page, messages) != messages
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(20)


async def painted(page: Page, before: bytes) -> bytes:
    """Wait for a picture with text all over it, other than the one before, that stands still."""
    last = b""
    for _ in range(200):
        picture = await page.picture()
        if picture == last != before and text_rows(picture) > 10:
            return picture
        last = picture
        await asyncio.sleep(0.1)
    raise AssertionError("the page was never painted, or never again")


def text_rows(png: bytes) -> int:
    """Count the stretches of a picture's lines that are not plain, which are lines of text."""
    width = struct.unpack(">I", png[16:20])[0]
    depth = {2: 3, 6: 4}[png[25]]
    data, at = b"", 8
    while at < len(png):
        length, kind = struct.unpack(">I4s", png[at : at + 8])
        if kind == b"IDAT":
            data += png[at + 8 : at + 8 + length]
        at += 12 + length
    raw, stride = zlib.decompress(data), width * depth + 1
    busy = [len(set(raw[at + 1 : at + stride])) > 12 for at in range(0, len(raw), stride)]
    return sum(now and not before for before, now in zip([False, *busy], busy, strict=False))
