"""The official archives as downloaded; nothing is extracted.

ILSVRC2012_img_train.tar is a tar of 1000 tars: the outer headers are read once, then each inner
tar's, and images are read by their offset in the outer file. ILSVRC2012_img_val.tar is flat.
"""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from tqdm import tqdm

from imagenet_tools import labels as imagenet
from imagenet_tools import storage
from imagenet_tools.errors import DamagedData
from imagenet_tools.raw import boxes, classes, devkit, validation
from imagenet_tools.raw.index import Entry, RawSet, columns

if TYPE_CHECKING:
    from imagenet_tools.raw import Options

LOOKED_FOR = "ILSVRC2012_img_train.tar (a tar of tars) and ILSVRC2012_img_val.tar"
TRAIN, VALIDATION = "ILSVRC2012_img_train.tar", "ILSVRC2012_img_val.tar"
DEVKIT = "ILSVRC2012_devkit_t12.tar.gz"
BLOCK = tarfile.BLOCKSIZE


def find(place: Path, options: Options) -> RawSet | None:
    """Return the data set where `place` holds (or is) one of the official archives."""
    root = place if place.is_dir() else place.parent
    names = [TRAIN, VALIDATION] if place.is_dir() else [place.name]
    present = [name for name in (TRAIN, VALIDATION) if name in names and (root / name).is_file()]
    if not present:
        return None
    infos = classes.imagenet_classes()
    around = boxes.load(options.boxes, root)
    splits = {}
    if TRAIN in present:
        splits["train"] = columns("train", infos, train_entries(root / TRAIN), around.of)
    if VALIDATION in present:
        splits["validation"] = columns(
            "validation", infos, validation_entries(root / VALIDATION), around.of
        )
    checked = ""
    if (root / DEVKIT).is_file():
        devkit.check(root / DEVKIT)
        checked = "; its ground truth agrees with the shipped labels"
    counts = ", ".join(f"{len(part):,} {name} images" for name, part in splits.items())
    found = ", ".join(present) + (f", {DEVKIT}" if checked else "")
    return RawSet(
        layout="official archives",
        description=f"official archives under {root} ({found}): {counts}{checked}",
        label_convention=imagenet.IMAGENET_CONVENTION,
        classes=infos,
        splits=splits,
        boxes_source=around.source,
    )


def train_entries(path: Path) -> Iterator[Entry]:
    """Every image of the tar of tars, with its offset in the outer file."""
    with path.open("rb") as file, tqdm(desc="indexing train", unit="image", disable=None) as bar:
        tars = members(file, 0, file.seek(0, io.SEEK_END), str(path))
        # In a store each header is a request: many tars are then walked at one time.
        remote = storage.is_remote(path)
        for found in storage.ahead(partial(_inner_entries, path), tars, remote):
            entries = found()
            yield from entries
            bar.update(len(entries))


def _inner_entries(path: Path, inner: tarfile.TarInfo) -> list[Entry]:
    """The images of one of the tars inside."""
    synset = inner.name.removesuffix(".tar")
    if not inner.name.endswith(".tar") or synset not in imagenet.label_of():
        raise DamagedData(f"{path} holds {inner.name}; tars named by ImageNet synsets are expected")
    label, end = imagenet.label_of()[synset], inner.offset_data + inner.size
    with path.open("rb") as file:
        return [
            Entry(str(path), member.name, label, member.offset_data, member.size)
            for member in members(file, inner.offset_data, end, f"{path}: {inner.name}")
            if classes.is_image_name(member.name)
        ]


def validation_entries(path: Path) -> Iterator[Entry]:
    """Every image of the flat tar, labelled from the shipped list."""
    with path.open("rb") as file:
        for member in members(file, 0, file.seek(0, io.SEEK_END), str(path)):
            name = os.path.basename(member.name)
            if classes.is_image_name(name):
                label = validation.shipped_label(name)
                yield Entry(str(path), name, label, member.offset_data, member.size)


def members(file: BinaryIO, start: int, end: int, where: str) -> Iterator[tarfile.TarInfo]:
    """The regular files of a tar that lies at start..end of a file, by their headers alone.

    tarfile parses each header; positions are absolute in the file. Raises DamagedData where the
    tar ends early, a header does not hold, or a member's name leads out of the archive.
    """
    at, long_name = start, ""
    while at + BLOCK <= end:
        file.seek(at)
        header = file.read(BLOCK)
        if not header.strip(b"\0"):
            return
        try:
            member = tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
        except tarfile.HeaderError as error:
            raise DamagedData(f"{where}: no tar header at byte {at:,} ({error})") from error
        data = at + BLOCK
        if member.size < 0:
            raise DamagedData(f"{where}: the header at byte {at:,} says a size of {member.size:,}")
        if data + member.size > end:
            raise DamagedData(
                f"{where}: truncated: {member.name} wants {member.size:,} bytes at {data:,}, the "
                f"archive ends at {end:,}"
            )
        at = data + -(-member.size // BLOCK) * BLOCK
        if member.type == tarfile.GNUTYPE_LONGNAME:
            long_name = file.read(member.size).rstrip(b"\0").decode("utf-8", "surrogateescape")
            continue
        member.name, long_name = long_name or member.name, ""
        if member.name.startswith("/") or ".." in member.name.split("/"):
            raise DamagedData(f"{where}: a member is named {member.name}, outside the archive")
        if member.islnk() or member.issym():
            raise DamagedData(f"{where}: {member.name} is a link; repack it with the file itself")
        if member.isreg():
            member.offset_data = data
            yield member
    if at == start:
        raise DamagedData(f"{where}: it is empty or no tar")
