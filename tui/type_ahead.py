"""Keys in the order they were typed, each done before the next is looked at.

Textual hands a key to the widget that has the focus at that moment, while the key before may still be on its
way to move the focus. Typed fast, or over a slow line that delivers in bursts, `f` and then `q` would quit
instead of filtering by a q. So a key waits until the one before has gone all the way, and until a window that
was just opened has its focus.
"""

import time
from collections import deque
from typing import Any

from textual import events
from textual.app import App
from textual.message_pump import MessagePump
from textual.screen import ModalScreen

PATIENCE_S = 0.5
"""A key never waits longer than this, whatever the one before is doing."""
STEP_S = 0.01


class TypeAhead(App[None]):
    """An app that looks at one key at a time."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._waiting_keys: deque[events.Key] = deque()
        self._key_since_s: float | None = None

    @property
    def keys_done(self) -> bool:
        """Tell whether all keys that came in have been acted on."""
        return self._key_since_s is None and not self._waiting_keys

    async def on_event(self, event: events.Event) -> None:
        """Hold a key back while another one is on its way."""
        if not isinstance(event, events.Key) or event.is_forwarded:
            await super().on_event(event)
        elif self._key_since_s is not None:
            self._waiting_keys.append(event)
        else:
            await self._begin_key(event)

    async def _begin_key(self, event: events.Key) -> None:
        self._key_since_s = time.monotonic()
        target: MessagePump = self.focused or self.screen
        await super().on_event(event)
        self._pass_on(target)

    def _pass_on(self, node: MessagePump) -> None:
        """Follow the key up, one queue after the other, from the widget to the app."""
        parent = node._parent
        if node is self or parent is None:
            self.call_later(self.call_later, self._key_done)
        elif not node.call_later(self._pass_on, parent):
            self._pass_on(parent)

    async def _key_done(self) -> None:
        """Look at the next key, once there is a focus to receive it."""
        since = self._key_since_s
        if since is None:
            return
        opening = isinstance(self.screen, ModalScreen) and self.screen.focused is None
        if opening and time.monotonic() - since < PATIENCE_S:
            self.set_timer(STEP_S, self._key_done)
            return
        self._key_since_s = None
        if self._waiting_keys:
            await self._begin_key(self._waiting_keys.popleft())

    def release_keys(self) -> None:
        """Give up waiting for a key that is stuck somewhere; to be called every now and then."""
        if self._key_since_s is not None and time.monotonic() - self._key_since_s > PATIENCE_S:
            self.call_later(self._key_done)
