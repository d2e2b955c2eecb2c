"""The version of the installed tubetap."""

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version


def version() -> str:
    """Return tubetap's version, "unknown" when it runs from a bare folder."""
    try:
        return installed_version("tubetap")
    except PackageNotFoundError:
        return "unknown"
