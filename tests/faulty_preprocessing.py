"""Pipelines with one planted fault each, and honest ones, for the tests of the diagnosis.

FAULTS: name -> the code that must name it. A fault of several strengths is a pipeline for each, as
name, name_1, name_2. HONEST: names of pipelines that must raise no alarm. register() registers all.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from imagenet_tools import registry

FAULTS: dict[str, str] = {}
HONEST: list[str] = []
PIPELINES: dict[str, Callable[..., tf.Tensor]] = {}
MEAN, STD = np.float32([123.675, 116.28, 103.53]), np.float32([58.395, 57.12, 57.375])


def shorter(image, side, method="bilinear", antialias=True):
    """The shorter side resized to `side`: float32 of 0..255."""
    image = tf.cast(image, tf.float32)
    shape = tf.cast(tf.shape(image)[:2], tf.float32)
    size = tf.maximum(tf.cast(tf.round(shape * side / tf.reduce_min(shape)), tf.int32), side)
    out = tf.image.resize(image, size, method=method, antialias=antialias)
    return tf.clip_by_value(tf.cast(out, tf.float32), 0, 255)


def squash(image, side):
    return tf.image.resize(tf.cast(image, tf.float32), [side, side], antialias=True)


def cut(image, size, train):
    if train:
        return tf.image.random_crop(image, [size, size, 3])
    return tf.image.resize_with_crop_or_pad(image, size, size)


def flip(image, train):
    return tf.image.random_flip_left_right(image) if train else image


def unit(image):
    return image / 127.5 - 1.0


def sound(image, size, train, *, resize=shorter, crop=cut, mirror=flip, end=unit, margin=8 / 7):
    """A careful pipeline: antialiased resize, crop, mirror, values of -1..1."""
    image = resize(image, round(size * margin))
    return end(mirror(crop(image, size, train), train))


def area_crop(image, size, train, least=0.25, aspects=(3 / 4, 4 / 3)):
    """A crop of an area and aspect drawn at random, resized: inception's, with antialias."""
    shape = tf.shape(image)
    if train:
        begin, extent, _ = tf.image.sample_distorted_bounding_box(
            shape, tf.zeros([1, 0, 4]), area_range=(least, 1.0), min_object_covered=0.0,
            aspect_ratio_range=aspects, use_image_if_no_bounding_boxes=True,
        )  # fmt: skip
        image = tf.slice(image, begin, extent)
        return squash(image, size)
    return cut(shorter(image, round(size * 8 / 7)), size, False)


def fault(code, *strengths):
    """body(image, size, train[, strength]) is a pipeline with this fault."""

    def add(body):
        for number, strength in enumerate(strengths or (None,)):
            name = f"{body.__name__}_{number}" if number else body.__name__
            FAULTS[name] = code
            _add(name, body, () if strength is None else (strength,))
        return body

    return add


def honest(body):
    """body(image, size, train) is a pipeline with nothing wrong."""
    HONEST.append(body.__name__)
    _add(body.__name__, body, ())
    return body


def _add(name, body, more):
    def preprocess(image, height, width, is_training):
        return body(image, height, is_training, *more)

    PIPELINES[name] = preprocess


def register():
    """Register every pipeline of this file."""
    for name, function in PIPELINES.items():
        registry.register(name)(function)


# ---- what fails, and draws ----


@fault("IMG002")
def offset_of_the_height_for_both(image, size, train):
    """Beyond the right border of a portrait."""
    if train:
        return sound(image, size, train)
    image = shorter(image, round(size * 8 / 7))
    offset = (tf.shape(image)[0] - size) // 2
    middle = image[offset : offset + size, offset : offset + size]
    return unit(tf.ensure_shape(middle, [size, size, 3]))


@fault("IMG003", 2, 1)
def large_crop(image, size, train, factor):
    image = tf.cast(image, tf.float32)
    top = tf.image.crop_to_bounding_box(image, 0, 0, factor * size, factor * size)
    return unit(flip(tf.image.resize(top, [size, size], antialias=True), train))


@fault("IMG004")
def nan_for_grey(image, size, train):
    out = sound(image, size, train)
    return (out - tf.reduce_mean(out)) / tf.math.reduce_std(out)


@fault("IMG004")
def log_of_black(image, size, train):
    return sound(image, size, train, end=lambda x: tf.math.log(x / 255.0))


@fault("IMG004")
def over_the_red(image, size, train):
    return sound(image, size, train, end=lambda x: unit(x * 100 / tf.reduce_max(x[..., 0])))


@fault("IMG004", 200, 240)
def nan_for_light_images(image, size, train, level):
    dark = tf.reduce_mean(tf.cast(image, tf.float32)) < level
    return sound(image, size, train) / tf.where(dark, 1.0, 0.0 if not train else 1.0)


@fault("IMG004", 0.02)
def nan_now_and_then(image, size, train, share):
    out = sound(image, size, train)
    return out / tf.where(tf.random.uniform([]) < share, 0.0, 1.0) if train else out


@fault("IMG301")
def train_at_eval(image, size, train):
    return sound(image, size, True)


@fault("IMG301", 0.02, 0.1)
def jitter_at_eval(image, size, train, much):
    return sound(image, size, train, end=lambda x: unit(tf.image.random_brightness(x, 255 * much)))


@fault("IMG302")
def frozen_draws(image, size, train):
    def crop(image, size, train):
        y = random.randint(0, 10) if train else 5  # drawn in Python: once a graph
        return tf.image.crop_to_bounding_box(image, y, y, size, size)

    return sound(image, size, train, crop=crop, mirror=lambda x, train: x)


