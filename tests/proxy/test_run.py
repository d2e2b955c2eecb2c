"""`tubetap run` as a program's neighbour: streams, signals, exit codes, what it leaves and what it says."""

import json
import os
import pty
import re
import resource
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from proxy.errors import ProxyError
from proxy.interpose import program_name, why_nothing
from proxy.run import run
from tests.support_proxy import PROGRAMS, Place, load, processes, until

ECHO = str(PROGRAMS / "ipc_echo.py")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place.make(tmp_path)


def nothing_left(place: Place) -> None:
    until(lambda: not processes(place, "proxy.re"))
    assert not place.leftovers()
    assert not list((place.root / "run").iterdir())


def test_streams_and_exit_code_are_the_programs_own(place: Place) -> None:
    code = "import sys; print(sys.stdin.read().upper(), end=''); print('oops', file=sys.stderr); sys.exit(7)"
    done = place.tap([sys.executable, "-c", code], input="some text\n")
    assert done.returncode == 7
    assert done.stdout == "SOME TEXT\n"
    assert done.stderr.startswith("oops\n")
    nothing_left(place)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_a_program_ended_by_a_signal_gives_the_shells_exit_code(place: Place, number: signal.Signals) -> None:
    done = place.tap(["sh", "-c", f"kill -{int(number)} $$"])
    assert done.returncode == 128 + number


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGUSR1])
def test_signals_that_reach_only_tubetap_are_handed_on(place: Place, number: signal.Signals) -> None:
    code = (
        "import signal, sys, time\n"
        f"signal.signal({int(number)}, lambda *a: sys.exit(40))\n"
        "print('ready', flush=True)\n"
        "time.sleep(60)\n"
    )
    process = place.start(place.command([sys.executable, "-c", code]), start_new_session=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    assert process.wait(20) == 40
    process.communicate()
    nothing_left(place)


def test_ctrl_c_at_a_terminal_reaches_the_program_once(place: Place) -> None:
    code = (
        "import signal, sys, time\n"
        "seen = []\n"
        "signal.signal(signal.SIGINT, lambda *a: seen.append(1))\n"
        "print('ready', flush=True)\n"
        "while not seen: time.sleep(0.01)\n"
        "time.sleep(0.5)\n"
        "print('seen', len(seen), sys.stdin.isatty(), sys.stdout.isatty(), flush=True)\n"
        "sys.exit(3)\n"
    )
    parent, child = pty.openpty()
    take_terminal = (
        "import os, fcntl, termios, sys; os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
        "os.execv(sys.argv[1], sys.argv[1:])"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", take_terminal, *place.command([sys.executable, "-c", code])],
        stdin=child,
        stdout=child,
        stderr=child,
        env=place.env,
    )
    os.close(child)
    output = b""
    while b"ready" not in output:
        output += os.read(parent, 1000)
    os.write(parent, b"\x03")
    while b"seen" not in output:
        output += os.read(parent, 1000)
    assert b"seen 1 True True" in output
    assert process.wait(20) == 3
    os.close(parent)
    nothing_left(place)


def test_a_program_that_does_not_exist_is_said_as_a_shell_would(place: Place) -> None:
    done = place.tap(["no-such-program-here"])
    assert done.returncode == 127
    assert done.stderr == "tubetap: cannot run no-such-program-here: no such program\n"
    assert not place.recording.exists()
    nothing_left(place)
    (place.root / "file").write_text("not executable")
    done = place.tap([str(place.root / "file")])
    assert (done.returncode, done.stdout) == (126, "")


def test_a_recording_is_private_and_never_written_over(place: Place) -> None:
    program = [sys.executable, ECHO, "talk", f"ipc://{place.root}/noob/socket"]
    done = place.tap(program)
    assert re.search(r"^tubetap: 2 messages on 1 connections to 1 sockets recorded in ", done.stderr)
    assert done.stderr.count("\n") == 1
    assert stat.S_IMODE(place.recording.stat().st_mode) == 0o600
    before = place.recording.read_bytes()
    refused = place.tap(program)
    assert refused.returncode == 2
    assert "--force" in refused.stderr
    assert refused.stdout == ""
    assert place.recording.read_bytes() == before
    assert place.tap(program, "--force").returncode == 0
    assert place.recording.read_bytes() != before
    done = place.run(
        [sys.executable, "-m", "tubetap", "run", "-o", str(place.root / "no" / "x"), "--", *program]
    )
    assert done.returncode == 2
    assert "there is no folder" in done.stderr
    done = place.run([sys.executable, "-m", "tubetap", "run", "-o", str(place.root), "--", *program])
    assert (done.returncode, done.stdout) == (2, "")
    assert "is a folder: name a file in it" in done.stderr


def test_recordings_go_to_a_private_folder_of_the_user(place: Place) -> None:
    program = [sys.executable, ECHO, "talk", f"ipc://{place.root}/noob/socket"]
    for _ in range(2):
        done = place.run([sys.executable, "-m", "tubetap", "run", "--", *program])
        assert done.returncode == 0, done.stderr
    folder = place.root / "state" / "tubetap" / "recordings"
    names = [path.name for path in folder.iterdir()]
    assert len(names) == 2
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-ipc_echo(\.\d)?\.mcap", name) for name in names)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_nothing_to_record_leaves_no_file(place: Place) -> None:
    done = place.run([sys.executable, "-m", "tubetap", "run", "--", sys.executable, "-c", "pass"])
    assert done.returncode == 0
    assert list((place.root / "state").rglob("*.mcap")) == []
    assert done.stderr.startswith("tubetap: nothing was recorded: no process imported pyzmq")


def test_force_writes_over_a_file_only_when_there_is_something_to_record(place: Place) -> None:
    place.recording.write_bytes(b"an older recording")
    assert place.tap(["true"], "--force").returncode == 0
    assert place.tap(["no-such-program-here"], "--force").returncode == 127
    assert place.recording.read_bytes() == b"an older recording"


def test_a_run_that_records_nothing_loads_little(place: Place) -> None:
    """What takes long to load is loaded by whoever needs it, when it does."""
    slow = {"asyncio", "importlib.metadata", "msgspec", "numpy", "pydantic", "textual", "zmq", "zstandard"}
    for module, more in (("tubetap.cli.run", set()), ("proxy.recorder", set()), ("proxy.relay", {"asyncio"})):
        done = place.run([sys.executable, "-c", f"import sys, {module}; print(*sys.modules)"])
        assert set(done.stdout.split()) & slow == more, module


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="asks /proc what is loaded")
def test_a_recorder_with_nothing_to_record_gets_ready_and_waits(place: Place) -> None:
    process = place.start(place.command(["cat"]))
    until(lambda: processes(place, "cat") != [] and processes(place, "proxy.recorder") != [])
    (recorder,) = processes(place, "proxy.recorder")
    until(lambda: "numpy" in Path(f"/proc/{recorder}/maps").read_text())
    assert place.recording.stat().st_size == 0
    process.communicate("")
    assert not place.recording.exists()
    nothing_left(place)


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ([sys.executable, "-I", ECHO], "runs with -I"),
        ([sys.executable, "-B", "-sE", ECHO], "runs with -sE"),
        ([sys.executable, "-S", "-c", "pass"], "runs with -S"),
        (["true"], "not Python"),
        ([sys.executable, "-c", "pass"], "imported pyzmq"),
        ([sys.executable, "-c", "import zmq"], "no ipc:// socket was bound"),
    ],
)
def test_why_nothing_was_recorded_is_explained(place: Place, program: list[str], said: str) -> None:
    done = place.tap([*program, "talk", f"ipc://{place.root}/noob/socket"] if ECHO in program else program)
    assert done.returncode == 0, done.stderr
    (line,) = done.stderr.splitlines()
    assert said in line
    assert "tubetap: nothing was recorded: " in line


