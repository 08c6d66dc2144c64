"""The files of lists: under which names they lie, and which images their rows mean."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from imagenet_tools.raw import intake, list_columns, listing, rows
from imagenet_tools.raw.intake import Intake
from imagenet_tools.raw.rows import ListFile, Row
from imagenet_tools.raw.split import SPLITS

FORMS = (
    *("meta/{}.txt", "{}_list.txt", "{}.txt"),
    *("meta/{}.csv", "{}_list.csv", "{}.csv", "{}.tsv"),
)
# Of Hugging Face's imagefolder, with captions or boxes in place of labels, perhaps.
METADATA, IMAGEFOLDER = "metadata.csv", {"file_name", "label"}
# Taken where the file of one of the first two rows is there: Kaggle's, and MXNet's.
OTHER_FORMS = ("{}_labels.csv", "{}Labels.csv", "{}.lst", "*_{}.lst", f"{{}}/{METADATA}")
OF_NO_SPLIT = ("labels.csv", "*.lst", METADATA)
_NO_ROWS = "have no path and label of an image that is there"


def read(place: Path, seen: Intake) -> tuple[dict[str, ListFile], bool]:
    """The lists of the splits under their usual names; none, and the only list that is there.

    The second is True where that one is of no split; it is then called the training split's.
    Raises ValueError for a row that cannot be meant, and for images of two splits in that one.
    """
    there = Present()
    paths = {split: path for split in SPLITS if (path := _of_split(place, split, there))}
    for of in SPLITS if paths else ():
        taken, why = paths.get(of), f"its first two rows {_NO_ROWS}"
        if taken:
            why = f"{taken.relative_to(place).as_posix()} is of the {of} split"
        forms = FORMS if taken else FORMS + OTHER_FORMS
        for name in (form.format(name) for form in forms for name in listing.SPLIT_FOLDERS[of]):
            for other in (one for one in _called(place, name) if one != taken and one.is_file()):
                seen.say(f"not read, for {why}", other.relative_to(place).as_posix())
    if paths:
        return {one: _read(place, path, one, seen, there) for one, path in paths.items()}, False
    path = _found(place, OF_NO_SPLIT, "train", there)
    if path is None:
        return {}, False
    one = _read(place, path, "train", seen, there)
    split = _split_of(place, one)
    return {split or "train": one}, split is None


class Present:
    """The images of folders, each listed where it is first asked for."""

    def __init__(self) -> None:
        self._listed: dict[str, dict[str, list[str]]] = {}

    def called(self, folder: str, name: str) -> list[str]:
        """The path below the folder of the image that has this name, or else of those that have it
        but for their extension or the form of Unicode."""
        way, base = os.path.split(name)
        inside = os.path.join(folder, way) if way else folder
        if inside not in self._listed:
            listed = listing.entries_if_there(inside)
            self._listed[inside] = _by_stem(listed.images if listed else [])
        images = self._listed[inside]
        called = images.get(base) or images.get(intake.composed(base), [])
        return [os.path.join(way, one) for one in called]


def _by_stem(images: list[str]) -> dict[str, list[str]]:
    """The images that a name means: that of its own, or all that have it before their extension, or
    in another form of Unicode."""
    by_stem, by_form = defaultdict(list), defaultdict(list)
    for name in images:
        by_stem[intake.composed(os.path.splitext(name)[0])].append(name)
        by_form[intake.composed(name)].append(name)
    return {**by_stem, **by_form, **{name: [name] for name in images}}


def say_shared(lists: Mapping[str, ListFile], seen: Intake) -> None:
    """Say which images are in both lists: what is trained on is then evaluated on. Raises
    ValueError for one that has another label in each."""
    rows_of = [{f"{one.folder}/{row.name}": row for row in one.rows} for one in lists.values()]
    for path in sorted(set.intersection(*map(set, rows_of))) if len(rows_of) > 1 else ():
        first, second = (rows[path] for rows in rows_of)
        if first.label != second.label:
            one, other = (one.path for one in lists.values())
            raise ValueError(
                f"{other}, line {second.line}: {intake.printable(second.name)} has the label "
                f"{intake.printable(second.label)}, and in {one}, line {first.line}, it has "
                f"{intake.printable(first.label)}"
            )
        seen.say("images in the lists of both splits", path)


def would_be(place: Path, lists: Collection[str]) -> str:
    """In words, which list would be validation's, which has none, as val.txt: test.txt; "" for
    none."""
    for form in FORMS if "validation" not in lists else ():
        asked, there = form.format("val"), form.format("test")
        if _found(place, [there], "validation", Present(), usual=True):
            return f"{there} would be the validation split's list as {asked}"
    return ""


def unread(place: Path) -> str:
    """In words, which list lies there under a usual name and is not taken; "" for none."""
    forms = (form.format(name) for form in FORMS + OTHER_FORMS for name in listing.SPLIT_OF)
    for form in (*forms, *OF_NO_SPLIT):
        there = (one for one in sorted(place.glob(form)) if one.is_file())
        names = [one.name for one in there if one.name != METADATA]
        if len(names) > 1:
            return f"{' and '.join(names[:2])} may each be meant, and neither is read"
        if names:
            return f"{names[0]} is not read: its first two rows {_NO_ROWS}"
    return ""


def _of_split(place: Path, split: str, there: Present) -> Path | None:
    for form in FORMS + OTHER_FORMS:
        names = [form.format(name) for name in listing.SPLIT_FOLDERS[split]]
        if path := _found(place, names, split, there, usual=form in FORMS):
            return path
    return None


def _found(
    place: Path, names: Sequence[str], split: str, there: Present, *, usual: bool = False
) -> Path | None:
    """The first of these that looks like a list; of a pattern, where it is the only one.

    usual: an image's name is enough; else the file of a row must be there.
    """
    for name in names:
        paths = _called(place, name)
        if len(paths) != 1 or not paths[0].is_file():
            continue
        first, labelled = _first_paths(path := paths[0])
        if not labelled and all(listing.split_folder(place, one) for one in SPLITS):
            continue  # it can but repeat what the folders say
        if path.name == METADATA and not all(map(_of_no_class, first)):
            continue
        if usual and labelled and any(map(intake.by_name, first)):
            return path
        folders = _folders(place, path, split)
        if any(there.called(str(folder), one) for one in first for folder in folders):
            return path
    return None


def _called(place: Path, name: str) -> list[Path]:
    return sorted(place.glob(name)) if "*" in name else [place / name]


def _first_paths(path: Path) -> tuple[list[str], bool]:
    """The paths in the first two rows of a text, and whether labels stand beside them."""
    with path.open("rb") as file:
        text = intake.decoded(file.read(8192), "replace")
    first = [line for _, line in list_columns.numbered(text)][:2]
    if not first or path.name == METADATA and not {*first[0].split(",")} >= IMAGEFOLDER:
        return [], True
    columns = list_columns.columns_of(first, path)
    paths = list_columns.paths_of(first, columns)
    return [name.replace("\\", "/") for name in paths if "\0" not in name], columns.label >= 0


def _of_no_class(path: str) -> bool:
    """True for an image beside a list, or in a split's folder there, and in no class folder."""
    return os.path.dirname(path).lower() in ("", *listing.SPLIT_OF)


