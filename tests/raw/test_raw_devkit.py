"""The devkit: its ground truth, through its own ids, against the labels that come with imgtools."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat
from tiny_layouts import archives, tar

from imagenet_tools import labels, raw
from imagenet_tools.errors import DamagedData

NAME = "ILSVRC2012_devkit_t12.tar.gz"


def write_devkit(root: Path, wrong: int | None = None, images: int = 50_000) -> None:
    """A devkit whose ids run against the order of the synsets, with one wrong label."""
    import gzip

    synsets = labels.synsets()
    kind = np.dtype([(name, object) for name in ("ILSVRC2012_ID", "WNID", "num_children")])
    leaves = [(1000 - at, synset, 0) for at, synset in enumerate(synsets)]
    table = np.array([*leaves, (1001, "n00001740", 2)], kind)  # the root of the tree is no class
    meta = io.BytesIO()
    savemat(meta, {"synsets": table.reshape(-1, 1)})
    truth = [1001 - label for label in labels.validation_labels()[:images]]
    if wrong is not None:
        truth[wrong] = truth[wrong] % 1000 + 1
    files = {
        "ILSVRC2012_devkit_t12/data/meta.mat": meta.getvalue(),
        "ILSVRC2012_devkit_t12/data/ILSVRC2012_validation_ground_truth.txt": "\n".join(
            map(str, truth)
        ).encode(),
    }
    (root / NAME).write_bytes(gzip.compress(tar(files), 1))


def test_a_devkit_that_agrees_is_said(tmp_path: Path) -> None:
    archives(tmp_path)
    write_devkit(tmp_path)
    found = raw.detect(tmp_path)
    assert NAME in found.description
    assert "its ground truth agrees with the shipped labels" in found.description


def test_a_label_that_disagrees_is_named(tmp_path: Path) -> None:
    archives(tmp_path)
    write_devkit(tmp_path, wrong=41)
    shipped = labels.synsets()[labels.validation_labels()[41] - 1]
    with pytest.raises(DamagedData, match=f"for validation image 42, the shipped list.*{shipped}"):
        raw.detect(tmp_path)


def test_a_short_or_unreadable_devkit_is_named(tmp_path: Path) -> None:
    archives(tmp_path)
    write_devkit(tmp_path, images=49_999)
    with pytest.raises(DamagedData, match="49,999 validation labels; there must be 50,000"):
        raw.detect(tmp_path)
    whole = (tmp_path / NAME).read_bytes()
    for broken in (b"", whole[: len(whole) // 2], b"not a tar"):
        (tmp_path / NAME).write_bytes(broken)
        with pytest.raises(DamagedData, match="not a readable ILSVRC2012 devkit"):
            raw.detect(tmp_path)