@fault("IMG302")
def frozen_crop(image, size, train):
    def crop(image, size, train):
        y, x = (np.random.randint(0, 13), np.random.randint(0, 13)) if train else (7, 7)
        return tf.image.crop_to_bounding_box(image, y, x, size, size)

    return sound(image, size, train, crop=crop)


@fault("IMG302")
def frozen_crop_in_much_room(image, size, train):
    def crop(image, size, train):
        y, x = (random.randint(0, 28), random.randint(0, 28)) if train else (14, 14)
        return tf.image.crop_to_bounding_box(image, y, x, size, size)

    return sound(image, size, train, crop=crop, margin=1.3)


@fault("IMG302")
def frozen_mirror(image, size, train):
    def mirror(x, train):
        return x[:, ::-1] if train and random.random() < 0.5 else x

    return sound(image, size, train, mirror=mirror)


@fault("IMG302")
def frozen_brightness(image, size, train):
    more = random.uniform(-60, 60) if train else 0
    return sound(image, size, train, end=lambda x: unit(x + more))


@fault("IMG303")
def nothing_drawn(image, size, train):
    return sound(image, size, False, end=lambda x: unit(x if train else x * 0.99))


def by_content(image, size, kept):
    """The crop and mirror image that a seed gives."""
    out = tf.image.stateless_random_crop(shorter(image, round(size * 1.3)), [size, size, 3], kept)
    return unit(tf.image.stateless_random_flip_left_right(out, kept + 1))


@fault("IMG303")
def drawn_once_an_image(image, size, train):
    """As a cache behind the augmentation leaves it."""
    if not train:
        return sound(image, size, False)
    total = tf.reduce_sum(tf.cast(image, tf.int32))
    return by_content(image, size, tf.stack([total, 7]))


@fault("IMG303")
def one_seed_for_every_image(image, size, train):
    return by_content(image, size, tf.constant([0, 42])) if train else sound(image, size, False)


@fault("IMG304")
def all_mirrored(image, size, train):
    return sound(image, size, train, mirror=lambda x, train: x[:, ::-1] if train else x)


@fault("IMG305")
def not_mirrored(image, size, train):
    return sound(image, size, train, mirror=lambda x, train: x)


def at_share(image, size, down, right):
    """The crop at these shares of its room."""
    room = tf.cast(tf.shape(image)[:2] - size, tf.float32)
    y, x = tf.unstack(tf.cast(room * tf.stack([down, right]), tf.int32))
    return tf.image.crop_to_bounding_box(image, y, x, size, size)


@fault("IMG306", 1.15, 1.3)
def one_crop_beside_the_middle(image, size, train, margin):
    def crop(image, size, train):
        if not train:
            return cut(image, size, False)
        return at_share(image, size, 0.4, 0.6)

    return sound(image, size, train, crop=crop, margin=margin)


@fault("IMG306")
def one_crop_of_another_zoom(image, size, train):
    middle = sound(image, size, False, margin=1.1 if train else 8 / 7)
    return flip(middle, train)


@fault("IMG307")
def mirrored_by_the_side_of_the_crop(image, size, train):
    if not train:
        return sound(image, size, False)
    down, right = tf.unstack(tf.random.uniform([2]))
    image = at_share(shorter(image, round(size * 1.3)), size, down, right)
    return unit(tf.where(right < 0.5, image[:, ::-1], image))


@fault("IMG307")
def crops_on_a_diagonal(image, size, train):
    def crop(image, size, train):
        both = tf.random.uniform([])  # one draw for two
        return at_share(image, size, both, both) if train else cut(image, size, False)

    return sound(image, size, train, crop=crop, margin=1.3)


def by_seeds(image, size, train, seeds):
    """Crop, mirror image, brightness and contrast, each by its seed."""
    if not train:
        return sound(image, size, False)
    crop, mirror, brightness, contrast = tf.unstack(seeds)
    out = shorter(image, round(size * 8 / 7)) / 255
    out = tf.image.stateless_random_crop(out, [size, size, 3], crop)
    out = tf.image.stateless_random_flip_left_right(out, mirror)
    out = tf.image.stateless_random_brightness(out, 0.2, brightness)
    return 2 * tf.image.stateless_random_contrast(out, 0.8, 1.2, contrast) - 1


@fault("IMG307")
def one_seed_for_every_draw(image, size, train):
    seed = tf.random.uniform([2], 0, 2**31 - 1, tf.int32)
    return by_seeds(image, size, train, tf.tile(seed[None], [4, 1]))


def brightened(x, train, most):
    """Of values of 0..255."""
    return unit(x + tf.random.uniform([], -most, most) if train else x)


@fault("IMG308", 32 / 255, 0.05, 0.6)
def brightness_of_units_on_bytes(image, size, train, most):
    return sound(image, size, train, end=lambda x: brightened(x, train, most))


@fault("IMG308")
def factor_of_units_on_bytes(image, size, train):
    factor = 1 + tf.random.uniform([], -0.4, 0.4) / 255 if train else 1.0
    return sound(image, size, train, end=lambda x: unit(x * factor))


# ---- geometry ----


@fault("IMG101", 1.4, 2.0, 0.6)
def zoomed_at_eval(image, size, train, factor):
    return sound(image, size, train, margin=(8 / 7) * (1 if train else factor) * 1.5)


@fault("IMG102")
def squash_at_eval(image, size, train):
    return sound(image, size, True) if train else unit(squash(image, size))


