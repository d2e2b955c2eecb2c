"""ZeroMQ addresses that a relay can listen on or connect to, `tcp://HOST:PORT` and `ipc://PATH`, and the
sockets they stand for.

This is the one place that knows what may be listened on: loopback unless a network address is written out,
and never a path that is already there.
"""

import contextlib
import errno
import os
import re
import socket
import stat
import sys
from dataclasses import dataclass, replace
from typing import Literal, Self

from proxy.errors import ProxyError
from proxy.processes import peer_pid

__all__ = ["LONGEST_PATH", "LOOPBACK", "Address", "Bound", "Probe", "bind", "parse", "probe", "probe_peer"]

LONGEST_PATH = 103 if sys.platform == "darwin" else 107
"""Bytes in the path of a unix socket (sun_path, less its NUL)."""

LOOPBACK = "127.0.0.1"
WILDCARDS = ("0.0.0.0", "::")

_TCP = re.compile(r"(?:\[(?P<v6>[^\]]*)\]|(?P<host>[^:\[\]]*)):(?P<port>\d{1,5}|\*)\Z")
_BACKLOG = 4096

Probe = Literal["listening", "dead", "unknown"]
"""What a unix socket's file is: somebody listens on it, nobody can any more, or the system won't tell."""


@dataclass(frozen=True)
class Address:
    """An address: `path` of an ipc one ("@name" is an abstract one), `host` and `port` of a tcp one."""

    path: str = ""
    host: str = ""
    port: int = 0

    def __str__(self) -> str:
        if self.path:
            return f"ipc://{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"tcp://{host}:{self.port or '*'}"

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        return (
            bool(self.path) or self.host == "localhost" or self.host.startswith("127.") or self.host == "::1"
        )

    @property
    def is_wildcard(self) -> bool:
        """Whether it stands for every address of this machine."""
        return self.host in WILDCARDS

    @property
    def sun_path(self) -> str:
        """The path as the system wants it; abstract names begin with NUL."""
        return "\0" + self.path[1:] if self.path.startswith("@") else self.path


def parse(text: str, *, listen: bool) -> Address:
    """Read an address; raises ProxyError for one that can't be listened on, or connected to.

    Relative paths are taken from the current folder. To listen, a missing host is loopback, and the port
    `*` a free one.
    """
    scheme, separator, rest = text.partition("://")
    if not separator or scheme not in ("tcp", "ipc"):
        remedy = (
            "inproc:// never leaves its process"
            if scheme == "inproc"
            else "write tcp://HOST:PORT or ipc://PATH"
        )
        raise ProxyError(f"{text or 'an empty address'} can't be relayed: {remedy}")
    return _ipc(text, rest) if scheme == "ipc" else _tcp(text, rest, listen=listen)


def _ipc(text: str, path: str) -> Address:
    if path in ("", "*", "@"):
        raise ProxyError(f"{text} names no path: write one out")
    if not path.startswith("@"):
        path = os.path.abspath(path)
    elif not sys.platform.startswith("linux"):
        raise ProxyError(f"{text} is abstract, which this system does not know: use a path")
    size = len(os.fsencode(path))
    if size > LONGEST_PATH:
        raise ProxyError(
            f"ipc://{path} has {size} of the {LONGEST_PATH} bytes that a socket's path may have: "
            "use a shorter folder"
        )
    return Address(path=path)


def _tcp(text: str, rest: str, *, listen: bool) -> Address:
    found = _TCP.match(rest)
    if found is None or (found["v6"] == ""):
        remedy = (
            "write the connecting address alone"
            if ";" in rest
            else "write tcp://HOST:PORT, IPv6 as tcp://[::1]:PORT"
        )
        raise ProxyError(f"{text} is no tcp address: {remedy}")
    host = found["v6"] or found["host"]
    port = 0 if found["port"] == "*" else int(found["port"])
    if port > 65535 or (port == 0 and not listen):
        raise ProxyError(f"{text} has no port to connect to: write the one the program has bound")
    if host == "*":
        shown = found["port"]
        raise ProxyError(
            f"{text} would be open to the network: write tcp://{LOOPBACK}:{shown} for this machine alone, "
            f"tcp://0.0.0.0:{shown} if you mean it"
            if listen
            else f"{text} is where a program listens: to reach it write tcp://{LOOPBACK}:{shown}"
        )
    if not host and not listen:
        raise ProxyError(f"{text} names no host: for this machine write tcp://{LOOPBACK}:{port}")
    return Address(host=host or LOOPBACK, port=port)


