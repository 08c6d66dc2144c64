"""Files beside the shards by which other tools know what a folder of records holds."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable

from imagenet_tools import storage
from imagenet_tools.records import croissant, tfds
from imagenet_tools.records.finish import LABELS
from imagenet_tools.records.manifest import NAME, Manifest, read_manifest
from imagenet_tools.storage.write import write_json, write_text

FORMATS = ("tfds", "croissant")


def describe_records(
    folder: str | os.PathLike[str], formats: str | Iterable[str] = FORMATS
) -> tuple[str, ...]:
    """Write descriptions of a built folder of records beside its shards; return the files' names.

    "tfds": what tfds.builder_from_directory asks for. "croissant": croissant.json. No byte of a
    record changes, and they stay right until the records are built anew.

    Raises FileNotFoundError where there are no finished records, ValueError for another format.
    """
    asked = [formats] if isinstance(formats, str) else list(formats)
    if unknown := sorted(set(asked) - set(FORMATS)):
        raise ValueError(f"unknown format {unknown[0]!r}; there are {', '.join(FORMATS)}")
    place = storage.place(folder)
    manifest = read_manifest(folder)
    written: list[str] = []
    if "tfds" in asked:
        for name, text in tfds.files(manifest, about(manifest)).items():
            write_text(place / name, text)
            written.append(name)
    if "croissant" in asked:
        digests = {
            name: hashlib.sha256((place / name).read_bytes()).hexdigest() for name in (NAME, LABELS)
        }
        described = croissant.content(manifest, about(manifest), digests)
        write_json(place / croissant.NAME, described)
        written.append(croissant.NAME)
    return tuple(written)


def about(manifest: Manifest) -> str:
    """What the records are, in a sentence."""
    counts = " and ".join(f"{split.records:,} {name}" for name, split in manifest.splits.items())
    return (
        f"{counts} images of {manifest.num_classes:,} classes, from {manifest.layout}, in "
        f"TF-Slim's schema. Labels are {manifest.label_convention}. Digest {manifest.digest}."
    )
