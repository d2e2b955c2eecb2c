"""docs/decoders.md says what is: its examples run, its tables name every type, limit and decoder."""

import doctest
import re
from pathlib import Path

from decoders import json_text, msgpack_bytes, readers, registry
from decoders.event_values import MetaEventType, MetaSignal
from decoders.generic import MAX_MSGPACK
from decoders.messages import MessageType, NodeStatus
from decoders.pickles import Limits

GUIDE = Path(__file__).parents[2] / "docs" / "decoders.md"
TEXT = " ".join(GUIDE.read_text().split())


def test_its_examples_run() -> None:
    result = doctest.testfile(str(GUIDE), module_relative=False, encoding="utf-8")
    assert result.failed == 0
    assert result.attempted > 10


def test_it_names_all_there_is() -> None:
    for name in (*MessageType, *NodeStatus, *MetaEventType, *MetaSignal):
        assert re.search(rf'[`"]{name}["`]', TEXT), name
    for entry in registry.SHIPPED:
        assert f"| `{entry.name}` |" in TEXT


def test_its_limits_are_the_limits() -> None:
    limits = Limits()
    for number, what in (
        (limits.structs, "lists, dicts, calls and the like"),
        (limits.memo, "remembered values"),
        (limits.depth, "levels"),
        (readers.MAX_EVENTS, "events in a message"),
        (json_text.MAX_DEPTH, "levels deep"),
        (json_text.MAX_DIGITS, "digits"),
    ):
        assert f"{number:,} {what}" in TEXT, what
    assert f"{limits.opcodes // 1_000_000} million opcodes" in TEXT
    assert f"{limits.size >> 30} GiB" in TEXT
    assert f"{json_text.MAX_CONTAINERS // 1_000_000} million lists and objects" in TEXT
    assert f"{json_text.MAX_VALUES // 1_000_000} million values or {json_text.MAX_BYTES >> 20} MB" in TEXT
    assert f"{MAX_MSGPACK >> 20} MB and {msgpack_bytes.MAX_VALUES // 1_000_000} million values" in TEXT