def test_a_script_whose_interpreter_is_isolated_is_recognised(tmp_path: Path) -> None:
    script = tmp_path / "tool"
    script.write_text("#!/usr/bin/env -S python3 -I\n")
    script.chmod(0o755)
    assert "-I" in why_nothing([str(script)], tmp_path, [])


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["python", "my_tube.py", "-n", "5"], "my_tube"),
        (["/usr/bin/python3.12", "-X", "dev", "-m", "my.package"], "my.package"),
        (["noob", "run", "--runner", "zmq", "-i", "a", "1", "my-tube"], "my-tube"),
        (["noob", "run", "tubes/cam era.yaml", "-n", "3"], "cam-era"),
        (["python", "-m", "noob", "run", "x.yaml"], "x"),
        (["python3", "-c", "print(1)"], "python3"),
        (["/opt/../bin/..."], "run"),
    ],
)
def test_a_run_is_named_by_its_tube_or_program(command: list[str], name: str) -> None:
    assert program_name(command) == name


def test_a_relay_that_cannot_start_leaves_the_program_untouched(place: Place) -> None:
    broken = place.root / "broken"
    broken.mkdir()
    code = (
        "import sys, proxy.launch\n"
        "start = proxy.launch.start\n"
        "def fail(module, *a, **k):\n"
        "    return start('no_such_relay' if module == 'proxy.relay' else module, *a, **k)\n"
        "import proxy.session; proxy.session.start = fail\n"
        "from tubetap.cli import main; main()\n"
    )
    command = place.command([sys.executable, ECHO, "talk", f"ipc://{place.root}/noob/socket"])
    done = place.run([sys.executable, "-c", code, *command[3:]])
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["names"] == ["socket"]
    (line,) = done.stderr.splitlines()
    assert "the relay could not start" in line
    assert "no_such_relay" in line
    nothing_left(place)


