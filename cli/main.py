"""The `imgtools` program: finds the commands, and turns exceptions into messages and exit codes.

A command is a file beside this one that defines `command`; its name is the file's, with dashes.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import pkgutil
import shlex
import sys
from collections.abc import Iterator
from typing import Any

import click

from imagenet_tools.cli.signals import Signals
from imagenet_tools.errors import DAMAGED, INTERRUPTED, STOPPED, UNFINISHED, did_you_mean, near

# How --help orders the commands; a test says where one is in no group.
GROUPS = {
    "Records": "inspect build-tfrecords verify-tfrecords repair-tfrecords finalize "
    "describe-records",
    "Pipelines": "list-preproc describe-preproc new-pipeline check-preproc preview "
    "explain-draw diagnose",
    "Training": "list-recipes list-models describe-model train eval predict export",
    "Comparison": "compare-preproc watch compare-runs list-runs plan",
    "TF-Slim": "slim-run slim-patch",
    "Shell": "completion",
}
START = """\b
Where to begin:
  imgtools compare-preproc alexnet inception        see it work, on synthetic images
  imgtools inspect PATH                             what imgtools makes of your images
  imgtools build-tfrecords --raw PATH --out records
  imgtools compare-preproc alexnet inception --data records
"""
NOT_COMMANDS = {"main", "options", "signals", "text", "types"}
EXIT_CODES = """\b
Exit codes:
  0    done
  1    failed
  2    wrong use: an option, a name, a value, a path that is not there
  3    damaged data was found
  4    partly done: the same command resumes
  5    undecided, where --fail-if-undecided asks
  130  interrupted: the same command resumes
  143  told to end (SIGTERM, or a closed terminal): the same command resumes
