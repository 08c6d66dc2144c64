"""The end of a build: a manifest from the notes of its shards, whoever wrote them."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from imagenet_tools import storage
from imagenet_tools.engines.slices import Slice
from imagenet_tools.errors import DamagedData, Unfinished
from imagenet_tools.raw.index import RawSet
from imagenet_tools.records import journal as journals
from imagenet_tools.records import schema, tfrecord
from imagenet_tools.records.manifest import (
    NAME,
    Manifest,
    Split,
    read_manifest,
    shard_name,
    write_manifest,
)
from imagenet_tools.records.prepare import Settings
from imagenet_tools.records.shard import Note, ShardResult, write_index
from imagenet_tools.records.shuffle import SplitPlan
from imagenet_tools.storage.write import write_json, write_text

OUTLINE = "outline.json"  # in the journal
INDEX = "index"  # DALI's, out of reach of a reader's `train-*`
LABELS = "labels.txt"
NAMED = 10  # missing shards that are listed


@dataclass(frozen=True)
class Outline:
    """What a build will be, known before its first shard: all that a manifest says but the shards.

    shards: split -> number of files. counts: split -> class key -> images listed.
    """

    layout: str
    label_convention: str
    classes: list[list[str]]
    shards: dict[str, int]
    counts: dict[str, dict[str, int]]
    seed: int
    plan: str
    index: bool
    options: dict[str, Any] = field(default_factory=dict)

    def files(self) -> list[str]:
        """Every shard's name, in order."""
        return [
            shard_name(split, shard, count)
            for split, count in self.shards.items()
            for shard in range(count)
        ]


def outline_of(
    raw_set: RawSet, plans: list[SplitPlan], seed: int, plan: str, settings: Settings, index: bool
) -> Outline:
    """Describe a build that was planned."""
    import numpy as np

    counts = {}
    for part in (raw_set.splits[split.split] for split in plans):
        found = np.bincount(part.labels, minlength=len(raw_set.classes) + 1)[1:]
        keys = (info.key for info in raw_set.classes)
        counts[part.name] = {key: int(n) for key, n in zip(keys, found, strict=True) if n}
    return Outline(
        layout=raw_set.layout,
        label_convention=raw_set.label_convention,
        classes=[[info.key, info.words] for info in raw_set.classes],
        shards={split.split: split.shards for split in plans},
        counts=counts,
        seed=seed,
        plan=plan,
        index=index,
        options=asdict(settings),
    )


def write_outline(journal: Path, outline: Outline) -> None:
    write_json(journal / OUTLINE, vars(outline))


def finalize(folder: str | os.PathLike[str]) -> Manifest:
    """Write the manifest of a folder whose shards were written slice by slice.

    Raises Unfinished naming the shards that are missing and the slices they are in, ValueError
    where the folder holds no build. A folder that is complete already is returned as it is.
    """
    place = storage.place(folder)
    journal = place / journals.FOLDER
    if not (journal / OUTLINE).exists():
        if (place / NAME).exists():
            return read_manifest(place)
        raise ValueError(f"{place} holds neither a build nor finished records")
    with journals.locked(place):
        outline = Outline(**json.loads((journal / OUTLINE).read_text()))
        settings = Settings(**outline.options)
        done = dict(journals.all_done_before(journal, outline.files(), settings))
        results = {file: result for file, result in done.items() if result is not None}
        if len(results) < len(done):
            missing = [file for file, result in done.items() if result is None]
            raise Unfinished(_gaps(journal, missing, list(done)))
        return finish(place, outline, results)


def _gaps(journal: Path, missing: list[str], files: list[str]) -> str:
    named = ", ".join(missing[:NAMED]) + (", ..." if len(missing) > NAMED else "")
    text = f"{len(missing)} of {len(files)} shards are missing: {named}"
    counts = journals.slice_counts(journal)
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
    manifest = _gather(outline, results)
    write_text(folder / LABELS, labels_txt(manifest))
    write_manifest(folder, manifest)
    if outline.index:
        write_indexes(folder, manifest, again=False)
        journals.remove_leftovers(folder / INDEX)
    journals.remove(folder)
    return manifest


def _gather(outline: Outline, results: Mapping[str, ShardResult]) -> Manifest:
    def notes(kind: str) -> tuple[Note, ...]:
        found = [note for result in results.values() for note in result.notes[kind]]
        return tuple(sorted(found, key=lambda note: note["key"]))

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
        store=outline.options["store"],
        max_side=outline.options["max_side"],
        plan=outline.plan,
        tool=__version__,
        schema=schema.SCHEMA_VERSION,
        skipped=notes("skipped"),
        repaired=notes("repaired"),
        converted=notes("converted"),
        saved=sum(result.saved for result in results.values()),
        options=outline.options,
    )


def refuse_damaged(results: Mapping[str, ShardResult]) -> None:
    """Raise DamagedData where damaged images left a shard unwritten, or left it empty."""
    found = [note for result in results.values() for note in result.notes["damaged"]]
    if found:
        raise DamagedData(_list_damaged(sorted(found, key=lambda note: note["key"])))
    empty = sorted(file for file, result in results.items() if result.shard is None)
    if empty:
        raise DamagedData(f"no usable image is left for {', '.join(empty)}; use fewer shards")


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
    lines += [f"{label}:{words}" for label, (_, words) in enumerate(manifest.classes, 1)]
    return "\n".join(lines) + "\n"


def write_indexes(folder: Path, manifest: Manifest, *, again: bool = True) -> None:
    """Write the index files from the shards; again=False: only those that are missing."""
    (folder / INDEX).mkdir(exist_ok=True)
    for shard in (shard for split in manifest.splits.values() for shard in split.shards):
        path = index_path(folder, shard.file)
        if again or not storage.place(path).exists():
            with storage.local_copy(folder / shard.file) as shard_file:
                write_index(path, list(tfrecord.sizes(shard_file)))


def index_path(folder: Path, file: str) -> str:
    return str(folder / INDEX / f"{file}.idx")
