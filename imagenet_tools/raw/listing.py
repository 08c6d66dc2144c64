"""Listing folders: sorted, case-blind to extensions, safe from symlink loops."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

from imagenet_tools import storage
from imagenet_tools.raw.classes import is_image_name
from imagenet_tools.raw.index import Entry

SPLIT_FOLDERS = {"train": ("train",), "validation": ("val", "validation", "valid")}


def split_folder(root: Path, split: str) -> Path | None:
    """The folder of a split under one of its usual names."""
    for name in SPLIT_FOLDERS[split]:
        if (root / name).is_dir():
            return root / name
    return None


def class_folders(folder: Path) -> list[str]:
    """Names of the folders inside, sorted; a symlink that leads back up is an error."""
    if storage.is_remote(folder):
        return sorted(e.name for e in folder.iterdir() if e.is_dir() and not e.name.startswith("."))
    inside = os.path.realpath(folder)
    names = []
    with os.scandir(folder) as listing:
        for entry in listing:
            try:
                if entry.name.startswith(".") or not entry.is_dir():
                    continue
            except OSError as error:
                raise ValueError(f"{entry.path}: a symlink loop ({error.strerror})") from error
            if entry.is_symlink() and f"{inside}/".startswith(f"{os.path.realpath(entry.path)}/"):
                raise ValueError(f"{entry.path}: a symlink that leads back to a folder it is in")
            names.append(entry.name)
    return sorted(names)


def images_in(folder: str | os.PathLike[str]) -> list[str]:
    """Names of the image files in a folder, sorted."""
    if storage.is_remote(folder):
        return sorted(e.name for e in storage.place(folder).iterdir() if is_image_name(e.name))
    with os.scandir(folder) as listing:
        return sorted(entry.name for entry in listing if is_image_name(entry.name))


def class_entries(
    folder: Path, names: list[str], label_of: dict[str, int], split: str
) -> Iterator[Entry]:
    """The images of each class folder in turn."""
    with tqdm(desc=f"listing {split}", unit="image", disable=None) as bar:
        containers = [os.path.join(folder, name) for name in names]
        listed = storage.ahead(images_in, containers, storage.is_remote(folder))
        for name, container, found in zip(names, containers, listed, strict=True):
            files = found()
            yield from (Entry(container, filename, label_of[name]) for filename in files)
            bar.update(len(files))
