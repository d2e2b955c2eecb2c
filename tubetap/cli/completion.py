"""`tubetap completion`: the shell completion script."""

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the completion script for SHELL.

    \b
    Examples:
      tubetap completion bash >> ~/.bashrc
      tubetap completion zsh  >> ~/.zshrc
      tubetap completion fish > ~/.config/fish/completions/tubetap.fish
    """
    from tubetap.cli import tubetap

    completion_class = get_completion_class(shell)
    assert completion_class is not None
    click.echo(completion_class(tubetap, {}, "tubetap", "_TUBETAP_COMPLETE").source())
