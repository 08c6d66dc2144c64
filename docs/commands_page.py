"""reference/commands.md, made from every command's own help when the site is built."""

import click
from mkdocs.structure.files import File, Files

from imagenet_tools.cli import main as cli_main


def on_files(files: Files, config: object) -> Files:
    """Add the page; mkdocs calls it."""
    files.append(File.generated(config, "reference/commands.md", content=page()))
    return files


def page() -> str:
    settings = cli_main.program.context_settings
    top = click.Context(cli_main.program, info_name="imgtools", **settings)
    text = ["# Every command\n", f"```text\n{cli_main.program.get_help(top)}\n```\n"]
    for group, names in cli_main.GROUPS.items():
        text.append(f"## {group}\n")
        for name in names.split():
            command = cli_main.program.get_command(top, name)
            context = click.Context(command, info_name=name, parent=top)
            text.append(f"### {name}\n\n```text\n{command.get_help(context)}\n```\n")
    return "\n".join(text)
