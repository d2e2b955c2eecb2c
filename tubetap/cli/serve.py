"""`tubetap serve`: the same app in a browser, on this machine only."""

import importlib.util
import shlex
import sys
from pathlib import Path

import click

LOOPBACK = ("127.0.0.1", "localhost", "::1")


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option(
    "--port", type=click.IntRange(1, 65535), default=8022, show_default=True, help="Port to listen on."
)
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address to listen on; there is no password."
)
@click.option("--filter", "filter_text", default="", metavar="TEXT", help="Start with this filter in force.")
def command(file: Path, port: int, host: str, filter_text: str) -> int:
    """Show a recording in a browser.

    The app runs here, once for each page that is opened, and is reached under http://127.0.0.1:8022. Whoever
    can reach the address can read the recording (and files this user may open): it listens on this machine
    alone unless --host says otherwise.
    """
    if importlib.util.find_spec("textual_serve") is None:
        raise click.ClickException("serving needs textual-serve: pip install 'tubetap[serve]'")
    from textual_serve.server import Server

    from recordings.filters import parse
    from recordings.recording import Recording

    parse(filter_text)
    Recording.open(file).close()
    if host not in LOOPBACK:
        click.echo(f"tubetap: anyone who can reach {host}:{port} can read this recording", err=True)
    viewer = [sys.executable, "-m", "tubetap", "view", str(file.resolve()), "--filter", filter_text]
    server = Server(shlex.join(viewer), host=host, port=port, title="tubetap")
    server.serve()
    return 0