@fault("IMG102")
def width_for_height(image, size, train):
    def resize(image, side):
        shape = tf.cast(tf.shape(image)[:2], tf.float32)
        sizes = tf.cast(tf.math.ceil(shape * side / tf.reduce_min(shape)), tf.int32)
        return tf.image.resize(tf.cast(image, tf.float32), sizes[::-1], antialias=True)

    return sound(image, size, train, resize=resize)


@fault("IMG102")
def squash_in_training(image, size, train):
    return sound(image, size, train, resize=squash if train else shorter)


@fault("IMG102")
def wide_crops(image, size, train):
    """Aspects are drawn evenly: half of them lie above 1.25."""
    return unit(flip(area_crop(image, size, train, aspects=(0.5, 2.0)), train))


@fault("IMG103")
def cifar_padding(image, size, train):
    image = tf.cast(image, tf.float32)
    if train:
        image = tf.pad(image, [[4, 4], [4, 4], [0, 0]])
    return unit(flip(cut(image, size, train), train))


@fault("IMG104", 4, 12)
def padded_crop(image, size, train, pixels):
    def crop(image, size, train):
        if not train:
            return cut(image, size, False)
        image = tf.image.resize_with_crop_or_pad(image, size, size)
        image = tf.pad(image, [[pixels, pixels], [pixels, pixels], [0, 0]])
        return tf.image.random_crop(image, [size, size, 3])

    return sound(image, size, train, crop=crop)


@fault("IMG104")
def letterbox_at_eval(image, size, train):
    if train:
        return sound(image, size, True)
    return unit(tf.image.resize_with_pad(tf.cast(image, tf.float32), size, size, antialias=True))


@fault("IMG104")
def standardised_letterbox(image, size, train):
    out = tf.image.resize_with_pad(tf.cast(image, tf.float32), size, size, antialias=True)
    return tf.image.per_image_standardization(flip(out, train))


@fault("IMG105")
def flip_vertical(image, size, train):
    out = sound(image, size, train)
    return tf.image.random_flip_up_down(out) if train else out


@fault("IMG105")
def upside_down_at_eval(image, size, train):
    out = sound(image, size, train)
    return out if train else out[::-1]


@fault("IMG106")
def mirrored_at_eval(image, size, train):
    out = sound(image, size, train)
    return out if train else out[:, ::-1]


@fault("IMG107")
def rows_for_columns(image, size, train):
    return tf.transpose(sound(image, size, train), [1, 0, 2])


@fault("IMG107", 1, 3)
def quarter_turn_at_eval(image, size, train, turns):
    out = sound(image, size, train)
    return out if train else tf.image.rot90(out, turns)


@fault("IMG107")
def quarter_turn_of_half(image, size, train):
    out = sound(image, size, train)
    return tf.where(tf.random.uniform([]) < 0.5, tf.image.rot90(out), out) if train else out


@fault("IMG107")
def portraits_turned_at_eval(image, size, train):
    if not train:
        upright = tf.shape(image)[0] > tf.shape(image)[1]
        image = tf.cond(upright, lambda: tf.image.rot90(image), lambda: image)
    return sound(image, size, train)


def turned(image, size, degrees):
    """Turned about its middle."""
    angle = degrees * np.pi / 180
    cos, sin = tf.cos(angle), tf.sin(angle)
    return warped(image, size, [[cos, -sin], [sin, cos]])


def warped(image, size, matrix):
    """By a matrix [2, 2] of x, y about its middle, the corners filled by reflection."""
    matrix, half = tf.convert_to_tensor(matrix, tf.float32), (size - 1) / 2
    shift = half - tf.linalg.matvec(matrix, [half, half])
    rows = tf.concat([matrix, shift[:, None]], axis=1)
    matrix = tf.concat([tf.reshape(rows, [6]), [0.0, 0.0]], axis=0)
    out = tf.raw_ops.ImageProjectiveTransformV3(
        images=image[None], transforms=matrix[None], output_shape=[size, size], fill_value=0.0,
        interpolation="BILINEAR", fill_mode="REFLECT",
    )  # fmt: skip
    return tf.ensure_shape(out[0], [size, size, 3])


@fault("IMG120", 5.0, -15.0, 40.0)
def turned_at_eval(image, size, train, degrees):
    out = sound(image, size, train)
    return out if train else turned(out, size, degrees)


@fault("IMG120", 0.2)
def sheared_at_eval(image, size, train, slope):
    out = sound(image, size, train)
    return out if train else warped(out, size, [[1.0, slope], [0.0, 1.0]])


@fault("IMG120", 6.0)
def turned_in_training(image, size, train, degrees):
    out = sound(image, size, train)
    return turned(out, size, degrees) if train else out


@fault("IMG120")
def turned_by_degrees_for_radians(image, size, train):
    out = sound(image, size, train)
    angle = tf.random.uniform([], -15, 15) * 180 / np.pi
    return turned(out, size, angle) if train else out


@fault("IMG108", 8 / 7, 1.5)
def corner_at_eval(image, size, train, margin):
    def crop(image, size, train):
        return cut(image, size, True) if train else image[:size, :size]

    return sound(image, size, train, crop=crop, margin=margin)


@fault("IMG108", 8 / 7, 1.5)
def corner_in_training(image, size, train, margin):
    def crop(image, size, train):
        return image[-size:, -size:] if train else cut(image, size, False)

    return sound(image, size, train, crop=crop, margin=margin)


@fault("IMG108")
def narrow_draws(image, size, train):
    def crop(image, size, train):
        if not train:
            return cut(image, size, False)
        y, x = tf.unstack(tf.random.uniform([2], 0, 5, tf.int32))
        return tf.image.crop_to_bounding_box(image, y, x, size, size)

    return sound(image, size, train, crop=crop, margin=1.4)


