"""Listing folders: sorted, every entry told apart, safe from symlink loops."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from imagenet_tools import storage, terminal
from imagenet_tools.raw import intake
from imagenet_tools.raw.image import Entry
from imagenet_tools.raw.intake import Intake

SPLIT_FOLDERS = {
    "train": ("train", "training", "ilsvrc2012_img_train"),
    "validation": ("val", "validation", "valid", "ilsvrc2012_img_val"),
}
SPLIT_OF = {name: split for split, names in SPLIT_FOLDERS.items() for name in names}
# train2017, cars_test, val_256, testing: of a folder of images that are of no class yet.
SPLIT_NAME = re.compile(
    r"(?:.*[_. -])?(train|val|test|dev)(?:ing|id|idation)?"
    r"(?:[_. -]?(?:set|images|large|small|\d.*))?",
    re.IGNORECASE,
)


def like_split(path: str, split: str) -> bool:
    """Whether the last name of a path may be meant for a split: test, say, for validation."""
    match = SPLIT_NAME.fullmatch(os.path.basename(path.rstrip("/")))
    return match is not None and (match[1].lower() == "train") == (split == "train")


class Listed(NamedTuple):
    """The entries of a folder, each kind sorted by name.

    images: what a record may hold, by name or content. folders: all but junk. left_out: reason
    and name of the rest. links: entries of `images` and `folders` whose target lies outside.
    """

    images: list[str]
    folders: list[str]
    left_out: list[tuple[str, str]]
    links: list[str]

    def tell(self, seen: Intake, where: str = "") -> None:
        """Count what is left out, and say which links lead out. where: the way to this folder."""
        seen.leave_all((reason, f"{where}{name}") for reason, name in self.left_out)
        for link in self.links:
            seen.say(intake.LINKED_OUT, f"{where}{link}")

    def without(self, names: Iterable[str]) -> Listed:
        """The same but for entries of these names."""
        gone = set(names)
        images, folders = ([one for one in both if one not in gone] for both in self[:2])
        left_out = [one for one in self.left_out if one[1] not in gone]
        return Listed(images, folders, left_out, self.links)


def entries(folder: str | os.PathLike[str], root: str = "") -> Listed:
    """What a folder holds. root: links that lead out of it are noted; "" for none.

    Raises ValueError for a symlink that leads back to a folder it is in.
    """
    listed = Listed([], [], [], [])
    if storage.is_remote(folder):
        for one in storage.place(folder).iterdir():
            path, kind = str(one), "folder" if one.is_dir() else "file"
            size = 0 if kind == "folder" else one.stat().st_size
            _tell(listed, path, one.name, kind, size)
    else:
        inside = ""
        with os.scandir(folder) as listing:
            for entry in listing:
                if entry.is_file(follow_symlinks=False) and intake.by_name(entry.name):
                    listed.images.append(entry.name)  # nearly all are; the rest costs more
                    continue
                linked = entry.is_symlink()
                inside = inside or (os.path.realpath(folder) if linked else "")
                _tell(listed, entry.path, entry.name, _kind(entry, inside if linked else ""))
                if linked and root and _leads_out(entry.path, inside, root):
                    listed.links.append(entry.name)
    for names in listed:
        names.sort()
    return listed


def entries_if_there(folder: str, root: str = "") -> Listed | None:
    """The same; None where there is no such folder."""
    try:
        return entries(folder, root)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _kind(entry: os.DirEntry[str], inside: str) -> str:
    """folder, file, or what else it is; "broken links" where it leads nowhere. inside: of a link,
    the folder that it is in."""
    try:
        if entry.is_dir():
            if inside and f"{inside}/".startswith(f"{os.path.realpath(entry.path)}/"):
                raise ValueError(f"{entry.path}: a symlink that leads back to a folder it is in")
            return "folder"
        if entry.is_file():
            return "file"
        return intake.special(entry.stat().st_mode) or "file"
    except FileNotFoundError:
        return intake.BROKEN
    except OSError as error:
        if intake.by_name(entry.name):
            return intake.BROKEN
        raise ValueError(f"{entry.path}: a symlink loop ({error.strerror})") from error


def _tell(listed: Listed, path: str, name: str, kind: str, size: int = intake.HEAD) -> None:
    """Put an entry where it belongs. What has an image's name is one, and where it cannot be read
    it is a damaged one."""
    if kind == "folder":
        if intake.is_junk(name):
            listed.left_out.append((intake.JUNK_FOLDERS, name))
        else:
            listed.folders.append(name)
        return
    image = intake.by_name(name)
    if image is None and kind == "file":
        image = intake.is_image(intake.head_of(path, size))
    if image:
        listed.images.append(name)
    else:
        reason = intake.reason(name) if kind == "file" else kind.removeprefix("a ")
        listed.left_out.append((reason, name))


def _leads_out(path: str, inside: str, root: str) -> bool:
    target = os.path.normpath(os.path.join(inside, os.readlink(path)))
    return not f"{target}/".startswith(f"{root}/")


def roots(place: Path) -> list[Path]:
    """Where a data set is looked for: in a folder, and in the only one in it."""
    names = entries(place).folders
    return [place, *(place / name for name in names[:1] if len(names) == 1)]


def real(folder: Path) -> str:
    """The folder that links may not leave without a word; "" in a store, which has none."""
    return "" if storage.is_remote(folder) else os.path.realpath(folder)


def split_folder(root: Path, split: str) -> Path | None:
    """The folder of a split under one of its usual names, in any case; one called after ImageNet's
    archive where there is no other.

    Raises ValueError where two others are there: which one is meant cannot be known.
    """
    if not root.is_dir():
        return None
    own = [one for one in root.iterdir() if SPLIT_OF.get(one.name.lower()) == split]
    present = sorted(one.name for one in own if one.is_dir())
    filled = [name for name in present if any((root / name).iterdir())]
    filled = [name for name in filled if not name.lower().startswith("ilsvrc")] or filled
    if len(filled) > 1:
        raise ValueError(
            f"{root} has {' and '.join(filled)}, both names of the {split} split; rename or "
            "remove the one that is not meant"
        )
    return root / (filled or present)[0] if present else None


def other_split(root: Path, splits: Collection[str]) -> Path | None:
    """The folder of the split that is not among these; None where it does not lie there."""
    other = [split for split in SPLIT_FOLDERS if split not in splits]
    return split_folder(root, other[0]) if other else None


def beside(folder: Path, used: Iterable[str], seen: Intake, place: Path | None = None) -> None:
    """Count what lies in a folder of a data set beside the names that its layout uses.

    place: the data set's own folder, which names are said relative to.
    """
    way = "" if place is None or place == folder else f"{folder.relative_to(place)}/"
    used, listed = set(used), entries(folder, real(place or folder))
    left = [one for one in listed.left_out if one[1] not in used or one[0] in intake.NO_FILES]
    left += [(intake.OUTSIDE, name) for name in listed.images if name not in used]
    left += [(intake.OTHER_FOLDERS, f"{name}/") for name in listed.folders if name not in used]
    listed._replace(left_out=left).tell(seen, way)


def above(root: Path, place: Path, seen: Intake) -> None:
    """Count what lies in `place` beside the way down to the root of the data set in it."""
    folder = place
    for name in root.relative_to(place).parts if root != place else ():
        beside(folder, {name}, seen, place)
        folder = folder / name


def class_images(folder: str, root: str = "") -> Listed:
    """The images of a class, in its subfolders too (`sub/a.jpg`)."""
    listed = entries(folder, root)
    ways, filled = [*listed.folders], set[str]()
    listed.folders.clear()
    for way in ways:  # which grow by what they hold
        inside = entries(os.path.join(folder, way), root)
        ways.extend(f"{way}/{name}" for name in inside.folders)
        listed.images.extend(f"{way}/{image}" for image in inside.images)
        listed.left_out.extend((reason, f"{way}/{entry}") for reason, entry in inside.left_out)
        listed.links.extend(f"{way}/{entry}" for entry in inside.links)
        while inside.images and way and way not in filled:
            filled.add(way)
            way = os.path.dirname(way)
    listed.left_out.extend((intake.EMPTY, way) for way in ways if way not in filled)
    return listed


def class_entries(folder: Path, names: list[str], seen: Intake, split: str) -> Iterator[Entry]:
    """The images of each class folder in turn; their labels are 1 for the first of the names, ...,
    whichever of them hold images (see split.renumbered)."""
    root = real(folder.parent)
    with terminal.bar(f"listing {split}", "images") as bar:
        containers = [os.path.join(folder, name) for name in names]
        listed = storage.ahead(
            partial(class_images, root=root), containers, storage.is_remote(folder)
        )
        pairs = zip(names, containers, listed, strict=True)
        for number, (name, container, listing) in enumerate(pairs, 1):
            inside = listing()
            where = f"{os.path.basename(folder)}/{name}/"
            if not inside.images:
                seen.leave(intake.EMPTY, where)
            inside.tell(seen, where)
            for image in (one for one in inside.images if "/" in one):
                seen.say("in subfolders of their class", f"{where}{image}")
            yield from (Entry(container, filename, number) for filename in inside.images)
            bar.update(len(inside.images))
