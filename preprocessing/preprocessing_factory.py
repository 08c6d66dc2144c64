"""TF-Slim's door to the pipelines: get_preprocessing(name, is_training).

The names are those of tensorflow/models d4eedbb9, research/slim/preprocessing/
preprocessing_factory.py (34 of them), plus alexnet_v2, and every pipeline of the registry.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from imagenet_tools import registry

_INCEPTION = (
    "inception inception_v1 inception_v2 inception_v3 inception_v4 inception_resnet_v2 "
    "mobilenet_v1 mobilenet_v2 mobilenet_v2_035 mobilenet_v2_140 mobilenet_v3_small "
    "mobilenet_v3_large mobilenet_v3_small_minimalistic mobilenet_v3_large_minimalistic "
    "mobilenet_edgetpu mobilenet_edgetpu_075 nasnet_mobile nasnet_large pnasnet_mobile "
    "pnasnet_large"
)
_VGG = (
    "vgg vgg_a vgg_16 vgg_19 resnet_v1_50 resnet_v1_101 resnet_v1_152 resnet_v1_200 "
    "resnet_v2_50 resnet_v2_101 resnet_v2_152 resnet_v2_200"
)
# Model name -> pipeline. TF-Slim has none for alexnet_v2; inception is the pairing that reached
# 56.8 % top-1 and 79.9 % top-5 on ImageNet. The pipeline `alexnet` goes by its own name.
MODELS = {
    **dict.fromkeys(_INCEPTION.split(), "inception"),
    **dict.fromkeys(_VGG.split(), "vgg"),
    "cifarnet": "cifarnet",
    "lenet": "lenet",
    "alexnet_v2": "inception",
}


def get_preprocessing(
    name: str, is_training: bool = False, use_grayscale: bool = False
) -> Callable[..., Any]:
    """Return preprocessing_fn(image, output_height, output_width, **kwargs) -> float32 image.

    name: a TF-Slim model name, or a spec of the registry. image: uint8 [height, width, 3]. Draws
    are fresh with each call, unless `seed` (int32 [2]) is among the kwargs.
    Raises ValueError, as TF-Slim does, for a name that neither knows, and for training under a
    pipeline that mixes batches: the function sees one image. Its evaluation mixes nothing.
    """
    try:
        pipeline = registry.get(MODELS.get(name, name))
    except LookupError as error:
        models = ", ".join(sorted(set(MODELS) - set(MODELS.values())))
        raise ValueError(f"{error.args[0]}. TF-Slim's model names: {models}") from error

    if is_training and pipeline.mixing:
        mixes = " and ".join(part.definition.name for part in pipeline.mixing)
        raise ValueError(
            f"{name}: {mixes} takes whole batches, and this function one image at a time; train "
            "with imgtools train, or without it"
        )

    def preprocessing_fn(image: Any, output_height: int, output_width: int, **kwargs: Any) -> Any:
        if use_grayscale:
            kwargs["use_grayscale"] = True
        return pipeline.preprocess_image(image, output_height, output_width, is_training, **kwargs)

    return preprocessing_fn
