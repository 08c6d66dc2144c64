"""A tar for each class, as ImageNet's training archive gives them when it is unpacked once."""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path

from imagenet_tools import storage, terminal
from imagenet_tools.errors import DamagedData
from imagenet_tools.raw import classes, intake, listing, tars
from imagenet_tools.raw.image import Entry
from imagenet_tools.raw.intake import Intake
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
        if name.split(".")[0] not in filled and f"{name.split('.')[0]}{ENDING}" not in files:
            raise DamagedData(f"{folder / name} is compressed; uncompress it first")
    tars = [name for name in files if SYNSET_TAR.fullmatch(name)]
    for name in tars:
        if class_of(name) in filled:
            seen.say(
                "tars beside the folder of their class, which is read", f"{folder.name}/{name}"
            )
    return [name for name in tars if class_of(name) not in filled]


def class_of(file: str) -> str:
    """The synset that a tar is called after."""
    return file.removesuffix(ENDING)


def entries(
    folder: Path, names: list[str], first: int, index: TarIndex, seen: Intake
) -> Iterator[Entry]:
    """The images of each of these tars in turn; their labels are first, first + 1, ..."""
    paths = [folder / name for name in names]
    # In a store each header is a request: many tars are then walked at one time.
    walks = storage.ahead(partial(index.walk, walker=_entries), paths, storage.is_remote(folder))
    with terminal.bar(f"indexing {folder.name}", "images") as bar:
        for label, (path, walked) in enumerate(zip(paths, walks, strict=True), first):
            walk = walked()
            seen.take(walk.intake)
            numbers = (walk.images.offsets.tolist(), walk.images.sizes.tolist())
            for name, at, size in zip(walk.images.filenames(), *numbers, strict=True):
                yield Entry(str(path), name, label, at, size)
            bar.update(len(walk.images))


def _entries(path: Path, seen: Intake) -> Iterator[Entry]:
    """The images of a tar, of no label yet; a folder of its class in it is not named."""
    where, own = f"{path.parent.name}/{path.name}", f"{class_of(path.name)}/"
    with path.open("rb") as file:
        for member in tars.members(file, 0, file.seek(0, io.SEEK_END), str(path), seen):
            if tars.is_image(file, member, seen):
                name = member.name.removeprefix(own)
                if "/" in name:
                    seen.say("in subfolders of their class", f"{where}: {name}")
                yield Entry(str(path), name, 0, member.offset_data, member.size)
