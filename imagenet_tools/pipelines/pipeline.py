"""A pipeline as the registry hands it out: three parts, or one plain function."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar, cast

import numpy as np
import tensorflow as tf

from imagenet_tools.pipelines import draws, lines, mixing, pixels, probe, rendering
from imagenet_tools.pipelines.call import Call
from imagenet_tools.pipelines.description import Description
from imagenet_tools.pipelines.parts import AFTER, IGNORED, MIXING, UNIVERSAL, Part, unchanged
from imagenet_tools.pipelines.views import View, five_views

# A plain function has no resized plane to cut ten crops from: AlexNet's 256 for 224.
TEN_CROP_MARGIN = 256 / 224
Function = TypeVar("Function", bound=Callable[..., Any])


def as_written(function: Function) -> Function:
    """tf.autograph.experimental.do_not_convert, without TensorFlow until the function is called.

    AutoGraph would rewrite a pipeline where tf.data maps it, some four seconds at each start.
    """

    @functools.wraps(function)
    def written(*args: Any, **keywords: Any) -> Any:
        return tf.autograph.experimental.do_not_convert(function)(*args, **keywords)

    # The mark by which AutoGraph knows what do_not_convert has made.
    written.autograph_info__ = None  # type: ignore[attr-defined]
    return cast(Function, written)


class Pipeline(Description):
    """A preprocessing pipeline, ready to run: image in, what the network sees out."""

    def at_rest(self) -> Pipeline:
        """The pipeline without the parts that move, cover or invert pixels on purpose.

        What its geometry does can be measured with patterns; they would be taken for faults.
        """
        parts = dict(self.parts)
        for kind, part in self.parts.items():
            if part.definition.moves and kind == AFTER:
                del parts[kind]
            elif part.definition.moves:
                still = replace(part.definition, functions={kind: unchanged})
                parts[kind] = Part(still, kind)
        return replace(self, parts=parts)

    def describe(self) -> dict[str, Any]:
        """Return steps, parameters, value range, source and fingerprint, ready for JSON.

        value_range: [least, greatest] of what comes out for pixels of 0..255 left as they are;
        None where it depends on the image (standardised) or cannot be known (a plain function).
        """
        ends = self._ends()
        return {
            **self.written(),
            "value_range": None if ends is None else [float(ends.min()), float(ends.max())],
            "seeded": self.seeded,
            "fused": not self.plain,
        }

    @as_written
    def __call__(
        self,
        image: Any,
        size: int | tuple[int, int],
        *,
        is_training: bool = False,
        seed: Any = None,
    ) -> Any:
        """Turn a decoded image, uint8 [height, width, 3], into float32 [size, size, 3].

        size: of both sides, or (height, width). seed: two integers from which all draws come; None
        draws anew. An array of NumPy's comes out as one, a tensor (in tf.data, too) as a tensor.
        """
        sides: Any = (size, size) if np.ndim(size) == 0 else size
        height, width = pixels.static_size(sides)
        made = self.preprocess_image(image, height, width, is_training, seed=seed)
        return made if tf.is_tensor(image) else made.numpy()

    @as_written
    def preprocess_image(
        self,
        image: Any,
        output_height: int,
        output_width: int,
        is_training: bool = False,
        *,
        seed: Any = None,
        **kwargs: Any,
    ) -> tf.Tensor:
        """Turn a decoded image into what the network sees; TF-Slim's contract.

        Args: image: uint8 [height, width, 3 or 1], sizes may be unknown. seed: int32 [2]; the same
        seed gives the same draws, None fresh ones each time. kwargs: TF-Slim's keywords (fast_mode,
        bbox, crop_image, use_grayscale, resize_side_min, ...), above the settings of the spec.
        Returns float32 [output_height, output_width, 3], or 1 channel with use_grayscale.
        Raises TypeError for a keyword that the pipeline does not know, ValueError for a wrong
        image or a plug-in that returns the wrong thing.
        """
        call = self._call((output_height, output_width), is_training, seed, kwargs)
        self._probe(call)
        return call.pixels(pixels.as_rgb(image))

    @as_written
    def preprocess_encoded(
        self,
        encoded: Any,
        output_height: int,
        output_width: int,
        is_training: bool = False,
        *,
        seed: Any = None,
        **kwargs: Any,
    ) -> tf.Tensor:
        """Turn JPEG bytes (a scalar string) into what preprocess_image gives, decoding less.

        Only the part of the JPEG that is looked at is decoded; the result is that of
        preprocess_image on the decoded image within the tolerance of docs/why/preprocessing.md. A
        plain function gets the whole image, decoded.
        """
        call = self._call((output_height, output_width), is_training, seed, kwargs)
        self._probe(call)
        return call.encoded(encoded)

    @as_written
    def evaluate_portably(self, image: Any, output_height: int, output_width: int) -> tf.Tensor:
        """What preprocess_image gives in evaluation, by operations that other runtimes have too.

        A resize becomes two matrix products where its method can (matrices.METHODS); values are
        within 1e-4 of their range of preprocess_image's.
        """
        call = self._call((output_height, output_width), False, (0, 0), {})
        return call.portably(pixels.as_rgb(image))

    def mix(
        self, images: tf.Tensor, seed: Any, partners: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Mix the images of a training batch, each with its partner: the fourth part.

        images: float32 [n, height, width, channels], as preprocess_image gives them. seed: int32
        [2], of the batch. partners: the same shape; without, each image's is the one before it, and
        the first's the last. Returns the mixed images and float32 [n]: how much of each label
        stays the image's own, the rest being its partner's. Where nothing mixes, the images and 1.
        """
        return mixing.mix(self.mixing, images, seed, partners)

    @as_written
    def view(
        self,
        height: Any,
        width: Any,
        output_height: int,
        output_width: int,
        is_training: bool = False,
        *,
        seed: Any = None,
        **kwargs: Any,
    ) -> View:
        """Return the View of an image of this size: the crop, with no pixel touched.

        ValueError for a plain function, which has no geometry of its own.
        """
        if self.plain:
            raise ValueError(f"{self.spec} is a plain function: what it looks at is not described")
        call = self._call((output_height, output_width), is_training, seed, kwargs)
        height, width = (tf.convert_to_tensor(side, tf.int32) for side in (height, width))
        return call.view(height, width)

    @as_written
    def ten_crop(self, image: Any, output_height: int, output_width: int) -> tf.Tensor:
        """Return the four corners and the centre of the evaluation view, and their flips.

        float32 [10, output_height, output_width, 3], the flips last. Where the evaluation resizes
        and then cuts (alexnet, vgg), windows of the resized image; where it cuts and then resizes
        (inception), windows of the source; for a plain function, windows of its output at
        256/224 of the size.
        """
        image = pixels.as_rgb(image)
        call = self._call((output_height, output_width), False, (0, 0), {})  # draws nothing
        if self.plain:
            return self._ten_crop_of_output(image, call.size)
        height, width = pixels.size_of(image)
        out = []
        for flip in (False, True):
            for view in five_views(call.view(height, width), height, width):
                rendered = rendering.render_image(image, view)
                rendered = tf.reverse(rendered, axis=[1]) if flip else rendered
                view = view._replace(flip=tf.constant(flip))
                out.append(call.colour_and_range(rendered, view))
        return tf.stack(out)

    def channel_ends(self) -> np.ndarray | None:
        """Return what 0 and 255 become in each channel, float32 [2, channels].

        None where the image decides, or for a plain function.
        """
        ends = self._ends()
        return None if ends is None else ends.mean(axis=(1, 2))

    def _ends(self) -> np.ndarray | None:
        """Built-ins take NumPy's arrays here: only plug-ins need TensorFlow to be described."""
        if self.plain:
            return None
        call = Call(self, (8, 8), False, np.zeros(2, np.int32), {})
        flat = np.ones([*call.size, rendering.CHANNELS], np.float32)
        if any(one.digest for one in self.definitions.values()):
            flat = tf.constant(flat)
        return lines.ends(call.finish, flat)

    def _call(
        self, size: tuple[int, int], is_training: bool, seed: Any, keywords: Mapping[str, Any]
    ) -> Call:
        taking = [part for part in self.parts.values() if part.kind != MIXING]
        known = {n for p in taking for n in p.definition.parameters(p.kind)} | set(UNIVERSAL)
        if unknown := sorted(set(keywords) - known - {IGNORED}):
            raise TypeError(
                f"pipeline {self.spec} takes no {', '.join(unknown)}; "
                f"it takes {', '.join(sorted(known))}"
            )
        return Call(self, pixels.static_size(size), is_training, draws.seed(seed), keywords)

    def _probe(self, call: Call) -> None:
        """Run a plug-in once on a made-up photograph before it is trusted with a data set."""
        if files := [one.file for one in self.definitions.values() if one.digest]:
            name = f"plug-in {self.spec} ({files[0]})"

            def run(image: tf.Tensor) -> tf.Tensor:
                return call._replace(seed=tf.constant([1, 2]), keywords={}).pixels(image)

            probe.once(f"{self.fingerprint} {call.is_training}", name, call.is_training, run)

    def _ten_crop_of_output(self, image: tf.Tensor, size: tuple[int, int]) -> tf.Tensor:
        height, width = (round(side * TEN_CROP_MARGIN) for side in size)
        plane = self.preprocess_image(image, height, width)
        down, right = height - size[0], width - size[1]
        corners = [(0, 0), (0, right), (down, 0), (down, right), (down // 2, right // 2)]
        five = tf.stack([plane[y : y + size[0], x : x + size[1]] for y, x in corners])
        return tf.concat([five, tf.reverse(five, axis=[2])], axis=0)
