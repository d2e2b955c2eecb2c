"""The Jupyter decoder on what a real kernel says, to show that the interface is not made for noob alone."""

import json
import tempfile
from collections.abc import Iterator

import pytest
from jupyter_client.manager import KernelManager

from decoders import registry
from decoders.interface import Context
from decoders.jupyter import DELIMITER, JupyterDecoder
from tests.decoders.test_registry import check, lines

CODE = """
import sys
print("out\\x1b]0;title\\x07put")
from IPython.display import display
display({"text/plain": "shown"}, raw=True)
1 / 0
"""


@pytest.fixture(scope="module")
def traffic() -> Iterator[tuple[list[list[bytes]], bytes]]:
    """What a kernel published and answered while it ran CODE, as raw frames, and its key."""
    folder = tempfile.TemporaryDirectory(prefix="k")  # a short name, as it becomes the path of a unix socket
    manager = KernelManager(kernel_name="python3", transport="ipc", ip=f"{folder.name}/k")
    manager.start_kernel()
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        sent = client.execute(CODE)
        seen: list[list[bytes]] = []
        while True:
            assert client.iopub_channel.socket.poll(30_000), "the kernel fell silent"
            frames = client.iopub_channel.socket.recv_multipart()
            seen.append(frames)
            start = frames.index(DELIMITER)
            header, parent, _, content = (json.loads(frame) for frame in frames[start + 2 : start + 6])
            if (
                parent.get("msg_id") == sent
                and header["msg_type"] == "status"
                and content["execution_state"] == "idle"
            ):
                break
        while b"execute_reply" not in b"".join(seen[-1]):
            assert client.shell_channel.socket.poll(30_000), "the kernel gave no answer"
            seen.append(client.shell_channel.socket.recv_multipart())
        yield seen, client.session.key
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        folder.cleanup()


def test_a_real_kernel(traffic: tuple[list[list[bytes]], bytes]) -> None:
    summaries = set()
    for frames in traffic[0]:
        decoded = registry.decode(frames)
        assert (decoded.decoder, decoded.problem) == ("jupyter", "")
        check(decoded)
        summaries.add(decoded.summary)
    assert summaries >= {
        "status  busy",
        "status  idle",
        r"stream  stdout: out\x1b]0;title\x07put",
        "display_data  shown",
        "error  ZeroDivisionError: division by zero",
        "execute_reply  error",
    }
    assert any(summary.startswith("execute_input  import sys") for summary in summaries)


def test_signatures(traffic: tuple[list[list[bytes]], bytes]) -> None:
    seen, key = traffic
    frames = seen[0]
    assert any("not verified" in line for line in lines(registry.decode(frames).item))
    decoded = JupyterDecoder(key).decode(frames, Context())
    assert any("signature: verified" in line for line in lines(decoded.item))
    assert decoded.problem == ""
    forged = [*frames[:-1], b'{"execution_state":"forged"}']
    decoded = JupyterDecoder(key).decode(forged, Context())
    assert decoded.problem == "signature: does not match the key"


def test_parts_and_buffers() -> None:
    parts = [{"msg_type": "comm_msg"}, {}, {}, {"comm_id": "x", "data": {"n": 1}}]
    frames = [b"id-1", DELIMITER, b"", *(json.dumps(part).encode() for part in parts), b"\x00\x01"]
    decoded = registry.decode(frames)
    assert decoded.summary == "comm_msg  {comm_id: 'x', data: {n: 1}}"
    shown = lines(decoded.item)
    assert {"id 1: 'id-1'", "signature: unsigned", "header: 1 key", "buffer 0: 2 bytes  00 01"} <= set(shown)


def test_broken_parts_are_reported() -> None:
    frames = [DELIMITER, b"", b"{", b"[]", b"{}", b"5"]
    decoded = registry.decode(frames)
    assert decoded.decoder == "jupyter"
    assert decoded.problem.startswith("header: not JSON")
    check(decoded)
    assert registry.decode([DELIMITER, b"", b"{}"]).decoder != "jupyter"