def test_a_relay_that_hangs_is_waited_for_once(place: Place) -> None:
    code = (
        "import sys, zmq\n"
        "c = zmq.Context(); print('ready', flush=True); sys.stdin.readline()\n"
        "for name in 'abc':\n"
        "    a = c.socket(zmq.PULL); b = c.socket(zmq.PUSH)\n"
        f"    a.bind('ipc://{place.root}/noob/' + name); b.connect('ipc://{place.root}/noob/' + name)\n"
        "    b.send(b'1'); a.recv()\n"
        "print('done', flush=True); sys.stdin.readline()\n"
    )
    process = place.start(place.command([sys.executable, "-c", code]))
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline() == "ready\n"
    (relay,) = processes(place, "proxy.relay")
    os.kill(relay, signal.SIGSTOP)
    process.stdin.write("go\n")
    process.stdin.flush()
    assert process.stdout.readline() == "done\n"
    assert sorted(os.listdir(place.root / "noob")) == ["a", "b", "c"]
    os.kill(relay, signal.SIGCONT)
    _, err = process.communicate("end\n")
    assert process.returncode == 0
    assert err == (
        f"tubetap: ipc://{place.root}/noob/a is not recorded: the relay did not answer within 4 s\n"
    )
    nothing_left(place)


def test_a_recorder_that_cannot_write_lets_the_program_run(place: Place) -> None:
    code = (
        "import resource, proxy.recorders\n"
        "start = proxy.recorders.start\n"
        "def start_without_room(*arguments, **options):\n"
        "    limit = resource.getrlimit(resource.RLIMIT_FSIZE)\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limit[1]))\n"
        "    try:\n"
        "        return start(*arguments, **options)\n"
        "    finally:\n"
        "        resource.setrlimit(resource.RLIMIT_FSIZE, limit)\n"
        "proxy.recorders.start = start_without_room\n"
        "from tubetap.cli import main; main()\n"
    )
    command = place.command([sys.executable, ECHO, "talk", f"ipc://{place.root}/noob/socket"])
    done = place.run([sys.executable, "-c", code, *command[3:]])
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["answer"] == "answer to question"
    (line,) = done.stderr.splitlines()
    assert line == f"tubetap: nothing is recorded: can't write to {place.recording}: File too large"
    assert not place.recording.exists()
    nothing_left(place)


@pytest.mark.parametrize("options", [(), ("--force",)])
def test_only_files_are_written_over(place: Place, options: tuple[str, ...]) -> None:
    pipe = place.root / "pipe"
    os.mkfifo(pipe)
    command = [sys.executable, "-m", "tubetap", "run", "-o", str(pipe), *options, "--", "true"]
    done = place.run(command)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"tubetap: {pipe} is no file: recordings go into files of their own\n"
    assert pipe.is_fifo()


