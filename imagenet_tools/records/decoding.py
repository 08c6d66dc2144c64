"""From what a record stores to pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imagenet_tools import images
from imagenet_tools.records import schema

if TYPE_CHECKING:
    import numpy as np


def stored_pixels(encoded: bytes, image_format: str, height: int, width: int) -> np.ndarray:
    """Decode a record's image: uint8 [height, width, 3], RGB.

    image_format: "JPEG", or "RAW" for pixels that need no decoding. Raises ValueError where the
    bytes do not decode; what libjpeg merely warns of is left as it comes, as in training.
    """
    import numpy as np

    if image_format == "RAW":
        return np.frombuffer(encoded, np.uint8).reshape(height, width, 3)
    return np.asarray(images.to_rgb(encoded, strict=False).convert("RGB"))


def pixels(example: dict[str, list[Any]]) -> np.ndarray:
    """As stored_pixels, of what schema.decode_example returns."""
    keys = (schema.ENCODED, schema.FORMAT, schema.HEIGHT, schema.WIDTH)
    encoded, image_format, height, width = (example[key][0] for key in keys)
    return stored_pixels(encoded, image_format.decode(), height, width)
