"""What runs inside of a relay runs on both event loops that `proxy.loop` may choose."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping

import pytest

_LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop}
with contextlib.suppress(ImportError):
    import uvloop

    _LOOPS["uvloop"] = uvloop.new_event_loop


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Have each async test run once on each."""
    return _LOOPS
