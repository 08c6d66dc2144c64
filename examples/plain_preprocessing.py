"""A pipeline of one's own as a single TF-Slim-style function.

imgtools check-preproc plain_squash --plugin examples/plain_preprocessing.py
"""

import tensorflow as tf

from imagenet_tools import registry


@registry.register("plain_squash")
def preprocess_image(
    image, output_height, output_width, is_training=False, seed=None, strength: float = 0.2
):
    """Squash to the output; mirror and change the contrast in training; -1..1."""
    image = tf.image.resize(image, [output_height, output_width], antialias=True) / 127.5 - 1
    if is_training:
        image = tf.image.stateless_random_flip_left_right(image, seed)
        factor = tf.random.stateless_uniform([], seed, 1 - strength, 1 + strength)
        image = tf.image.adjust_contrast(image, factor)
    return image
