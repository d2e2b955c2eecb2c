"""The agent inside the target: what it changes, what it leaves alone, and that it never gets in the way."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from proxy.agent import _tubetap_agent
from proxy.interpose import environment
from tests.support_proxy import PROGRAMS, Place, load

ECHO = str(PROGRAMS / "ipc_echo.py")
AGENT = Path(_tubetap_agent.__file__).parent


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place.make(tmp_path)


def interposed(place: Place, what: str, address: str) -> dict[str, object]:
    """Run the small program under tubetap and return what it found."""
    done = place.tap([sys.executable, ECHO, what, address])
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_the_program_sees_its_own_address(place: Place) -> None:
    address = f"ipc://{place.root}/noob/socket"
    command = [sys.executable, ECHO, "talk", f"ipc://{place.root}/direct"]
    direct = subprocess.run(command, env=place.env, capture_output=True, text=True, check=True)
    found = interposed(place, "talk", address)
    assert found == {
        "identity": "dealer",
        "answer": "answer to question",
        "last_endpoint": address,
        "names": ["socket", "socket.tap"],
        "context_manager": True,
        "sys_path": json.loads(direct.stdout)["sys_path"],
    }
    assert os.listdir(place.root / "noob") == ["socket"]  # as zmq itself leaves it
    with load(place.recording) as recording:
        assert [recording.frames(row) for row in range(2)] == [(b"question",), (b"answer to question",)]
        (endpoint,) = recording.session.endpoints.values()
        assert (endpoint.address, endpoint.socket_type) == (address, "ROUTER")
        assert ECHO in endpoint.command_line


@pytest.mark.parametrize("what", ["async", "again", "unbind"])
def test_other_ways_to_bind(place: Place, what: str) -> None:
    found = interposed(place, what, f"ipc://{place.root}/noob/socket")
    assert "hello" in str(found) or found["answer"] == "answer to question"
    assert not place.leftovers()
    with load(place.recording) as recording:
        assert len(recording.rows) == {"async": 1, "again": 4, "unbind": 2}[what]


def test_a_relative_address(place: Place) -> None:
    done = place.tap([sys.executable, ECHO, "talk", "ipc://here"], cwd=place.root / "noob")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["last_endpoint"] == "ipc://here"
    with load(place.recording) as recording:
        assert [e.address for e in recording.session.endpoints.values()] == [f"ipc://{place.root}/noob/here"]


def test_an_address_that_zmq_chooses_and_removes(place: Place) -> None:
    done = place.tap([sys.executable, ECHO, "talk", "ipc://*"], cwd=place.root / "noob")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["answer"] == "answer to question"
    with load(place.recording) as recording:
        assert len(recording.rows) == 2
    assert [path for path in place.root.rglob("*") if path.is_socket()] == []
    assert os.listdir(place.root / "noob") == []


@pytest.mark.parametrize(
    ("what", "address", "said"),
    [
        ("random-port", "tcp://127.0.0.1", "tcp://127.0.0.1:"),
        ("talk", "ipc://@tubetap-test-{}", "ipc://@tubetap-test-"),
    ],
)
def test_what_is_no_socket_file_is_left_alone_and_said_so(
    place: Place, what: str, address: str, said: str
) -> None:
    done = place.tap([sys.executable, ECHO, what, address.format(os.getpid())])
    assert done.returncode == 0, done.stderr
    assert sum(said in line for line in done.stderr.splitlines()) == 1, done.stderr
    assert "tubetap proxy" in done.stderr


def test_a_long_path_has_room_where_the_program_has(place: Place) -> None:
    folder = place.root / ("d" * (100 - len(str(place.root)) - 1))
    folder.mkdir()
    found = interposed(place, "talk", f"ipc://{folder}/socket")
    assert found["names"] == ["socket", "~0"]
    assert os.listdir(folder) == ["socket"]


def test_a_bind_that_fails_leaves_no_second_name(place: Place) -> None:
    folder = place.root / ("d" * (100 - len(str(place.root)) - 1))
    folder.mkdir()
    code = (
        "import zmq\n"
        "a = zmq.Context().socket(zmq.REP); a.close()\n"
        "try:\n"
        f"    a.bind('ipc://{folder}/socket')\n"
        "except zmq.ZMQError as error:\n"
        "    print(error.errno == zmq.ENOTSUP or error.errno == zmq.ENOTSOCK)\n"
    )
    done = place.tap([sys.executable, "-c", code])
    assert done.stdout == "True\n", done.stderr
    assert os.listdir(folder) == []


def test_a_path_too_long_for_a_second_name_is_said_and_left_alone(place: Place) -> None:
    folder = place.root / ("d" * (105 - len(str(place.root)) - 1))
    folder.mkdir()
    done = place.tap([sys.executable, ECHO, "talk", f"ipc://{folder}/s"])
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["names"] == ["s"]
    assert "107 bytes" in done.stderr
    assert "Error" not in done.stderr
    assert "NOOB_TMP_DIR" in done.stderr


def run_with_agent(
    place: Place, code: str, env: dict[str, str], *flags: str
) -> subprocess.CompletedProcess[str]:
    return place.run([sys.executable, *flags, "-c", code], env=env)


def test_an_existing_sitecustomize_is_run_in_its_own_name(place: Place) -> None:
    folder = place.root / "site"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text("import sys; sys.existing = __name__; value = 5")
    env = environment({**place.env, "PYTHONPATH": str(folder)}, place.root / "nobody")
    done = run_with_agent(
        place, "import sys, sitecustomize as s; print(sys.existing, s.value, s.__file__)", env
    )
    assert done.stdout.split() == ["sitecustomize", "5", str(folder / "sitecustomize.py")]
    assert done.stderr == ""


def test_an_existing_sitecustomize_that_fails_fails_as_ever(place: Place) -> None:
    folder = place.root / "site"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text("import nothing_of_that_name")
    plain = run_with_agent(place, "print(1)", {"PYTHONPATH": str(folder)})
    env = environment({**place.env, "PYTHONPATH": str(folder)}, place.root / "nobody")
    assert run_with_agent(place, "print(1)", env).stderr == plain.stderr != ""


def test_without_tubetap_nothing_happens(place: Place) -> None:
    """Nobody listens at the control socket: the program runs as ever, and its sockets are its own."""
    env = environment(place.env, place.root / "tmp" / "nobody")
    done = place.run([sys.executable, ECHO, "talk", f"ipc://{place.root}/noob/socket"], env=env)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["names"] == ["socket"]
    assert done.stderr == ""


def test_a_start_imports_neither_zmq_nor_anything_slow(place: Place) -> None:
    env = environment(place.env, place.root / "tmp" / "nobody")
    names = "import sys; print(*sorted(sys.modules))"
    plain = set(run_with_agent(place, names, {}).stdout.split())
    ours = set(run_with_agent(place, names, env).stdout.split())
    assert ours - plain == {"_tubetap_agent", "sitecustomize", "__future__"}


PROBE = """
import json, os, signal, sys, threading, warnings

