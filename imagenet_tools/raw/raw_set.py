"""What a layout yields: classes, and for each split its images."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from imagenet_tools.raw.boxes import Boxes
from imagenet_tools.raw.classes import Numbering
from imagenet_tools.raw.image import ClassInfo
from imagenet_tools.raw.intake import Counted, Intake
from imagenet_tools.raw.split import RawSplit

# What a layout without splits says of its images.
TAKEN = "taken as training images (or as validation images by --split validation)"


@dataclass(frozen=True)
class RawSet:
    """A raw data set as found: what it is, its classes and its splits; what was looked for.

    left_out: reason -> the entries that no record will hold.
    unsplit: its images are of no split; they are called training images until `only` is asked.
    refused: a split that is there and cannot be taken -> why.
    """

    layout: str
    description: str
    label_convention: str
    classes: tuple[ClassInfo, ...]
    splits: dict[str, RawSplit]
    boxes_source: str = ""
    looked_for: str = ""
    left_out: dict[str, Counted] = field(default_factory=dict)
    unsplit: bool = False
    refused: dict[str, str] = field(default_factory=dict)

    @classmethod
    def described(
        cls,
        layout: str,
        place: str,
        numbering: Numbering,
        splits: dict[str, RawSplit],
        *,
        seen: Intake,
        boxes: Boxes | None = None,
        unsplit: bool = False,
        refused: dict[str, str] | None = None,
    ) -> RawSet:
        """The data set with its description: place (what lies where), counts, what was seen."""
        splits, source = boxes.attached(splits) if boxes else (splits, "")
        counts = ", ".join(f"{len(part):,} {name} images" for name, part in splits.items())
        return cls(
            layout=layout,
            description="; ".join(filter(None, [f"{place}: {counts}", source, *seen.notes()])),
            label_convention=numbering.convention,
            classes=numbering.classes,
            splits=splits,
            boxes_source=source,
            left_out=seen.left_out,
            unsplit=unsplit,
            refused=refused or {},
        )

    @property
    def num_classes(self) -> int:
        """Number of classes without background."""
        return len(self.classes)

    def only(self, splits: Iterable[str]) -> RawSet:
        """The data set with these splits alone, its classes and labels as they are.

        Raises ValueError, saying what was found and looked for, where one of them is not there.
        """
        wanted = tuple(splits)
        if self.unsplit and wanted == ("validation",):
            part = replace(self.splits["train"], name="validation")
            return replace(self, splits={"validation": part}, unsplit=False)
        if refused := [self.refused[name] for name in wanted if name in self.refused]:
            raise ValueError(refused[0])
        if missing := [name for name in wanted if name not in self.splits]:
            looked_for = f". Looked for: {self.looked_for}" if self.looked_for else ""
            raise ValueError(f"no {' or '.join(missing)} split: {self.description}{looked_for}")
        return replace(self, splits={name: self.splits[name] for name in wanted})