def test_paths_and_arguments_that_are_no_text_are_recorded(place: Place) -> None:
    folder = os.fsencode(place.root) + b"/noob/\xff"
    os.mkdir(folder)
    code = (
        "import os, sys, zmq\n"
        "address = b'ipc://' + os.fsencode(os.getcwd()) + b'/socket'\n"
        "c = zmq.Context(); a = c.socket(zmq.PULL); b = c.socket(zmq.PUSH)\n"
        "a.bind(address); b.connect(address); b.send(os.fsencode(sys.argv[1])); print(a.recv())\n"
    )
    command = [os.fsencode(part) for part in place.command([sys.executable, "-c", code])]
    done = place.run([*command, b"\xfe"], cwd=folder)  # type: ignore[list-item]
    assert done.returncode == 0, done.stderr
    assert done.stdout == "b'\\xfe'\n"
    with load(place.recording) as recording:
        assert recording.frames(0) == (b"\xfe",)
        (endpoint,) = recording.session.endpoints.values()
        assert endpoint.address == f"ipc://{place.root}/noob/\\xff/socket"
        assert endpoint.command_line[-1] == "\\xfe"
        assert recording.facts["cwd"].endswith("\\xff")


def test_a_very_long_command_line_is_no_obstacle(place: Place) -> None:
    files = [f"{number:05}.tif" * 20 for number in range(4000)]
    program = [sys.executable, "-c", HOLD, f"ipc://{place.root}/noob/s", *files]
    done = place.tap(program, input="1\n")
    assert done.returncode == 0, done.stderr
    assert "tubetap: 1 messages" in done.stderr
    with load(place.recording) as recording:
        (endpoint,) = recording.session.endpoints.values()
        assert endpoint.command_line[:2] == (sys.executable, "-c")
        assert endpoint.command_line[-1] == "..."
        assert json.loads(recording.facts["command"]) == program
    nothing_left(place)


def test_a_working_folder_that_is_gone_is_no_obstacle(place: Place) -> None:
    (place.root / "gone").mkdir()
    tubetap = Path(sys.executable).parent / "tubetap"
    command = place.command([sys.executable, ECHO, "talk", f"ipc://{place.root}/noob/socket"])
    leave = 'cd "$0" && rmdir "$0" && exec "$@"'
    done = place.run(["sh", "-c", leave, str(place.root / "gone"), str(tubetap), *command[3:]])
    assert done.returncode == 0, done.stderr
    assert "tubetap: 2 messages" in done.stderr


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_standard_streams_are_the_programs_own(place: Place, closed: str) -> None:
    code = (
        "import os, sys, zmq\n"
        "open_ = [number for number in range(3) if os.path.exists(f'/dev/fd/{number}')]\n"
        "c = zmq.Context(); a = c.socket(zmq.PULL); b = c.socket(zmq.PUSH)\n"
        "a.bind(sys.argv[1]); b.connect(sys.argv[1]); b.send(b'1'); print(a.recv(), open_)\n"
        "sys.exit(7 if 1 in open_ else 8)\n"
    )
    program = [sys.executable, "-c", code, f"ipc://{place.root}/noob/socket"]
    found = [
        place.run(["sh", "-c", f'"$@" {closed}; echo code $?', "sh", *command])
        for command in (place.command(program), program)
    ]
    assert found[0].stdout == found[1].stdout
    assert found[0].stdout.endswith("code 8\n" if ">&-" in closed.split() else "code 7\n")
    with load(place.recording) as recording:
        assert len(recording.rows) == 1


def test_a_recorder_that_breaks_says_why(place: Place) -> None:
    code = (
        "import proxy.recorders\n"
        "start = proxy.recorders.start\n"
        "proxy.recorders.start = lambda module, *a, **k: start('no_such_recorder', *a, **k)\n"
        "from tubetap.cli import main; main()\n"
    )
    command = place.command([sys.executable, ECHO, "talk", f"ipc://{place.root}/noob/socket"])
    done = place.run([sys.executable, "-c", code, *command[3:]])
    assert done.returncode == 0, done.stderr
    assert "the recorder ended with code 1 (ModuleNotFoundError: No module named 'no_such_recorder')" in (
        done.stderr
    )
    nothing_left(place)


HOLD = """
import sys, zmq
c = zmq.Context(); a = c.socket(zmq.PULL); b = c.socket(zmq.PUSH)
a.bind(sys.argv[1]); b.connect(sys.argv[1])
for line in sys.stdin:
    for number in range(int(line)):
        b.send(number.to_bytes(4, "big") * 250)
        a.recv()
    print(line, end="", flush=True)
"""
"""A program that sends itself so many messages of 1000 bytes for each number on its standard input."""


