"""New recordings from old ones: copied whole or in part, several on one time line, or saved from a damaged
file.

The original is never written to.
"""
