"""The version of this software, which stands in every recording it writes.

A constant, as asking the installation for it costs every start; pyproject.toml reads it from here.
"""

__all__ = ["VERSION"]

VERSION = "0.1.0"
