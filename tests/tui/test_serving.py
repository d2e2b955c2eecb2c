"""The app in a browser: only who has the printed address gets in, and what it shows is the app."""

import asyncio
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

pytest.importorskip("textual_serve")

from aiohttp.test_utils import TestClient, TestServer

from tui.serving import RecordingServer


def server_for(path: Path) -> RecordingServer:
    command = [sys.executable, "-m", "tubetap", "view", str(path)]
    return RecordingServer(command, host="127.0.0.1", port=1, say=lambda text: None)


async def client_of(server: RecordingServer) -> TestClient:
    return TestClient(TestServer(await server._make_app()), cookie_jar=aiohttp.CookieJar(unsafe=True))


async def test_nothing_is_served_without_the_secret(small: Path):
    server = server_for(small)
    async with await client_of(server) as client:
        for path in ("/", "/ws", "/static/js/textual.js", "/download/x", "/?token=wrong"):
            response = await client.get(path)
            assert response.status == 403, path
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await client.ws_connect("/ws", headers={"Origin": "http://elsewhere.example"})


async def test_the_secret_becomes_a_cookie_that_other_sites_cannot_use(small: Path):
    server = server_for(small)
    async with await client_of(server) as client:
        response = await client.get(server.address.removeprefix(server.public_url))
        assert response.status == 200
        cookie = response.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie


async def test_the_page_runs_the_app(small: Path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-u", "-m", "tubetap", "serve", str(small), "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            address = server.stdout.readline().split()[1]
            async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as client:
                await until_served(client, address)
                shown = await shown_by(client, f"ws://127.0.0.1:{port}/ws?width=120&height=36")
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(20)
    assert "identify" in shown


async def until_served(client: aiohttp.ClientSession, address: str) -> None:
    """Open the page as soon as the server listens."""
    for _ in range(500):
        try:
            async with client.get(address) as page:
                assert page.status == 200
                return
        except aiohttp.ClientConnectorError:
            await asyncio.sleep(0.02)
    raise AssertionError("the server never listened")


async def shown_by(client: aiohttp.ClientSession, address: str) -> str:
    """Connect as the page does, and take what the app paints until a message is decoded."""
    shown = ""
    async with client.ws_connect(address) as page:
        async for message in page:
            if message.type == aiohttp.WSMsgType.BINARY:
                shown += message.data.decode("utf-8", "replace")
            if "IdentifyMsg" in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown):
                break
    return shown