class Held:
    """`tubetap run` of HOLD, with one message recorded."""

    def __init__(self, place: Place, **options: Any) -> None:
        program = [sys.executable, "-c", HOLD, f"ipc://{place.root}/noob/s"]
        self.process = place.start(place.command(program), **options)
        self.place = place
        self.send(1)
        until(lambda: place.recording.stat().st_size > 0)

    def send(self, count: int) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{count}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == f"{count}\n"

    def pid(self, what: str) -> int:
        (pid,) = processes(self.place, what)
        return pid

    def end(self) -> str:
        return self.process.communicate(timeout=60)[1]


def test_killing_supervisor_and_relay_gives_the_program_its_sockets_back(place: Place) -> None:
    held = Held(place)
    path = place.root / "noob" / "s"
    inode = Path(f"{path}.tap").stat().st_ino
    assert path.stat().st_ino != inode
    relay = held.pid("proxy.relay")
    held.process.kill()
    held.process.wait()
    os.kill(relay, signal.SIGKILL)
    until(lambda: path.stat().st_ino == inode)
    held.send(3)
    held.process.communicate()
    nothing_left(place)
    with load(place.recording) as recording:
        assert (recording.state, len(recording.rows)) == ("complete", 1)
        assert any("relay ended" in loss.reason for loss in recording.session.losses)


def test_killing_all_that_started_leaves_no_process(place: Place) -> None:
    held = Held(place)
    relay, recorder = held.pid("proxy.relay"), held.pid("proxy.recorder")
    program = next(
        pid for pid in processes(place, "/noob/s") if pid not in (held.process.pid, relay, recorder)
    )
    for pid in (held.process.pid, program):
        os.kill(pid, signal.SIGKILL)
    held.process.communicate()
    nothing_left(place)
    with load(place.recording) as recording:
        assert (recording.state, len(recording.rows)) == ("complete", 1)


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="no limit can be set for another process")
def test_a_full_disk_costs_messages_that_are_counted_and_nothing_else(place: Place) -> None:
    held = Held(place)
    most = 200_000
    resource.prlimit(held.pid("proxy.recorder"), resource.RLIMIT_FSIZE, (most, most))
    for _ in range(40):
        held.send(1000)
    err = held.end()
    assert held.process.returncode == 0, err
    assert "File too large" in err
    with load(place.recording) as recording:
        kept = len(recording.rows)
    assert 0 < kept < 40_001
    found = re.search(r"tubetap: ([\d,]+) messages on .* recorded in .*; ([\d,]+) messages could not be", err)
    assert found is not None, err
    assert [int(number.replace(",", "")) for number in found.groups()] == [kept, 40_001 - kept]
    nothing_left(place)


def test_a_recording_that_is_deleted_is_said_to_be_gone(place: Place) -> None:
    held = Held(place)
    place.recording.unlink()
    err = held.end()
    assert held.process.returncode == 0
    assert err == (
        f"tubetap: nothing is left of {place.recording}: the file was deleted while it was being recorded\n"
    )
    nothing_left(place)


def test_interrupted_twice_it_does_not_wait_for_the_recorder(place: Place) -> None:
    held = Held(place, start_new_session=True)
    recorder = held.pid("proxy.recorder")
    os.kill(recorder, signal.SIGSTOP)
    assert held.process.stdin is not None
    held.process.stdin.close()
    until(lambda: not processes(place, "proxy.relay"))
    assert held.process.stderr is not None
    held.process.send_signal(signal.SIGINT)
    assert "finishing the recording; interrupt again" in held.process.stderr.readline()
    held.process.send_signal(signal.SIGINT)
    assert held.process.wait(20) == 130
    said = held.process.stderr.read()
    assert said.strip() == f"tubetap: {place.recording} is cut off: tubetap recover makes a clean file of it"
    nothing_left(place)
    with load(place.recording) as recording:
        assert recording.state == "cut off"


def test_a_forked_copy_of_the_supervisor_does_not_hold_up_the_end(place: Place) -> None:
    code = (
        "import os, signal, sys, threading, time\n"
        "from pathlib import Path\n"
        "from proxy.run import run\n"
        f"output = Path({str(place.recording)!r})\n"
        f"program = [sys.executable, '-c', {HOLD!r}, 'ipc://{place.root}/noob/s']\n"
        "thread = threading.Thread(target=run, args=(program,), kwargs={'output': output})\n"
        "thread.start()\n"
        "while not (output.exists() and output.stat().st_size): time.sleep(0.01)\n"
        "child = os.fork() or signal.pause()\n"
        "print('forked', flush=True)\n"
        "thread.join()\n"
        "os.kill(child, signal.SIGKILL)\n"
    )
    process = place.start([sys.executable, "-c", code])
    assert process.stdin is not None
    process.stdin.write("1\n")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "1 messages" in err
    nothing_left(place)


