"""Folders of TFRecords: built from raw images, described by a manifest, verified and repaired."""

from imagenet_tools.records.builder import build, build_slice
from imagenet_tools.records.decoding import pixels
from imagenet_tools.records.finish import finalize
from imagenet_tools.records.job import refuse_raw_folder
from imagenet_tools.records.manifest import NAME, Manifest, read_manifest
from imagenet_tools.records.prepare import Settings
from imagenet_tools.records.repairer import Repair, repair
from imagenet_tools.records.shard_check import RecordProblem
from imagenet_tools.records.shards import check_sizes, examples, shard_paths
from imagenet_tools.records.verifier import Verification, verify

__all__ = [
    "NAME",
    "RecordProblem",
    "Manifest",
    "Repair",
    "Verification",
    "Settings",
    "build",
    "build_slice",
    "check_sizes",
    "examples",
    "finalize",
    "pixels",
    "read_manifest",
    "refuse_raw_folder",
    "repair",
    "shard_paths",
    "verify",
]
