"""Run by every Python that `tubetap run` starts: puts the agent in place, then does what would have been
done anyway.

Must parse on any Python; only 3.8 and newer get the agent. An existing `sitecustomize` takes this one's
place.
"""

import os
import sys

_here = os.path.dirname(os.path.abspath(__file__))
if sys.version_info >= (3, 8):  # noqa: UP036
    try:  # noqa: SIM105 - the program comes first
        __import__("_tubetap_agent").install()
    except Exception:
        pass
sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or ".") != _here or not entry]
sys.path_importer_cache.pop(_here, None)
_ours = sys.modules.pop("sitecustomize")
try:
    __import__("sitecustomize")
except ImportError:
    _error = sys.exc_info()[1]
    if "sitecustomize" in sys.modules or getattr(_error, "name", "") != "sitecustomize":
        raise
    sys.modules["sitecustomize"] = _ours
