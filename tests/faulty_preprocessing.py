"""Pipelines with one planted fault each, for the tests of the diagnosis."""

from __future__ import annotations

import random

import tensorflow as tf

from imagenet_tools import registry


def sound(image, height, width, is_training, *, resize=None, crop=None):
    """A careful pipeline: antialiased resize, crop, mirror, values of -1..1."""
    image = (resize or shorter)(image, round(height * 8 / 7))
    image = (crop or cut)(image, height, width, is_training)
    if is_training:
        image = tf.image.random_flip_left_right(image)
    return image / 127.5 - 1.0


def shorter(image, side, method="bilinear", antialias=True):
    image = tf.cast(image, tf.float32)
    shape = tf.cast(tf.shape(image)[:2], tf.float32)
    size = tf.maximum(tf.cast(tf.round(shape * side / tf.reduce_min(shape)), tf.int32), side)
    return tf.image.resize(image, size, method=method, antialias=antialias)


def cut(image, height, width, is_training):
    if is_training:
        return tf.image.random_crop(image, [height, width, 3])
    return tf.image.resize_with_crop_or_pad(image, height, width)


@registry.register("sound")
def preprocess_sound(image, height, width, is_training):
    return sound(image, height, width, is_training)


@registry.register("cifar_padding")
def cifar_padding(image, height, width, is_training):
    image = tf.cast(image, tf.float32)
    if is_training:
        image = tf.pad(image, [[4, 4], [4, 4], [0, 0]])
        image = tf.image.random_crop(image, [height, width, 3])
        image = tf.image.random_flip_left_right(image)
    else:
        image = tf.image.resize_with_crop_or_pad(image, height, width)
    return image / 127.5 - 1.0


@registry.register("padded_crop")
def padded_crop(image, height, width, is_training):
    def crop(image, height, width, is_training):
        if not is_training:
            return cut(image, height, width, False)
        image = tf.image.resize_with_crop_or_pad(image, height, width)
        image = tf.pad(image, [[4, 4], [4, 4], [0, 0]])
        return tf.image.random_crop(image, [height, width, 3])

    return sound(image, height, width, is_training, crop=crop)


@registry.register("bytes_scale")
def bytes_scale(image, height, width, is_training):
    return (sound(image, height, width, is_training) + 1.0) * 127.5 - 117.0


@registry.register("bgr_at_eval")
def bgr_at_eval(image, height, width, is_training):
    out = sound(image, height, width, is_training)
    return out if is_training else out[..., ::-1]


@registry.register("no_mean_at_eval")
def no_mean_at_eval(image, height, width, is_training):
    out = sound(image, height, width, is_training)
    return out if is_training else out + 1.0


@registry.register("squash_at_eval")
def squash_at_eval(image, height, width, is_training):
    if is_training:
        return sound(image, height, width, True)
    squashed = tf.image.resize(tf.cast(image, tf.float32), [height, width], antialias=True)
    return squashed / 127.5 - 1.0


@registry.register("nearest_resize")
def nearest_resize(image, height, width, is_training):
    def resize(image, side):
        return tf.cast(shorter(image, side, "nearest", False), tf.float32)

    return sound(image, height, width, is_training, resize=resize)


@registry.register("flip_vertical")
def flip_vertical(image, height, width, is_training):
    out = sound(image, height, width, is_training)
    return tf.image.random_flip_up_down(out) if is_training else out


@registry.register("frozen_draws")
def frozen_draws(image, height, width, is_training):
    def crop(image, height, width, is_training):
        y = random.randint(0, 10) if is_training else 5  # drawn in Python: once a graph
        return tf.image.crop_to_bounding_box(image, y, y, height, width)

    image = crop(shorter(image, round(height * 8 / 7)), height, width, is_training)
    return image / 127.5 - 1.0


@registry.register("large_crop")
def large_crop(image, height, width, is_training):
    image = tf.cast(image, tf.float32)
    top = tf.image.crop_to_bounding_box(image, 0, 0, 2 * height, 2 * width)
    out = tf.image.resize(top, [height, width], antialias=True)
    return (tf.image.random_flip_left_right(out) if is_training else out) / 127.5 - 1.0


@registry.register("nan_for_grey")
def nan_for_grey(image, height, width, is_training):
    out = sound(image, height, width, is_training)
    return (out - tf.reduce_mean(out)) / tf.math.reduce_std(out)


@registry.register("train_at_eval")
def train_at_eval(image, height, width, is_training):
    return sound(image, height, width, True)