def _read(place: Path, path: Path, split: str, seen: Intake, there: Present) -> ListFile:
    one = rows.read(path, str(place), seen)
    folder = _image_folder(place, path, split, one.rows, there)
    named = [_with_ending(row, path, folder, there) for row in one.rows]
    return one._replace(folder=folder, rows=_distinct(named, path, seen))


def _folders(place: Path, path: Path, split: str) -> list[Path]:
    """The folders that the paths of a list may be relative to."""
    names = listing.SPLIT_FOLDERS[split]
    inside = [*names, *(f"{name}_images" for name in names), "images", "Images"]
    return list(dict.fromkeys([place, path.parent, *(place / name for name in inside)]))


def _image_folder(
    place: Path, path: Path, split: str, rows_given: list[Row], there: Present
) -> str:
    """The folder that the paths are relative to: the one in which one of the first exists."""
    tried = _folders(place, path, split)
    for row in rows_given[:100]:
        for folder in tried:
            if (folder / row.name).is_file() or _meant(row, str(folder), there):
                return str(folder)
    where = ", ".join(str(folder) for folder in tried if folder.is_dir())
    name = intake.printable(rows_given[0].name)
    raise ValueError(f"{path} names {name}, which is in none of {where}")


def _meant(row: Row, folder: str, there: Present) -> list[str]:
    """The images that a row may mean whose name is not the one of a file: an id, or a name that may
    be in another form of Unicode."""
    other = not intake.by_name(os.path.basename(row.name)) or not row.name.isascii()
    return there.called(folder, row.name) if other else []


def _with_ending(row: Row, path: Path, folder: str, there: Present) -> Row:
    """The row, its path with the extension of the file that it means.

    Raises ValueError where that may be one of several.
    """
    called = _meant(row, folder, there)
    if len(called) > 1:
        raise ValueError(
            f"{path}, line {row.line}: {intake.printable(row.name)} may be "
            f"{' or '.join(map(intake.printable, called))}; give it its extension"
        )
    return row._replace(name=called[0]) if called else row


def _distinct(rows_given: list[Row], path: Path, seen: Intake) -> list[Row]:
    """The rows, each image once. Raises ValueError for an image under two labels."""
    of_name: dict[str, Row] = {}
    for row in rows_given:
        former = of_name.setdefault(row.name, row)
        if former.label != row.label:
            raise ValueError(
                f"{path}, line {row.line}: {intake.printable(row.name)} has the label "
                f"{intake.printable(row.label)}, and above it has {intake.printable(former.label)}"
            )
        if former is not row:
            seen.leave("rows given twice", f"{path.name}, line {row.line}")
    return list(of_name.values())


def _split_of(place: Path, one: ListFile) -> str | None:
    """The split whose folder a list's images lie in; None where they lie in none's.

    Raises ValueError where they lie in several.
    """
    way = one.folder.removeprefix(str(place)).strip("/")
    tops = {f"{way}/{row.name}".lstrip("/").split("/")[0] for row in one.rows}
    of_images = {top: top.lower().removesuffix("_images") for top in sorted(tops)}
    splits = {top: listing.SPLIT_OF.get(name) for top, name in of_images.items()}
    if len(set(splits.values())) > 1:
        raise ValueError(
            f"{one.path} lists images of {', '.join(f'{top}/' for top in splits)}: a list for each "
            "split (train.csv and val.csv, say) tells them apart"
        )
    return next(iter(splits.values()))
