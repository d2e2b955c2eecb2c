"""Plays a recording again: to one real node runner, to a real command node, to any subscriber, to the viewer.

Planning, pacing and comparing are sans-io; only `sockets`, `as_command`, `as_nodes` and `publishing` touch the
network, and `target` starts a process.
"""
