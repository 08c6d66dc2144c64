"""What an option may be: checked as it is read, before anything is imported for the work."""

from __future__ import annotations

import difflib
import math
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem


class File(click.Path):
    """A path, checked as click.Path does; a fifo or a device, whose reading may never end, is
    refused."""

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        from imagenet_tools import storage

        path: Any = super().convert(value, param, ctx)
        if path != "-" and os.path.exists(path) and not os.path.isdir(path):
            try:
                storage.size(path)
            except OSError as error:
                self.fail(f"{path}: {error.strerror}, not a file", param, ctx)
        return path


class Place(File):
    """A path, or the URL of a store, which the command looks up.

    ending: what it must end in; a file that is written should be what its name says.
    """

    def __init__(self, ending: str = "", **checks: Any) -> None:
        super().__init__(**checks)
        self.ending = ending

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        if not str(value).endswith(self.ending):
            self.fail(f"{value} does not end in {self.ending}", param, ctx)
        if isinstance(value, str) and ":/" in value:
            from imagenet_tools import storage

            try:
                value = storage.normal(value)
            except ValueError as error:
                self.fail(str(error), param, ctx)
            if storage.is_remote(value):
                return value
        return super().convert(value, param, ctx)


class Records(Place):
    """A folder of records with a manifest that can be read, and these splits in it."""

    def __init__(self, *splits: str) -> None:
        super().__init__(exists=True, file_okay=False)
        self.splits = splits

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        from imagenet_tools import records, storage
        from imagenet_tools.errors import DamagedData

        place = super().convert(value, param, ctx)
        if storage.is_remote(place):
            return place
        try:
            there = records.read_manifest(place).splits
        except DamagedData:
            raise
        except (ValueError, FileNotFoundError) as error:
            self.fail(str(error), param, ctx)
        if missing := [name for name in self.splits if name not in there]:
            self.fail(f"{place} has no split {missing[0]!r}; it has {', '.join(there)}", param, ctx)
        return place


class Page(click.Path):
    """A file to be written, by one of these endings, in a folder that is there."""

    def __init__(self, *endings: str) -> None:
        super().__init__(dir_okay=False)
        self.endings = endings

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        if not str(value).endswith(self.endings):
            self.fail(f"{value} is no {' or '.join(self.endings)} file", param, ctx)
        if not (folder := Path(value).parent).is_dir():
            self.fail(f"{value}: there is no folder {folder}", param, ctx)
        return super().convert(value, param, ctx)


class CheckpointPlace(Place):
    """A checkpoint, or the folder or archive that it is in."""

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        from imagenet_tools import storage
        from imagenet_tools.training import archives, checkpoints

        place = super().convert(value, param, ctx)
        archive = Path(place).is_file() and archives.is_one(place)  # unpacked when used
        if not storage.is_remote(place) and not archive:
            try:
                checkpoints.resolve(place)
            except FileNotFoundError as error:
                self.fail(str(error), param, ctx)
        return place


class PreprocessingName(click.ParamType):
    """A pipeline's name, variant or cross; an unknown one is a usage error naming the near ones."""

    name = "pipeline"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        from imagenet_tools import registry, tensorflow_version

        tensorflow_version.later()
        try:
            registry.get(value)
        except (LookupError, ValueError) as error:
            if Path(value).is_file():
                self.fail(
                    f"{value} is a file; an image goes behind --image, a plug-in behind --plugin",
                    param,
                    ctx,
                )
            self.fail(str(error.args[0] if error.args else error), param, ctx)
        return str(value)

    def shell_complete(self, ctx: Any, param: Any, incomplete: str) -> list[CompletionItem]:
        from imagenet_tools import registry, tensorflow_version

        tensorflow_version.later()
        first, plus, last = incomplete.rpartition("+")
        known = [*registry.names(), *(registry.parts_alone() if plus else ())]
        return beginning(last, known, first + plus)


class ModelName(click.ParamType):
    """A net's name."""

    name = "net"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        if value not in (known := self._known()):
            words = nearest(value, known) or " `imgtools list-models` lists them."
            self.fail(f"there is no net {value!r}.{words}", param, ctx)
        return str(value)

    def shell_complete(self, ctx: Any, param: Any, incomplete: str) -> list[CompletionItem]:
        return beginning(incomplete, self._known())

    def _known(self) -> list[str]:
        from imagenet_tools import tensorflow_version

        tensorflow_version.later()
        from imagenet_tools import nets

        return nets.names()


class RuleName(click.ParamType):
    """A rule of the diagnosis, by code or name."""

    name = "rule"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        from imagenet_tools import tensorflow_version

        tensorflow_version.later()
        from imagenet_tools.diagnosis import finding

        try:
            finding.muted([value])
        except LookupError as error:
            self.fail(str(error.args[0]), param, ctx)
        return str(value)


class RecipeName(click.ParamType):
    """A recipe of the package, or a YAML file of one."""

    name = "recipe"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        from imagenet_tools.training import recipes

        try:
            recipes.recipe(value)
        except (LookupError, ValueError, OSError) as error:
            self.fail(str(error), param, ctx)
        return value

    def shell_complete(self, ctx: Any, param: Any, incomplete: str) -> list[CompletionItem]:
        from imagenet_tools.training import recipes

        names = beginning(incomplete, recipes.BUILT_IN)
        return names or [CompletionItem(incomplete, type="file")]


class _Within:
    """A range in words: "1 or more", "above 0", "1 to 12"."""

    def _describe_range(self: Any) -> str:  # click asks for it, in help and errors
        if self.min_open:
            return f"above {self.min}" + (f", at most {self.max}" if self.max is not None else "")
        return f"{self.min} or more" if self.max is None else f"{self.min} to {self.max}"


MOST = 2**31 - 1  # TensorFlow's steps, sizes and draws are int32


class Whole(_Within, click.IntRange):
    """A whole number within a range, and up to MOST."""

    name = "integer"

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        number = int(super().convert(value, param, ctx))
        if number > MOST:
            self.fail(f"{number} is above {MOST:,}", param, ctx)
        return number


class Finite(_Within, click.FloatRange):
    """A number within a range; infinity and what is no number are in none."""

    name = "float"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is no finite number", param, ctx)
        return float(number)


SEED = Whole(-MOST - 1, MOST)


class SliceType(click.ParamType):
    """i/N, from 0/N to N-1/N."""

    name = "i/N"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        from imagenet_tools.engines import slices

        try:
            return slices.parse(value) if isinstance(value, str) else value
        except ValueError as error:
            self.fail(str(error), param, ctx)


def beginning(word: str, known: Iterable[str], before: str = "") -> list[CompletionItem]:
    """What a shell may complete a word to; before: what stands in front of it."""
    return [CompletionItem(before + name) for name in known if name.startswith(word)]


def nearest(word: str, known: list[str], dashes: str = "") -> str:
    """Name the near ones among the known: ' Did you mean x?' or an empty string.

    What begins with the word, list of list-runs, is nearer than what is spelt like it. dashes: what
    stands before each of them and counts for nothing.
    """
    near = [name for name in known if name.startswith(f"{word}-")]
    near = [dashes + one for one in near or difflib.get_close_matches(word, known, n=3)]
    return f" Did you mean {' or '.join(near)}?" if near else ""
