"""The app in a browser: a web server of textual-serve that lets in only who has the address it printed.

The address carries a secret that becomes a cookie of that browser. Without it any page open in the browser,
and any other user of the machine, could drive the app, and so read and write files as this user.
"""

import hmac
import secrets
import shlex
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from aiohttp import web
from textual_serve.server import Server

COOKIE = "tubetap"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class RecordingServer(Server):
    """Serves one command that runs the app; each page that is opened runs it anew.

    `address` is what to open in a browser.
    """

    def __init__(self, command: Sequence[str], *, host: str, port: int, say: Callable[[str], None]) -> None:
        self._token = secrets.token_urlsafe(24)
        self._say = say
        shown = f"[{host}]" if ":" in host else host
        super().__init__(
            shlex.join(command), host=host, port=port, title="tubetap", public_url=f"http://{shown}:{port}"
        )

    @property
    def address(self) -> str:
        """The address with the secret."""
        return f"{self.public_url}/?token={self._token}"

    def initialize_logging(self) -> None:
        """Log nothing: the address with the secret would be in every line."""

    async def on_startup(self, app: web.Application) -> None:
        """Say where the app is to be found."""
        self._say(f"Open {self.address} in a browser; ctrl+c ends it.")

    async def _make_app(self) -> web.Application:
        app = await super()._make_app()
        app.middlewares.append(self._door())
        return app

    def _door(self) -> Any:
        """Make the middleware that lets in who has the secret."""

        @web.middleware
        async def door(request: web.Request, handler: Handler) -> web.StreamResponse:
            if self._is_token(request.cookies.get(COOKIE, "")):
                return await handler(request)
            if request.path == "/" and self._is_token(request.query.get("token", "")):
                response = await handler(request)
                response.set_cookie(COOKIE, self._token, httponly=True, samesite="Strict")
                return response
            raise web.HTTPForbidden(text="Open the address that tubetap serve has printed.\n")

        return door

    def _is_token(self, text: str) -> bool:
        return hmac.compare_digest(text.encode("utf-8", "replace"), self._token.encode())
