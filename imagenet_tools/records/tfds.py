"""What makes a folder of records a data set of TensorFlow Datasets, as it lies there.

`tfds.builder_from_directory(folder)` asks for features.json and dataset_info.json; the third file
has the names of the labels. TFDS hands numbers out as they are written: 1..N, and 0, which no image
has, for background. It has nothing that subtracts one.
"""

from __future__ import annotations

import json
from typing import Any

from imagenet_tools import labels
from imagenet_tools.records import schema
from imagenet_tools.records.manifest import Manifest

NAME = "imgtools_records"  # TFDS's names are lower case with underscores
_FEATURES = "tensorflow_datasets.core.features"
_INTEGERS = (schema.BOX_LABEL, schema.OBJECT_LABEL)


def files(manifest: Manifest, about: str) -> dict[str, str]:
    """File name -> content, of the three files that go beside the shards. about: a sentence."""
    return {
        "features.json": json.dumps(_features(manifest), indent=1) + "\n",
        "dataset_info.json": json.dumps(_info(manifest, about), indent=1) + "\n",
        f"{schema.LABEL.replace('/', '.')}.labels.txt": "\n".join(_names(manifest)) + "\n",
    }


def _names(manifest: Manifest) -> list[str]:
    """The keys of the classes by label, which unlike their words are unique."""
    keys = [key for key, _ in manifest.classes]
    return ["(none)" if labels.BACKGROUND in keys else labels.BACKGROUND, *keys]


def _features(manifest: Manifest) -> dict[str, Any]:
    kinds = {
        key: _scalar("int64" if kind is int else "string") for key, kind in schema.SINGLE.items()
    }
    kinds |= {key: _list(_scalar("float32")) for key in schema.SIDES}
    kinds |= {key: _list(_scalar("int64")) for key in _INTEGERS}
    kinds[schema.LABEL] = _feature(
        "class_label_feature.ClassLabel",
        classLabel={"numClasses": str(manifest.num_classes + 1)},
    )
    if manifest.store != "raw":  # else the bytes, with height and width beside them
        shape = {"dimensions": ["-1", "-1", "3"]}
        image = {"shape": shape, "dtype": "uint8", "encodingFormat": "jpeg"}
        kinds[schema.ENCODED] = _feature("image_feature.Image", image=image)
    return {
        "type": f"{_FEATURES}.features_dict.FeaturesDict",
        "content": {"features": kinds},
        "proto_cls": "tensorflow_datasets.FeaturesDict",
    }


def _feature(name: str, **content: Any) -> dict[str, Any]:
    return {"pythonClassName": f"{_FEATURES}.{name}", **content}


def _scalar(dtype: str) -> dict[str, Any]:
    return _feature("scalar.Scalar", tensor={"shape": {}, "dtype": dtype, "encoding": "none"})


def _list(of: dict[str, Any]) -> dict[str, Any]:
    return _feature("sequence_feature.Sequence", sequence={"feature": of, "length": "-1"})


def _info(manifest: Manifest, about: str) -> dict[str, Any]:
    splits = [
        {
            "name": name,
            "shardLengths": [str(shard.records) for shard in split.shards],
            "numBytes": str(split.bytes),
            "filepathTemplate": "{SPLIT}-{SHARD_X_OF_Y}",
        }
        for name, split in manifest.splits.items()
    ]
    return {
        "name": NAME,
        "version": "1.0.0",
        "description": about,
        "fileFormat": "tfrecord",
        "splits": splits,
        "supervisedKeys": {
            "tuple": {"items": [{"featureKey": schema.ENCODED}, {"featureKey": schema.LABEL}]}
        },
    }
