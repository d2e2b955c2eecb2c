"""The agent: after each bind of an ipc endpoint it gives the advertised path to the relay.

The program's own socket is renamed, beside its first name, the relay makes a socket that leads to it, and
that is moved to the advertised path before the bind returns. Nothing else changes, and if any step fails
the socket gets its name back. Python 3.8 and newer, standard library only.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # importing typing would double what the agent adds to a start
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from typing import Any

CONTROL = "TUBETAP_CONTROL"
"""Environment variable: the path of the relay's control socket."""

_PATCHED = "zmq.sugar.socket"
_LONGEST_PATH = 103 if sys.platform == "darwin" else 107  # sun_path, less its NUL
_PATIENCE_S = 4.0
_MOST_ARGUMENTS, _LONGEST_ARGUMENT = 100, 400
_TYPE, _LAST_ENDPOINT, _ROUTING_ID = 16, 32, 5
_SOCKET_TYPES = (
    *("PAIR", "PUB", "SUB", "REQ", "REP", "DEALER", "ROUTER", "PULL", "PUSH", "XPUB", "XSUB", "STREAM"),
    *("SERVER", "CLIENT", "RADIO", "DISH", "GATHER", "SCATTER", "DGRAM", "PEER", "CHANNEL"),
)

_left_alone: set[str] = set()


class _Problem(Exception):
    """Why a socket keeps its place, in words for the person who runs the program."""


def install() -> None:
    """Arrange for zmq to be patched when it is imported; costs one comparison an import until then."""
    if not os.environ.get(CONTROL):
        return
    _mark("python")
    if _PATCHED in sys.modules:
        _patch(sys.modules[_PATCHED])
    else:
        sys.meta_path.insert(0, _Finder())


