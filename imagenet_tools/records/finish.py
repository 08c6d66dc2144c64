"""The end of a build: a manifest from the notes of its shards, whoever wrote them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from imagenet_tools import labels, storage, version
from imagenet_tools.engines.slices import Slice
from imagenet_tools.errors import DamagedData, Missing, first
from imagenet_tools.raw.intake import Counted
from imagenet_tools.records import copies, journal, schema, sources, tfrecord
from imagenet_tools.records.manifest import (
    NAME,
    Manifest,
    Split,
    counted,
    read_manifest,
    write_manifest,
)
from imagenet_tools.records.outline import Outline
from imagenet_tools.records.shard import Note, ShardResult, ShardTask, index_text
from imagenet_tools.storage.write import write_text

INDEX = "index"  # DALI's, out of reach of a reader's `train-*`
LABELS = "labels.txt"
NAMED = 10  # missing shards, or images of empty ones, that are listed


def finalize(folder: str | os.PathLike[str]) -> Manifest:
    """Write the manifest of a folder whose shards were written slice by slice.

    Raises Missing naming the shards that are missing and the slices they are in, ValueError
    where the folder holds no build. A folder that is complete already is returned as it is.
    """
    place = storage.place(folder)
    notes = place / journal.FOLDER
    if not (notes / journal.OUTLINE).exists():
        if (place / NAME).exists():
            return read_manifest(place)
        raise ValueError(f"{place} holds neither a build nor finished records")
    with journal.locked(place):
        outline = journal.read_outline(notes)
        files = outline.files()
        tasks = [
            ShardTask(
                str(place / file), (), {}, outline.settings, str(journal.note_path(notes, file))
            )
            for file in files
        ]
        noted = storage.ahead(journal.finished, tasks, storage.is_remote(place))
        done = zip(files, (result() for result in noted), strict=True)
        results = {file: result for file, result in done if result is not None}
        if missing := [file for file in files if file not in results]:
            raise Missing(_gaps(notes, missing, files))
        return finish(place, outline, results)


def _gaps(notes: Path, missing: list[str], files: list[str]) -> str:
    text = f"{len(missing)} of {len(files)} shards are missing: {first(missing, NAMED)}"
    counts = journal.slice_counts(notes)
    if len(counts) != 1:
        return text
    numbers = sorted({files.index(file) % counts[0] for file in missing})
    slices = first([str(Slice(number, counts[0])) for number in numbers], NAMED)
    return f"{text}; slices to run again: {slices}"


def finish(folder: Path, outline: Outline, results: Mapping[str, ShardResult]) -> Manifest:
    """Write labels.txt, index files and the manifest, and drop the notes; all shards are there.

    Raises DamagedData listing all damaged images where some shard was not written for them.
    """
    manifest = replace(_gather(outline, results), odd=_odd(folder, results))
    write_text(folder / LABELS, labels_txt(manifest))
    sources.write_stamps(folder, {file: one.sources for file, one in results.items()})
    write_manifest(folder, manifest)
    if outline.index:
        write_indexes(folder, manifest, again=False)
        journal.remove_leftovers(folder / INDEX)
    journal.remove(folder)
    return manifest


def _gather(outline: Outline, results: Mapping[str, ShardResult]) -> Manifest:
    refuse_damaged(results)
    splits = {}
    for split, listed in outline.counts.items():
        files = [file for file in outline.files() if file.startswith(f"{split}-")]
        parts = [results[file] for file in files]
        gone = Counter(
            _class_of(note["key"], listed) for part in parts for note in part.notes["skipped"]
        )
        counts = {key: count - gone[key] for key, count in listed.items() if count > gone[key]}
        splits[split] = Split(tuple(part.shard for part in parts if part.shard), counts)
    return Manifest(
        layout=outline.layout,
        label_convention=outline.label_convention,
        classes=tuple((key, words) for key, words in outline.classes),
        splits=splits,
        seed=outline.seed,
        store=outline.settings.store,
        max_side=outline.settings.max_side,
        plan=outline.plan,
        tool=version.installed(),
        schema=schema.SCHEMA_VERSION,
        skipped=_noted(results, "skipped"),
        repaired=_noted(results, "repaired"),
        converted=_noted(results, "converted"),
        saved=sum(result.saved for result in results.values()),
        options=outline.options,
        left_out=outline.left_out,
    )


def _class_of(key: str, listed: Mapping[str, int]) -> str:
    """The class of an image's key, whose file may lie in subfolders of the class."""
    way = key
    while way and way not in listed:
        way = way.rpartition("/")[0]
    return way


def _noted(results: Mapping[str, ShardResult], kind: str) -> tuple[Note, ...]:
    """The notes of this kind, in whichever order the shards were ready."""
    notes = (note for result in results.values() for note in result.notes[kind])
    return tuple(sorted(notes, key=lambda note: note["key"]))


def _odd(folder: Path, results: Mapping[str, ShardResult]) -> dict[str, Counted]:
    """What is to be said of images that are in records, whichever shard was ready first."""
    hashes = {file: results[file].hashes for file in sorted(results)}
    of_shards = (item for file in hashes for item in results[file].odd.items())
    return counted([*of_shards, *copies.noticed(folder, hashes)])


def refuse_damaged(results: Mapping[str, ShardResult]) -> None:
    """Raise DamagedData where damaged images left a shard unwritten, or left it empty."""
    if damaged := _noted(results, "damaged"):
        raise DamagedData(
            f"{len(damaged)} damaged image(s); the shards without them are written and stay:\n"
            + "\n".join(map(_in_words, damaged))
            + "\n--on-damaged skip leaves them out, repair re-encodes what still decodes"
        )
    empty = sorted(file for file, result in results.items() if result.shard is None)
    if empty:
        split = empty[0].split("-")[0]
        all_of_it = {one for one in results if one.split("-")[0] == split} <= set(empty)
        rest = f": every {split} image is damaged" if all_of_it else "; use fewer shards"
        why = damage({file: results[file] for file in empty})
        raise DamagedData(f"no usable image is left for {', '.join(empty)}{rest}:\n{why}")


def damage(results: Mapping[str, ShardResult]) -> str:
    """The first images of shards that were not written, a line each."""
    notes = [*_noted(results, "damaged"), *_noted(results, "skipped")]
    return "\n".join([*map(_in_words, notes[:NAMED]), *["  ..."] * (len(notes) > NAMED)])


def _in_words(note: Note) -> str:
    """Where an image lies, and what is wrong with it."""
    inside = note["path"].endswith(note["key"].rsplit("/", 1)[-1])
    where = note["path"] if inside else f"{note['path']}: {note['key']}"
    return f"  {where}: {note['reason']}"


def labels_txt(manifest: Manifest) -> str:
    """TF-Slim's labels.txt: `0:background`, then a line a class."""
    names = [labels.BACKGROUND, *(words for _, words in manifest.classes)]
    lines = (f"{label}:{' '.join(words.split())}\n" for label, words in enumerate(names))
    return "".join(lines)  # words may hold line breaks, a line must not


def write_indexes(folder: Path, manifest: Manifest, *, again: bool = True) -> None:
    """Write the index files from the shards; again=False: only those that are missing."""
    (folder / INDEX).mkdir(exist_ok=True)
    for file in manifest.shards:
        index = storage.place(index_path(folder, file))
        if again or not index.exists():
            with storage.local_copy(folder / file) as shard_file:
                write_text(index, index_text(list(tfrecord.sizes(shard_file))))


def index_path(folder: Path, file: str) -> str:
    return str(folder / INDEX / f"{file}.idx")
