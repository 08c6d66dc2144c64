"""The process of `imgtools slim-run`: imagenet_tools.slim [options] -- SCRIPT FLAGS."""

from __future__ import annotations

import argparse
import sys
from typing import NoReturn

from imagenet_tools import tensorflow_version
from imagenet_tools.slim import factory, runner


def main() -> None:
    parser = argparse.ArgumentParser(prog="imgtools slim-run")
    parser.add_argument("--prefer", choices=factory.PREFERENCES, default=factory.PREFERENCES[0])
    parser.add_argument("--plugin", action="append", default=[])
    parser.add_argument("script")
    parser.add_argument("flags", nargs=argparse.REMAINDER)
    asked = parser.parse_args()
    try:
        tensorflow_version.load()
        ready = runner.prepare(asked.script, asked.flags, prefer=asked.prefer, plugins=asked.plugin)
    except (ValueError, OSError, LookupError, ImportError) as error:
        _end(error)
    try:
        runner.execute(asked.script, asked.flags, ready)
    except (ImportError, FileNotFoundError) as error:
        _end(error)


def _end(error: Exception) -> NoReturn:
    """Say what is wrong in one line; exit code 2 for wrong use, as in every command."""
    print(f"Error: {error.args[0] if error.args else error}", file=sys.stderr)
    sys.exit(2 if isinstance(error, ValueError | LookupError | FileNotFoundError) else 1)


if __name__ == "__main__":
    main()
