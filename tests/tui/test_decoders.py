"""The decoder of the viewer: the one that fits best, one named at the start, one chosen from the menu."""

from pathlib import Path

import pytest

from tests.support_tui import viewing


async def test_a_decoder_named_at_the_start(small: Path):
    async with viewing(small, decoder="raw") as viewed:
        await viewed.go(8)
        await viewed.sees("2 frames, ", "frame 1: 'event'")
        assert "EventMsg" not in viewed.text()


async def test_another_decoder_from_the_menu(small: Path):
    async with viewing(small) as viewed:
        await viewed.go(8)
        await viewed.sees("EventMsg")
        await viewed.press("i")
        await viewed.sees("Decode as", "the one that fits best", "jupyter", "msgpack")
        await viewed.press("j", "j", "j", "enter")  # json
        await viewed.sees("frame 2: 4 keys")
        assert "EventMsg" not in viewed.text()
        await viewed.press("i", "enter")
        await viewed.sees("EventMsg")


async def test_one_that_cannot_decode_says_why(small: Path):
    async with viewing(small, (200, 36), decoder="jupyter") as viewed:
        await viewed.go(8)
        await viewed.sees("raw: jupyter: no <IDS|MSG> delimiter", "frame 1: 'event'")


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch):
    from decoders import registry

    monkeypatch.setattr(registry, "failures", lambda: {"mine": "no module\x1b named 'x'"})


@pytest.mark.usefixtures("failing")
async def test_decoders_that_could_not_be_loaded_are_told(small: Path):
    async with viewing(small) as viewed:
        await viewed.press("i")
        await viewed.sees("mine", r"no module\x1b named 'x'")
