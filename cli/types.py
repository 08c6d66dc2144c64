"""What an option may be: checked as it is read, before anything is imported for the work."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from imagenet_tools.errors import DamagedData, did_you_mean, near


class Checked(click.ParamType):
    """What the library can check: what it refuses is wrong use, in its own words."""

    def check(self, value: Any) -> None:
        """Raise LookupError, ValueError or OSError for what cannot be."""

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        value = super().convert(value, param, ctx)
        try:
            self.check(value)
        except DamagedData:
            raise
        except (LookupError, ValueError, OSError) as error:
            self.fail(str(error), param, ctx)
        return value


class File(Checked, click.Path):
    """A path, checked as click.Path does; a fifo or a device, whose reading may never end, is
    refused."""

    def check(self, value: Any) -> None:
        from imagenet_tools import storage

        if value != "-" and os.path.exists(value) and not os.path.isdir(value):
            try:
                storage.size(value)
            except OSError as error:
                raise ValueError(f"{value}: {error.strerror}, not a file") from error


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

    def check(self, value: Any) -> None:
        from imagenet_tools import records

        there = records.read_manifest(value).splits
        if missing := [name for name in self.splits if name not in there]:
            raise ValueError(f"{value} has no split {missing[0]!r}; it has {', '.join(there)}")


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

    def check(self, value: Any) -> None:
        from imagenet_tools.training import archives, checkpoints

        super().check(value)
        if not (Path(value).is_file() and archives.is_one(value)):  # which is unpacked when used
            checkpoints.resolve(value)


class PreprocessingName(Checked):
    """A pipeline's name, variant or cross; an unknown one is a usage error naming the near ones."""

    name = "pipeline"

    def check(self, value: str) -> None:
        registry = _registry()
        try:
            registry.get(value)
        except (LookupError, ValueError):
            if not Path(value).is_file():
                raise
            raise ValueError(
                f"{value} is a file; an image goes behind --image, a plug-in behind --plugin"
            ) from None

    def shell_complete(self, ctx: Any, param: Any, incomplete: str) -> list[CompletionItem]:
        registry = _registry()
        first, plus, last = incomplete.rpartition("+")
        known = [*registry.names(), *(registry.parts_alone() if plus else ())]
        return beginning(last, known, first + plus)


class ModelName(Checked):
    """A net's name."""

    name = "net"

    def check(self, value: str) -> None:
        if value not in (known := self._known()):
            words = did_you_mean(near(value, known)) or " `imgtools list-models` lists them."
            raise LookupError(f"there is no net {value!r}.{words}")

    def shell_complete(self, ctx: Any, param: Any, incomplete: str) -> list[CompletionItem]:
        return beginning(incomplete, self._known())

    def _known(self) -> list[str]:
        _registry()
        from imagenet_tools import nets

        return nets.names()


class RuleName(Checked):
    """A rule of the diagnosis, by code or name."""

    name = "rule"

    def check(self, value: str) -> None:
        _registry()
        from imagenet_tools.diagnosis import finding

        finding.muted([value])


class RecipeName(Checked):
    """A recipe of the package, or a YAML file of one."""

    name = "recipe"

    def check(self, value: Any) -> None:
        from imagenet_tools.training import recipes

        recipes.recipe(value)

    def shell_complete(self, ctx: Any, param: Any, incomplete: str) -> list[CompletionItem]:
        from imagenet_tools.training import recipes

        names = beginning(incomplete, recipes.BUILT_IN)
        return names or [CompletionItem(incomplete, type="file")]


def _registry() -> Any:
    """The registry, without TensorFlow, which its pipelines are written in, until one is run."""
    from imagenet_tools import registry, tensorflow_version

    tensorflow_version.later()
    return registry


class _Within:
    """A range in words: "1 or more", "above 0", "1 to 12"."""

    def _describe_range(self: Any) -> str:  # click asks for it, in help and errors
        if self.min_open:
            return f"above {self.min}" + (f", at most {self.max}" if self.max is not None else "")
        return f"{self.min} or more" if self.max is None else f"{self.min} to {self.max}"


class Whole(Checked, _Within, click.IntRange):
    """A whole number within a range, and no more than TensorFlow counts to."""

    name = "integer"

    def check(self, value: int) -> None:
        from imagenet_tools.pipelines.limits import MOST

        if value > MOST:
            raise ValueError(f"{value} is above {MOST:,}")


class Finite(Checked, _Within, click.FloatRange):
    """A number within a range; infinity and what is no number are in none."""

    name = "float"

    def check(self, value: float) -> None:
        if not math.isfinite(value):
            raise ValueError(f"{value} is no finite number")


SEED = Whole(-(2**31), 2**31 - 1)  # 32 bits, the sign's among them


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
