"""A Croissant description of a folder of records: what data set catalogues and search engines read.

The format: http://mlcommons.org/croissant/1.0. It names files, classes, splits and the fields of a
record; the records themselves are TFRecords, which Croissant's own reader does not read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imagenet_tools.records import schema
from imagenet_tools.records.manifest import Manifest

NAME = "croissant.json"
VERSION = "http://mlcommons.org/croissant/1.0"
_TERMS = (
    *("citeAs", "column", "extract", "field", "fileProperty", "fileObject", "fileSet", "format"),
    *("includes", "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "recordSet"),
    *("references", "regex", "repeated", "replace", "samplingRate", "separator", "source"),
    *("equivalentProperty", "subField", "transform"),
)
_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{term: f"cr:{term}" for term in _TERMS},
}
_TYPES = {int: "sc:Integer", bytes: "sc:Text"}


def content(manifest: Manifest, about: str, digests: Mapping[str, str]) -> dict[str, Any]:
    """Return the description as JSON-LD.

    about: a sentence. digests: SHA-256 of small files beside the shards, by their names; the
    digests of the shards are in the manifest, which is one of them.
    """
    files: list[dict[str, Any]] = [
        {
            "@type": "cr:FileObject",
            "@id": name,
            "name": name,
            "contentUrl": name,
            "encodingFormat": "application/json" if name.endswith(".json") else "text/plain",
            "sha256": digest,
        }
        for name, digest in digests.items()
    ]
    for name, split in manifest.splits.items():
        files.append(
            {
                "@type": "cr:FileSet",
                "@id": f"{name}-shards",
                "name": f"{name}-shards",
                "encodingFormat": "application/x-tfrecord",
                "includes": f"{name}-*-of-{len(split.shards):05d}",
            }
        )
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "name": "imgtools_records",
        "description": about,
        "conformsTo": VERSION,
        "version": "1.0.0",
        "distribution": files,
        "recordSet": [_classes(manifest), _splits(manifest), *map(_images, manifest.splits)],
    }


def _classes(manifest: Manifest) -> dict[str, Any]:
    rows = [
        {"classes/label": label, "classes/key": key, "classes/words": words}
        for label, (key, words) in enumerate(manifest.classes, 1)
    ]
    fields = {"label": "sc:Integer", "key": "sc:Text", "words": "sc:Text"}
    return _table("classes", "sc:Enumeration", "label", fields, rows)


def _splits(manifest: Manifest) -> dict[str, Any]:
    rows = [
        {"splits/name": name, "splits/records": split.records}
        for name, split in manifest.splits.items()
    ]
    return _table("splits", "cr:Split", "name", {"name": "sc:Text", "records": "sc:Integer"}, rows)


def _table(
    name: str, kind: str, key: str, fields: Mapping[str, str], rows: list[dict[str, Any]]
) -> dict[str, Any]:
    """A record set whose rows stand in the description itself."""
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "dataType": kind,
        "key": {"@id": f"{name}/{key}"},
        "field": [
            {"@type": "cr:Field", "@id": f"{name}/{field}", "name": field, "dataType": of}
            for field, of in fields.items()
        ],
        "data": rows,
    }


def _images(split: str) -> dict[str, Any]:
    """The fields of a record, in the shards of a split."""
    types = {key: _TYPES[kind] for key, kind in schema.SINGLE.items()}
    types[schema.ENCODED] = "sc:ImageObject"
    fields = [_field(split, key, of) for key, of in types.items()]
    fields += [{**_field(split, key, "sc:Float"), "repeated": True} for key in schema.SIDES]
    for field in fields:
        if field["name"] == schema.LABEL:
            field["references"] = {"field": {"@id": "classes/label"}}
    return {"@type": "cr:RecordSet", "@id": split, "name": split, "field": fields}


def _field(split: str, key: str, of: str) -> dict[str, Any]:
    source = {"fileSet": {"@id": f"{split}-shards"}, "extract": {"column": key}}
    return {
        "@type": "cr:Field",
        "@id": f"{split}/{key}",
        "name": key,
        "dataType": of,
        "source": source,
    }
