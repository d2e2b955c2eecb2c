"""The command line: one file a verb, loaded only when that verb is used.

Every user's mistake ends in one line on standard error and a documented exit code, never in a traceback.
"""

import importlib
import importlib.util
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from decoders.errors import DecodeError
from decoders.text import safe
from proxy.errors import ProxyError
from recordings.errors import RecordingError
from recordings.version import VERSION

__all__ = ["main", "tubetap"]

VERBS = {
    "demo": "Run a real noob tube under tubetap and look at its messages.",
    "run": "Run a program with tubetap in the path of its ZeroMQ sockets.",
    "view": "Open a recording in the terminal app.",
    "cat": "Print messages, one a line.",
    "info": "Sum up a recording: what, who, when, rates, losses.",
    "slice": "Copy part of a recording into a new file.",
    "merge": "Put several recordings on one time line.",
    "recover": "Make a clean file of a cut-off or damaged recording.",
    "export": "Convert to JSON Lines, CSV, Parquet, a sequence diagram, a trace or pcapng.",
    "redact": "Write a copy without names, paths, secrets and payload data.",
    "report": "Bundle what a bug report needs into one zip.",
    "replay": "Play a recording: into the viewer, or against real noob processes.",
    "proxy": "Stand between programs that tubetap did not start.",
    "attach": "Listen to a tube that already runs.",
    "ps": "List running tubes, stale sockets and orphans.",
    "serve": "Show a recording in a browser on this machine.",
    "filters": "Explain the filter language.",
    "completion": "Print the shell completion script.",
}
"""Every verb of the command line with its one-line help, in the order of the help page."""

EXIT_CODES = """\b
Exit codes:
  0    done
  1    the answer is no: different, or found something
  2    bad usage or bad input
  3    could not run
  130  interrupted (128 + signal number for other signals)
`tubetap run` exits with the program's own code."""


class Verbs(click.Group):
    """A group that imports a verb's module when the verb is first asked for, so that start-up stays quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the verbs that this installation has."""
        return [verb for verb in VERBS if importlib.util.find_spec(f"{__name__}.{verb}") is not None]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a verb; None if there is no such verb."""
        if cmd_name not in self.list_commands(ctx):
            return None
        command = importlib.import_module(f"{__name__}.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb; a reader that has seen enough, such as `head`, is no failure (click exits with 1)."""
        try:
            code = super().invoke(ctx)
            if sys.stdout is not None:  # as it is where it was closed
                sys.stdout.flush()
        except BrokenPipeError:
            _quiet_exit(0)
        return code

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs without importing any of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(verb, VERBS[verb]) for verb in self.list_commands(ctx)])


@click.group(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=EXIT_CODES,
)
@click.version_option(VERSION, prog_name="tubetap")
def tubetap() -> None:
    """Watch, record and replay what crosses the wire between ZeroMQ processes.

    \b
    tubetap run -- python my_tube.py     record a program's messages
    tubetap run --tui -- python ...      and watch them live
    tubetap view FILE                    look at them again
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    _replace_closed_streams()
    try:
        code = tubetap.main(
            args=list(arguments) if arguments is not None else None,
            prog_name="tubetap",
            standalone_mode=False,
        )
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.format_message())
        sys.exit(0)
    except click.ClickException as error:
        fail(error.format_message(), _hint(error))
    except (click.Abort, KeyboardInterrupt):
        _quiet_exit(130)
    except (RecordingError, ProxyError, DecodeError) as error:
        fail(str(error))
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        fail(f"{where}{error.strerror or error}")
    sys.exit(code if isinstance(code, int) else 0)


def _replace_closed_streams() -> None:
    """Put nothing in the place of standard streams that were closed, so that no socket takes their numbers.

    A program that is started does not inherit it: it finds them closed, as it would without us.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - else what is for it would go to standard output


def fail(message: str, hint: str = "", code: int = 2) -> None:
    """Say in one line what went wrong and exit."""
    line = safe(message.rstrip().rstrip("."))
    if hint:
        line += f" {hint}" if line.endswith(("?", "!")) else f". {hint}"
    print(f"tubetap: {line}", file=sys.stderr)
    sys.exit(code)


def _hint(error: click.ClickException) -> str:
    context: Any = getattr(error, "ctx", None)
    return f"Try: {context.command_path} --help" if context is not None else ""


def _quiet_exit(code: int) -> NoReturn:
    # The reader of our pipe is gone: keep the interpreter from complaining about it while it shuts down.
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)
