"""The option that names a decoder."""

from collections.abc import Callable
from typing import TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., object])

HELP = (
    "Decode all messages with this one, not what fits each best: noob, jupyter, json, msgpack, text, raw, "
    "or one of another package."
)


def decoder_option(command: Command) -> Command:
    """Add `--decoder NAME`; an unknown name is a usage error that lists those that there are."""
    return click.option("--decoder", metavar="NAME", callback=_known, help=HELP)(command)


def _known(context: click.Context, parameter: click.Parameter, name: str | None) -> str | None:
    if name is None:
        return None
    from decoders import registry  # looks up what is installed

    if reason := registry.why_unknown(name):
        raise click.BadParameter(reason, context, parameter)
    return name
