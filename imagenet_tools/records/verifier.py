"""Check a folder of records against its manifest, and every record against the schema.

Folders of TF-Slim's own builder, which have no manifest, are checked as far as they go; of those
of other tools the records' checksums, and their images.
"""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_tools import storage, terminal
from imagenet_tools.engines import processes
from imagenet_tools.raw.split import SPLITS
from imagenet_tools.records import copies, foreign, journal
from imagenet_tools.records.finish import INDEX, LABELS, index_path, labels_txt
from imagenet_tools.records.manifest import NAME, Manifest, read_manifest, shard_name
from imagenet_tools.records.shard_check import RecordProblem, ShardCheck, ShardFacts, check_shard

if TYPE_CHECKING:
    from imagenet_tools.records.duplicates import Repeated

SHARD_NAME = re.compile(r"(train|validation)-(\d{5})-of-(\d{5})")


@dataclass(frozen=True)
class Verification:
    """What was checked and what was found.

    broken: shards that are not what was once written. repeated: what is no damage, images of the
    validation split that show what others show, those of training among these; only with decode.
    """

    records: dict[str, int]
    problems: tuple[RecordProblem, ...]
    broken: tuple[str, ...]
    described: bool  # by a manifest
    repeated: tuple[Repeated, ...] = ()


def verify(
    folder: str | os.PathLike[str], *, decode: bool = False, workers: int | None = None
) -> Verification:
    """Check every shard: both CRCs of each record, counts and digests against the manifest, the
    schema, labels, image headers, and files common to two splits; with decode every pixel, and
    which images show one picture.

    Raises FileNotFoundError for a folder without records, DamagedData for an unreadable manifest.
    """
    # SciPy and Pillow, which nothing else here needs: a build and its workers start without them.
    from imagenet_tools.records import duplicates

    place = storage.place(folder)
    try:
        manifest = read_manifest(place)
    except FileNotFoundError:
        manifest = None
    names = _expected_files(place, manifest)
    checked = dict(_check_all(place, manifest, names, decode, workers))
    facts = {name: checked[name] for name in names}  # they come as they end
    problems = [problem for name in names for problem in facts[name].problems]
    problems += _folder_problems(place, manifest, facts)
    if manifest:
        problems += [*_count_problems(manifest, facts), *_name_problems(manifest, facts)]
    else:
        problems += _label_problems([facts[name] for name in names if _is_ours(name)])
        problems += _empty_problems(facts)
    both = copies.copies(place, {name: one.contents for name, one in facts.items()})
    problems += [
        RecordProblem(one.file, one.record, one.name, f"the same image as {other}")
        for one, other in both
    ]
    totals: Counter[str] = Counter()
    for name in sorted(names):
        totals[foreign.split_of(name)] += sum(facts[name].synsets.values())
    broken = tuple(name for name in names if not facts[name].intact)
    repeated = tuple(duplicates.repeated(place, facts)) if decode else ()
    return Verification(dict(totals), tuple(problems), broken, manifest is not None, repeated)


def _is_ours(name: str) -> bool:
    return SHARD_NAME.fullmatch(name) is not None


def _expected_files(place: Path, manifest: Manifest | None) -> list[str]:
    """The shards that should be there: the manifest's, or all that the names speak of; those of
    another tool as they are."""
    if manifest is not None:
        return list(manifest.shards)
    journal.refuse_unfinished(place)
    names = foreign.shards(place) if place.is_dir() else []
    if not names:
        raise FileNotFoundError(f"{place} holds no records such as train-00000-of-01024")
    if not all(map(_is_ours, names)):
        return names
    sets = sorted({(name.split("-")[0], int(name[-5:])) for name in names})
    return [shard_name(split, at, count) for split, count in sets for at in range(count)]


