"""ImageNet's 1000 classes, and what each convention calls them.

A record carries its synset; every number is derived from it:
TF-Slim's (written in records): 1..1000 in the order of the sorted synsets, 0 for background;
torchvision's, TFDS's and Keras's: the same order from 0 to 999;
the devkit's ILSVRC2012_ID: 1..1000 in an order of its own, never written here.
"""

from __future__ import annotations

import functools
from importlib import resources

NUM_CLASSES = 1000
TRAIN_IMAGES, VALIDATION_IMAGES = 1_281_167, 50_000  # ILSVRC2012, classification task
BACKGROUND = "background"
IMAGENET_CONVENTION = "ImageNet's: 1..1000 by sorted synset, 0 = background (TF-Slim)"


def _lines(name: str) -> list[str]:
    file = resources.files("imagenet_tools") / "data" / name
    return file.read_text(encoding="utf-8").splitlines()


@functools.cache
def words() -> dict[str, str]:
    """Return synset -> its words, 1000 of them in label order ('n01440764' -> 'tench, ...').

    Source: the LSVRC2012 synset list and WordNet's words, as TF-Slim's labels.txt has them.
    """
    return dict(line.split("\t", 1) for line in _lines("imagenet2012_synsets.tsv"))


@functools.cache
def label_of() -> dict[str, int]:
    """Return synset -> label 1..1000 (TF-Slim's numbering)."""
    return {synset: index + 1 for index, synset in enumerate(words())}


@functools.cache
def synsets() -> tuple[str, ...]:
    """Return the 1000 synsets in label order: synsets()[label - 1]."""
    return tuple(words())


@functools.cache
def validation_labels() -> tuple[int, ...]:
    """Return the labels 1..1000 of ILSVRC2012_val_00000001 .. _00050000, in that order."""
    return tuple(int(line) for line in _lines("imagenet2012_validation_labels.txt"))