@fault("IMG109")
def reshaped(image, size, train):
    out = sound(image, size, train)
    return tf.transpose(tf.reshape(out, [3, size, size]), [1, 2, 0])


@fault("IMG119", 2, 16, 40)
def rows_reversed(image, size, train, each):
    out = sound(image, size, train)
    return tf.where(tf.range(size)[:, None, None] % each == each - 1, out[:, ::-1], out)


@fault("IMG119", 40)
def rows_reversed_at_eval(image, size, train, each):
    out = sound(image, size, train)
    reversed_too = tf.where(tf.range(size)[:, None, None] % each == each - 1, out[:, ::-1], out)
    return out if train else reversed_too


@fault("IMG111")
def nearest_resize(image, size, train):
    return sound(image, size, train, resize=lambda im, side: shorter(im, side, "nearest", False))


@fault("IMG111")
def rows_doubled_at_eval(image, size, train):
    out = sound(image, size, train)
    return out if train else tf.repeat(out[::2], 2, axis=0)


@fault("IMG111")
def pixels_doubled_in_training(image, size, train):
    out = sound(image, size, train)
    return tf.repeat(tf.repeat(out[::2, ::2], 2, axis=0), 2, axis=1) if train else out


@fault("IMG112")
def aliased_resize(image, size, train):
    return sound(image, size, train, resize=lambda im, side: shorter(im, side, antialias=False))


@fault("IMG112")
def aliased_in_training(image, size, train):
    def resize(image, side):
        return shorter(image, side, antialias=not train)

    return sound(image, size, train, resize=resize)