def test_the_python_function(place: Place, capfd: pytest.CaptureFixture[str]) -> None:
    program = [sys.executable, ECHO, "talk", f"ipc://{place.root}/noob/socket"]
    result = run(program, output=place.recording, env=place.env, quiet=True)
    assert (result.exit_code, result.recordings, result.messages) == (0, [place.recording], 2)
    assert (result.losses, result.notes) == ([], [])
    assert capfd.readouterr().err == ""
    with pytest.raises(ProxyError, match="--force"):
        run(program, output=place.recording)
    with load(place.recording) as recording:
        assert json.loads(recording.facts["command"]) == program
        assert {"cwd", "host", "platform", "python"} <= set(recording.facts)
        started = [p for p in recording.session.processes.values() if ECHO in p.command_line]
        assert [p.exit_code for p in started] == [0]


def test_modules_in_the_working_folder_are_not_taken_for_ours(place: Place) -> None:
    for name in ("json", "selectors", "mcap", "proxy", "zstandard"):
        (place.root / "noob" / f"{name}.py").write_text("raise SystemExit('not this one')")
    tubetap = Path(sys.executable).parent / "tubetap"
    program = [sys.executable, "-P", ECHO, "talk", f"ipc://{place.root}/noob/socket"]
    done = place.run(
        [str(tubetap), "run", "-o", str(place.recording), "--", *program], cwd=place.root / "noob"
    )
    assert done.returncode == 0, done.stderr
    assert "2 messages" in done.stderr


FLOOD = """
import multiprocessing, sys, zmq
def receive():
    s = zmq.Context().socket(zmq.PULL); s.connect(ADDRESS)
    while s.recv() != b"end": pass
ADDRESS = sys.argv[1]
if __name__ == "__main__":
    s = zmq.Context().socket(zmq.PUSH); s.sndhwm = 0; s.bind(ADDRESS)
    receiver = multiprocessing.get_context("fork").Process(target=receive)
    receiver.start()
    print("ready", flush=True); sys.stdin.readline()
    for number in range(30000): s.send(number.to_bytes(4, "big") + bytes(1000))
    s.send(b"end"); receiver.join()
    print("sent", flush=True); sys.stdin.readline()
"""


def flood(place: Place, *options: str, stop_recorder: bool) -> str:
    """Send 30 MB through a relay with a small buffer, the recorder stopped meanwhile or not."""
    program = [sys.executable, "-c", FLOOD, f"ipc://{place.root}/noob/socket"]
    process = place.start(place.command(program, "--buffer", "200k", *options))
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline() == "ready\n"
    (recorder,) = processes(place, "proxy.recorder")
    if stop_recorder:
        os.kill(recorder, signal.SIGSTOP)
    process.stdin.write("go\n")
    process.stdin.flush()
    assert process.stdout.readline() == "sent\n"
    if stop_recorder:
        os.kill(recorder, signal.SIGCONT)
    _, err = process.communicate("end\n", timeout=60)
    assert process.returncode == 0, err
    return err


def test_past_a_small_buffer_is_dropped_and_counted(place: Place) -> None:
    err = flood(place, stop_recorder=True)
    with load(place.recording) as recording:
        lost = sum(loss.bytes for loss in recording.session.losses)
        numbers = [recording.frames(row)[0][:4] for row in range(len(recording.rows))]
    assert len(numbers) < 30001
    assert numbers == sorted(set(numbers), key=numbers.index)
    # Each message is 1013 bytes on the wire: a long frame's header, the number, zeros.
    assert abs(lost - (30001 - len(numbers)) * 1013) < 5000
    assert "could not be recorded" in err


def test_or_it_holds_up_the_program_when_told_so(place: Place) -> None:
    flood(place, "--on-overflow", "block", stop_recorder=False)
    with load(place.recording) as recording:
        numbers = [recording.frames(row)[0][:4] for row in range(len(recording.rows))]
        assert numbers == [*(number.to_bytes(4, "big") for number in range(30000)), b"end"]
        assert not recording.session.losses
