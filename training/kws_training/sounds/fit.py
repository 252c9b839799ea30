"""Trains linear heads on the features of sounds, and tests each on the clips it did not see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from kws.arrays import Float32, Int64
from kws.frontend import YAMNET
from kws.metadata import SILENCE
from kws.posteriors import softmax
from kws.segmenter import join_columns

from ..data.splits import share_of
from ..evaluation.results import ClipResult
from ..networks.soundhead import Linear, fit_linear
from ..progress import bar
from ..spreading.workers import ALONE, Workers
from .data import SoundData
from .features import FeatureMaker
from .thresholds import ClipScores

#: Output frames of a window that are trained on, of each kind, at most.
MAX_OUTPUT_FRAMES = 12
#: Windows of made-up silence, relative to the clips.
SILENCE_SHARE = 0.2
#: How much silence counts, relative to a class.
SILENCE_WEIGHT = 1.0


@dataclass(frozen=True)
class Examples:
    """Output frames to train on, with the target of each.

    Attributes
    ----------
    features : float32 (n, channels)
        The features of each output frame.
    targets : int64 (n,)
        Index of its label.
    clips : int64 (n,)
        Number of its clip; -1 for made-up silence.
    looped : list of float32 (output frames, channels)
        All features of each clip as recorded, over and over, on which it is tested.
    """

    features: Float32
    targets: Int64
    clips: Int64
    looped: list[Float32]

    def fit(self, kept: npt.NDArray[np.bool_], labels: int) -> Linear:
        """Train on the output frames of some clips, and on silence that was made up.

        Parameters
        ----------
        kept : bool (clips,)
            Which clips.
        labels : int
            Number of labels.
        """
        rows = np.append(kept, True)[self.clips]  # the last one is clip -1: made up
        targets = self.targets[rows]
        # a clip counts once however long it is, a class as much as another
        source, per_source = np.unique(
            np.stack([self.clips[rows], targets]), axis=1, return_inverse=True
        )
        sizes = np.bincount(per_source.ravel())
        per_class = np.bincount(source[1], minlength=labels)
        weight = 1 / (sizes * np.maximum(1, per_class[source[1]]))
        weights = weight[per_source.ravel()] * kept.sum() / labels
        weights[targets == 0] *= SILENCE_WEIGHT
        return fit_linear(self.features[rows], targets, weights.astype(np.float32), labels)


def make_examples(maker: FeatureMaker, data: SoundData, copies: int, seed: int) -> Examples:
    """Make the output frames to train on: of every clip, and of silence.

    Parameters
    ----------
    maker : FeatureMaker
        Computes features.
    data : SoundData
        The recordings.
    copies : int
        Windows made from each clip: one as recorded, the others augmented.
    seed : int
        Seed of which output frames are taken.
    """
    rng = np.random.default_rng((seed, 1))
    part, labels = data.everything, data.labels
    silence = labels.index(SILENCE)
    features, targets, clips, looped = [], [], [], []

    def add(frames: Float32, target: int, clip: int) -> None:
        kept = rng.permutation(len(frames))[:MAX_OUTPUT_FRAMES]
        features.append(frames[kept])
        targets.append(np.full(len(kept), target))
        clips.append(np.full(len(kept), clip))

    for number in bar(iter(range(len(part.clips))), len(part.clips), "features"):
        label = labels.index(part.clips[number].label)
        for copy in range(copies):
            made = maker.example(part.audio[number], number, copy)
            if copy == 0:
                looped.append(made.features)
            add(made.features[made.targets == 1], label, number)
            add(made.features[made.targets == 0], silence, number)
    for number in range(max(2, round(SILENCE_SHARE * len(part.clips)))):
        add(maker.silence(number), silence, -1)
    return Examples(
        np.concatenate(features), np.concatenate(targets), np.concatenate(clips), looped
    )


@dataclass(frozen=True)
class _FitRound:
    """The task of a worker: trains the head of a round on the clips that it does not test."""

    examples: Examples
    labels: int

    def __call__(self, tested: npt.NDArray[np.bool_]) -> Linear:
        return self.examples.fit(~tested, self.labels)


def fit(examples: Examples, data: SoundData, workers: Workers = ALONE) -> dict[str, Linear]:
    """Train the head of each round on the clips that the round does not test.

    Parameters
    ----------
    examples : Examples
        Output frames of every clip.
    data : SoundData
        The rounds.
    workers : Workers
        Each trains the head of a round.

    Returns
    -------
    dict of str to Linear
        The head of each round.
    """
    task = _FitRound(replace(examples, looped=[]), len(data.labels))
    heads = workers.spread(task, data.rounds.values())
    return dict(zip(data.rounds, heads, strict=True))


def classify(head: Linear, looped: Float32, labels: tuple[str, ...]) -> Float32:
    """Return the scores that `KeywordSpotter.classify` gives for a clip, in float.

    Parameters
    ----------
    head : Linear
        The head of the network.
    looped : float32 (output frames, channels)
        Features of the clip, over and over.
    labels : tuple of str
        The labels.

    Returns
    -------
    float32 (labels,)
    """
    return join_columns(softmax(head(looped)), labels)


def score_rounds(
    maker: FeatureMaker, data: SoundData, examples: Examples, heads: Mapping[str, Linear]
) -> tuple[list[ClipResult], list[ClipScores]]:
    """Test every clip with the head that was not trained on it.

    Parameters
    ----------
    maker : FeatureMaker
        Computes features.
    data : SoundData
        The recordings and the rounds.
    examples : Examples
        Features of every clip.
    heads : mapping of str to Linear
        The head of each round.

    Returns
    -------
    results : list of ClipResult
        The label of each clip of the sounds, as a whole clip.
    scores : list of ClipScores
        The scores of each clip and negative, as streams.
    """
    results, scores = [], []
    part = data.everything
    jobs = [(name, int(n)) for name, kept in data.rounds.items() for n in np.flatnonzero(kept)]
    jobs.sort(key=lambda job: job[1])
    for job in bar(iter(range(len(jobs))), len(jobs), "judging"):
        name, n = jobs[job]
        clip, audio = part.clips[n], part.audio[n]
        if n < len(data.clips.clips):
            whole = classify(heads[name], examples.looped[n], data.labels)
            best = int(whole.argmax())
            results.append(ClipResult(clip, data.labels[best], float(whole[best])))
        start = maker.margin + maker.late
        end = start + len(audio) / YAMNET.hop / maker.stride
        posteriors = softmax(heads[name](maker.stream(audio)))
        # speakers of a single validation part choose for one another
        alone = len(data.rounds) == 1
        group = str(share_of("choose " + clip.speaker) < 0.5) if alone else name
        scores.append(ClipScores(clip.label, group, posteriors, start, end))
    return results, scores
