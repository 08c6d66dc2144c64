"""What a pipeline draws for one image of one epoch, as numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from imagenet_tools.pipelines import draws
from imagenet_tools.pipelines.pipeline import Pipeline
from imagenet_tools.pipelines.views import METHODS
from imagenet_tools.training import batches

# A draw of more numbers than this is told by its shape.
SHOWN = 16


def explain(
    pipeline: Pipeline,
    image: np.ndarray,
    size: int,
    *,
    seed: int,
    epoch: int,
    key: str,
    step: int | None = None,
) -> dict[str, Any]:
    """Return the view and the draws of a training image, ready for JSON.

    image: uint8 [h, w, 3]. seed, epoch, key: a run's, an epoch from 0 on, a record's; training
    draws the same. view: crop (y, x, height, width in the source), resize (height, width), method,
    window (y, x in what is resized), flip; None for a plain function. draws: name -> a number or
    several; a plain function's only where it draws with preprocessing.ops. mixing: the draws of a
    whole batch, that of `step` (0 is the first); None where batches are not mixed.
    ValueError for a step where they are not.
    """
    if step is not None and not pipeline.mixing:
        raise ValueError(f"step {step}: {pipeline.spec} mixes no batches; draws are an image's own")
    drawn = batches.draw_seed(seed, epoch, tf.constant(key))
    view = None
    if not pipeline.plain:
        height, width = image.shape[:2]
        seen = pipeline.view(height, width, size, size, True, seed=drawn)
        method = seen.method if isinstance(seen.method, str) else METHODS[int(seen.method)]
        view = {
            "crop": seen.crop.numpy().tolist(),
            "resize": seen.resize.numpy().tolist(),
            "method": method,
            "window": seen.window.numpy().tolist(),
            "flip": bool(seen.flip),
        }
    with draws.recorded() as by_name:
        pipeline.preprocess_image(tf.constant(image), size, size, True, seed=drawn)
    return {
        "spec": pipeline.spec,
        "fingerprint": pipeline.fingerprint,
        "seed": drawn.numpy().tolist(),
        "view": view,
        "draws": {name: _written(value) for name, value in by_name.items()},
        "mixing": _mixing(pipeline, size, batches.batch_seed(seed, step or 0)),
    }


def _mixing(pipeline: Pipeline, size: int, seed: tf.Tensor) -> dict[str, Any] | None:
    """What is drawn for a batch, and how much of each label stays."""
    if not pipeline.mixing:
        return None
    with draws.recorded() as by_name:
        _, share = pipeline.mix(tf.zeros([2, size, size, 3]), seed)
    drawn = {name: _written(value) for name, value in by_name.items()}
    parts = [part.definition.name for part in pipeline.mixing]
    return {"by": parts[drawn.pop("mixing", 0)], **drawn, "share_of_label": float(share[0])}


def _written(value: np.ndarray | bytes) -> Any:
    if isinstance(value, bytes):
        return value.decode()
    numbers = np.asarray(value)
    if numbers.size > SHOWN:
        return f"{numbers.dtype} {list(numbers.shape)}"
    return numbers.tolist()
