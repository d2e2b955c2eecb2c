"""The rules that hold the layers apart: imports go one way, and heavy libraries stay where they belong."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ALLOWED = {
    "decoders": set(),
    "recordings": {"decoders"},
    "proxy": {"decoders", "recordings"},
    "tui": {"decoders", "recordings"},
    "tubetap": {"decoders", "recordings", "proxy", "tui"},
}
ONLY_IN = {"textual": {"tui"}, "click": {"tubetap"}, "noob": {"tubetap"}}


def sources(package: str) -> list[Path]:
    files = sorted((ROOT / package).rglob("*.py"))
    assert files, f"no source files under {package}"
    return files


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("package", ALLOWED)
def test_layers_import_downwards_only(package: str) -> None:
    forbidden = set(ALLOWED) - ALLOWED[package] - {package}
    wrong = {str(path.relative_to(ROOT)): imported(path) & forbidden for path in sources(package)}
    assert not {path: names for path, names in wrong.items() if names}


@pytest.mark.parametrize("package", ALLOWED)
def test_libraries_stay_in_their_layer(package: str) -> None:
    for library, homes in ONLY_IN.items():
        if package in homes:
            continue
        users = [str(path.relative_to(ROOT)) for path in sources(package) if library in imported(path)]
        assert not users, f"{library} belongs in {homes}"


def test_only_the_attached_subscriptions_need_zeromq() -> None:
    for path in sources("proxy"):
        assert ("zmq" in imported(path)) == (path.name == "subscribing.py"), path


def test_agent_uses_the_standard_library_alone() -> None:
    agent = sorted((ROOT / "proxy" / "agent").rglob("*.py"))
    assert agent
    for path in agent:
        assert imported(path) <= set(sys.stdlib_module_names) | {"__future__"}, path


@pytest.mark.parametrize("package", ALLOWED)
def test_nothing_unpickles(package: str) -> None:
    for path in sources(package):
        names = imported(path)
        assert not names & {"pickle", "cloudpickle", "dill", "shelve", "marshal"}, path
