"""The lazy tree: any size, any content, a batch at a time."""

from decoders.tree import BATCH, Item, from_value, problem


def opened(item: Item) -> list[Item]:
    assert item.children is not None
    return list(item.children())


def test_values() -> None:
    root = from_value("", {"a": [1, 2.5, None, True], "b": {"c": "x\x1b"}, "empty": [], "raw": b"\x00\xff"})
    a, b, empty, raw = opened(root)
    assert (root.text, root.kind) == ("4 keys", "object")
    assert (a.name, a.text, a.kind) == ("a", "4 items", "array")
    assert [(item.name, item.text, item.kind) for item in opened(a)] == [
        ("0", "1", "number"),
        ("1", "2.5", "number"),
        ("2", "null", "null"),
        ("3", "true", "bool"),
    ]
    assert opened(b)[0].text == r"'x\x1b'"
    assert opened(b)[0].value == "x\x1b"
    assert empty.children is None
    assert raw.text == "2 bytes  00 ff"


def test_batches() -> None:
    count = 2 * BATCH + 7
    items = opened(from_value("", list(range(count))))
    assert len(items) == BATCH + 1
    assert (items[-1].kind, items[-1].text) == ("more", f"… {BATCH + 7} more")
    second = opened(items[-1])
    assert second[0].name == str(BATCH)
    assert [item.text for item in opened(second[-1])] == [str(number) for number in range(2 * BATCH, count)]


def test_a_million_values_and_a_thousand_levels_are_lazy() -> None:
    assert from_value("", [0] * 1_000_000).text == "1,000,000 items"
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    item = from_value("", deep)
    for _ in range(1000):
        (item,) = opened(item)
    while deep:  # taken apart from the outside, for an interpreter without a deep stack
        (deep,) = deep  # type: ignore[assignment]


def test_names_and_huge_numbers_are_safe() -> None:
    (item,) = opened(from_value("", {"k\x1b[2J\n": 10**5000}))
    assert item.name == r"k\x1b[2J\n"
    assert item.text == "integer of 16,610 bits"
    assert opened(from_value("", {1: 2}))[0].name == "1"
    assert problem("bad\x1b", "value[0]") == Item("value[0]", r"bad\x1b", "problem")
