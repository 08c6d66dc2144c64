"""What to do with a folder of no known layout, by what lies in it."""

from __future__ import annotations

import itertools
import os
import re
import tarfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from imagenet_tools import storage
from imagenet_tools.raw import intake, list_files, listing, tables, validation
from imagenet_tools.storage import json_file

ARCHIVES = (".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".zip", ".7z", ".rar")
# Of a file's ending: what it is, and what is read in its place.
OTHERS = {
    ".parquet": "Parquet is read where it is called train-*.parquet and validation-*.parquet, in "
    "the folder itself or in data/",
    ".arrow": "A data set that was saved as Arrow is not read; save it as parquet "
    "(Dataset.to_parquet)",
    ".rec": "MXNet's RecordIO is not read; give the images and the .lst beside them",
    ".beton": "FFCV's files are not read; give the images that they were made from",
    ".mdb": "LMDB is not read; give the images that it was made from",
    ".cls": "WebDataset's labels are not read; write `path,label` rows into train.csv and val.csv",
    ".jsonl": "Labels in JSON are not read; write `path,label` rows into train.csv and val.csv",
    ".json": "Labels in JSON are not read; write `path,label` rows into train.csv and val.csv",
    ".mat": "Labels in .mat files are not read; write `path,label` rows into train.csv and val.csv",
    ".xlsx": "Excel's tables are not read; save them as train.csv and val.csv of `path,label` rows",
    ".csv": "A list of `path,label` rows is read where it is called train.csv or val.csv and lies "
    "beside train/ and val/",
}
# Of the folders of results, by a file in each and the fields that it is known by.
RESULTS = {
    ("run.json", "run versions"): "{} is a run of train: imgtools eval takes it",
    ("plan.json", "arms contrasts"): "{} is a comparison: imgtools list-runs and watch take it",
}
KAGGLE = "ILSVRC/Data/CLS-LOC"
OFFICIAL = {"ILSVRC2012_img_train.tar", "ILSVRC2012_img_val.tar"}
PARQUET = re.compile(rf"(?:{'|'.join(listing.SPLIT_OF)})[-_.].*parquet")
# imagenet.tar.gz.aa, data.7z.001, train.tar-part-00: what split makes of an archive.
PART = re.compile(
    r"(.+?\.(?:tar|tar\.gz|tgz|zip|7z|rar))[-._](?:part[-._]?)?(?:[a-z]{2}|\d{2,5})", re.I
)
SHARD = re.compile(r".+-\d{5}-of-\d{5}")
MOST_FOLDERS, MOST_ENTRIES, DEPTH = 200, 1000, 4  # of what is looked at
MOST_BYTES = 1 << 20  # of a plan or a run; they have some thousand


class _Inside(NamedTuple):
    folders: list[str]
    files: list[str]


def remedy(place: Path) -> str:
    """What to do about it, as the end of an error message; "" where nothing is known."""
    told = "" if storage.is_remote(place) else _told(place)
    return f". {told}" if told else ""


def _told(place: Path) -> str:
    if place.suffix.lower() in tables.TEXTS and place.is_file():
        return f"A list is read with the images beside it: give the folder, {place.parent}"
    walked = _walk(place) if place.is_dir() else {place.parent: _Inside([], [place.name])}
    if ours := results(walked):
        return ours
    if below := _layout_below(walked):
        return ". ".join(filter(None, [below, _of_images(walked)]))
    if place.is_dir() and (unread := list_files.unread(place)):
        return unread
    paths = [folder / name for folder, inside in walked.items() for name in inside.files]
    names = [path.name for path in paths]
    if any("\\" in name and intake.by_name(name) for name in names):
        return "Names with \\ are folders of Windows: unpack the archive with what reads them so"
    if archives := [path for path in paths if path.name.lower().endswith(ARCHIVES)]:
        return _unpack(sorted(archives, key=_is_test), next(iter(walked)))
    if part := next(filter(None, map(PART.fullmatch, names)), None):
        return f"{part[0]} is a part of an archive: join the parts to {part[1]}, and unpack that"
    if any(map(SHARD.fullmatch, names)):
        return "These are records already: imgtools inspect and verify-tfrecords read them"
    endings = {path.suffix.lower() for path in paths}
    if told := _of_images(walked, tables.TEXTS):
        return told
    if of_ending := next((text for ending, text in OTHERS.items() if ending in endings), None):
        return of_ending
    if any(map(validation.known_label, names)):
        if place.name.lower() in listing.SPLIT_OF:
            return f"Give the folder that {place.name}/ lies in, {place.parent}"
        return "Put ImageNet's validation images into a folder val/"
    if any(map(intake.by_name, names)):
        return "Sort the images into folders, train/<class>/ and val/<class>/"
    if not names:
        return ""
    return (
        "No file there is an image by its name: arrays and binary files (CIFAR's, MNIST's) are not "
        "read; write images of them, train/<class>/ and val/<class>/"
    )


def _layout_below(walked: dict[Path, _Inside]) -> str:
    """Which folder below has what is read, and what to do; "" where there is none."""
    if likely := _with_classes(walked):
        others = f" (or {', '.join(map(str, likely[1:3]))})" if likely[1:] else ""
        return f"{likely[0]}{others} has class folders: give that path{_outside(likely[0], walked)}"
    for what, fits in (
        ("Kaggle's download", lambda folder: (folder / KAGGLE).is_dir()),
        ("an official archive", lambda folder: OFFICIAL & {*walked[folder].files}),
        ("parquet files", lambda folder: any(map(PARQUET.match, walked[folder].files))),
    ):
        if folder := next(filter(fits, walked), None):
            return f"{folder} has {what}: give that path"
    return ""


def _outside(chosen: Path, walked: dict[Path, _Inside]) -> str:
    """In words, which images lie elsewhere than in the folder that is pointed at."""
    for folder, inside in walked.items():
        if chosen not in (folder, *folder.parents) and any(map(intake.by_name, inside.files)):
            return (
                f", which leaves out {folder} and more; splits are read as train/ and val/ of one "
                "folder, and classes side by side in one"
            )
    return ""


def _of_images(walked: dict[Path, _Inside], endings: Sequence[str] = ()) -> str:
    """Which files tell of the images that lie there, and how that is read; "" for none. endings:
    theirs, where not all are meant."""
    paths = [folder / name for folder, inside in walked.items() for name in inside.files]
    images = [path for path in paths if intake.by_name(path.name)]
    told = tables.telling(paths, (path.name for path in images)) if images else []
    told = [path for path in told if not endings or path.suffix.lower() in endings]
    if not told:
        return ""
    names = [str(path.relative_to(next(iter(walked)))) for path in told]
    more = f" and {len(names) - 3:,} more" if len(names) > 3 else ""
    how = tables.read_as(told, images[0].parent)
    return f"{', '.join(names[:3])}{more} are of these images and not read; {how}"


def _is_test(path: Path) -> bool:
    return "test" in path.name.lower() and "train" not in path.name.lower()


def _unpack(archives: list[Path], root: Path) -> str:
    """What to do with an archive, unless it is one of WebDataset's shards."""
    shown = archives[0].relative_to(root) if root.is_dir() else archives[0].name
    try:
        with tarfile.open(archives[0], "r:") as archive:
            names = [os.path.splitext(member.name) for member in itertools.islice(archive, 10)]
    except (tarfile.TarError, OSError, EOFError):
        names = []
    images = {stem for stem, ending in names if intake.by_name(f"a{ending}")}
    if any(stem in images and ending in (".cls", ".json", ".txt") for stem, ending in names):
        return f"{shown} is a shard of WebDataset, by its members. {OTHERS['.cls']}"
    return f"Unpack {shown}, and give the folder that comes out"


def results(folders: Iterable[Path]) -> str:
    """What the first of these is that imgtools itself wrote its results into; "" for none."""
    for folder in folders:
        for (name, fields), told in RESULTS.items():
            if not storage.is_remote(folder) and _has(fields.split(), folder / name):
                return told.format(folder)
    return ""


def _has(fields: list[str], path: Path) -> bool:
    """Whether this is a small file of JSON with such fields."""
    try:
        return storage.size(path) <= MOST_BYTES and {*fields} <= json_file.read(path).keys()
    except (OSError, ValueError):
        return False


def _walk(place: Path) -> dict[Path, _Inside]:
    """The folders from the top down and what lies in them; not all of many."""
    walked, level = {}, [place]
    for _ in range(DEPTH + 1):
        below = []
        for folder in level[:MOST_FOLDERS]:
            walked[folder] = inside = _inside(folder)
            below += [folder / name for name in inside.folders]
        level = below
    return walked


def _inside(folder: Path) -> _Inside:
    try:
        with os.scandir(folder) as entries:
            some = [
                e for e in itertools.islice(entries, MOST_ENTRIES) if not intake.is_junk(e.name)
            ]
    except OSError:
        return _Inside([], [])
    folders = sorted(e.name for e in some if e.is_dir(follow_symlinks=False))
    return _Inside(folders, sorted(e.name for e in some if os.path.isfile(e)))


def _with_classes(walked: dict[Path, _Inside]) -> list[Path]:
    """The outermost folders below the first that hold class folders, in split folders or not."""
    classes = [folder for folder in walked if _is_sorted(folder, walked)]
    roots = {one.parent if one.name.lower() in listing.SPLIT_OF else one: None for one in classes}
    place = next(iter(walked))
    return [one for one in roots if one != place and not roots.keys() & set(one.parents)]


def _is_sorted(folder: Path, walked: dict[Path, _Inside]) -> bool:
    """True for a folder in which two folders or more hold images, which are no splits by their
    names, and none lies beside them."""
    names = [one for one in walked[folder].folders if not listing.SPLIT_NAME.fullmatch(one)]
    inside = [walked.get(folder / name, _Inside([], [])) for name in names]
    filled = [one for one in inside if any(map(intake.by_name, one.files))]
    return len(filled) > 1 and not any(map(intake.by_name, walked[folder].files))
