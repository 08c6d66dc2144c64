"""Read one shard through: both CRCs of each record, the schema, labels, and image headers."""

from __future__ import annotations

import hashlib
import os
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from imagenet_tools import images, storage
from imagenet_tools.records import decoding, schema, tfrecord
from imagenet_tools.records.manifest import Shard
from imagenet_tools.records.shard import content_hash, index_text
from imagenet_tools.records.shuffle import hashes_of

if TYPE_CHECKING:
    import numpy as np


class RecordProblem(NamedTuple):
    """Something wrong. record is its number in the file (-1: the file); name the raw image's."""

    file: str
    record: int
    name: str
    reason: str

    @classmethod
    def of_file(cls, file: str, reason: str) -> RecordProblem:
        return cls(file, -1, "", reason)

    def __str__(self) -> str:
        where = f": record {self.record}" if self.record >= 0 else ""
        name = f" ({self.name})" if self.name else ""
        return f"{self.file}{where}{name}: {self.reason}"


@dataclass(frozen=True)
class ShardCheck:
    """A shard to check: what the manifest says of it, and the key of each class, where known.

    ours: its records have TF-Slim's schema; of others the frames and the images are checked.
    """

    path: str
    expected: Shard | None
    classes: tuple[str, ...]
    index_path: str | None
    decode: bool
    slim_constants: bool
    seed: int | None = None  # of the shuffle, where it is known
    ours: bool = True


@dataclass
class ShardFacts:
    """What a shard turned out to hold.

    synsets: of each (label, class key) how many records. words: of each class key, those that its
    records carry. Of each record: contents, a hash of the image's bytes (0 for none); pictures, one
    of what it shows (likeness.UNKNOWN where nothing was decoded).
    """

    problems: list[RecordProblem] = field(default_factory=list)
    intact: bool = True
    synsets: Counter[tuple[int, str]] = field(default_factory=Counter)
    words: set[tuple[str, str]] = field(default_factory=set)
    contents: array[int] = field(default_factory=lambda: array("Q"))
    pictures: array[int] = field(default_factory=lambda: array("Q"))


def check_shard(check: ShardCheck) -> ShardFacts:
    """Read one shard through and return what it holds and what is wrong with it."""
    facts, name = ShardFacts(), os.path.basename(check.path)
    digest, sizes, keys = hashlib.sha256(), [], []
    try:
        with storage.local_copy(check.path) as path:
            storage.size(path)  # a fifo is refused, not waited for
            for number, framed in enumerate(tfrecord.scan(path)):
                digest.update(framed.frame)
                sizes.append(len(framed.data) + tfrecord.OVERHEAD)
                example, reasons, picture = _examine(framed, check)
                source = schema.text(example, schema.FILENAME)
                facts.problems += [RecordProblem(name, number, source, one) for one in reasons]
                if framed.problem:
                    facts.intact = False
                else:
                    synset = schema.text(example, schema.SYNSET)
                    facts.synsets[_label(example), synset] += 1
                    facts.words.add((synset, schema.text(example, schema.TEXT)))
                facts.contents.append(_content(example))
                facts.pictures.append(picture)
                keys.append(schema.key_of(example))
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        reason = "it is missing" if missing else f"it cannot be read ({error.strerror})"
        # Nothing of it can be read again.
        problems = [*facts.problems, RecordProblem.of_file(name, reason)]
        return ShardFacts(problems, False, facts.synsets, facts.words)
    expected = check.expected
    if expected and (len(sizes), digest.hexdigest()) != (expected.records, expected.digest):
        other = len(sizes) != expected.records
        reason = _told(len(sizes), "records", expected.records) if other else tfrecord.OTHERS
        facts.problems.append(RecordProblem.of_file(name, reason))
        facts.intact = False
    if facts.intact:
        for reason in _shard_reasons(check, facts, sizes, keys):
            facts.problems.append(RecordProblem.of_file(name, reason))
    return facts


def _shard_reasons(
    check: ShardCheck, facts: ShardFacts, sizes: list[int], keys: list[str]
) -> Iterator[str]:
    """What else is said of a shard, by the manifest or an index, that does not hold."""
    if expected := check.expected:
        classes = len({synset for _, synset in facts.synsets})
        if sum(sizes) != expected.bytes:
            yield _told(sum(sizes), "bytes", expected.bytes)
        if expected.classes not in (0, classes):  # 0: a former version did not count them
            yield _told(classes, "classes", expected.classes)
    if check.seed is not None and not _shuffled(keys, check.seed):
        yield f"its records are not in the order of the manifest's seed, {check.seed}"
    if check.index_path and not _is_index(check.index_path, sizes):
        yield f"{check.index_path} is no index of it"


