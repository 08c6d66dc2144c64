"""timm's create_transform as its models ask for it: bicubic, colour jitter of 0.4."""

from __future__ import annotations

from imagenet_tools import registry
from imagenet_tools.preprocessing.jitter_preprocessing import jitter
from imagenet_tools.preprocessing.resized_crop_preprocessing import resized_crop
from imagenet_tools.preprocessing.torchvision_preprocessing import value_range

timm = registry.register_parts(
    "timm",
    geometry=resized_crop,
    colour=jitter,
    range=value_range,
    defaults={"interpolation": "bicubic", "hue": 0.0},
    summary="timm's create_transform: RandomResizedCrop, bicubic, jitter 0.4; eval by crop_pct",
    source="timm 1.0.31, data/transforms_factory.py",
)
preprocess_image = timm.preprocess_image
