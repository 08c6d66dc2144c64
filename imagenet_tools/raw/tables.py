"""Files beside images that tell more than folders do: which split an image is of, or its class."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable
from pathlib import Path

from imagenet_tools import storage
from imagenet_tools.raw import intake

FOLDERS = ("meta", "labels", "lists", "annotations", "splits")  # where they lie
TEXTS = (".txt", ".csv", ".tsv", ".lst")
_OTHERS = (".mat", ".json", ".jsonl", ".npz", ".pkl")
_HEAD, _MOST = 8192, 200  # bytes of a text, and texts, that are looked into
_WORD = re.compile(r"[^\s,;:\"']+")
_NAME = re.compile(r"[A-Za-z_]|[0-9]{5}")  # what tells an image's name from any number
# By its own name: train_list.mat, trainval.txt, val2018.json, setid.mat, train_test_split.txt; not
# requirements-test.txt.
_OF_SPLITS = re.compile(
    r"(?!.*(?:requirements|readme))"
    r"(?:.*[_. -])?(?:train(?:ing|val)?|val|valid|validation|test(?:ing)?|splits?|folds?|setid)"
    r"(?:[_. -]?(?:list|ids?|set|images?|annos?|\d.*))?",
    re.IGNORECASE,
)


def telling(paths: Iterable[Path], images: Iterable[str]) -> list[Path]:
    """Those of these files whose first rows name one of the images, with its ending or without, or
    whose own name is that of a split."""
    endings = (*TEXTS, *_OTHERS)
    # Not Path.is_file, which fails below a folder that may be listed and not entered.
    files = [one for one in paths if one.suffix.lower() in endings and os.path.isfile(one)][:_MOST]
    named = {path: _stems(path) for path in files if path.suffix.lower() in TEXTS}
    asked = set[str]().union(*named.values())
    there = asked.intersection(map(_stem, images)) if asked else asked
    return [
        path for path in files if named.get(path, set()) & there or _OF_SPLITS.fullmatch(path.stem)
    ]


def around(root: Path, place: Path, skip: Iterable[str], images: Iterable[str]) -> list[Path]:
    """Those beside class folders without splits: in `root`, on the way to it, and above a folder
    that is given and called `images`. skip: the names in `root` that are used, class folders among
    them. None of a store."""
    if storage.is_remote(root):
        return []
    top = Path(os.path.abspath(root))
    folders = {root: {*skip}}
    if place != root or top.name.lower() == "images":
        folders[top.parent] = {top.name}
    paths = list[Path]()
    for folder, others in folders.items():
        names = [name for name in _listed(folder) if name not in others]
        inside = [one for one in names if one.lower() in FOLDERS]
        paths += [folder / name for name in names]
        paths += [folder / one / name for one in inside for name in _listed(folder / one)]
    return telling(paths, images)


def read_as(files: Iterable[Path], images: Path) -> str:
    """In words, how what such files say is read. images: a folder of some of them."""
    both = os.path.commonpath([os.path.abspath(one) for one in (images, *files)])
    return f"rows of a path, or of a path and a label, are, as train.txt and val.txt in {both}"


def _listed(folder: Path) -> list[str]:
    """The names in a folder; none where it may not be read, as what is not given need not."""
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _stems(path: Path) -> set[str]:
    """The words in a text's first rows that can be names of images, without ending and folder."""
    text = ""
    with contextlib.suppress(OSError), path.open("rb") as file:
        text = intake.decoded(file.read(_HEAD), "replace")
    return {stem for stem in map(_stem, _WORD.findall(text)) if _NAME.search(stem)}


def _stem(name: str) -> str:
    base = re.split(r"[/\\]", name)[-1]
    return os.path.splitext(base)[0] if intake.by_name(base) else base