def _told(count: int, what: str, told: int) -> str:
    return f"{count:,} {what} where the manifest says {told:,}"


def _shuffled(keys: list[str], seed: int) -> bool:
    hashes = list(hashes_of(keys, seed))
    return hashes == sorted(hashes)


def _is_index(path: str, sizes: list[int]) -> bool:
    """Whether a file is DALI's index of records of these sizes."""
    try:
        if not storage.is_remote(path):
            storage.size(path)
        return storage.place(path).read_text(encoding="ascii") == index_text(sizes)
    except (OSError, ValueError):
        return False


def _examine(
    framed: tfrecord.Framed, check: ShardCheck
) -> tuple[dict[str, list[Any]], list[str], int]:
    """Parse a record; say what is wrong with it, and what its image looks like."""
    from imagenet_tools.images import likeness

    try:
        example = schema.decode_example(framed.data)
    except ValueError as error:
        return {}, [framed.problem or str(error)], likeness.UNKNOWN
    if framed.problem:
        return example, [framed.problem], likeness.UNKNOWN
    if not check.ours:
        return example, list(_other_reasons(example, check.decode)), likeness.UNKNOWN
    reasons = list(_record_reasons(example, check))
    if any(len(example.get(key, ())) != 1 for key in schema.SINGLE):
        return example, reasons, likeness.UNKNOWN
    problem = next(_image_reasons(example, check), None)
    picture = likeness.UNKNOWN
    if check.decode and not problem:
        try:
            picture = likeness.perceptual_hash(thumbnail(example, strict=True))
        except ValueError as error:
            problem = str(error)
    return example, [*reasons, problem] if problem else reasons, picture


def thumbnail(example: dict[str, list[Any]], strict: bool = False) -> np.ndarray:
    """The thumbnail of a record's image; see likeness.thumbnail."""
    from imagenet_tools.images import likeness

    if example[schema.FORMAT][0] == b"RAW":
        return likeness.squeezed(decoding.pixels(example))
    return likeness.thumbnail(example[schema.ENCODED][0], strict)


def _label(example: dict[str, list[Any]]) -> int:
    return int(schema.first(example, schema.LABEL, -1))


def _content(example: dict[str, list[Any]]) -> int:
    encoded = schema.first(example, schema.ENCODED, b"")
    return content_hash(encoded, schema.first(example, schema.FORMAT, b"")) if encoded else 0


def _record_reasons(example: dict[str, list[Any]], check: ShardCheck) -> Iterator[str]:
    for key, kind in schema.SINGLE.items():
        values = example.get(key)
        if values is None:
            yield f"{key} is absent"
        elif len(values) != 1 or not isinstance(values[0], kind):
            yield f"{key} must be one {kind.__name__}, not {str(values)[:60]}"
    if any(len(example.get(key, ())) != 1 for key in schema.SINGLE):
        return
    lengths = {key: len(example.get(key, ())) for key in schema.BOXES}
    if len(set(lengths.values())) > 1:
        yield f"its boxes are uneven: {lengths}"
    label, synset = _label(example), schema.text(example, schema.SYNSET)
    if check.classes and not 1 <= label <= len(check.classes):
        yield f"label {label} is outside 1..{len(check.classes)}"
    elif check.classes and check.classes[label - 1] != synset:
        yield f"label {label} belongs to {check.classes[label - 1]}, not to {synset}"


def _other_reasons(example: dict[str, list[Any]], decode: bool) -> Iterator[str]:
    """Of a record of another tool: what is wrong with its image, under TF-Slim's key or TFDS's."""
    for data in (*example.get(schema.ENCODED, ()), *example.get("image", ())):
        if isinstance(data, bytes):
            facts = images.inspect(data)
            problem = images.decode(data) if decode and facts.format == "JPEG" else facts.problem
            if problem:
                yield problem


def _image_reasons(example: dict[str, list[Any]], check: ShardCheck) -> Iterator[str]:
    data, height, width = (example[key][0] for key in (schema.ENCODED, schema.HEIGHT, schema.WIDTH))
    channels = example[schema.CHANNELS][0]
    stored = example[schema.FORMAT][0]
    if stored == b"RAW":
        if len(data) != height * width * channels:
            yield f"{len(data):,} bytes for {height} x {width} x {channels} raw pixels"
        return
    facts = images.inspect(data)
    if facts.problem:
        yield facts.problem
    elif facts.format.encode() != stored:
        yield f"its format is {stored.decode(errors='replace')} and its bytes are {facts.format}"
    elif (facts.height, facts.width) != (height, width):
        yield f"height x width is {height} x {width}, its image's {facts.height} x {facts.width}"
    elif facts.channels != channels and not (check.slim_constants and channels == 3):
        yield f"channels is {channels}, its image's {facts.channels}"
