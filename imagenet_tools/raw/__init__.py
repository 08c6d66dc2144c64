"""Raw image data sets on disk, read-only: detect the layout, list the images, read their bytes.

A layout is a file of this package with LOOKED_FOR (what it recognises, in words) and
`find(path, options) -> RawSet | None`; it is added to LAYOUTS below.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from imagenet_tools import labels as imagenet
from imagenet_tools import storage
from imagenet_tools.errors import DamagedData, refuse_unknown
from imagenet_tools.raw import class_checks, intake, listing, remedies, validation
from imagenet_tools.raw.image import ClassInfo, RawImage
from imagenet_tools.raw.images import Images
from imagenet_tools.raw.intake import Intake
from imagenet_tools.raw.raw_set import RawSet
from imagenet_tools.raw.split import SPLITS, RawSplit
from imagenet_tools.raw.tar_index import TarIndex

__all__ = [
    "ClassInfo",
    "Images",
    "RawImage",
    "RawSet",
    "RawSplit",
    "Options",
    "detect",
    "read",
    "reads",
]

# In the order in which they are tried: the special before the general.
LAYOUTS = ("archives", "kaggle", "parquet", "tiny_imagenet", "lists", "class_folders")
# Of a layout: under what another split is counted, and how it would have to be called.
_LIKE_SPLITS = {
    "class folders": (intake.OTHER_FOLDERS, "{}/"),
    "Kaggle": (intake.OTHER_FOLDERS, f"{remedies.KAGGLE}/{{}}/"),
    "Hugging Face parquet": (".parquet", "{}-*.parquet"),
}
LABELS = ("auto", "imagenet", "folders")
MOST_BYTES = 1 << 30  # of an image: five bytes for each pixel that images.MAX_PIXELS allows
TOO_LARGE = f"more than {MOST_BYTES:,} are no image"


@dataclass(frozen=True)
class Options:
    """How a layout is to be read.

    labels: "imagenet" (ImageNet's own numbering of synsets), "folders" (1..N by sorted folder
    name) or "auto" (the first where every class is one of ImageNet's synsets).
    boxes: a CSV file or a folder of XML files with bounding boxes, None for what the layout has.
    tars: those that were walked before.
    """

    labels: str = "auto"
    boxes: str | None = None
    tars: TarIndex = field(default_factory=TarIndex)

    def __post_init__(self) -> None:
        refuse_unknown("labels", self.labels, LABELS)


def detect(
    path: str | os.PathLike[str],
    labels: str = "auto",
    boxes: str | None = None,
    tars: TarIndex | None = None,
) -> RawSet:
    """Find out which layout `path` has and list its images.

    tars: what is known of tars; see tar_index.kept.
    A split that is not there, or is refused beside a training split, is said in the description
    and no error here; RawSet.only asks for it. Raises FileNotFoundError for a path that is not
    there, and ValueError, saying what was looked for and what was found, where no layout fits or a
    split holds no image.
    """
    place = storage.place(path)
    with storage.snapshot_of(path):
        if not place.exists():
            raise FileNotFoundError(f"{place}: no such file or folder")
        return _detected(place, Options(labels, boxes, tars or TarIndex()))


def _detected(place: Path, options: Options) -> RawSet:
    looked_for = []
    for name in LAYOUTS:
        layout = importlib.import_module(f"imagenet_tools.raw.{name}")
        raw_set = layout.find(place, options)
        if raw_set is not None:
            if options.boxes is not None and not raw_set.boxes_source:
                raise ValueError(f"--boxes {options.boxes}: {raw_set.layout} takes no boxes")
            raw_set = _without_empty(replace(raw_set, looked_for=layout.LOOKED_FOR), place)
            notes = [raw_set.description, *_odd_classes(raw_set), *_gaps(raw_set)]
            return replace(raw_set, description="; ".join(notes))
        looked_for.append(layout.LOOKED_FOR)
    raise ValueError(
        f"{place}: no known layout. Looked for: {'; '.join(looked_for)}. Found: {_contents(place)}"
        f"{remedies.remedy(place)}"
    )


def _without_empty(raw_set: RawSet, place: Path) -> RawSet:
    """The data set; a split without an image is refused, and an error where it is the only one."""
    filled = {name: part for name, part in raw_set.splits.items() if len(part)}
    empty = [name for name in raw_set.splits if name not in filled]
    if not filled:
        raise ValueError(f"{raw_set.description}: no image in {', '.join(empty) or 'any split'}")
    refused = {name: f"{place}: no image in {name}" for name in empty}
    return replace(raw_set, splits=filled, refused={**raw_set.refused, **refused})


def _odd_classes(raw_set: RawSet) -> list[str]:
    """Which images have the names of other classes, and which classes validation alone has."""
    seen, imagenets = Intake(), raw_set.label_convention == imagenet.IMAGENET_CONVENTION
    class_checks.compare(raw_set.splits, seen, imagenets)
    class_checks.say_nested(raw_set.splits, seen)
    named = map(validation.elsewhere, raw_set.splits.values()) if imagenets else ()
    return [*filter(None, named), *seen.notes()]


def _gaps(raw_set: RawSet) -> Iterator[str]:
    """Which split is not there (an archive alone, say), and what may be meant for it."""
    gap = next((name for name in SPLITS if name not in raw_set.splits), None)
    if gap is None or raw_set.unsplit:  # which says so itself
        return
    if gap in raw_set.refused:
        yield f"the {gap} split is refused: {raw_set.refused[gap]}"
        return
    reason, form = _LIKE_SPLITS.get(raw_set.layout, ("", ""))
    others = raw_set.left_out.get(reason)
    first = others.first if others else []
    meant = next((path for path in first if listing.like_split(path, gap)), "")
    as_one = f" ({meant} would be one as {form.format(listing.SPLIT_FOLDERS[gap][0])})"
    yield f"no {gap} split{as_one if meant else ''}"


def _contents(place: Path) -> str:
    """The first entries of a folder in words, for the error message."""
    if not place.is_dir():
        return f"a file of {place.stat().st_size:,} bytes"
    names = sorted(entry.name + ("/" if entry.is_dir() else "") for entry in place.iterdir())
    if not names:
        return "an empty folder"
    more = f" and {len(names) - 8:,} more" if len(names) > 8 else ""
    return ", ".join(names[:8]) + more


def read(image: RawImage, keep: bool = False) -> bytes:
    """Return the image's bytes.

    keep: a parquet file of a store is copied into the cache and read there.
    Raises OSError naming the file where it cannot be read; DamagedData, saying what is wrong with
    the image, where an archive ends early, and where in its place there is a pipe or a device
    (which is not opened), or more than MOST_BYTES.
    """
    return _fetched(image, keep)[0]


def forget() -> None:
    """Take nothing for known of what was read before: it may have been replaced."""
    if parquet_file := sys.modules.get("imagenet_tools.raw.parquet_file"):
        parquet_file.forget()


Fetched = tuple[bytes, os.stat_result | None]


def reads(images: Sequence[RawImage], keep: bool = False) -> Iterator[Callable[[], Fetched]]:
    """For each image in turn, what returns its bytes as `read` does, and the state of its file
    where it is one of its own and here; a store's are asked for ahead, several at one time."""
    # Rows of a parquet file share an open file, which threads cannot.
    remote = bool(images) and images[0].row < 0 and storage.is_remote(images[0].path)
    return storage.ahead(partial(_fetched, keep=keep), images, remote)


def _fetched(image: RawImage, keep: bool) -> Fetched:
    if image.row >= 0:
        parquet_file = importlib.import_module("imagenet_tools.raw.parquet_file")
        return bytes(parquet_file.read_row(image, keep)), None
    if image.size > MOST_BYTES:
        raise DamagedData(f"it has {image.size:,} bytes; {TOO_LARGE}")
    if storage.is_remote(image.path):
        data = storage.read(image.path, image.offset, image.size)
    elif image.size < 0:
        return _whole(image.path)
    else:
        file = os.open(image.path, os.O_RDONLY)
        try:
            data = os.pread(file, image.size, image.offset)
        finally:
            os.close(file)
    if 0 <= image.size != len(data):
        raise DamagedData(
            f"truncated: {image.size:,} bytes are wanted at {image.offset:,}, and {len(data):,} "
            "are there"
        )
    return data, None


def _whole(path: str) -> Fetched:
    """All of a file, and its state before that: one read of its size, and more only where that was
    not all."""
    status = os.stat(path)
    kind = intake.special(status.st_mode)
    if kind and kind != "a folder":  # which reading it says
        raise DamagedData(f"{kind} and no image")
    if status.st_size > MOST_BYTES:
        raise DamagedData(f"it has {status.st_size:,} bytes; {TOO_LARGE}")
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        data = os.read(file, status.st_size)
        if 0 < status.st_size == len(data):
            return data, status
        blocks = [data]
        while more := os.read(file, 1 << 20):
            blocks.append(more)
            if sum(map(len, blocks)) > MOST_BYTES:
                raise DamagedData(f"it has no end; {TOO_LARGE}")
        return b"".join(blocks), status
    finally:
        os.close(file)
