"""The devkit: its synset table and ground truth, checked against the labels shipped with us."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

from imagenet_tools import labels as imagenet
from imagenet_tools.errors import DamagedData

META, TRUTH = "data/meta.mat", "data/ILSVRC2012_validation_ground_truth.txt"


def check(path: Path) -> None:
    """Compare the devkit's validation labels with the shipped ones, through its own synset ids.

    Raises DamagedData where the devkit is unreadable or the two disagree.
    """
    synset_of, truth = read(path)
    shipped = imagenet.validation_labels()
    if len(truth) != len(shipped):
        raise DamagedData(f"{path}: {len(truth):,} validation labels; there must be 50,000")
    for number, (identity, label) in enumerate(zip(truth, shipped, strict=True), 1):
        synset = synset_of.get(identity)
        if synset != imagenet.synsets()[label - 1]:
            raise DamagedData(
                f"{path} says {synset} for validation image {number}, the shipped list says "
                f"{imagenet.synsets()[label - 1]}"
            )


def read(path: Path) -> tuple[dict[int, str], list[int]]:
    """Return ILSVRC2012_ID -> synset of the 1000 leaves, and the ground truth ids in order."""
    from scipy.io import loadmat

    try:
        with tarfile.open(fileobj=io.BytesIO(path.read_bytes()), mode="r:gz") as archive:
            content = {}
            for member in archive:
                for wanted in (META, TRUTH):
                    if member.name.endswith(wanted) and member.isreg():
                        file = archive.extractfile(member)
                        content[wanted] = file.read() if file else b""
        synsets = loadmat(io.BytesIO(content[META]), squeeze_me=True)["synsets"]
        table = {
            int(row["ILSVRC2012_ID"]): str(row["WNID"])
            for row in synsets
            if int(row["num_children"]) == 0
        }
        return table, [int(line) for line in content[TRUTH].split()]
    except Exception as error:  # of foreign bytes, scipy raises anything
        raise DamagedData(f"{path}: not a readable ILSVRC2012 devkit ({error!r})") from error