class _Finder:
    """A meta path finder that finds nothing itself, but has one module patched after it was loaded."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name != _PATCHED:
            return None
        for finder in sys.meta_path:
            find_spec = getattr(finder, "find_spec", None) if finder is not self else None
            spec = find_spec(name, path, target) if find_spec is not None else None
            if spec is not None:
                if spec.loader is not None:
                    spec.loader = _Loader(spec.loader, self)
                return spec
        return None


class _Loader:
    """Loads as the loader it stands for, patches, and is gone again, as is the finder."""

    def __init__(self, loader: Any, finder: _Finder) -> None:
        self._loader = loader
        self._finder = finder

    def exec_module(self, module: Any) -> None:
        if self._finder in sys.meta_path:
            sys.meta_path.remove(self._finder)
        module.__loader__ = module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        _patch(module)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)


def _patch(module: Any) -> None:
    import functools

    _mark("zmq")
    original: Callable[..., Any] = module.Socket.bind
    if getattr(original, "_tubetap", False):
        return

    @functools.wraps(original)
    def bind(self: Any, addr: Any, *args: Any, **kwargs: Any) -> Any:
        move = _prepare(addr)
        try:
            result = original(self, addr, *args, **kwargs)
        except BaseException:
            if move is not None:
                move.cancel()
            raise
        try:
            if move is not None:
                move.make(self)
            else:
                _leave_alone(self)
        except Exception as error:
            reason = str(error) if isinstance(error, _Problem) else f"{type(error).__name__}: {error}"
            _tell({"kind": "failed", "address": os.fsdecode(addr), "reason": reason})
        return result

    bind._tubetap = True  # type: ignore[attr-defined]
    module.Socket.bind = bind


def _prepare(addr: Any) -> _Move | None:
    # All that takes time comes before the bind: after it, a peer that waits for the path must find it moved.
    try:
        text = os.fsdecode(addr)
        if not text.startswith("ipc://") or text.startswith("ipc://@"):
            return None
        if os.path.exists(_beside_control("unanswered")):
            return None  # somebody has waited for the relay in vain; once is enough
        control = _connect()
        return _Move(text[len("ipc://") :], control) if control is not None else None
    except Exception:
        return None


def _leave_alone(sock: Any) -> None:
    address = _last_endpoint(sock)
    scheme, _, path = address.partition("://")
    if scheme == "ipc":
        if not path.startswith("@"):
            return  # the relay is not there
        scheme = "ipc abstract"
    if scheme not in _left_alone:
        _left_alone.add(scheme)
        _tell({"kind": "left", "address": address, "scheme": scheme, "socket_type": _socket_type(sock)})


def _last_endpoint(sock: Any) -> str:
    return os.fsdecode(sock.getsockopt(_LAST_ENDPOINT).rstrip(b"\0"))


def _socket_type(sock: Any) -> str:
    number = sock.getsockopt(_TYPE)
    return _SOCKET_TYPES[number] if 0 <= number < len(_SOCKET_TYPES) else str(number)


class _Move:
    """One socket's way behind the relay. `path` is as the program gave it; "*" lets libzmq choose."""

    def __init__(self, path: str, control: socket.socket) -> None:
        self.control = control
        self._path = "" if path == "*" else os.path.abspath(path)
        self._problem: Exception | None = None
        self._real = ""
        if self._path:
            self._name()

    def _name(self) -> None:
        try:
            self._real = _second_name(self._path)
        except Exception as error:
            self._problem = error

    def make(self, sock: Any) -> None:
        """Rename the bound socket and have the relay listen in its place, or put it back."""
        with self.control:
            wildcard = not self._path
            if wildcard:
                self._path = os.path.abspath(_last_endpoint(sock)[len("ipc://") :])
                self._name()
            if self._problem is not None:
                raise self._problem
            path, real = self._path, self._real
            # From here until the relay listens nobody can connect; ZeroMQ tries again every 100 ms. Were
            # the socket left in place, whoever had waited for it would connect past the relay.
            try:
                os.rename(path, real)
            except OSError:
                self.cancel()
                raise
            try:
                self._hand_over(sock, wildcard)
            except BaseException:
                os.rename(real, path)
                raise
        bypassing = _accepted_at(path)
        if bypassing:
            _tell({"kind": "bypassed", "address": "ipc://" + path, "count": bypassing})

    def cancel(self) -> None:
        """Let go of the relay and of the second name: the socket is not to be renamed."""
        self.control.close()
        try:
            if self._real and os.path.isfile(self._real):
                os.unlink(self._real)
        except OSError:
            pass

    def _hand_over(self, sock: Any, wildcard: bool) -> None:
        report = {
            "kind": "bind",
            "path": self._path,
            "real": self._real,
            "staging": self._real + "+",
            "inode": os.lstat(self._real).st_ino,
            "wildcard": wildcard,
            "socket_type": _socket_type(sock),
            "routing_id": sock.getsockopt(_ROUTING_ID).hex(),
            "pid": os.getpid(),
            "parent": os.getppid(),
            "command_line": _command_line(),
            "versions": _versions(),
        }
        answer = _ask(self.control, report)
        if not answer.get("listening"):
            raise _Problem(answer.get("error", "the relay closed the connection"))
        os.rename(self._real + "+", self._path)
        self.control.sendall(b"done\n")


def _accepted_at(path: str) -> int:
    """Count the connections to `path` that this process already accepted: they came in before the rename."""
    import socket

    found = 0
    folder = "/proc/self/fd"
    if not os.path.isdir(folder):
        return 0  # as on macOS: not counted
    for name in os.listdir(folder):
        try:
            if not os.readlink(os.path.join(folder, name)).startswith("socket:"):
                continue
            with socket.socket(fileno=os.dup(int(name))) as sock:
                found += (
                    sock.family == socket.AF_UNIX
                    and sock.getsockname() == path
                    and not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
                )
        except OSError:
            continue
    return found