def found():
    return {
        "path": sys.path,
        "meta_path": [getattr(finder, "__name__", type(finder).__name__) for finder in sys.meta_path],
        "path_hooks": [hook.__qualname__ for hook in sys.path_hooks],
        "path_importer_cache": sorted(sys.path_importer_cache),
        "flags": str(sys.flags),
        "argv": [sys.argv, sys.orig_argv[1:]],
        "warnings": [str(filter) for filter in warnings.filters],
        "signals": [str(signal.getsignal(number)) for number in (2, 10, 13, 14, 15)],
        "threads": [thread.name for thread in threading.enumerate()],
        "files": sorted(os.listdir("/dev/fd")),
        "environ": dict(os.environ),
        "modules": sorted(sys.modules),
    }

before = found()
import inspect, zmq
bind = zmq.Socket.bind
own = [bind.__name__, bind.__qualname__, bind.__module__, bind.__doc__, str(inspect.signature(bind))]
print(json.dumps([before, found(), own]))
"""


@pytest.mark.parametrize(
    "flags",
    [(), ("-P",), ("-B",), ("-OO",), ("-s", "-u"), ("-X", "dev", "-W", "error"), ("-X", "importtime")],
    ids=" ".join,
)
def test_a_program_finds_itself_as_without_tubetap(place: Place, flags: tuple[str, ...]) -> None:
    """What differs is named here, and in docs/how-it-works.md: nothing else does."""
    env = environment(place.env, place.root / "tmp" / "nobody")
    outputs = [run_with_agent(place, PROBE, env, *flags), place.run([sys.executable, *flags, "-c", PROBE])]
    assert [done.returncode for done in outputs] == [0, 0], outputs[0].stderr
    if "importtime" not in flags:
        assert outputs[0].stderr == outputs[1].stderr == ""
    with_agent, without = (json.loads(done.stdout) for done in outputs)
    assert with_agent[2] == without[2]
    for ours, theirs, finder in zip(with_agent[:2], without[:2], (["_Finder"], []), strict=True):
        assert finder + theirs.pop("meta_path") == ours.pop("meta_path")
        added = set(ours.pop("modules")) - set(theirs.pop("modules"))
        assert added <= {"_tubetap_agent", "sitecustomize", "__future__"}
        assert set(ours["environ"]) - set(theirs["environ"]) == {"PYTHONPATH", "TUBETAP_CONTROL"}
        for name in ("PYTHONPATH", "TUBETAP_CONTROL"):
            del ours["environ"][name]
        assert ours == theirs


@pytest.mark.parametrize(
    "code",
    [
        "import importlib.util; importlib.util.find_spec('zmq.sugar.socket')",
        "import sys, importlib.abc\n"
        "class F(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, *a): return None\n"
        "sys.meta_path.insert(0, F())",
        "import sys; sys.path.insert(0, '')",
        "import importlib; importlib.invalidate_caches()",
        "import pkgutil, sys; list(pkgutil.iter_importers('zmq'))",
        "import importlib.metadata; importlib.metadata.version('pyzmq')",
    ],
)
def test_programs_that_look_into_the_import_machinery_are_recorded(place: Place, code: str) -> None:
    address = f"ipc://{place.root}/noob/socket"
    code += f"\nimport sys; sys.argv = ['x', 'talk', {address!r}]; exec(open({ECHO!r}).read())"
    done = place.tap([sys.executable, "-c", code])
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["names"] == ["socket", "socket.tap"]


def test_the_loader_of_zmq_is_its_own_again(place: Place) -> None:
    env = environment(place.env, place.root / "tmp" / "nobody")
    code = (
        "import zmq.sugar.socket as s, sys, inspect; finders = [type(f).__name__ for f in sys.meta_path];"
        "print(type(s.__loader__).__name__, s.Socket.bind.__name__, 'Socket' in inspect.getsource(s),"
        " '_Finder' in finders)"
    )
    done = run_with_agent(place, code, env)
    assert done.stdout.split() == ["SourceFileLoader", "bind", "True", "False"], done.stderr


def test_the_agent_parses_on_the_oldest_python_it_is_for() -> None:
    import ast

    ast.parse((AGENT / "_tubetap_agent.py").read_text(), feature_version=(3, 8))
    # The file that every interpreter runs must not fail even where the agent is not for it.
    source = (AGENT / "sitecustomize.py").read_text()
    assert "f'" not in source
    assert 'f"' not in source
    assert "->" not in source


def test_a_connection_that_slips_in_before_the_rename_is_told(place: Place) -> None:
    # The peer connects while bind has not returned yet, as one that waits for the path may.
    path = f"{place.root}/noob/socket"
    code = (
        "import socket, zmq\n"
        "peer = socket.socket(socket.AF_UNIX)\n"
        "class Early(zmq.Socket):\n"
        "    def _bind_cm(self, addr):\n"
        f"        peer.connect({path!r}); peer.recv(10)\n"
        "        return super()._bind_cm(addr)\n"
        f"e = Early(zmq.Context(), zmq.PULL); e.bind('ipc://{path}')\n"
    )
    done = place.tap([sys.executable, "-c", code])
    assert done.returncode == 0, done.stderr
    assert f"1 connection(s) to ipc://{path} came before the relay" in done.stderr
