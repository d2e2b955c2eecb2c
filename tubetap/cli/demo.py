"""`tubetap demo`: a real noob tube under tubetap, to see in a minute what it is for."""

import importlib.util
import sys
from pathlib import Path

import click

import recordings

EPOCHS_WITHOUT_TERMINAL = 60
SAMPLE = Path(recordings.__file__).parent / "samples" / "camera.mcap"


@click.command()
@click.option("--epochs", type=click.IntRange(1), help="Stop after this many epochs.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Where to record (FILE.mcap).")
@click.option("--force", is_flag=True, help="Overwrite FILE if it exists.")
@click.option(
    "--tui/--no-tui",
    default=None,
    help="Watch live, or run for some epochs and print a summary. Default: watch when there is a terminal.",
)
@click.option("--recorded", is_flag=True, help="Show a recording of the tube instead; needs no noob.")
def command(epochs: int | None, output: Path | None, force: bool, tui: bool | None, recorded: bool) -> int:
    """Run a real noob tube under tubetap.

    An imitation camera with seven nodes, each a process of its own, that free-run. With a terminal its
    messages are shown live; press q to leave. Without one it runs for some epochs and prints what was
    seen.

    \b
    Examples:
      tubetap demo
      tubetap demo --no-tui --epochs 200 -o demo.mcap
    """
    from tubetap.cli.recording import check_terminal

    if tui is None:
        tui = sys.stdout.isatty() and sys.stdin.isatty()
    check_terminal(tui)
    if recorded:
        return show_sample(tui=tui)
    if importlib.util.find_spec("noob") is None:
        raise click.ClickException(
            "the demo needs noob: pip install 'tubetap[noob]'; or see a recording: tubetap demo --recorded"
        )
    from proxy.run import run
    from tubetap.cli.overview import print_overview

    if not tui:
        epochs = epochs or EPOCHS_WITHOUT_TERMINAL
    program = [sys.executable, "-m", "tubetap.demo"]
    if epochs is not None:
        program += ["--epochs", str(epochs)]
    result = run(program, output=output, force=force, tui=tui)
    for path in result.recordings:
        print_overview(path)
    return 0 if tui else result.exit_code


def show_sample(*, tui: bool) -> int:
    """Show the recording of this tube that comes with tubetap."""
    from recordings.recording import Recording
    from tubetap.cli.overview import print_overview

    if not tui:
        print_overview(SAMPLE)
        return 0
    from tui.app import show

    with Recording.open(SAMPLE, follow=True) as recording:
        show(recording)
    return 0
