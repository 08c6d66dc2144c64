"""One use of a pipeline: its parts, one after the other, from pixels to what the network sees."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from imagenet_tools.pipelines import compiled, lines, matrices, pixels, rendering
from imagenet_tools.pipelines.description import Description
from imagenet_tools.pipelines.parts import AFTER, PLAIN, UNIVERSAL
from imagenet_tools.pipelines.views import View


class Call(NamedTuple):
    """A pipeline, with the output's size, the mode, the seed (int32 [2]), and keywords that stand
    above the settings of its spec."""

    pipeline: Description
    size: tuple[int, int]
    is_training: bool
    seed: tf.Tensor
    keywords: Mapping[str, Any]

    def pixels(self, image: tf.Tensor) -> tf.Tensor:
        """What comes of a decoded image, uint8 [h, w, 3]."""
        if self.pipeline.plain:
            mode = (*self.size, self.is_training)
            return self._universal(self._gray(self._part(PLAIN, image, *mode, seed=self.seed)))
        view = self.view(*pixels.size_of(image))
        return self._seen(partial(rendering.render_image, image, view), view)

    def encoded(self, encoded: tf.Tensor) -> tf.Tensor:
        """What comes of JPEG bytes, of which only what is looked at is decoded."""
        if self.pipeline.plain:
            return self.pixels(rendering.decode(encoded))
        height, width, _ = tf.unstack(tf.io.extract_jpeg_shape(encoded))
        view = self.view(height, width)
        return self._seen(partial(rendering.render_jpeg, encoded, view), view)

    def portably(self, image: tf.Tensor) -> tf.Tensor:
        """As `pixels`, by matrix products where the view's method can."""
        if self.pipeline.plain:
            return self.pixels(image)
        view = self.view(*pixels.size_of(image))
        known = isinstance(view.method, str) and view.method in matrices.METHODS
        render = matrices.render if known else rendering.render_image
        return self.colour_and_range(render(image, view), view)

    def view(self, height: tf.Tensor, width: tf.Tensor) -> View:
        """What is looked at of an image of this size."""
        mode = (*self.size, self.is_training, self.seed)
        view: View = self._part("geometry", height, width, *mode)
        return view

    def colour_and_range(self, image: tf.Tensor, view: View) -> tf.Tensor:
        """What comes of the pixels of a view, float32 of 0..255."""
        return self._last(self._part("range", self._gray(self._colour(image)), view=view))

    def finish(self, image: tf.Tensor) -> tf.Tensor:
        """Colour and range of an image that is looked at as a whole."""
        return self.colour_and_range(image, lines.whole_view(self.size))

    def _part(self, kind: str, *arguments: Any, **extra: Any) -> Any:
        return self.pipeline.parts[kind](*arguments, keywords=self.keywords, **extra)

    def _seen(self, render: Callable[..., tf.Tensor], view: View) -> tf.Tensor:
        """What comes of a view; colour and range are left to the kernel where they are a line."""
        if (line := self._line()) is None:
            return self.colour_and_range(render(), view)
        drawn = render(line=line)
        return self._last(drawn) if self._covers else drawn

    def _colour(self, image: tf.Tensor) -> tf.Tensor:
        return self._part("colour", image, self.is_training, self.seed)

    def _last(self, out: tf.Tensor) -> tf.Tensor:
        """What comes after the range."""
        if AFTER in self.pipeline.parts:
            out = self._part(AFTER, out, self.is_training, self.seed)
        return self._universal(out)

    @property
    def _covers(self) -> bool:
        """Whether something is drawn on what the network sees."""
        return AFTER in self.pipeline.parts and self.is_training

    def _line(self) -> np.ndarray | None:
        """What colour and range come to, for a compiled kernel; None where they are no line.

        `multiply` is part of it, unless something comes between.
        """
        if not compiled.in_use():
            return None
        if self._covers:
            parts = {kind: part for kind, part in self.pipeline.parts.items() if kind != AFTER}
            before = replace(self.pipeline, parts=parts, universal={})
            return self._replace(pipeline=before)._line()
        with tf.init_scope():  # now, not in the graph that is being built
            if not tf.executing_eagerly():  # a graph of TensorFlow 1 cannot say now
                return None
            now = self._replace(seed=tf.zeros([2], tf.int32))
            return lines.line(now._colour, now.finish, self.size)

    def _gray(self, image: tf.Tensor) -> tf.Tensor:
        """One channel where that is asked for; a plain function may have done so itself."""
        wanted = self._settings["use_grayscale"] and image.shape[-1] == rendering.CHANNELS
        return tf.image.rgb_to_grayscale(image) if wanted else image

    def _universal(self, out: tf.Tensor) -> tf.Tensor:
        channels = 1 if self._settings["use_grayscale"] else rendering.CHANNELS
        if not isinstance(out, np.ndarray):
            out = pixels.checked(out, (*self.size, channels), self.pipeline.spec)
        multiply = self._settings["multiply"]
        return out if multiply == 1 else out * multiply

    @property
    def _settings(self) -> dict[str, Any]:
        return {**UNIVERSAL, **self.pipeline.universal, **self.keywords}
