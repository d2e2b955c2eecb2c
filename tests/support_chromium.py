"""A headless Chromium, driven over its DevTools protocol: pages opened, keys pressed, scripts asked, pictures
taken.
"""

import asyncio
import base64
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-sync",
    "--window-size=1200,760",
    "--remote-debugging-port=0",
)


def chromium() -> str | None:
    """Find a Chromium on PATH."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Page:
    """The one page of a browser."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._asked = 0

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol."""
        self._asked += 1
        await self._socket.send_json({"id": self._asked, "method": method, "params": parameters})
        while True:
            answer = await self._socket.receive_json(timeout=30)
            if answer.get("id") == self._asked:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result

    async def ask(self, script: str) -> Any:
        """Evaluate a script in the page."""
        result = await self.call("Runtime.evaluate", expression=script, returnByValue=True)
        return result["result"].get("value")

    async def until(self, script: str, wanted: Callable[[Any], bool], timeout_s: float = 40) -> Any:
        """Evaluate a script until its value is as wanted."""
        value = None
        for _ in range(round(timeout_s / 0.1)):
            value = await self.ask(script)
            if wanted(value):
                return value
            await asyncio.sleep(0.1)
        raise AssertionError(f"{script} stays {str(value)[:2000]!r}")

    async def press(self, key: str) -> None:
        """Press a key that writes a character."""
        await self.call("Input.dispatchKeyEvent", type="keyDown", text=key, key=key)
        await self.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    async def picture(self) -> bytes:
        """Give a PNG of the page."""
        return base64.b64decode((await self.call("Page.captureScreenshot"))["data"])


@asynccontextmanager
async def browsing(program: str, profile: Path, address: str) -> AsyncIterator[Page]:
    """Open an address in a new browser with a new profile."""
    command = [program, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as browser:
        try:
            port_file = profile / "DevToolsActivePort"
            for _ in range(600):
                if port_file.exists() and port_file.read_text().strip():
                    break
                assert browser.poll() is None, "the browser ended"
                await asyncio.sleep(0.05)
            port = int(port_file.read_text().split()[0])
            async with aiohttp.ClientSession() as client:
                async with client.get(f"http://127.0.0.1:{port}/json") as answer:
                    targets = await answer.json()
                target = next(each for each in targets if each["type"] == "page")
                async with client.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                    page = Page(socket)
                    await page.call("Page.navigate", url=address)
                    yield page
        finally:
            browser.terminate()
            try:
                browser.wait(10)
            except subprocess.TimeoutExpired:
                browser.kill()
