"""What a net's logits say of each image: the likeliest classes, and the rank of the true one.

Ranks are taken on the logits: a softmax in float32 turns small differences into ties. A tie counts
against the net, or one that gives every class the same score would always be right; scores that
are not finite have no rank.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from imagenet_tools.evaluation.scores import TOP, UNRANKED


def score(logits: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """Predictions' top5, probability, true_probability, rank and loss of float32 logits.

    logits: [n, classes], or [n, crops, classes], whose probabilities are averaged. labels: int32
    [n]. A net of fewer than 5 classes gives as many columns as it has classes.
    """
    finite = tf.reduce_all(tf.math.is_finite(logits), axis=list(range(1, logits.shape.rank)))
    chances = tf.nn.softmax(logits)
    if logits.shape.rank == 3:
        chances = tf.reduce_mean(chances, axis=1)
        each = tf.nn.log_softmax(tf.cast(logits, tf.float64))
        order = tf.reduce_logsumexp(each, axis=1)
    else:
        order = logits
    order = tf.where(finite[:, tf.newaxis], order, tf.zeros_like(order))
    chances = tf.where(finite[:, tf.newaxis], chances, np.float32("nan"))
    _, top = tf.math.top_k(order, min(TOP, order.shape[-1]))
    true = tf.gather(order, labels, batch_dims=1)
    as_high = tf.reduce_sum(tf.cast(order >= true[:, tf.newaxis], tf.int32), axis=1) - 1
    exact = tf.cast(order, tf.float64)
    loss = tf.reduce_logsumexp(exact, axis=1) - tf.cast(true, tf.float64)
    return (
        top,
        tf.gather(chances, top, batch_dims=1),
        tf.gather(chances, labels, batch_dims=1),
        tf.where(finite, as_high, UNRANKED),
        tf.where(finite, tf.cast(loss, tf.float32), np.float32("nan")),
    )
