"""Which classes and which images a contrast turns: right under one arm, wrong under the other."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from imagenet_tools import labels, records
from imagenet_tools.comparison import statistics
from imagenet_tools.comparison.results import Contrast


@dataclass(frozen=True)
class ClassChange:
    """Top-1 of a class under both arms, percent.

    p: of no difference over seeds and other images of the class, as the verdict's; by Holm over all
    classes. 1 where an arm has one seed, or the class one picture.
    """

    label: int
    name: str
    images: int
    a: float
    b: float
    p: float

    @property
    def word(self) -> str:
        """The first of its words, its label where it has none."""
        return self.name.partition(",")[0] or str(self.label)


@dataclass(frozen=True)
class Turned:
    """Which classes and images a contrast turns.

    changes: every class, the largest first. only_a: keys of the images that every run of A has
    right and none of B; only_b: the reverse. All empty where an arm has no run.
    """

    changes: tuple[ClassChange, ...] = ()
    only_a: tuple[str, ...] = ()
    only_b: tuple[str, ...] = ()


def turned(contrast: Contrast, names: Sequence[str]) -> Turned:
    """Which classes and images a contrast turns; names: words by label."""
    if not contrast.judged:
        return Turned()
    only_a, only_b = (
        tuple(str(contrast.a.key[index]) for index in indices) for indices in flipped(contrast)
    )
    return Turned(tuple(class_changes(contrast, names)), only_a, only_b)


def class_changes(contrast: Contrast, names: Sequence[str] = ()) -> list[ClassChange]:
    """Every class of a contrast, the largest changes first."""
    a, b = contrast.a.own, contrast.b.own
    rows, p_values = [], []
    for label in np.unique(contrast.a.label):
        chosen = contrast.a.label == label
        runs_a, runs_b = 100 * a[:, chosen].mean(axis=1), 100 * b[:, chosen].mean(axis=1)
        groups = None if contrast.a.group is None else contrast.a.group[chosen]
        pictures = chosen.sum() if groups is None else len(np.unique(groups))
        few = min(len(a), len(b), pictures) < 2
        p = 1.0 if few else statistics.difference(a[:, chosen], b[:, chosen], groups).p
        p_values.append(p)
        name = names[label] if label < len(names) else ""
        means = float(runs_a.mean()), float(runs_b.mean())
        rows.append((int(label), name, int(chosen.sum()), *means))
    adjusted = statistics.holm(p_values)
    changes = [ClassChange(*row, p) for row, p in zip(rows, adjusted, strict=True)]
    return sorted(changes, key=lambda one: -abs(one.a - one.b))


def flipped(contrast: Contrast) -> tuple[np.ndarray, np.ndarray]:
    """Indices of images right in every run of A and wrong in every run of B, and the reverse."""
    a, b = contrast.a.own, contrast.b.own
    return np.flatnonzero(a.all(0) & ~b.any(0)), np.flatnonzero(b.all(0) & ~a.any(0))


def class_names(data: str | os.PathLike[str], offset: int) -> Sequence[str]:
    """Words of each label as the net counts them (less the offset), background first if it is."""
    classes = records.read_manifest(data).classes
    names = [labels.BACKGROUND, *(words or key for key, words in classes)]
    return names[offset:]