def _check_all(
    place: Path, manifest: Manifest | None, names: list[str], decode: bool, workers: int | None
) -> Iterator[tuple[str, ShardFacts]]:
    expected = manifest.shards if manifest else {}
    indexed = manifest is not None and (place / INDEX).is_dir()
    classes = tuple(key for key, _ in manifest.classes) if manifest else ()
    slim_constants = manifest is None or manifest.settings.slim_compat
    checks = (
        ShardCheck(
            path=str(place / name),
            expected=expected.get(name),
            classes=classes,
            index_path=index_path(place, name) if indexed else None,
            decode=decode,
            seed=manifest.seed if manifest else None,
            slim_constants=slim_constants,
            ours=_is_ours(name),
        )
        for name in names
    )
    total = sum(shard.records for shard in expected.values()) or None
    with terminal.bar("verifying records", "records", total=total) as bar:
        count = processes.workers(workers, len(names))
        for check, outcome in processes.run(check_shard, checks, count):
            facts = outcome()
            bar.update(sum(facts.synsets.values()))
            yield os.path.basename(check.path), facts


def _folder_problems(
    place: Path, manifest: Manifest | None, known: Collection[str]
) -> Iterator[RecordProblem]:
    """Files that a reader's glob would take for records, gaps, and labels.txt."""
    for split in SPLITS:
        for path in sorted(place.glob(f"{split}-*")):
            if path.name not in known:
                reason = "a reader's glob takes it for a shard of this set, which it is not"
                yield RecordProblem.of_file(path.name, reason)
    by_split = defaultdict(list)
    for name in known:
        by_split[foreign.split_of(name)].append(name)
    for split, those in by_split.items():
        yield from (RecordProblem.of_file(split, reason) for reason in foreign.missing(those))
    if manifest is not None:
        try:
            held = (place / LABELS).read_text(encoding="utf-8")
        except (OSError, ValueError):
            held = None
        if held != labels_txt(manifest):
            yield RecordProblem.of_file(LABELS, "is missing or not what the manifest says")


def _empty_problems(facts: dict[str, ShardFacts]) -> Iterator[RecordProblem]:
    """The first shard of each split in which there is no record; a shard alone may be empty."""
    by_split = defaultdict(list)
    for name, one in facts.items():
        by_split[foreign.split_of(name)].append((name, sum(one.synsets.values())))
    for split, shards in by_split.items():
        if not any(count for _, count in shards):
            yield RecordProblem.of_file(shards[0][0], f"there is no record in the {split} split")


def _count_problems(manifest: Manifest, facts: dict[str, ShardFacts]) -> Iterator[RecordProblem]:
    """Classes whose records are not as many as the manifest says, in splits that are whole."""
    for split, part in manifest.splits.items():
        held = [facts[shard.file] for shard in part.shards]
        if not all(one.intact for one in held):
            continue
        counts: Counter[str] = Counter()
        for one in held:
            for (_, synset), count in one.synsets.items():
                counts[synset] += count
        for key in sorted({*counts, *part.class_counts}):
            told, count = part.class_counts.get(key, 0), counts[key]
            if told != count:
                reason = f"class {key} has {count:,} records; the manifest says {told:,}"
                yield RecordProblem(NAME, -1, split, reason)


def _name_problems(manifest: Manifest, facts: dict[str, ShardFacts]) -> Iterator[RecordProblem]:
    """Classes that the manifest calls something else than their records do: no digest is taken
    over its names."""
    held = {pair for one in facts.values() for pair in one.words}
    told = dict(manifest.classes)
    for key, words in sorted(held):
        if told.get(key, words) != words:
            reason = f"class {key} is called {told[key]!r}; its records call it {words!r}"
            yield RecordProblem.of_file(NAME, reason)


def _label_problems(facts: list[ShardFacts]) -> Iterator[RecordProblem]:
    """Without a manifest: a synset must have one label everywhere, and a label one synset."""
    pairs = sorted({pair for one in facts for pair in one.synsets})
    for at, what in ((0, "label"), (1, "synset")):
        for value, count in Counter(pair[at] for pair in pairs).items():
            if count > 1:
                others = [pair[1 - at] for pair in pairs if pair[at] == value]
                yield RecordProblem.of_file("all shards", f"{what} {value} means {others[:5]}")
