"""`tubetap view`: a recording in the terminal app, finished, cut off or still growing."""

import gc
import os
import sys
from pathlib import Path

import click

from tubetap.cli.decoders import decoder_option


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), required=False)
@click.option("--follow", is_flag=True, help="Follow the newest message from the start.")
@click.option("--filter", "filter_text", default="", metavar="TEXT", help="Start with this filter in force.")
@decoder_option
@click.option("--no-mouse", is_flag=True, help="Leave the mouse to the terminal (to select text with it).")
@click.option(
    "--theme", metavar="NAME", help="Colours: tubetap-dark, tubetap-light, ansi-dark, ansi-light, ..."
)
@click.option("--keys", "list_keys", is_flag=True, help="List all keys with their ids, and leave.")
def command(
    file: Path | None,
    follow: bool,
    filter_text: str,
    decoder: str | None,
    no_mouse: bool,
    theme: str | None,
    list_keys: bool,
) -> int:
    """Open a recording in the terminal app.

    A recording that is still being written is shown live. Keys are changed in keys.toml (--keys says where).

    \b
    Examples:
      tubetap view run.mcap
      tubetap view run.mcap --filter 'type:error,event node:b'
    """
    if list_keys:
        return _list_keys()
    if file is None:
        raise click.UsageError("a FILE is missing", click.get_current_context())
    served = "TEXTUAL_DRIVER" in os.environ
    if not served and not (sys.stdout.isatty() and sys.stdin.isatty()):
        raise click.UsageError(
            f"the app needs a terminal; without one: tubetap cat {file}", click.get_current_context()
        )
    gc.disable()  # until the app shows: what is made by then stays
    from recordings.filters import parse
    from recordings.recording import Recording
    from tui.app import show
    from tui.theme import check

    parse(filter_text)
    try:
        check(theme)
    except ValueError as error:
        raise click.UsageError(str(error), click.get_current_context()) from None
    with Recording.open(file, follow=True) as recording:
        live = follow or _is_live(file)
        show(recording, live=live, filter=filter_text, decoder=decoder, mouse=not no_mouse, theme=theme)
    return 0


def _is_live(file: Path) -> bool:
    from recordings.locks import is_being_written

    with file.open("rb") as opened:
        return is_being_written(opened.fileno())


def _list_keys() -> int:
    from tui.keys import KEYS, config_path, load

    keymap = load()
    click.echo(f'Keys can be changed in {config_path()}, such as: filter = "ctrl+f"')
    area = ""
    for key in KEYS:
        if key.area != area:
            area = key.area
            click.echo(f"\n{area}")
        click.echo(f"  {key.id:<18}{keymap.keys.get(key.id, key.keys):<16}{key.help}")
    for problem in keymap.problems:
        click.echo(f"tubetap: {problem}", err=True)
    return 2 if keymap.problems else 0
