"""Draws recordings of a phrase by how rare the way is in which it is said.

One voice in twenty is missed most: a network that draws all recordings equally often hears it in
one window of twenty. Recordings are grouped by what the word base makes of them (clusters), and
those of small groups are drawn more often.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from kws.arrays import Float32, Float64
from kws.frontend import WORDS

from ..data.images import to_frames
from ..networks.streaming import look_back, whole_model
from ..networks.word_base import FEATURE_STRIDE, Base
from .data import WakeWordData
from .phrases import FRAMES, PhraseClip, PhraseSet

#: Recordings of a cluster, on average.
PER_CLUSTER = 5
#: Clusters of the recordings of a phrase, at most.
MOST_CLUSTERS = 16
#: How much more often than the rarest a recording is drawn, at most, and so how much less often.
MOST = 4.0
#: Recordings in a step of the network.
BATCH = 32


def with_rare_voices(base: Base, data: WakeWordData, seed: int) -> PhraseSet:
    """Return the recordings of all phrases, to train with: the rare ones of people more often.

    Parameters
    ----------
    base : Base
        The word base whose features are clustered.
    data : WakeWordData
        The recordings.
    seed : int
        Seed of the clusters.

    Returns
    -------
    PhraseSet
        The recordings of `WakeWordData.phrases`, with other weights.
    """
    phrases = data.phrases()
    shares = []
    for one in data.wake_words:
        shares.append(rarity_weights(base, [clip for _, clip in one.people], seed))
        shares.append(np.ones(len(one.synthesized)))
    weights = phrases.weights * np.concatenate(shares)
    return replace(phrases, weights=weights / weights.sum())


def rarity_weights(base: Base, clips: Sequence[PhraseClip], seed: int) -> Float64:
    """Return how often recordings of a phrase are drawn: inversely to the size of their cluster.

    Parameters
    ----------
    base : Base
        The word base whose features are clustered.
    clips : sequence of PhraseClip
        The recordings of one phrase.
    seed : int
        Seed of the clusters.

    Returns
    -------
    float64 (n,)
        1 on average; none is more than `MOST` times another.
    """
    count = min(MOST_CLUSTERS, len(clips) // PER_CLUSTER)
    if count < 2:
        return np.ones(len(clips))
    from sklearn.cluster import KMeans
    from sklearn.preprocessing import StandardScaler

    features = StandardScaler().fit_transform(phrase_features(base, clips))
    cluster = KMeans(count, n_init=10, random_state=seed).fit_predict(features)
    sizes = np.bincount(cluster, minlength=count)[cluster]
    weights = 1 / np.maximum(sizes, sizes.max() / MOST)
    weights *= len(clips) / weights.sum()
    return np.asarray(weights, np.float64)


def phrase_features(base: Base, clips: Sequence[PhraseClip]) -> Float32:
    """Return the mean and the standard deviation of the base's features over each phrase.

    Parameters
    ----------
    base : Base
        The word base.
    clips : sequence of PhraseClip
        The recordings.

    Returns
    -------
    float32 (n, 2 * channels)
        The means, then the standard deviations.
    """
    phrases = PhraseSet.of([(0, clips, 1.0)])
    features_of = base.network().features
    before = look_back(features_of, FEATURE_STRIDE, (1, WORDS.bands))
    model = whole_model(features_of, before + FRAMES, (1, WORDS.bands))
    images = np.pad(phrases.images, ((0, 0), (before, 0), (0, 0)))
    # of the frames that an output frame has seen, the last one
    ends = FEATURE_STRIDE * np.arange(1, FRAMES // FEATURE_STRIDE + 1) - 1
    rows = []
    for start in range(0, len(clips), BATCH):
        part = slice(start, start + BATCH)
        found = np.asarray(model(to_frames(images[part])[:, :, None], training=False))
        for features, first, last in zip(
            found[:, :, 0], phrases.first[part], phrases.last[part], strict=True
        ):
            inside = features[(ends >= first) & (ends <= last)]
            rows.append(np.concatenate([inside.mean(axis=0), inside.std(axis=0)]))
    return np.stack(rows).astype(np.float32)
