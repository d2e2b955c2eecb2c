"""Connecting to an address without holding up anybody else."""

import asyncio
import contextlib
import errno
import os
import socket

from proxy.addresses import Address

__all__ = ["dial", "reason_of", "send_at_once"]

_DIAL_S = 10.0
_BACKLOG_RETRY_S = 0.005


async def dial(address: Address) -> socket.socket:
    """Connect to an address; raises OSError, at once or after a while, if nobody accepts."""
    if address.path:
        while (sock := _dial_path(address.sun_path)) is None:
            await asyncio.sleep(_BACKLOG_RETRY_S)
        return sock
    loop = asyncio.get_running_loop()
    refused = OSError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
    found = await loop.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    for family, kind, protocol, _, where in found:
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setblocking(False)
            async with asyncio.timeout(_DIAL_S):
                await loop.sock_connect(sock, where)
        except OSError as error:  # TimeoutError is one too
            sock.close()
            refused = error
        except BaseException:
            sock.close()
            raise
        else:
            send_at_once(sock)
            return sock
    raise refused


def _dial_path(path: str) -> socket.socket | None:
    """Connect to a unix socket; None while its backlog is full."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.setblocking(False)
    try:
        sock.connect(path)
    except BlockingIOError:
        sock.close()
        return None
    except OSError:
        sock.close()
        raise
    return sock


def send_at_once(sock: socket.socket) -> None:
    """Let a tcp socket send small messages at once, as libzmq's do."""
    if sock.family in (socket.AF_INET, socket.AF_INET6):
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def reason_of(error: OSError) -> str:
    """Say in words why a connection did not come about."""
    if isinstance(error, TimeoutError):
        return "no answer"
    if error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)  # asyncio's own text names the address, which is said anyway
    return error.strerror or str(error)