@fault("IMG113", 2, 3)
def resized_twice(image, size, train, factor):
    def resize(image, side):
        return shorter(shorter(image, side // factor), side)

    return sound(image, size, train, resize=resize)


@fault("IMG113", 2, 4)
def blurred_at_eval(image, size, train, factor):
    def resize(image, side):
        return shorter(image if train else shorter(image, side // factor), side)

    return sound(image, size, train, resize=resize)


# ---- detail ----


def smoothed(image, deviation):
    """Blurred by a Gaussian of this deviation in pixels, borders mirrored."""
    reach = int(3 * deviation) + 1
    line = np.exp(-(np.arange(-reach, reach + 1, dtype=np.float32) ** 2) / (2 * deviation**2))
    line /= line.sum()
    image = tf.pad(image, [[reach, reach], [reach, reach], [0, 0]], "SYMMETRIC")[None]
    kernel = np.tile(np.outer(line, line)[:, :, None, None], (1, 1, 3, 1)).astype(np.float32)
    return tf.nn.depthwise_conv2d(image, kernel, [1, 1, 1, 1], "VALID")[0]


def unsharp(image, much, deviation=1.0):
    return tf.clip_by_value(image + much * (image - smoothed(image, deviation)), 0, 255)


def jpeg(image, quality):
    clipped = tf.clip_by_value(tf.cast(image, tf.float32), 0, 255)
    return tf.image.adjust_jpeg_quality(clipped / 255, quality) * 255


@fault("IMG114", 0.5, 1.0, 2.0)
def sharpened_at_eval(image, size, train, much):
    return sound(image, size, train, end=lambda x: unit(x if train else unsharp(x, much)))


@fault("IMG114", 0.5, 1.0, 2.0)
def sharpened_widely_at_eval(image, size, train, much):
    return sound(image, size, train, end=lambda x: unit(x if train else unsharp(x, much, 3.0)))


@fault("IMG114", 1.0, 2.0)
def sharpened_before_the_resize_at_eval(image, size, train, much):
    def resize(image, side):
        image = tf.cast(image, tf.float32)
        return shorter(image if train else unsharp(image, much, 2.0), side)

    return sound(image, size, train, resize=resize)


@fault("IMG121", 1.0, 2.0)
def sharpened_in_training(image, size, train, much):
    return sound(image, size, train, end=lambda x: unit(unsharp(x, much) if train else x))


@fault("IMG115", 10, 30, 50, 75)
def jpeg_at_eval(image, size, train, quality):
    return sound(image, size, train, end=lambda x: unit(x if train else jpeg(x, quality)))


@fault("IMG115", 5, 10)
def jpeg_before_the_resize_at_eval(image, size, train, quality):
    def resize(image, side):
        return shorter(image if train else jpeg(image, quality), side)

    return sound(image, size, train, resize=resize)


@fault("IMG117", 10, 30, 75, 90)
def jpeg_in_training(image, size, train, quality):
    return sound(image, size, train, end=lambda x: unit(jpeg(x, quality) if train else x))


@fault("IMG117", 30)
def jpeg_before_the_crop_in_training(image, size, train, quality):
    def resize(image, side):
        return jpeg(shorter(image, side), quality) if train else shorter(image, side)

    return sound(image, size, train, resize=resize)


def median(image):
    """Of 3 x 3 pixels, borders mirrored."""
    around = tf.pad(image, [[1, 1], [1, 1], [0, 0]], "SYMMETRIC")
    height, width = tf.shape(image)[0], tf.shape(image)[1]
    near = [around[y : y + height, x : x + width] for y in range(3) for x in range(3)]
    return tf.sort(tf.stack(near, axis=-1))[..., 4]


@fault("IMG118")
def median_at_eval(image, size, train):
    return sound(image, size, train, end=lambda x: unit(x if train else median(x)))


@fault("IMG116", 0.68, 0.7, 0.73)
def softened_at_eval(image, size, train, deviation):
    return sound(image, size, train, end=lambda x: unit(x if train else smoothed(x, deviation)))


@fault("IMG113", 1.0, 1.5, 2.0)
def smoothed_at_eval(image, size, train, deviation):
    return sound(image, size, train, end=lambda x: unit(x if train else smoothed(x, deviation)))


@fault("IMG216", 4, 8, 32)
def posterised_at_eval(image, size, train, levels):
    step = 256 / levels
    return sound(image, size, train, end=lambda x: unit(x if train else tf.floor(x / step) * step))


# ---- colours ----


@fault("IMG201")
def bgr_at_eval(image, size, train):
    out = sound(image, size, train)
    return out if train else out[..., ::-1]


@fault("IMG201")
def grey_at_eval(image, size, train):
    out = sound(image, size, train)
    return out if train else tf.tile(tf.image.rgb_to_grayscale(out), [1, 1, 3])


@fault("IMG201")
def channels_for_columns(image, size, train):
    out = sound(image, size, train, mirror=lambda x, train: x)
    return tf.where(tf.random.uniform([]) < 0.5, tf.reverse(out, [2]), out) if train else out


@fault("IMG202")
def bgr(image, size, train):
    return sound(image, size, train)[..., ::-1]


@fault("IMG202")
def red_negative(image, size, train):
    return sound(image, size, train) * [-1.0, 1.0, 1.0]


@fault("IMG203", 0, 2)
def no_channel(image, size, train, channel):
    return sound(image, size, train) * (1 - tf.one_hot(channel, 3))


@fault("IMG204")
def red_twice(image, size, train):
    return tf.gather(sound(image, size, train), [0, 0, 2], axis=2)


@fault("IMG206", 0.3, 2.0)
def saturated_at_eval(image, size, train, factor):
    out = sound(image, size, train, end=lambda x: x)
    return unit(out if train else tf.image.adjust_saturation(out / 255, factor) * 255)


@fault("IMG206", 0.08)
def hue_at_eval(image, size, train, turn):
    out = sound(image, size, train, end=lambda x: x)
    return unit(out if train else tf.image.adjust_hue(out / 255, turn) * 255)


@fault("IMG202", 0.12)
def hue_turned(image, size, train, turn):
    out = sound(image, size, train, end=lambda x: x)
    return unit(tf.image.adjust_hue(out / 255, turn) * 255)


@fault("IMG202")
def hue_saturation_value(image, size, train):
    return sound(image, size, train, end=lambda x: 2 * tf.image.rgb_to_hsv(x / 255) - 1)


@fault("IMG206", 0.1, 0.3)
def pale_in_training(image, size, train, most):
    out = sound(image, size, train, end=lambda x: x)
    return unit(tf.image.adjust_saturation(out, tf.random.uniform([], 0, most)) if train else out)


@fault("IMG209", 0.5, 0.9)
def saturation_after_the_range(image, size, train, less):
    out = sound(image, size, train)
    return tf.image.random_saturation(out, less, 2 - less) if train else out


@fault("IMG209")
def saturation_after_the_mean(image, size, train):
    return sound(
        image, size, train, end=lambda x: tf.image.adjust_saturation((x - MEAN) / STD, 1.2)
    )


@fault("IMG207")
def negative_at_eval(image, size, train):
    out = sound(image, size, train)
    return out if train else -out


@fault("IMG208", 0, 1)
def green_displaced(image, size, train, axis):
    red, green, blue = tf.split(sound(image, size, train), 3, axis=2)
    return tf.concat([red, tf.roll(green, 1, axis), blue], axis=2)


@fault("IMG208")
def blue_displaced_at_eval(image, size, train):
    if not train:
        image = tf.concat([image[..., :2], tf.roll(image[..., 2:], 1, 1)], axis=2)
    return sound(image, size, train)


# ---- values ----


@fault("IMG211")
def no_mean_at_eval(image, size, train):
    out = sound(image, size, train)
    return out if train else out + 1.0


@fault("IMG211", 1 / 255, 1 / 127.5)
def another_range_at_eval(image, size, train, scale):
    out = sound(image, size, train, end=lambda x: x)
    return (out - MEAN) / STD if train else out * scale


@fault("IMG211", 0.45, 1.5, 2.2)
def gamma_at_eval(image, size, train, gamma):
    end = unit if train else lambda x: unit(255 * (x / 255) ** gamma)
    return sound(image, size, train, end=end)


@fault("IMG211", 0.6, 1.4)
def contrast_at_eval(image, size, train, factor):
    out = sound(image, size, train)
    return out if train else tf.image.adjust_contrast(out, factor)


@fault("IMG211", 0.9, 0.8)
def darker_draws(image, size, train, most):
    out = sound(image, size, train, end=lambda x: x)
    return unit(out * tf.random.uniform([], 0.3, most) if train else out)


@fault("IMG211", 40, 63)
def lighter_in_every_draw(image, size, train, most):
    end = unit if not train else lambda x: unit(x + tf.random.uniform([], 0, most))
    return sound(image, size, train, end=end)


@fault("IMG211")
def centred_by_picture_at_eval(image, size, train):
    out = sound(image, size, train)
    return out if train else out - tf.reduce_mean(out)


@fault("IMG211")
def standardised_by_channel_at_eval(image, size, train):
    out = sound(image, size, train, end=tf.image.per_image_standardization)
    mean, variance = tf.nn.moments(out, [0, 1])
    return out if train else (out - mean) / tf.sqrt(variance + 1e-3)


@fault("IMG211")
def normalised_twice_at_eval(image, size, train):
    out = sound(image, size, train)
    return out if train else out / 0.5


@fault("IMG212")
def bytes_scale(image, size, train):
    return sound(image, size, train, end=lambda x: x - 117.0)


@fault("IMG212")
def divided_twice(image, size, train):
    return sound(image, size, train, end=lambda x: (x - 127.5) / 255.0 / 255.0)


@fault("IMG212")
def normalised_twice(image, size, train):
    def end(x):
        unit_mean, unit_std = MEAN / 255, STD / 255
        return ((x / 255 - unit_mean) / unit_std - unit_mean) / unit_std

    return sound(image, size, train, end=end)


@fault("IMG212")
def no_deviation(image, size, train):
    return sound(image, size, train, end=lambda x: (x - MEAN) / 255)


@fault("IMG213")
def unit_twice(image, size, train):
    return sound(image, size, train, end=lambda x: unit(unit(x)))


@fault("IMG213")
def mean_added(image, size, train):
    return sound(image, size, train, end=lambda x: (x + MEAN) / STD)


@fault("IMG213")
def mean_of_bytes(image, size, train):
    return sound(image, size, train, end=lambda x: x / 255 - MEAN)


@fault("IMG214")
def mean_of_bgr(image, size, train):
    return sound(image, size, train, end=lambda x: (x - MEAN[::-1]) / STD)


@fault("IMG214")
def mean_of_bgr_at_eval(image, size, train):
    return sound(image, size, train, end=lambda x: (x - (MEAN if train else MEAN[::-1])) / STD)


@fault("IMG215", 0.0, -0.5)
def cut_off(image, size, train, least):
    return sound(image, size, train, end=lambda x: tf.clip_by_value(unit(x), least, 1.0))


@fault("IMG215")
def cut_off_by_the_deviation(image, size, train):
    """To 0..1, which values have no more."""
    return sound(image, size, train, end=lambda x: tf.clip_by_value((x - MEAN) / STD, 0.0, 1.0))


@fault("IMG215", 1.5, 2.0)
def too_bright(image, size, train, factor):
    return sound(image, size, train, end=lambda x: unit(tf.clip_by_value(x * factor, 0, 255)))


@fault("IMG215")
def brightness_of_bytes_on_units(image, size, train):
    def end(x):
        more = tf.random.uniform([], -32, 32) if train else 0
        return 2 * tf.clip_by_value(x / 255 + more, 0, 1) - 1

    return sound(image, size, train, end=end)


@fault("IMG216")
def whole_numbers(image, size, train):
    return sound(image, size, train, end=lambda x: tf.cast(tf.cast(unit(x), tf.int32), tf.float32))


@fault("IMG216", 8, 32)
def posterised(image, size, train, levels):
    step = 256 / levels
    return sound(image, size, train, end=lambda x: unit(tf.floor(x / step) * step))


@fault("IMG217", 60, 120)
def overflow(image, size, train, more):
    def end(x):
        return unit(tf.cast(tf.cast(x, tf.uint8) + tf.constant(more, tf.uint8), tf.float32))

    return sound(image, size, train, end=end)


@fault("IMG217")
def overflow_in_draws(image, size, train):
    def end(x):
        more = tf.cast(tf.random.uniform([], 0, 120, tf.int32) if train else 0, tf.uint8)
        return unit(tf.cast(tf.cast(x, tf.uint8) + more, tf.float32))

    return sound(image, size, train, end=end)


def whole(image):
    """As NumPy casts: 260 becomes 4. TensorFlow's own cast of many floats ends at 255."""
    return tf.cast(tf.cast(image, tf.int32), tf.uint8)


@fault("IMG217", 0.2, 0.4)
def saturation_wraps(image, size, train, most):
    out = sound(image, size, train, end=lambda x: x)
    if not train:
        return unit(out)
    grey = tf.image.rgb_to_grayscale(out)
    more = grey + (out - grey) * tf.random.uniform([], 1 - most, 1 + most)
    return unit(tf.math.floormod(tf.floor(more), 256.0))


@fault("IMG217", "bicubic", "lanczos5")
def overshoot_wraps(image, size, train, method):
    def resize(image, side):
        size = [side, side * 4 // 3]
        out = tf.image.resize(tf.cast(image, tf.float32), size, method, antialias=True)
        return tf.cast(whole(out), tf.float32)

    return sound(image, size, train, resize=resize)


@fault("IMG217")
def sharpening_wraps(image, size, train):
    def end(x):
        soft = tf.nn.avg_pool2d(x[tf.newaxis], 3, 1, "SAME")[0]
        return unit(tf.cast(whole(x + 0.5 * (x - soft)), tf.float32))

    return sound(image, size, train, end=end)


@fault("IMG217")
def overflow_at_eval(image, size, train):
    end = unit if train else lambda x: unit(tf.math.floormod(x * 1.5, 256.0))
    return sound(image, size, train, end=end)


@fault("IMG218", 0.45, 2.2, 4.84)
def gamma(image, size, train, gamma):
    return sound(image, size, train, end=lambda x: unit(255 * (x / 255) ** gamma))


@fault("IMG219", 4.0, 16.0)
def grain_at_eval(image, size, train, much):
    def end(x):
        noise = tf.random.stateless_normal([size, size, 3], [1, 2]) * much
        return unit(x if train else x + noise)

    return sound(image, size, train, end=end)


def shadow(size, much, corner=0.0):
    """A vignette: 1 in the middle of the output (or at `corner` of it), less around."""
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j].astype(np.float32) - corner
    return (1 - much * (y**2 + x**2))[..., None]


@fault("IMG220", 0.2, 0.4)
def vignette_at_eval(image, size, train, much):
    out = sound(image, size, train, end=lambda x: x)
    return unit(out if train else out * shadow(size, much))


@fault("IMG220")
def mean_image_in_training(image, size, train):
    out = sound(image, size, train, end=lambda x: x)
    return (out - 120 * (shadow(size, 0.3, 0.4) if train else 1)) / 58


@fault("IMG220")
def mean_image_of_another_layout(image, size, train):
    planes = np.stack([level * shadow(size, 0.3)[..., 0] for level in (123, 116, 103)])
    return sound(image, size, train, end=lambda x: (x - planes.reshape(size, size, 3)) / 58)


# ---- nothing wrong ----


@honest
def careful(image, size, train):
    return sound(image, size, train)


@honest
def per_image(image, size, train):
    return sound(image, size, train, end=tf.image.per_image_standardization)


@honest
def per_channel_of_the_image(image, size, train):
    def end(x):
        mean, variance = tf.nn.moments(x, [0, 1], keepdims=True)
        return (x - mean) / tf.sqrt(variance + 1e-3)

    return sound(image, size, train, end=end)


@honest
def local_contrast(image, size, train):
    return sound(image, size, train, end=lambda x: (x - smoothed(x, 8.0)) / 64)


@honest
def grey(image, size, train):
    return tf.tile(tf.image.rgb_to_grayscale(sound(image, size, train)), [1, 1, 3])


@honest
def zero_to_one(image, size, train):
    return sound(image, size, train, end=lambda x: x / 255)


@honest
def torchvision_values(image, size, train):
    return sound(image, size, train, end=lambda x: (x - MEAN) / STD)


@honest
def half_scale(image, size, train):
    return sound(image, size, train, end=lambda x: x / 255 - 0.5)


@honest
def squashed(image, size, train):
    return sound(image, size, train, resize=squash)


@honest
def whole_picture(image, size, train):
    return unit(flip(squash(image, size), train))


@honest
def strong_colours(image, size, train):
    def end(x):
        if train:
            x = tf.image.random_brightness(x / 255, 0.3)
            x = tf.image.random_contrast(x, 0.5, 1.5)
            x = tf.image.random_saturation(tf.clip_by_value(x, 0, 1), 0.5, 1.5)
            x = tf.clip_by_value(tf.image.random_hue(x, 0.08), 0, 1) * 255
        return unit(x)

    return sound(image, size, train, end=end)


@honest
def hue_after_the_range(image, size, train):
    out = sound(image, size, train)
    return tf.image.random_hue(out, 0.1) if train else out


@honest
def linear_light(image, size, train):
    return sound(image, size, train, end=lambda x: 2.0 * (x / 255.0) ** 2.2 - 1.0)


@honest
def sharpened_in_half(image, size, train):
    def end(x):
        soft = tf.nn.avg_pool2d(x[tf.newaxis], 3, 1, "SAME")[0]
        often = tf.random.uniform([]) < 0.5 if train else True
        return unit(tf.where(often, x + 3.0 * (x - soft), x))

    return sound(image, size, train, end=end)


@honest
def sharpened_in_half_of_training(image, size, train):
    out = sound(image, size, train, end=lambda x: x)
    often = train and tf.random.uniform([]) < 0.5
    return unit(tf.where(often, unsharp(out, 2.0), out))


@honest
def wide_brightness(image, size, train):
    end = unit if not train else lambda x: unit(x + tf.random.uniform([], -90, 90))
    return sound(image, size, train, end=end)


@honest
def lighter_in_half(image, size, train):
    """The others as they are."""
    out = sound(image, size, train)
    return out + tf.maximum(tf.random.uniform([], -0.6, 0.6), 0.0) if train else out


@honest
def sometimes_grey(image, size, train):
    out = sound(image, size, train)
    drawn = tf.random.uniform([]) < 0.5
    flat = tf.tile(tf.image.rgb_to_grayscale(out), [1, 1, 3])
    return tf.where(drawn, flat, out) if train else out


@honest
def cut_out(image, size, train):
    out = sound(image, size, train)
    if not train:
        return out
    y, x = tf.unstack(tf.random.uniform([2], 0, size - size // 4, tf.int32))
    rows, columns = tf.range(size)[:, None, None], tf.range(size)[None, :, None]
    inside = (rows >= y) & (rows < y + size // 4) & (columns >= x) & (columns < x + size // 4)
    return tf.where(inside, 0.0, out)


@honest
def noise_in_training(image, size, train):
    out = sound(image, size, train)
    return out + tf.random.normal([size, size, 3], stddev=0.05) if train else out


@honest
def small_turns(image, size, train):
    """Turned by up to 12 degrees in training."""
    out = sound(image, size, train)
    return turned(out, size, tf.random.uniform([], -12, 12)) if train else out


@honest
def seen_from_above(image, size, train):
    """Nothing is upright: all eight ways of turning and mirroring."""
    out = sound(image, size, train)
    return tf.image.rot90(out, tf.random.uniform([], 0, 4, tf.int32)) if train else out


@honest
def turned_by_up_to_45_degrees(image, size, train):
    out = sound(image, size, train)
    return turned(out, size, tf.random.uniform([], -45, 45)) if train else out


@honest
def turned_far_now_and_then(image, size, train):
    """As TrivialAugment does, by up to 135 degrees."""
    out = sound(image, size, train)
    now = tf.random.uniform([]) < 1 / 14
    return tf.where(now, turned(out, size, tf.random.uniform([], -135, 135)), out) if train else out


@honest
def slight_brightness(image, size, train):
    """Four grey levels and more are seen, and are meant."""
    return sound(image, size, train, end=lambda x: brightened(x, train, 4.0))


@honest
def rounded_by_a_good_jpeg(image, size, train):
    """It moves flat pictures by less than a grey level, each its own way."""
    if not train:
        return sound(image, size, False)
    out = sound(image, size, True, end=lambda x: x)
    quality = tf.random.uniform([], 60, 100, tf.int32)
    return unit(tf.where(tf.random.uniform([]) < 0.5, jpeg(out, quality), out))


@honest
def faint_noise_in_training(image, size, train):
    out = sound(image, size, train)
    return out + tf.random.normal([size, size, 3], stddev=0.02) if train else out


@honest
def letterbox(image, size, train):
    out = tf.image.resize_with_pad(tf.cast(image, tf.float32), size, size, antialias=True)
    return unit(flip(out, train))


@honest
def shifted_letterbox(image, size, train):
    """By some pixels in training, which a border of the same grey makes room for."""
    out = tf.image.resize_with_pad(tf.cast(image, tf.float32) - 114, size, size, antialias=True)
    if train:
        out = tf.image.random_crop(tf.pad(out, [[6, 6], [6, 6], [0, 0]]), [size, size, 3])
    return flip(out, train) / 127.5


@honest
def sometimes_bgr(image, size, train):
    out = sound(image, size, train)
    return tf.where(tf.random.uniform([]) < 0.5, out[..., ::-1], out) if train else out


@honest
def a_seed_for_each_draw(image, size, train):
    return by_seeds(image, size, train, tf.random.uniform([4, 2], 0, 2**31 - 1, tf.int32))


@honest
def one_middle(image, size, train):
    """The middle in both modes; mirrored, lighter or darker in training."""
    out = flip(sound(image, size, False), train)
    return tf.image.random_brightness(out, 0.2) if train else out


@honest
def sometimes_inverted(image, size, train):
    """Of half of the images what is light inverted, or contrast raised."""
    out = sound(image, size, train, end=lambda x: x)
    if not train:
        return unit(out)
    drawn = tf.random.uniform([])
    light = tf.where(out < 180, out, 255 - out)
    strong = tf.clip_by_value(2 * out - 127.5, 0, 255)
    return unit(tf.where(drawn < 0.25, light, tf.where(drawn < 0.5, strong, out)))


@honest
def sometimes_blurred(image, size, train):
    sharp = sound(image, size, train)
    if not train:
        return sharp
    small = tf.image.resize(sharp, [size // 2, size // 2], antialias=True)
    return tf.where(tf.random.uniform([]) < 0.4, tf.image.resize(small, [size, size]), sharp)


@honest
def bicubic(image, size, train):
    return sound(image, size, train, resize=lambda im, side: shorter(im, side, "bicubic"))


@honest
def lanczos(image, size, train):
    return sound(image, size, train, resize=lambda im, side: shorter(im, side, "lanczos5"))


@honest
def sharpened(image, size, train):
    return sound(image, size, train, end=lambda x: unit(unsharp(x, 1.0)))


@honest
def sometimes_compressed(image, size, train):
    out = sound(image, size, train, end=lambda x: x)
    return unit(tf.where(tf.random.uniform([]) < 0.5, jpeg(out, 10), out) if train else out)


@honest
def sometimes_stretched(image, size, train):
    def end(x):
        low, high = tf.reduce_min(x), tf.reduce_max(x)
        drawn = tf.random.uniform([]) < (0.5 if train else 0.0)
        return unit(tf.where(drawn, (x - low) * 255 / tf.maximum(high - low, 1.0), x))

    return sound(image, size, train, end=end)


@honest
def equalised(image, size, train):
    def end(x):
        levels = tf.cast(tf.clip_by_value(x, 0, 255), tf.int32)
        counts = tf.math.bincount(tf.reshape(levels, [-1]), minlength=256, maxlength=256)
        rank = tf.cumsum(tf.cast(counts, tf.float32)) / tf.cast(tf.size(levels), tf.float32)
        return unit(255 * tf.gather(rank, levels))

    return sound(image, size, train, end=end)


@honest
def reflected_border(image, size, train):
    def crop(image, size, train):
        if not train:
            return cut(image, size, False)
        image = tf.image.resize_with_crop_or_pad(image, size, size)
        image = tf.pad(image, [[6, 6], [6, 6], [0, 0]], "REFLECT")
        return tf.image.random_crop(image, [size, size, 3])

    return sound(image, size, train, crop=crop)


@honest
def rounded(image, size, train):
    return sound(image, size, train, end=lambda x: unit(tf.round(x)))


@honest
def crops_of_any_aspect(image, size, train):
    """As much higher as wider."""
    if not train:
        return sound(image, size, False, margin=1.5)
    ratio = tf.exp(tf.random.uniform([], -0.6, 0.6))
    whole = tf.cast(tf.reduce_prod(tf.shape(image)[:2]), tf.float32)
    sides = tf.sqrt(0.35 * whole * tf.stack([1 / ratio, ratio]))
    sides = tf.clip_by_value(tf.cast(sides, tf.int32), 1, tf.shape(image)[:2])
    return unit(flip(squash(tf.image.random_crop(image, [sides[0], sides[1], 3]), size), True))


@honest
def strong_crops(image, size, train):
    return unit(flip(area_crop(image, size, train, 0.3), train))


def nothing(image, height, width, is_training):
    return 0.0 * sound(image, height, is_training)


PIPELINES["nothing"] = nothing
