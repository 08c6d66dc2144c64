"""Hugging Face's parquet: data/{train,validation}-*.parquet with image (bytes) and label."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagenet_tools import labels as imagenet
from imagenet_tools import storage
from imagenet_tools.errors import DamagedData
from imagenet_tools.raw import classes, listing, validation
from imagenet_tools.raw.image import Entry, RawImage
from imagenet_tools.raw.intake import Intake
from imagenet_tools.raw.raw_set import RawSet
from imagenet_tools.raw.split import SPLITS, columns

if TYPE_CHECKING:
    from imagenet_tools.raw import Options

LOOKED_FOR = "Hugging Face's data/train-*.parquet and data/validation-*.parquet"


def find(place: Path, options: Options) -> RawSet | None:
    """Return the data set where `place` or its folder `data` holds such files."""
    if not place.is_dir():
        return None
    forget()
    for root in (place, place / "data"):
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


def _read(place: Path, root: Path, files: dict[str, list[Path]], options: Options) -> RawSet:
    seen = Intake()
    for paths in files.values():
        _say_missing(paths, seen)
    labels = {split: [_labels(path) for path in paths] for split, paths in files.items()}
    columns_there = {name for paths in files.values() for path in paths for name in _columns(path)}
    for name in sorted(columns_there - {"image", "label"}):
        seen.say("columns that are not used", name)
    present = list({one for by_split in labels.values() for part in by_split for one in set(part)})
    if not present:
        raise ValueError(f"{root}: no image in {', '.join(files)}")
    numbering = _numbering(root, files, present, options, seen)
    if numbering.convention == imagenet.IMAGENET_CONVENTION:
        for split, paths in files.items():
            _refuse_contradicted(paths, labels[split], numbering.label_of)
    splits = {
        split: columns(split, numbering.classes, _entries(paths, labels[split], numbering.label_of))
        for split, paths in files.items()
    }
    if folder := listing.other_split(place, splits):
        seen.say(f"{folder.name}/ is not read beside parquet files")
    _count_beside(place, root, {path for paths in files.values() for path in paths}, seen)
    return RawSet.described(
        "Hugging Face parquet",
        f"parquet files under {root}",
        numbering.classes,
        numbering.convention,
        splits,
        seen=seen,
    )


def _count_beside(place: Path, root: Path, used: set[Path], seen: Intake) -> None:
    listing.above(root, place, seen)
    folders = {path.parent for path in used}
    for folder in sorted({root, *folders}):
        names = {path.name for path in (*used, *folders) if path.parent == folder}
        listing.beside(folder, names, seen, place)


def _say_missing(paths: list[Path], seen: Intake) -> None:
    """Say which files of a numbered series are not there (train-00003-of-00005)."""
    numbers = [re.match(r"(.*?)([0-9]+)-of-([0-9]+)", path.name) for path in paths]
    for before, total in sorted({(one[1], one[3]) for one in numbers if one}):
        present = {int(one[2]) for one in numbers if one and (one[1], one[3]) == (before, total)}
        for number in sorted(set(range(min(int(total), 100_000))) - present):
            name = f"{before}{number:0{len(total)}d}-of-{total}"
            seen.say("files of a series that are not there", name)


def _numbering(
    root: Path,
    files: dict[str, list[Path]],
    present: list[Any],
    options: Options,
    seen: Intake,
) -> classes.Numbering:
    """The classes: their names where labels are texts; else as the files' metadata name them."""
    if any(isinstance(one, str) for one in present):
        if not all(isinstance(one, str) for one in present):
            raise ValueError(f"{root}: the labels are numbers in some files and texts in others")
        return classes.choose([str(one) for one in present], options.labels, seen, kind="name")
    named = {str(path): _class_names(str(path)) for paths in files.values() for path in paths}
    different = {tuple(names): path for path, names in named.items() if names}
    if len(different) > 1:
        raise ValueError(f"{' and '.join(different.values())} name other classes")
    names = next(iter(different), None)
    infos = [classes.info(name) for name in names] if names else None
    places = {int(one): f"{root}" for one in present}
    return classes.numbered(places, options.labels, infos, seen)


def _refuse_contradicted(
    paths: list[Path], labels: list[list[Any]], label_of: Mapping[str, int]
) -> None:
    """Refuse numbers that nothing names, taken for ImageNet's, where the images' own names have
    other synsets."""
    for path, values in zip(paths, labels, strict=True):
        if not values or isinstance(values[0], str) or _class_names(str(path)):
            continue
        for name, label in zip(_names(str(path)), values, strict=False):
            base = os.path.basename(name or "")
            told = imagenet.label_of().get(base.split("_")[0]) or validation.known_label(base)
            if told and told != label_of[str(label)]:
                raise ValueError(
                    f"{path} has {base} under {label}; counted from 0 by sorted synset it is "
                    f"{told - 1}. --labels folders takes the labels as they are"
                )