def _second_name(path: str) -> str:
    # One that says what it is if there is room for it in sun_path ("+" is for the relay's own socket while
    # it is being made), else one that is no longer than most names.
    if len(os.fsencode(path + ".tap+")) <= _LONGEST_PATH:
        return path + ".tap"
    folder = os.path.dirname(path)
    for number in range(100):
        real = os.path.join(folder, f"~{number}")
        if len(os.fsencode(real + "+")) > _LONGEST_PATH:
            raise _Problem(
                f"no room for a second name: {path} has {len(os.fsencode(path))} of the {_LONGEST_PATH} bytes"
                f" that a unix socket's path may have; use a shorter folder (for noob: NOOB_TMP_DIR)"
            )
        try:  # an empty file holds the name
            os.close(os.open(real, os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            continue
        return real
    raise _Problem(f"too many sockets with long paths in {folder}")


def _connect() -> socket.socket | None:
    import json  # noqa: F401 - so that it is there when time matters
    import socket

    control = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        control.settimeout(_PATIENCE_S)
        control.connect(os.environ[CONTROL])
    except (OSError, KeyError):
        control.close()
        return None
    return control


def _ask(control: socket.socket, report: dict[str, Any]) -> dict[str, Any]:
    import json
    import socket
    import time

    control.settimeout(_PATIENCE_S)
    control.sendall(json.dumps(report).encode() + b"\n")
    deadline = time.monotonic() + _PATIENCE_S
    data = b""
    while not data.endswith(b"\n"):
        control.settimeout(max(0.001, deadline - time.monotonic()))
        try:
            part = control.recv(65536)
        except socket.timeout:  # noqa: UP041 - no alias of TimeoutError before Python 3.10
            _write("unanswered", b"")
            raise _Problem(f"the relay did not answer within {_PATIENCE_S:.0f} s") from None
        if not part:
            break
        data += part
    answer: dict[str, Any] = json.loads(data) if data else {}
    return answer


def _tell(fact: dict[str, Any]) -> None:
    # What the program need not know of: to a file for whoever started it, and to the relay for the recording.
    import json

    fact["pid"] = os.getpid()
    line = json.dumps(fact).encode() + b"\n"
    _write("told", line)
    control = _connect()
    if control is None:
        return
    with control:
        try:  # noqa: SIM105
            control.sendall(line)
        except OSError:
            pass


def _command_line() -> list[str]:
    # As `proxy.processes.shortened`.
    arguments = getattr(sys, "orig_argv", None) or [sys.executable, *sys.argv]
    found = [argument[:_LONGEST_ARGUMENT] for argument in arguments[:_MOST_ARGUMENTS]]
    return found if len(found) == len(arguments) else [*found, "..."]


def _versions() -> dict[str, str]:
    versions = {"python": sys.version.split()[0]}
    zmq = sys.modules.get("zmq")
    if zmq is not None:
        versions["pyzmq"] = str(getattr(zmq, "__version__", ""))
        zmq_version = getattr(zmq, "zmq_version", None)
        versions["libzmq"] = zmq_version() if zmq_version is not None else ""
    noob = getattr(sys.modules.get("noob"), "__file__", None)
    if noob:
        # Where it is installed the folder beside it is named by its version; asking importlib takes longer.
        for entry in os.listdir(os.path.dirname(os.path.dirname(noob))):
            if entry.startswith("noob-") and entry.endswith(".dist-info"):
                versions["noob"] = entry[len("noob-") : -len(".dist-info")]
    return versions


def _mark(what: str) -> None:
    # An empty file that tells the supervisor how far this run came, should there be nothing to record.
    _write("seen-" + what, b"")


def _write(name: str, line: bytes) -> None:
    try:  # contextlib would have to be loaded first, in every start
        file = os.open(_beside_control(name), os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        try:
            os.write(file, line)
        finally:
            os.close(file)
    except (OSError, KeyError):
        pass


def _beside_control(name: str) -> str:
    return os.path.join(os.path.dirname(os.environ[CONTROL]), name)