@dataclass(frozen=True)
class Bound:
    """A socket that listens on an address of ours; `inode` is that of its file, where it has one."""

    address: Address
    socket: socket.socket
    inode: int | None

    @classmethod
    def inherited(cls, address: Address, descriptor: int) -> Self:
        """Take over a socket that another process has bound."""
        sock = socket.socket(fileno=descriptor)
        sock.setblocking(False)
        return cls(address, sock, _inode(address.path))

    def remove_file(self) -> None:
        """Remove the socket's file if it is still ours."""
        if self.inode is not None and _inode(self.address.path) == self.inode:
            with contextlib.suppress(OSError):
                os.unlink(self.address.path)


def bind(address: Address) -> Bound:
    """Listen on an address; raises ProxyError, with what to do, where that can't be.

    A path that is there is never taken away, and a new one is for this user alone.
    """
    if not address.path:
        sock = _bind_port(address)
        return Bound(replace(address, port=sock.getsockname()[1]), sock, None)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.bind(address.sun_path)
        if not address.path.startswith("@"):
            os.chmod(address.path, 0o600)
        sock.listen(_BACKLOG)
    except OSError as error:
        sock.close()
        raise ProxyError(f"cannot listen on {address}: {_why_not_path(address.path, error)}") from None
    return Bound(address, sock, _inode(address.path))


def _bind_port(address: Address) -> socket.socket:
    host = LOOPBACK if address.host == "localhost" else address.host
    try:
        found = socket.getaddrinfo(host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise ProxyError(f"cannot listen on {address}: {error.strerror}") from None
    # ZeroMQ connects by IPv4 unless told otherwise.
    family, kind, protocol, _, where = min(found, key=lambda each: each[0] != socket.AF_INET)
    sock = socket.socket(family, kind, protocol)
    try:
        if sys.platform.startswith("linux"):
            # Elsewhere this would take connections away from a program that listens on all addresses.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setblocking(False)
        sock.bind(where)
        sock.listen(_BACKLOG)
    except OSError as error:
        sock.close()
        raise ProxyError(f"cannot listen on {address}: {_why_not_port(error)}") from None
    return sock


def _why_not_port(error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return (
                "the port is taken. LISTEN is a new address, to which the programs connect in future; "
                f"tcp://{LOOPBACK}:* finds a free one"
            )
        case errno.EADDRNOTAVAIL:
            return "it is no address of this machine"
        case errno.EACCES:
            return "ports below 1024 are the system's: choose a higher one"
        case _:
            return error.strerror or str(error)


def _why_not_path(path: str, error: OSError) -> str:
    if error.errno == errno.ENOENT:
        return f"there is no folder {os.path.dirname(path)}: make it first"
    if error.errno != errno.EADDRINUSE:
        return error.strerror or str(error)
    if path.startswith("@") or probe(path) == "listening":
        return (
            "a program listens there. LISTEN is a new path, to which the programs connect in future; "
            "tubetap never takes an existing one away"
        )
    if probe(path) == "dead":
        return (
            f"there is a socket that nobody listens on any more: remove it (rm {path}) or choose another path"
        )
    return "there is a file already: choose another path"


def probe(path: str) -> Probe:
    """Find out whether somebody listens on a unix socket, by connecting and hanging up at once.

    To a ZeroMQ socket that is a peer that never spoke: its program does not hear of it.
    """
    return probe_peer(path)[0]


def probe_peer(path: str) -> tuple[Probe, int | None]:
    """As `probe`, and the pid of the process that began to listen, as far as the system tells."""
    try:
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            return "unknown", None
    except OSError:
        return "unknown", None
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.setblocking(False)
        try:
            sock.connect(path)
        except BlockingIOError:
            return "listening", None  # its backlog is full
        except ConnectionRefusedError:
            return "dead", None
        except OSError:
            return "unknown", None
        return "listening", peer_pid(sock)


def _inode(path: str) -> int | None:
    try:
        return os.lstat(path).st_ino
    except OSError:
        return None
