"""Other Python versions on this machine, and environments made for them, kept in pytest's cache."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def find(version: str) -> str | None:
    """Return an interpreter of a version such as "3.12": from PATH, or from pyenv's folder."""
    name = f"python{version}"
    candidates = [shutil.which(name)]
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    candidates += [str(path) for path in sorted(root.glob(f"versions/{version}.*/bin/{name}"))]
    for candidate in candidates:
        if candidate is None:
            continue
        # A pyenv shim is on PATH even where that version is not the one in use, and then only complains.
        answer = subprocess.run(
            [candidate, "-c", "import sys, venv; print('%d.%d' % sys.version_info[:2])"],
            capture_output=True,
            text=True,
            check=False,
        )
        if answer.stdout.strip() == version:
            return candidate
    return None


def environment(request: pytest.FixtureRequest, version: str, *requirements: str) -> str:
    """Return the Python of an environment with `requirements`; makes it first, or skips if it can't."""
    interpreter = find(version)
    if interpreter is None:
        pytest.skip(f"no Python {version} on PATH or in pyenv")
    folder = Path(request.config.cache.mkdir("interpreters")) / version
    python = folder / "bin" / "python"
    stamp = folder / "requirements.txt"
    wanted = "\n".join(requirements)
    if stamp.exists() and stamp.read_text() == wanted:
        return str(python)
    shutil.rmtree(folder, ignore_errors=True)
    quiet = ["--quiet", "--disable-pip-version-check"]
    if tuple(map(int, version.split("."))) < (3, 10):  # a current pip no longer installs for these
        subprocess.run([interpreter, "-m", "venv", str(folder)], check=True)
        pip = [str(python), "-m", "pip", *quiet]
    else:
        subprocess.run([interpreter, "-m", "venv", "--without-pip", str(folder)], check=True)
        pip = [sys.executable, "-m", "pip", *quiet, "--python", str(python)]
    installed = subprocess.run(
        [*pip, "install", "--no-compile", "--only-binary", ":all:", *requirements],
        capture_output=True,
        text=True,
        check=False,
    )
    if installed.returncode != 0:
        shutil.rmtree(folder, ignore_errors=True)
        reason = (installed.stderr.strip().splitlines() or ["pip failed"])[-1]
        pytest.skip(f"cannot install {', '.join(requirements)} for Python {version}: {reason}")
    stamp.write_text(wanted)
    return str(python)
