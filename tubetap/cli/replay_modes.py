"""Which options of `tubetap replay` mean something in which of its modes.

An option that would have no effect is a mistake of the person who gave it, and is told rather than ignored.
"""

import click
from click.core import ParameterSource

_EVERYWHERE = frozenset({"file", "filter_text", "start", "end", "rate"})
_PLAYED = _EVERYWHERE | {"runner", "asap", "step", "late", "remap", "timeout", "trust_recording", "as_json"}
_DEBUGGING = frozenset({"debugger", "debug_port", "print_addresses", "noob_version", "start_timeout"})
_COMPARING = frozenset({"ignore", "ignore_order", "rtol", "atol"})

MODES = {
    "--to view": _EVERYWHERE | {"to", "loop", "asap"},
    "--as command": _PLAYED
    | {"role", "nodes", "tube", "inputs", "python", "directory"}
    | _DEBUGGING
    | _COMPARING,
    "--as nodes": _PLAYED | {"role", "nodes", "command_outbox", "command_router", "runner_id"},
    "--publish": _PLAYED | {"address", "loop", "subscribers"},
}
"""The parameters of the verb that each mode reads."""


def mode_of(context: click.Context) -> str:
    """The mode that was asked for. Raises UsageError if that is not exactly one, or if an option was given
    that the mode does not read."""
    given = {
        name
        for name in context.params
        if context.get_parameter_source(name) not in (ParameterSource.DEFAULT, ParameterSource.DEFAULT_MAP)
    }
    modes = [
        mode
        for mode, asked in (
            ("--to view", "to" in given),
            (f"--as {context.params['role']}", "role" in given),
            ("--publish", "address" in given),
        )
        if asked
    ]
    if len(modes) != 1:
        raise click.UsageError(
            "say what to do: one of --as command, --as nodes, --publish ADDRESS, --to view"
        )
    for parameter in context.command.params:
        name = parameter.name or ""
        if name in given and name not in MODES[modes[0]]:
            means = " or ".join(mode for mode, read in MODES.items() if name in read)
            raise click.UsageError(f"{parameter.opts[0]} is for {means}, not for {modes[0]}")
    return modes[0]
