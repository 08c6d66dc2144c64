"""`imgtools completion`: what a shell completes."""

from __future__ import annotations

import click


@click.command()
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
def command(shell: str) -> None:
    """Print what makes a shell complete commands, options, pipelines, recipes and nets.

    \b
    Example:
      imgtools completion bash >> ~/.bashrc
      imgtools completion zsh >> ~/.zshrc
      imgtools completion fish > ~/.config/fish/completions/imgtools.fish
    """
    from click.shell_completion import get_completion_class

    completer = get_completion_class(shell)
    assert completer is not None
    program = click.get_current_context().find_root().command
    click.echo(completer(program, {}, "imgtools", "_IMGTOOLS_COMPLETE").source())
