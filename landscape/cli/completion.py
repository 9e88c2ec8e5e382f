"""``landscape completion``: the shell completion script."""

import click
from click.shell_completion import get_completion_class


@click.command("completion")
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
def command(shell: str) -> None:
    """Print the completion script of a shell: eval "$(landscape completion bash)" in ~/.bashrc."""
    from landscape.cli.main import cli

    chosen = get_completion_class(shell)
    if chosen is not None:
        click.echo(chosen(cli, {}, "landscape", "_LANDSCAPE_COMPLETE").source())