"""


class Commands(click.Group):
    """The commands found in this package, imported one at a time and only when asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        package = sys.modules[__package__ or "imagenet_tools.cli"]
        modules = {module.name for module in pkgutil.iter_modules(package.__path__)}
        return sorted(name.replace("_", "-") for name in modules - NOT_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        name = cmd_name.replace("_", "-")
        if name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"{__package__}.{name.replace('-', '_')}")
        command: click.Command = module.command
        if not any(parameter.name == "debug" for parameter in command.params):
            command.params += _everywhere()
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        known = self.list_commands(ctx)
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            ctx.fail(f"No such command {args[0]!r}.{did_you_mean(near(args[0], known))}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands in their groups, each with its first sentence whole."""
        known = self.list_commands(ctx)
        grouped = {group: names.split() for group, names in GROUPS.items()}
        rest = sorted(set(known) - {name for names in grouped.values() for name in names})
        for group, names in {**grouped, "Others": rest}.items():
            rows = []
            for name in filter(known.__contains__, names):
                command = self.get_command(ctx, name)
                assert command is not None
                rows.append((name, command.get_short_help_str(limit=300)))
            if rows:
                with formatter.section(group):
                    formatter.write_dl(rows)


def _print_version(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        from imagenet_tools import tensorflow_version, version

        tensorflow = tensorflow_version.installed() or "not installed"
        click.echo(f"imgtools {version.installed()}, TensorFlow {tensorflow}")
        ctx.exit()


def _setting(ctx: click.Context, parameter: click.Parameter, given: bool) -> None:
    from imagenet_tools import tensorflow_version, terminal

    variables = {"quiet": (terminal.QUIET, "1"), "verbose": (tensorflow_version.LOG_LEVEL, "0")}
    if given:
        ctx.find_root().with_resource(_environment(*variables[str(parameter.name)]))


@contextlib.contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    """Give a variable a value, for this process and those that it starts."""
    former = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        del os.environ[name]
        if former is not None:
            os.environ[name] = former


def _everywhere() -> list[click.Parameter]:
    """The options that stand before a command as well as behind it."""
    kind: dict[str, Any] = {"is_flag": True, "is_eager": True, "expose_value": False}
    quiet = "Print no progress: results, warnings and errors alone."
    verbose = "Print TensorFlow's own log, too."
    return [
        click.Option(["-q", "--quiet"], callback=_setting, help=quiet, **kind),
        click.Option(["-v", "--verbose"], callback=_setting, help=verbose, **kind),
        click.Option(["--debug"], help="Show the traceback of an error.", **kind),
    ]


def _dashes(name: str) -> str:
    """Accept TF-Slim's spelling: --train_shards is --train-shards."""
    return name.replace("_", "-")


@click.group(
    cls=Commands,
    epilog=f"{START}\n{EXIT_CODES}",
    invoke_without_command=True,
    params=_everywhere(),
    context_settings={
        "help_option_names": ["-h", "--help"],
        "auto_envvar_prefix": "IMGTOOLS",
        "max_content_width": 100,
        "show_default": True,
        "token_normalize_func": _dashes,
    },
)
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_print_version,
    help="Show the version and exit.",
)
@click.pass_context
def program(ctx: click.Context) -> None:
    """ImageNet TFRecords, exact preprocessing pipelines, and a verdict on which one is better."""
    if os.environ.get("NO_COLOR"):
        ctx.color = False
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def main(arguments: list[str] | None = None) -> None:
    """Run `imgtools` with the arguments (default: those of the process) and exit."""
    arguments = sys.argv[1:] if arguments is None else arguments
    sys.exit(run(arguments))


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit code; errors become one line on stderr."""
    from imagenet_tools import storage, terminal

    again = storage.redact(shlex.join(["imgtools", *arguments]))
    signals = Signals()
    try:
        with signals:
            result = program.main(args=arguments, prog_name="imgtools", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.ClickException as error:
        message = _words(error)
        if isinstance(error, click.UsageError) and error.ctx is not None:
            stop = "" if message.endswith((".", "?")) else "."
            message = f"{message}{stop} See `{error.ctx.command_path} --help`."
        _say("Error", message)
        return error.exit_code
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except (Exception, KeyboardInterrupt) as error:
        # click makes an Abort of an EOFError, too, wherever it comes from.
        cause = error.__cause__ if isinstance(error, click.Abort) else error
        # A library that is interrupted while it is imported raises what it likes.
        if signals.seen or not isinstance(cause, Exception):
            ended = signals.seen in terminal.TO_END
            what = f"Told to end ({signals.name})" if ended else "Interrupted"
            click.echo(f"{what}. To resume: {again}", err=True)
            return STOPPED if ended else INTERRUPTED
        if "--debug" in arguments:
            raise
        return _report(cause, again)


def _words(error: click.ClickException) -> str:
    """What click says, in a line; of options, the near ones as of commands."""
    if isinstance(error, click.NoSuchOption):
        known = [name.removeprefix("--") for name in error.possibilities or ()]
        like = [f"--{name}" for name in near(error.option_name.lstrip("-"), known)]
        hint = _of_recipe(error) or did_you_mean(like)
        return f"No such option '{error.option_name}'.{hint}"
    return " ".join(error.format_message().split())


def _of_recipe(error: click.NoSuchOption) -> str:
    """Where a recipe's field is given to a command that takes it in a recipe's file alone."""
    from imagenet_tools.training import recipes

    taken = {parameter.name for parameter in error.ctx.command.params} if error.ctx else set()
    field = error.option_name.lstrip("-").replace("-", "_")
    if "recipe" not in taken or field not in recipes.FIELDS:
        return ""
    return " It is a field of a recipe: --recipe FILE (`imgtools train --print-recipe` writes one)."


def _report(error: Exception, again: str) -> int:
    from imagenet_tools import storage
    from imagenet_tools.errors import DamagedData, Missing, PipelineFailed, Stopped, Unfinished

    message = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    message = storage.as_asked(message).strip() or "no further message"
    if isinstance(error, Stopped):
        _say("Stopped", f"{message}\nTo resume: {again}")
        return STOPPED
    if isinstance(error, Unfinished):
        way_on = "Then" if isinstance(error, Missing) else "To resume"
        _say("Unfinished", f"{message}\n{way_on}: {again}")
        return UNFINISHED
    if isinstance(error, DamagedData):
        _say("Damaged data", message)
        return DAMAGED
    if isinstance(error, MemoryError):
        message = f"not enough memory ({message}); a smaller batch or fewer workers may fit"
    expected = isinstance(
        error, ValueError | OSError | LookupError | ImportError | MemoryError | PipelineFailed
    )
    kind = "" if expected else f"{type(error).__name__}: "
    hint = "" if expected else "\nThis was not expected; run again with --debug for the traceback."
    _say("Error", f"{kind}{message}{hint}")
    # What the library calls a wrong value is wrong use, as what click refuses.
    wrong_use = isinstance(error, ValueError | FileNotFoundError) or type(error) is LookupError
    return 2 if wrong_use else 1


def _say(what: str, message: str) -> None:
    """Write "what: message" on stderr; what in red on a terminal, unless NO_COLOR is set."""
    red = click.style(f"{what}:", fg="red", bold=True)
    click.echo(f"{red} {message}", err=True, color=False if os.environ.get("NO_COLOR") else None)
