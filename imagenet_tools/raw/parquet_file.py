"""One parquet file of images: its images and labels, names of classes, a row's bytes."""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from imagenet_tools import storage
from imagenet_tools.errors import DamagedData
from imagenet_tools.raw import intake
from imagenet_tools.raw.image import RawImage

IMAGES, LABELS = (
    ("image", "img"),
    ("label", "labels"),
)  # as data sets call them; the first goes first


def _pyarrow() -> Any:
    try:
        import pyarrow.parquet
        import pyarrow.types
    except ImportError:
        raise ImportError(
            "reading parquet needs pyarrow, which is an extra: pip install 'imgtools[parquet]'"
        ) from None
    return pyarrow


@functools.lru_cache(maxsize=4)
def _open(path: str) -> Any:
    with _readable(path):
        file = storage.place(path).open("rb") if storage.is_remote(path) else path
        return _pyarrow().parquet.ParquetFile(file)


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
        if kind := intake.other_kind(intake.head_of(path)):
            raise DamagedData(f"{path} is {kind}") from error
        raise DamagedData(f"{path}: not a readable parquet file ({error})") from error


def columns(path: Path) -> list[str]:
    return list(_open(str(path)).schema_arrow.names)


def used(path: str | Path) -> tuple[str, str]:
    """The columns of images and of labels. Raises ValueError where either is not there once."""
    there = _open(str(path)).schema_arrow.names
    names = [next((one for one in several if one in there), "") for several in (IMAGES, LABELS)]
    if [there.count(one) for one in names] != [1, 1]:
        raise ValueError(
            f"{path} has the columns {', '.join(there)}; one called image and one called label are "
            "needed: rename or drop the others (Dataset.rename_column, then to_parquet)"
        )
    return names[0], names[1]


def labels(path: Path) -> list[Any]:
    """The label of each row: whole numbers from 0, or texts."""
    types, schema = _pyarrow().types, _open(str(path)).schema_arrow
    images, called = used(path)
    kind = schema.field(images).type
    if types.is_struct(kind) and kind.get_field_index("bytes") >= 0:
        kind = kind.field("bytes").type
    if not (types.is_binary(kind) or types.is_large_binary(kind) or types.is_null(kind)):
        raise ValueError(
            f"{path}: its column {images} is of type {kind}; bytes, or a struct with a field "
            "bytes, are read"
        )
    kind = schema.field(called).type
    kind = kind.value_type if types.is_dictionary(kind) else kind
    if not (types.is_integer(kind) or types.is_string(kind) or types.is_large_string(kind)):
        raise ValueError(f"{path}: its labels are of type {kind}; whole numbers or texts are read")
    values = _column(path, called)
    if any(value is None or value == "" or (value != str(value) and value < 0) for value in values):
        raise ValueError(f"{path} has images without a label (a test split?)")
    return values


def names(path: Path) -> list[str | None]:
    """The names that files had before they were put into a file; none where none is kept."""
    images, _ = used(path)
    kind = _open(str(path)).schema_arrow.field(images).type
    if not _pyarrow().types.is_struct(kind) or kind.get_field_index("path") < 0:
        return []
    return _column(path, images, "path")


def _column(path: Path, name: str, field: str = "") -> list[Any]:
    """The values of a column, or of a field of its structs: texts are decoded here."""
    wanted = f"{name}.{field}" if field else name
    with _readable(str(path)):
        column = _open(str(path)).read(columns=[wanted])[name]
        column = column.combine_chunks().field(field) if field else column
        values: list[Any] = column.to_pylist()
    return values


def class_names(path: Path) -> list[str]:
    """The names of Hugging Face's ClassLabel in a file's metadata, in order; none, and it is []."""
    metadata = _open(str(path)).schema_arrow.metadata or {}
    try:
        names = json.loads(metadata[b"huggingface"])["info"]["features"][used(path)[1]]["names"]
        if isinstance(names, dict):  # number -> name, as in the head of a README
            names = [names[str(number)] for number in range(len(names))]
        return [str(name) for name in names] if isinstance(names, list) else []
    except (KeyError, TypeError, ValueError):
        return []


@functools.lru_cache(maxsize=1)
def _group(path: str, number: int) -> Any:
    """One row group's image column; images are mostly read in the neighbourhood of each other."""
    with _readable(path):
        images, _ = used(path)
        return _open(path).read_row_group(number, columns=[images])[images]


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
