"""Copying text to the person's clipboard.

The machine's own tool is tried first, as it can say that it worked; else the terminal is asked by OSC 52,
which also works over SSH but never answers. The caller tells the person which way was taken.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping

TIMEOUT_S = 2.0
OSC52_LIMIT_BYTES = 74_994
"""What terminals take in one OSC 52 sequence, before base64 (100,000 bytes of it in xterm and tmux)."""


def tools(environment: Mapping[str, str] = os.environ) -> list[list[str]]:
    """List the clipboard commands that fit this machine and session, best first."""
    found: list[list[str]] = []
    if sys.platform == "darwin":
        found.append(["pbcopy"])
    if environment.get("WAYLAND_DISPLAY"):
        found.append(["wl-copy"])
    if environment.get("DISPLAY"):
        found += [["xclip", "-selection", "clipboard"], ["xsel", "--clipboard", "--input"]]
    if "microsoft" in os.uname().release.lower():
        found.append(["clip.exe"])
    return [tool for tool in found if shutil.which(tool[0])]


def copy(text: str, osc52: Callable[[str], None], environment: Mapping[str, str] = os.environ) -> str:
    """Copy a text and say how: the tool's name, or that the terminal was asked.

    `osc52` sends the text to the terminal. Over SSH the tools would reach the wrong machine's clipboard, so
    the terminal is asked at once.
    """
    data = text.encode("utf-8", "replace")
    if not environment.get("SSH_CONNECTION"):
        for tool in tools(environment):
            try:
                subprocess.run(
                    tool,
                    input=data,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    timeout=TIMEOUT_S,
                    check=True,
                )
            except (OSError, subprocess.SubprocessError):
                continue
            return f"with {tool[0]}"
    if len(data) > OSC52_LIMIT_BYTES:
        return "asked the terminal (OSC 52), but it is too long for many; export it with x"
    osc52(text)
    return "by asking the terminal (OSC 52); if it did not arrive, export with x"