def _names(path: str) -> list[str | None]:
    """The names that files had before they were put into a file; none where none is kept."""
    kind = _open(path).schema_arrow.field("image").type
    if not _pyarrow_types().is_struct(kind) or kind.get_field_index("path") < 0:
        return []
    with _readable(path):
        column = _open(path).read(columns=["image.path"])["image"].combine_chunks()
        names: list[str | None] = column.field("path").to_pylist()
    return names


def _class_names(path: str) -> list[str]:
    """The names of Hugging Face's ClassLabel in a file's metadata, in order; none, and it is []."""
    metadata = _open(path).schema_arrow.metadata or {}
    try:
        features = json.loads(metadata[b"huggingface"])["info"]["features"]
        names = features["label"]["names"]
        if isinstance(names, dict):  # number -> name, as in the head of a README
            names = [names[str(number)] for number in range(len(names))]
        return [str(name) for name in names] if isinstance(names, list) else []
    except (KeyError, TypeError, ValueError):
        return []


def _pyarrow_types() -> Any:
    _pyarrow()
    import pyarrow.types

    return pyarrow.types


def _pyarrow() -> Any:
    try:
        import pyarrow.parquet
    except ImportError:
        raise ImportError(
            "reading parquet needs pyarrow, which is an extra: pip install 'imgtools[parquet]'"
        ) from None
    return pyarrow.parquet


@functools.lru_cache(maxsize=4)
def _open(path: str) -> Any:
    with _readable(path):
        file = storage.place(path).open("rb") if storage.is_remote(path) else path
        return _pyarrow().ParquetFile(file)


def forget() -> None:
    """Open files anew from here on: they may have been replaced."""
    for kept in (_open, _group, _copy):
        kept.cache_clear()


@contextlib.contextmanager
def _readable(path: str) -> Iterator[None]:
    """Name the file whose content pyarrow cannot make out; errors of a disk stay what they are."""
    try:
        yield
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise DamagedData(f"{path}: not a readable parquet file ({error})") from error


def _columns(path: Path) -> list[str]:
    return list(_open(str(path)).schema_arrow.names)


def _labels(path: Path) -> list[Any]:
    """The label of each row: whole numbers from 0, or texts."""
    types = _pyarrow_types()
    schema = _open(str(path)).schema_arrow
    if any(schema.names.count(name) != 1 for name in ("image", "label")):
        raise ValueError(
            f"{path} has the columns {', '.join(schema.names)}; one called image and one called "
            "label are needed: rename or drop the others"
        )
    _refuse_images(path, schema.field("image").type)
    kind = schema.field("label").type
    kind = kind.value_type if types.is_dictionary(kind) else kind
    if not (types.is_integer(kind) or types.is_string(kind) or types.is_large_string(kind)):
        raise ValueError(f"{path}: its labels are of type {kind}; whole numbers or texts are read")
    with _readable(str(path)):
        values: list[Any] = _open(str(path)).read(columns=["label"])["label"].to_pylist()
    if any(value is None or value == "" or (value != str(value) and value < 0) for value in values):
        raise ValueError(f"{path} has images without a label (a test split?)")
    return values


def _refuse_images(path: Path, kind: Any) -> None:
    """Refuse an image column that holds no bytes."""
    types = _pyarrow_types()
    if types.is_struct(kind) and kind.get_field_index("bytes") >= 0:
        kind = kind.field("bytes").type
    if not (types.is_binary(kind) or types.is_large_binary(kind) or types.is_null(kind)):
        raise ValueError(
            f"{path}: its column image is of type {kind}; bytes, or a struct with a field bytes, "
            "are read"
        )


def _entries(paths: list[Path], labels: list[Any], label_of: Mapping[str, int]) -> Iterator[Entry]:
    for path, values in zip(paths, labels, strict=True):
        for row, label in enumerate(values):
            yield Entry(str(path), f"{path.stem}_{row:06d}.JPEG", label_of[str(label)], row=row)


@functools.lru_cache(maxsize=1)
def _group(path: str, number: int) -> Any:
    """One row group's image column; images are mostly read in the neighbourhood of each other."""
    with _readable(path):
        return _open(path).read_row_group(number, columns=["image"])["image"]


@functools.lru_cache(maxsize=1024)
def _copy(path: str, cache: Path) -> str:
    from imagenet_tools.storage import kept

    return kept.copy(path)


def read_row(image: RawImage, keep: bool = False) -> bytes:
    """The bytes of one row's image.

    keep: a store's file is copied whole and read here. Of its ranges a whole row group would be
    read for an image, which a shuffled build does for each.
    """
    path = image.path
    if keep and storage.is_remote(path):
        path = _copy(path, storage.cache_folder())
    metadata, row = _open(path).metadata, image.row
    for number in range(metadata.num_row_groups):
        count = metadata.row_group(number).num_rows
        if row < count:
            value = _group(path, number)[row].as_py()
            fields = value if isinstance(value, dict) else {"bytes": value}
            if not (data := fields["bytes"]):
                other = f", but the path {fields['path']}" if fields.get("path") else ""
                raise DamagedData(f"row {image.row} holds no image bytes{other}")
            return bytes(data)
        row -= count
    raise DamagedData(f"there is no row {image.row}")


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
