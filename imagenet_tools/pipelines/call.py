"""One use of a pipeline: its parts, one after the other, from pixels to what the network sees."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from imagenet_tools.pipelines import compiled, lines, matrices, pixels, rendering
from imagenet_tools.pipelines.parts import AFTER, PLAIN, UNIVERSAL, Part
from imagenet_tools.pipelines.views import View


class Call(NamedTuple):
    """A pipeline's parts, universal settings and spec, with the output's size, the mode, the seed
    (int32 [2]), and keywords that stand above the settings of the spec."""

    parts: Mapping[str, Part]
    universal: Mapping[str, Any]
    spec: str
    size: tuple[int, int]
    is_training: bool
    seed: tf.Tensor
    keywords: Mapping[str, Any]

    def pixels(self, image: tf.Tensor) -> tf.Tensor:
        """What comes of a decoded image, uint8 [h, w, 3]."""
        if PLAIN in self.parts:
            mode = (*self.size, self.is_training)
            out = self.parts[PLAIN](image, *mode, keywords=self.keywords, seed=self.seed)
            return self._universal(self._gray(out))
        view = self.view(*pixels.size_of(image))
        if (line := self._line()) is not None:
            drawn = rendering.render_image(image, view, line)
            return self._last(drawn) if self._covers else drawn
        return self.colour_and_range(rendering.render_image(image, view), view)

    def encoded(self, encoded: tf.Tensor) -> tf.Tensor:
        """What comes of JPEG bytes, of which only what is looked at is decoded."""
        if PLAIN in self.parts:
            return self.pixels(rendering.decode(encoded))
        if (line := self._line()) is not None:
            drawn = rendering.render_jpeg(encoded, self.view, line)
            return self._last(drawn) if self._covers else drawn
        rendered = rendering.render_jpeg(encoded, self.view)
        # Only a mean image asks for the view again; the seed makes it the same one.
        asked = None
        if self.parts["range"].definition.accepts("range", "view"):
            asked = self.view(*tf.unstack(tf.io.extract_jpeg_shape(encoded)[:2]))
        return self.colour_and_range(rendered, asked)

    def portably(self, image: tf.Tensor) -> tf.Tensor:
        """As `pixels`, by matrix products where the view's method can."""
        if PLAIN in self.parts:
            return self.pixels(image)
        view = self.view(*pixels.size_of(image))
        known = isinstance(view.method, str) and view.method in matrices.METHODS
        render = matrices.render if known else rendering.render_image
        return self.colour_and_range(render(image, view), view)

    def view(self, height: tf.Tensor, width: tf.Tensor) -> View:
        """What is looked at of an image of this size."""
        mode = (*self.size, self.is_training, self.seed)
        view: View = self.parts["geometry"](height, width, *mode, keywords=self.keywords)
        return view

    def colour_and_range(self, image: tf.Tensor, view: View | None) -> tf.Tensor:
        """What comes of the pixels of a view, float32 of 0..255."""
        image = self._gray(self._colour(image))
        return self._last(self.parts["range"](image, keywords=self.keywords, view=view))

    def finish(self, image: tf.Tensor) -> tf.Tensor:
        """Colour and range of an image that is looked at as a whole."""
        return self.colour_and_range(image, lines.whole_view(self.size))

    def _colour(self, image: tf.Tensor) -> tf.Tensor:
        return self.parts["colour"](image, self.is_training, self.seed, keywords=self.keywords)

    def _last(self, out: tf.Tensor) -> tf.Tensor:
        """What comes after the range."""
        if AFTER in self.parts:
            out = self.parts[AFTER](out, self.is_training, self.seed, keywords=self.keywords)
        return self._universal(out)

    @property
    def _covers(self) -> bool:
        """Whether something is drawn on what the network sees."""
        return AFTER in self.parts and self.is_training

    def _line(self) -> np.ndarray | None:
        """What colour and range come to, for a compiled kernel; None where they are no line.

        `multiply` is part of it, unless something comes between.
        """
        if not compiled.in_use():
            return None
        if self._covers:
            before = {kind: part for kind, part in self.parts.items() if kind != AFTER}
            return self._replace(parts=before, universal={})._line()
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
            out = pixels.checked(out, (*self.size, channels), self.spec)
        multiply = self._settings["multiply"]
        return out if multiply == 1 else out * multiply

    @property
    def _settings(self) -> dict[str, Any]:
        return {**UNIVERSAL, **self.universal, **self.keywords}
