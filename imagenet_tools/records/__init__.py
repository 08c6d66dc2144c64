"""Folders of TFRecords: built from raw images, described by a manifest, verified and repaired."""

from imagenet_tools.records.build import build
from imagenet_tools.records.manifest import Manifest, read_manifest, shard_paths
from imagenet_tools.records.prepare import Settings

__all__ = ["Manifest", "Settings", "build", "read_manifest", "shard_paths"]
