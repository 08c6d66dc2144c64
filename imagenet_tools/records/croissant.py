"""A Croissant description of a folder of records: what data set catalogues and search engines read.

The format: http://mlcommons.org/croissant/1.0. It names files, classes, splits and the fields of a
record; the records themselves are TFRecords, which Croissant's own reader does not read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    files = [
        _node(
            "FileObject",
            name,
            contentUrl=name,
            encodingFormat="application/json" if name.endswith(".json") else "text/plain",
            sha256=digest,
        )
        for name, digest in digests.items()
    ]
    files += [
        _node(
            "FileSet",
            f"{name}-shards",
            encodingFormat="application/x-tfrecord",
            includes=f"{name}-*-of-{len(split.shards):05d}",
        )
        for name, split in manifest.splits.items()
    ]
    labelled = [(label, key, words) for label, (key, words) in enumerate(manifest.classes, 1)]
    sizes = [(name, split.records) for name, split in manifest.splits.items()]
    classes = {"label": "sc:Integer", "key": "sc:Text", "words": "sc:Text"}
    splits = {"name": "sc:Text", "records": "sc:Integer"}
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "name": "imgtools_records",
        "description": about,
        "conformsTo": VERSION,
        "version": "1.0.0",
        "distribution": files,
        "recordSet": [
            _table("classes", "sc:Enumeration", classes, labelled),
            _table("splits", "cr:Split", splits, sizes),
            *map(_images, manifest.splits),
        ],
    }


def _node(kind: str, place: str, name: str | None = None, **more: Any) -> dict[str, Any]:
    """Something that has a place in the description, and a name, which may be shorter."""
    return {"@type": f"cr:{kind}", "@id": place, "name": name or place, **more}


def _table(
    name: str, kind: str, columns: Mapping[str, str], rows: Sequence[tuple[Any, ...]]
) -> dict[str, Any]:
    """A record set whose rows stand in the description itself; its key is the first column."""
    places = [f"{name}/{column}" for column in columns]
    return _node(
        "RecordSet",
        name,
        dataType=kind,
        key={"@id": places[0]},
        field=[
            _node("Field", place, column, dataType=of)
            for place, (column, of) in zip(places, columns.items(), strict=True)
        ],
        data=[dict(zip(places, row, strict=True)) for row in rows],
    )


def _images(split: str) -> dict[str, Any]:
    """The fields of a record, in the shards of a split."""
    types = {key: _TYPES[kind] for key, kind in schema.SINGLE.items()}
    types |= {schema.ENCODED: "sc:ImageObject", **dict.fromkeys(schema.SIDES, "sc:Float")}
    fields = []
    for key, of in types.items():
        source = {"fileSet": {"@id": f"{split}-shards"}, "extract": {"column": key}}
        field = _node("Field", f"{split}/{key}", key, dataType=of, source=source)
        if key in schema.SIDES:
            field["repeated"] = True
        if key == schema.LABEL:
            field["references"] = {"field": {"@id": "classes/label"}}
        fields.append(field)
    return _node("RecordSet", split, field=fields)
