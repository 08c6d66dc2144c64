"""A tar for each class, as ImageNet's training archive gives them when it is unpacked once."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from imagenet_tools import storage, terminal
from imagenet_tools.errors import DamagedData
from imagenet_tools.raw import classes, intake, listing, tars
from imagenet_tools.raw.image import Entry
from imagenet_tools.raw.intake import Intake
from imagenet_tools.raw.split import RawSplit
from imagenet_tools.raw.tar_index import TarIndex

ENDING = ".tar"
SYNSET_TAR = re.compile(classes.SYNSET.pattern + re.escape(ENDING))
_COMPRESSED = re.compile(
    classes.SYNSET.pattern + r"\.(?:tar\.(?:gz|bz2|xz|zst)|tgz)", re.IGNORECASE
)


def among(folder: Path, inside: listing.Listed, filled: Collection[str], seen: Intake) -> list[str]:
    """The tars in a folder that are called after a synset; others may hold anything.

    filled: the classes whose folders hold images, which stand for their tars. Raises DamagedData
    for a class that is there as a compressed tar alone.
    """
    files = [name for reason, name in inside.left_out if reason not in intake.NO_FILES]
    for name in filter(_COMPRESSED.fullmatch, files):
        if class_of(name) not in filled and f"{class_of(name)}{ENDING}" not in files:
            raise DamagedData(f"{folder / name} is compressed; uncompress it first")
    names = [name for name in files if SYNSET_TAR.fullmatch(name)]
    for name in names:
        if class_of(name) in filled:
            beside = f"{folder.name}/{name}"
            seen.say("tars beside the folder of their class, which is read", beside)
    return [name for name in names if class_of(name) not in filled]


def class_of(file: str) -> str:
    """The synset that a tar is called after."""
    return file.split(".")[0]


def images(
    folder: Path, names: list[str], first: int, index: TarIndex, seen: Intake
) -> Iterator[RawSplit]:
    """The images of each of these tars in turn; their labels are first, first + 1, ..."""
    paths = [folder / name for name in names]
    # In a store each header is a request: many tars are then walked at one time.
    walks = storage.ahead(partial(index.walk, walker=_entries), paths, storage.is_remote(folder))
    with terminal.bar(f"indexing {folder.name}", "images") as bar:
        for label, walked in enumerate(walks, first):
            walk = walked()
            seen.take(walk.intake)
            yield replace(walk.images, labels=walk.images.labels + label)
            bar.update(len(walk.images))


def _entries(path: Path, seen: Intake) -> Iterator[Entry]:
    """The images of a tar, of no label yet; a folder of its class in it is not named."""
    where, own = f"{path.parent.name}/{path.name}", f"{class_of(path.name)}/"
    for member in tars.images(path, seen):
        name = member.name.removeprefix(own)
        if "/" in name:
            seen.say("in subfolders of their class", f"{where}: {name}")
        yield Entry(str(path), name, 0, member.offset_data, member.size)
