"""Hugging Face's parquet: data/{train,validation}-*.parquet with image.bytes and label 0..999."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagenet_tools import labels as imagenet
from imagenet_tools import storage
from imagenet_tools.errors import DamagedData
from imagenet_tools.raw import classes
from imagenet_tools.raw.index import SPLITS, ClassInfo, Entry, RawImage, RawSet, columns

if TYPE_CHECKING:
    from imagenet_tools.raw import Options

LOOKED_FOR = "Hugging Face's data/train-*.parquet and data/validation-*.parquet"


def find(place: Path, options: Options) -> RawSet | None:
    """Return the data set where `place` or its folder `data` holds such files."""
    if not place.is_dir():
        return None
    for root in (place, place / "data"):
        files = {split: _files(root, split) for split in SPLITS}
        if any(files.values()):
            if options.boxes is not None:
                raise ValueError("--boxes go by file names, and images in parquet have none")
            return _read(root, {s: paths for s, paths in files.items() if paths}, options)
    return None


def _files(root: Path, split: str) -> list[Path]:
    names = ("val", "validation", "valid") if split == "validation" else ("train",)
    return sorted(path for name in names for path in root.glob(f"{name}-*.parquet"))


def _read(root: Path, files: dict[str, list[Path]], options: Options) -> RawSet:
    labels = {split: [_labels(path) for path in paths] for split, paths in files.items()}
    highest = max(
        (label for parts in labels.values() for part in parts for label in part), default=0
    )
    infos, convention = _classes(highest, options)
    splits = {
        split: columns(split, infos, _entries(paths, labels[split]))
        for split, paths in files.items()
    }
    counts = ", ".join(f"{len(part):,} {name} images" for name, part in splits.items())
    return RawSet(
        layout="Hugging Face parquet",
        description=f"parquet files under {root}: {counts}",
        label_convention=convention,
        classes=infos,
        splits=splits,
    )


def _classes(highest: int, options: Options) -> tuple[tuple[ClassInfo, ...], str]:
    imagenet_like = highest == imagenet.NUM_CLASSES - 1 or options.labels == "imagenet"
    if imagenet_like and options.labels != "folders":
        return classes.imagenet_classes(), imagenet.IMAGENET_CONVENTION
    infos = tuple(ClassInfo(f"{i:04d}", f"{i:04d}") for i in range(highest + 1))
    return infos, f"the files': their 0..{highest} plus 1, 0 = background"


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


@contextlib.contextmanager
def _readable(path: str) -> Iterator[None]:
    """Name the file whose content pyarrow cannot make out; errors of a disk stay what they are."""
    try:
        yield
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise DamagedData(f"{path}: not a readable parquet file ({error})") from error


def _labels(path: Path) -> list[int]:
    file = _open(str(path))
    if not {"image", "label"} <= set(file.schema_arrow.names):
        raise ValueError(f"{path} has {file.schema_arrow.names}; image and label are needed")
    with _readable(str(path)):
        values: list[int] = file.read(columns=["label"])["label"].to_pylist()
    if any(value is None or value < 0 for value in values):
        raise ValueError(f"{path} has images without a label (a test split?)")
    return values


def _entries(paths: list[Path], labels: list[list[int]]) -> Iterator[Entry]:
    for path, values in zip(paths, labels, strict=True):
        for row, label in enumerate(values):
            yield Entry(str(path), f"{path.stem}_{row:06d}.JPEG", label + 1, row=row)


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
            data = value.get("bytes") if value else None
            if not data:
                raise DamagedData(f"{image.path}: row {image.row} holds no image bytes")
            return bytes(data)
        row -= count
    raise DamagedData(f"{image.path}: there is no row {image.row}")


def to_copy(found: RawSet) -> int:
    """Bytes of a store's files that a build of the data set will copy into the cache.

    Raises OSError where they do not fit.
    """
    paths = {path for part in found.splits.values() for path in part.containers}
    remote = [path for path in paths if path.endswith(".parquet") and storage.is_remote(path)]
    if not remote:
        return 0
    from imagenet_tools.storage import kept

    total = sum(size() for size in storage.ahead(kept.missing, remote, True))
    kept.refuse_full_disk(storage.cache_folder(), total, "copies")
    return total
