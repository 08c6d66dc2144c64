"""Hugging Face's parquet: data/{train,validation}-*.parquet with image (bytes) and label."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from imagenet_tools import storage
from imagenet_tools.raw import classes, listing, parquet_file, validation
from imagenet_tools.raw.image import Entry
from imagenet_tools.raw.intake import Intake
from imagenet_tools.raw.raw_set import RawSet
from imagenet_tools.raw.split import SPLITS, columns

if TYPE_CHECKING:
    from imagenet_tools.raw import Options

LOOKED_FOR = "Hugging Face's data/train-*.parquet and data/validation-*.parquet"


def find(place: Path, options: Options) -> RawSet | None:
    """Return the data set where `place`, its folder `data` or its only one holds such files."""
    if not place.is_dir():
        return None
    parquet_file.forget()
    for root in (*listing.roots(place), place / "data"):
        files = {split: _files(root, split) for split in SPLITS}
        if any(files.values()):
            if options.boxes is not None:
                raise ValueError("--boxes go by file names, and images in parquet have none")
            return _read(place, root, {s: paths for s, paths in files.items() if paths}, options)
    return None


def _files(root: Path, split: str) -> list[Path]:
    """The files of a split: train-00000-of-00005.parquet, train.parquet, or all of train/.

    Raises ValueError where two names of the split are there.
    """
    if not root.is_dir():
        return []
    files_of = {}
    for name in listing.SPLIT_FOLDERS[split]:
        paths = [*root.glob(f"{name}[-_.]*parquet")]
        if (root / name).is_dir():
            paths += (root / name).glob("*.parquet")
        files = [path for path in paths if path.name.endswith(".parquet") and path.is_file()]
        if files:
            files_of[name] = sorted(files)
    if len(files_of) > 1:
        raise ValueError(
            f"{root} has files of {' and '.join(files_of)}, both names of the {split} split; move "
            "away those that are not meant"
        )
    return next(iter(files_of.values()), [])


class Part(NamedTuple):
    """A file of a split, and the label of each of its rows."""

    split: str
    path: Path
    labels: list[Any]


def _read(place: Path, root: Path, files: dict[str, list[Path]], options: Options) -> RawSet:
    seen = Intake()
    for paths in files.values():
        _say_missing(paths, seen)
    parts = [
        Part(split, path, parquet_file.labels(path))
        for split, paths in files.items()
        for path in paths
    ]
    unused = {
        name
        for part in parts
        for name in parquet_file.columns(part.path)
        if name not in parquet_file.used(part.path)
    }
    for name in sorted(unused):
        seen.say("columns that are not used", name)
    numbering = _numbering(root, parts, options, seen)
    if numbering.is_imagenets:
        for part in parts:
            _refuse_contradicted(part, numbering.label_of)
    splits = {
        split: columns(split, numbering.classes, _entries(parts, split, numbering.label_of))
        for split in files
    }
    if folder := listing.other_split(place, splits):
        seen.say(f"{folder.name}/ is not read beside parquet files")
    _count_beside(place, root, {part.path for part in parts}, seen)
    return RawSet.described(
        "Hugging Face parquet", f"parquet files under {root}", numbering, splits, seen=seen
    )


def _count_beside(place: Path, root: Path, used: set[Path], seen: Intake) -> None:
    listing.above(root, place, seen)
    folders = {path.parent for path in used}
    for folder in sorted({root, *folders}):
        names = {path.name for path in (*used, *folders) if path.parent == folder}
        listing.beside(folder, names, seen, place)


def _say_missing(paths: list[Path], seen: Intake) -> None:
    """Say which files of a numbered series are not there (train-00003-of-00005).

    Raises ValueError where two are: a split that was exported twice has each image twice.
    """
    numbers = [re.match(r"(.*?)([0-9]+)-of-([0-9]+)", path.name) for path in paths]
    series = sorted({(one[1], one[3]) for one in numbers if one})
    for (before, total), (other, second) in itertools.pairwise(series):
        if before == other:
            raise ValueError(
                f"{paths[0].parent} has files {before}...-of-{total} and -of-{second}, two series "
                "of one split; move away those that are not meant"
            )
    for before, total in series:
        present = {int(one[2]) for one in numbers if one and (one[1], one[3]) == (before, total)}
        for number in sorted(set(range(min(int(total), 100_000))) - present):
            name = f"{before}{number:0{len(total)}d}-of-{total}"
            seen.say("files of a series that are not there", name)


def _numbering(root: Path, parts: list[Part], options: Options, seen: Intake) -> classes.Numbering:
    """The classes: their names where labels are texts; else as the files' metadata name them."""
    present = {label for part in parts for label in set(part.labels)}
    if not present:
        raise ValueError(f"{root}: no image in {', '.join({part.split: 0 for part in parts})}")
    kinds = {isinstance(label, str) for label in present}
    if len(kinds) > 1:
        raise ValueError(f"{root}: the labels are numbers in some files and texts in others")
    if True in kinds:
        return classes.choose(present, options.labels, seen, kind="name")
    different = {}
    for part in parts:
        if names := parquet_file.class_names(part.path):
            different[tuple(names)] = str(part.path)
    if len(different) > 1:
        raise ValueError(f"{' and '.join(different.values())} name other classes")
    infos = [classes.info(name) for names in different for name in names]
    return classes.numbered(dict.fromkeys(present, str(root)), options.labels, infos or None, seen)


def _refuse_contradicted(part: Part, label_of: Mapping[str, int]) -> None:
    """Refuse numbers that nothing names, taken for ImageNet's, where the images' own names have
    other synsets."""
    if not part.labels or isinstance(part.labels[0], str) or parquet_file.class_names(part.path):
        return
    for name, label in zip(parquet_file.names(part.path), part.labels, strict=False):
        base = os.path.basename(name or "")
        told = validation.label_by_name(base)
        if told and told != label_of[str(label)]:
            raise ValueError(
                f"{part.path} has {base} under {label}; counted from 0 by sorted synset it is "
                f"{told - 1}. --labels folders takes the labels as they are"
            )


def _entries(parts: list[Part], split: str, label_of: Mapping[str, int]) -> Iterator[Entry]:
    for part in (one for one in parts if one.split == split):
        path, stem = str(part.path), part.path.stem
        for row, label in enumerate(part.labels):
            yield Entry(path, f"{stem}_{row:06d}.JPEG", label_of[str(label)], row=row)


def to_copy(raw_set: RawSet) -> int:
    """Bytes of a store's files that a build of the data set will copy into the cache.

    Raises OSError where they do not fit.
    """
    paths = {path for part in raw_set.splits.values() for path in part.containers}
    remote = [path for path in paths if path.endswith(".parquet") and storage.is_remote(path)]
    if not remote:
        return 0
    from imagenet_tools.storage import kept

    total = sum(size() for size in storage.ahead(kept.missing, remote, True))
    kept.refuse_full_disk(storage.cache_folder(), total, "copies")
    return total
