"""The official archives as downloaded, or packed again; nothing is extracted.

ILSVRC2012_img_train.tar is a tar of 1000 tars: the outer headers are read once, then each inner
tar's, and images are read by their offset in the outer file. ILSVRC2012_img_val.tar is flat.
"""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_tools import labels as imagenet
from imagenet_tools import storage, terminal
from imagenet_tools.errors import DamagedData
from imagenet_tools.raw import box_files, classes, devkit, intake, listing, tars, validation
from imagenet_tools.raw.image import Entry
from imagenet_tools.raw.intake import Intake
from imagenet_tools.raw.raw_set import RawSet
from imagenet_tools.raw.tars import members

if TYPE_CHECKING:
    from imagenet_tools.raw import Options

LOOKED_FOR = "ILSVRC2012_img_train.tar (a tar of tars) and ILSVRC2012_img_val.tar"
TRAIN, VALIDATION = "ILSVRC2012_img_train.tar", "ILSVRC2012_img_val.tar"
COMPRESSED = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
DEVKIT = "ILSVRC2012_devkit_t12.tar.gz"


def find(place: Path, options: Options) -> RawSet | None:
    """Return the data set where `place` holds (or is) one of the official archives."""
    root = place if place.is_dir() else place.parent
    names = [TRAIN, VALIDATION] if place.is_dir() else [place.name]
    present = [name for name in (TRAIN, VALIDATION) if name in names and (root / name).is_file()]
    if not present:
        return None
    numbering, seen, splits = classes.of_imagenet(), Intake(), {}
    for name, split, entries in (
        (TRAIN, "train", train_entries),
        (VALIDATION, "validation", validation_entries),
    ):
        if name in present:
            walk = options.tars.walk(root / name, entries)
            seen.take(walk.intake)
            splits[split] = replace(walk.images, name=split, classes=numbering.classes)
    if (root / DEVKIT).is_file():
        devkit.check(root / DEVKIT)
        present.append(DEVKIT)
        seen.say("its ground truth agrees with the shipped labels")
    if place.is_dir():
        listing.beside(root, {*present, *box_files.names(options.boxes, root)}, seen)
        if folder := listing.other_split(root, splits):
            archive, own = (TRAIN, "train") if TRAIN in present else (VALIDATION, "val")
            seen.say(
                f"{folder.name}/ is not read beside an archive: for both, unpack {archive} into "
                f"{own}/ and take the archive away"
            )
    return RawSet.described(
        "official archives",
        f"official archives under {root} ({', '.join(present)})",
        numbering,
        splits,
        seen=seen,
        boxes=box_files.load(options.boxes, root),
    )


def train_entries(path: Path, seen: Intake) -> Iterator[Entry]:
    """Every image of the tar of tars, with its offset in the outer file."""
    with path.open("rb") as file, terminal.bar("indexing train", "images") as bar:
        outer = members(file, 0, file.seek(0, io.SEEK_END), str(path), seen)
        # In a store each header is a request: many tars are then walked at one time.
        remote = storage.is_remote(path)
        for walked in storage.ahead(partial(_inner_entries, path, seen), outer, remote):
            entries = walked()
            yield from entries
            bar.update(len(entries))


def _inner_entries(path: Path, seen: Intake, inner: tarfile.TarInfo) -> list[Entry]:
    """The images of one of the tars inside; of an image that lies beside them, itself."""
    *folders, name = inner.name.split("/")
    synset, lower = re.sub(r"\.tar$", "", name, flags=re.IGNORECASE), name.lower()
    if not lower.endswith((".tar", *COMPRESSED)):
        return _loose(path, seen, inner, [*folders, name.split("_")[0]])
    if intake.is_junk(name):
        seen.leave(intake.reason(name), inner.name)
        return []
    if synset.split(".")[0] in imagenet.label_of() and lower.endswith(COMPRESSED):
        raise DamagedData(f"{path} holds {inner.name}; uncompress it first")
    if synset not in imagenet.label_of():
        raise DamagedData(f"{path} holds {inner.name}; tars named by ImageNet synsets are expected")
    label = imagenet.label_of()[synset]
    return [_entry(path, member, label) for member in tars.images(path, seen, inner)]


def _loose(path: Path, seen: Intake, member: tarfile.TarInfo, names: list[str]) -> list[Entry]:
    """An image of a tar that was packed again without the tars inside: its folder, or the
    beginning of its name, is its synset."""
    with path.open("rb") as file:
        if not tars.is_image(file, member, seen):
            return []
    synset = next((name for name in names if name in imagenet.label_of()), None)
    if synset is None:
        seen.leave(intake.OUTSIDE, member.name)
        return []
    return [_entry(path, member, imagenet.label_of()[synset])]


def validation_entries(path: Path, seen: Intake) -> Iterator[Entry]:
    """Every image of the flat tar, labelled from the shipped list."""
    for member in tars.images(path, seen):
        *folders, base = member.name.split("/")
        label = validation.shipped_label(base, path)
        if folders and imagenet.label_of().get(folders[-1], label) != label:
            seen.say("whose folder is another synset than ImageNet's list has", member.name)
        yield _entry(path, member, label)


def _entry(path: Path, member: tarfile.TarInfo, label: int) -> Entry:
    name = member.name.rsplit("/", 1)[-1]
    return Entry(str(path), name, label, member.offset_data, member.size)
