"""Connectionist temporal classification: what is said in which order, not when.

CTC: A. Graves et al., "Connectionist Temporal Classification", ICML 2006.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any


def output_frames(phonemes: Sequence[int]) -> int:
    """Return the output frames that CTC needs to write phonemes down, at least.

    Parameters
    ----------
    phonemes : sequence of int
        Indices of the phonemes; two alike beside each other need a blank between them.
    """
    return len(phonemes) + sum(one == other for one, other in pairwise(phonemes))


def ctc_loss(phonemes: Any, logits: Any, weights: Any) -> Any:
    """Return the mean CTC loss of phonemes.

    Parameters
    ----------
    phonemes : int32 (n, most)
        Indices of the phonemes, filled up with -1.
    logits : float32 (n, output frames, signs + 1)
        Logits of the phonemes, those of the blank last.
    weights : float32 (n,)
        How much each window counts.
    """
    import tensorflow as tf

    there = tf.where(phonemes >= 0)
    shape = tf.shape(phonemes, out_type=tf.int64)
    sparse = tf.SparseTensor(there, tf.gather_nd(phonemes, there), shape)
    lengths = tf.fill([tf.shape(logits)[0]], tf.shape(logits)[1])
    blank = logits.shape[-1] - 1
    each = tf.nn.ctc_loss(sparse, logits, None, lengths, logits_time_major=False, blank_index=blank)
    # what does not fit has an infinite loss, and nothing to learn from
    return tf.reduce_mean(tf.where(tf.math.is_finite(each), each * weights, 0.0))
