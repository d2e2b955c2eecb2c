"""`tubetap serve`: the same app in a browser, on this machine only."""

import importlib.util
import sys
from pathlib import Path

import click

LOOPBACK = ("127.0.0.1", "localhost", "::1")


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--port", type=click.IntRange(1, 65535), default=8022, show_default=True, help="Port.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--filter", "filter_text", default="", metavar="TEXT", help="Start with this filter in force.")
def command(file: Path, port: int, host: str, filter_text: str) -> int:
    """Show a recording in a browser.

    The app runs here, once for each page that is opened. Only who has the address that is printed can open
    it, secret included; with it one can read the recording, and files as this user.
    """
    if importlib.util.find_spec("textual_serve") is None:
        raise click.ClickException("serving needs textual-serve: pip install 'tubetap[serve]'")
    from recordings.filters import parse
    from recordings.recording import Recording
    from tui.serving import RecordingServer

    parse(filter_text)
    Recording.open(file, follow=True).close()
    if host not in LOOPBACK:
        click.echo("tubetap: other machines can reach this; what they see is not encrypted", err=True)
    viewer = [sys.executable, "-m", "tubetap", "view", str(file.resolve()), "--filter", filter_text]
    RecordingServer(viewer, host=host, port=port, say=click.echo).serve()
    return 0
