"""What `tubetap run` puts on the program's PYTHONPATH: it runs inside the target, so it is the standard
library alone.

The folder itself goes on the path, not the package: `sitecustomize` is found by every interpreter that
starts there.
"""
