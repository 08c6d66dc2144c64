"""The end of a build: a manifest from the notes of its shards, whoever wrote them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from imagenet_tools import storage
from imagenet_tools.engines.slices import Slice
from imagenet_tools.errors import DamagedData, Missing
from imagenet_tools.raw.intake import Counted
from imagenet_tools.records import copies, schema, sources, tfrecord
from imagenet_tools.records.journal import (
    FOLDER,
    OUTLINE,
    finished,
    locked,
    note_path,
    read_outline,
    remove,
    remove_leftovers,
    slice_counts,
)
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
NAMED = 10  # missing shards that are listed


def finalize(folder: str | os.PathLike[str]) -> Manifest:
    """Write the manifest of a folder whose shards were written slice by slice.

    Raises Missing naming the shards that are missing and the slices they are in, ValueError
    where the folder holds no build. A folder that is complete already is returned as it is.
    """
    place = storage.place(folder)
    journal = place / FOLDER
    if not (journal / OUTLINE).exists():
        if (place / NAME).exists():
            return read_manifest(place)
        raise ValueError(f"{place} holds neither a build nor finished records")
    with locked(place):
        outline = read_outline(journal)
        files = outline.files()
        tasks = [
            ShardTask(str(place / file), (), {}, outline.settings, str(note_path(journal, file)))
            for file in files
        ]
        done = zip(files, storage.ahead(finished, tasks, storage.is_remote(place)), strict=True)
        results = {file: result for file, parsed in done if (result := parsed()) is not None}
        missing = [file for file in files if file not in results]
        if missing:
            raise Missing(_gaps(journal, missing, files))
        return finish(place, outline, results)


def _gaps(journal: Path, missing: list[str], files: list[str]) -> str:
    named = ", ".join(missing[:NAMED]) + (", ..." if len(missing) > NAMED else "")
    text = f"{len(missing)} of {len(files)} shards are missing: {named}"
    counts = slice_counts(journal)
    if len(counts) != 1:
        return text
    numbers = sorted({files.index(file) % counts[0] for file in missing})
    slices = ", ".join(str(Slice(number, counts[0])) for number in numbers[:NAMED])
    more = ", ..." if len(numbers) > NAMED else ""
    return f"{text}; slices to run again: {slices}{more}"


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
        remove_leftovers(folder / INDEX)
    remove(folder)
    return manifest


def _gather(outline: Outline, results: Mapping[str, ShardResult]) -> Manifest:
    def notes(kind: str) -> tuple[Note, ...]:
        collected = [note for result in results.values() for note in result.notes[kind]]
        return tuple(sorted(collected, key=lambda note: note["key"]))

    from imagenet_tools import __version__

    refuse_damaged(results)
    splits = {}
    for split, listed in outline.counts.items():
        files = [file for file in outline.files() if file.startswith(f"{split}-")]
        parts = [results[file] for file in files]
        gone = Counter(
            note["key"].rsplit("/", 1)[0] for part in parts for note in part.notes["skipped"]
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
        tool=__version__,
        schema=schema.SCHEMA_VERSION,
        skipped=notes("skipped"),
        repaired=notes("repaired"),
        converted=notes("converted"),
        saved=sum(result.saved for result in results.values()),
        options=outline.options,
        left_out=outline.left_out,
    )


def _odd(folder: Path, results: Mapping[str, ShardResult]) -> dict[str, Counted]:
    """What is to be said of images that are in records, whichever shard was ready first."""
    in_order = sorted(results.items())
    hashes = {file: one.hashes for file, one in in_order}
    of_shards = (item for _, one in in_order for item in one.odd.items())
    return counted([*of_shards, *copies.noticed(folder, hashes)])


def refuse_damaged(results: Mapping[str, ShardResult]) -> None:
    """Raise DamagedData where damaged images left a shard unwritten, or left it empty."""
    damaged = [note for result in results.values() for note in result.notes["damaged"]]
    if damaged:
        raise DamagedData(_list_damaged(sorted(damaged, key=lambda note: note["key"])))
    empty = sorted(file for file, result in results.items() if result.shard is None)
    if empty:
        split = empty[0].split("-")[0]
        all_of_it = {one for one in results if one.split("-")[0] == split} <= set(empty)
        rest = f": every {split} image is damaged" if all_of_it else "; use fewer shards"
        raise DamagedData(f"no usable image is left for {', '.join(empty)}{rest}")


def _list_damaged(damaged: list[Note]) -> str:
    lines = []
    for note in damaged:
        inside = note["path"].endswith(note["key"].rsplit("/", 1)[-1])
        where = note["path"] if inside else f"{note['path']}: {note['key']}"
        lines.append(f"  {where}: {note['reason']}")
    return (
        f"{len(damaged)} damaged image(s); the shards without them are written and stay:\n"
        + "\n".join(lines)
        + "\n--on-damaged skip leaves them out, repair re-encodes what still decodes"
    )


def labels_txt(manifest: Manifest) -> str:
    """TF-Slim's labels.txt: `0:background`, then a line a class."""
    lines = ["0:background"]
    words = (" ".join(words.split()) for _, words in manifest.classes)  # no line of its own
    lines += [f"{label}:{one}" for label, one in enumerate(words, 1)]
    return "\n".join(lines) + "\n"


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
