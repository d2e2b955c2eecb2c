"""The event loop of the relay: libuv's, where there is one for this platform, else asyncio's own.

libuv's takes half as long from a readable socket to our callback, which every hop of a message goes through.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any

__all__ = ["run"]


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run `main` to its end, as `asyncio.run` does."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(main)
    else:
        uvloop.run(main)
