"""Trains wake words: recordings of phrases and of everything else in, a model file out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from kws.arrays import Float32, UInt8
from kws.console import note
from kws.frontend import WORDS
from kws.metadata import WAKE_WORDS, DetectorDefaults, OperatingPoint
from kws.modelfile import ModelFile, pack

from ..cache import cache_folder
from ..data.attribution import attribution
from ..data.dataset import Skipped
from ..data.digest import digest_of
from ..fitting.loop import begin_anew, set_seed
from ..networks.convert import convert
from ..networks.streaming import step_model
from ..networks.word_base import Base, read_base
from ..publishing import publish_converted
from ..spreading.workers import ALONE, Workers
from ..tensorflow_loading import fix_threads
from ..tracking import Track, untracked
from .behind_base import check_base, convert_behind_base
from .calibration import calibration_streams
from .curve import learning_curve
from .data import WakeWordData, WakeWordSources, prepare
from .defaults import REFRACTORY, SMOOTHING, STATED_RATES, STRIDE, WakeWordOptions
from .ensemble import Checkpoints, WakeWordTraining, fit_ensemble
from .negatives import vary_negatives
from .network import WakeNetwork, WakeShape
from .phrases import PhraseSet
from .rarity import with_rare_voices
from .recipe import WakeWordRecipe
from .thresholds import KindScores, Thresholds, listen, state_points, thresholds_at
from .verifier import EnsembleMean, convert_verifier, windows_of, with_verifier
from .windows import AUGMENTATION, NOISIER

#: Seconds of the longest phrase that the detector expects, at least and at most.
LONGEST_PHRASE = (0.6, 2.2)
#: Hours that are drawn from shards to state false accepts on, at most.
TEST_HOURS = 30.0
#: Hexadecimal digits of a digest in the names of checkpoints.
NAME_DIGITS = 20
#: Part of the checkpoints' key. It goes up when the same data and options give other networks.
VERSION = 2


@dataclass(frozen=True)
class TrainedWakeWords:
    """A model file of wake words.

    Attributes
    ----------
    content : bytes
        The model file.
    points : tuple of OperatingPoint
        What thresholds give on recordings that nothing was trained or chosen on.
    skipped : tuple of Skipped
        Recordings that could not be used.
    """

    content: bytes
    points: tuple[OperatingPoint, ...]
    skipped: tuple[Skipped, ...]


def train(
    sources: WakeWordSources,
    base_path: Path | None,
    options: WakeWordOptions,
    workers: Workers = ALONE,
    track: Track = untracked,
) -> TrainedWakeWords:
    """Train a model of wake words; one that was interrupted goes on behind its last round.

    Parameters
    ----------
    sources : WakeWordSources
        The recordings.
    base_path : Path or None
        A word base; the one in the package if None.
    options : WakeWordOptions
        What the user decides.
    workers : Workers
        Who reads and speaks; each trains a network of the ensemble, and they listen.
    track : callable
        Told the losses.

    Raises
    ------
    DataError
        If a phrase has no recordings that can be used, or there are no negatives.
    """
    fix_threads()
    data = prepare(sources, options, workers)
    set_seed(options.seed)
    base = read_base(base_path)
    if options.frozen_base:
        check_base(base)
    training = WakeWordTraining.of(base, data, options, track)
    curve = learning_curve(training, data) if options.learning_curve else []
    phrases = with_rare_voices(base, data, options.seed) if options.rare_voices else data.phrases()
    checkpoints = _checkpoints(base, data, options)
    ensemble = fit_ensemble(training, phrases, options.ensemble, checkpoints, workers)
    provenance = {
        "word_base_sha256": base.digest,
        "options": asdict(options),
        "recipe": asdict(training.config),
        **_provenance(data, options.recipe),
        **({"learning_curve": curve} if curve else {}),
    }
    streams = calibration_streams(
        training.window_makers(phrases)[0], data.negatives, training.window, options.seed
    )
    model = _model_file(ensemble.network, training, data, phrases, streams, options, provenance)
    note("listening to the negatives as the device would")
    heard = _listen(model, training, data, options, workers)
    thresholds = _choose_thresholds(model, heard, options)
    if options.verifier is not None:
        begin_anew(options.seed)  # in one network no two layers have the same name
        members = EnsembleMean(
            [training.plan.loaded(one.model.get_weights()) for one in ensemble.members]
        )
        windows = windows_of(streams, training.window)
        converted = convert_verifier(members, options.precision, windows)
        alone = thresholds[options.false_accepts_per_hour]
        model = with_verifier(model, converted, heard, alone)
        heard = _listen(model, training, data, options, workers)
        thresholds = _choose_thresholds(model, heard, options)
    points = state_points(
        model,
        list(thresholds.values()),
        [one.held_out for one in data.wake_words],
        data.test.clips,
        options.seed,
        _test_frames(data, options.seed),
        workers,
    )
    chosen = thresholds[options.false_accepts_per_hour]
    detector = replace(model.metadata.detector, thresholds=chosen)
    metadata = replace(model.metadata, operating_points=points, detector=detector)
    checkpoints.remove()
    return TrainedWakeWords(pack(model.network, metadata), points, tuple(data.skipped))


def _test_frames(data: WakeWordData, seed: int) -> Iterator[list[UInt8]]:
    """Yield frames that nothing was trained on, some hours at a time; nothing without shards."""
    if data.pool is not None:
        for some in data.pool.groups("test", seed, TEST_HOURS):
            yield some.images


def _checkpoints(base: Base, data: WakeWordData, options: WakeWordOptions) -> Checkpoints:
    """Return the checkpoints of the same training, whether it was begun before or not."""
    key = digest_of((VERSION, base.digest, data.sha256, data.keywords, data.engines, options))
    return Checkpoints(cache_folder("wake_words"), key[:NAME_DIGITS])


def _provenance(data: WakeWordData, recipe: WakeWordRecipe) -> dict[str, Any]:
    """Return what a model file says of its data and network."""
    return {
        "shape": asdict(WakeShape.of(recipe)),
        "augmentation": [asdict(AUGMENTATION), asdict(NOISIER)],
        "recordings": {
            one.keyword: {
                "people": len(one.people),
                "synthesized": len(one.synthesized),
                "held_out": len(one.held_out),
            }
            for one in data.wake_words
        },
        "negative_hours": round(data.hours, 3),
        "negative_kinds": {kind: round(its, 3) for kind, its in data.hours_by_kind.items()},
        "sources": attribution(data.clips),
        "synthesized_by": list(data.engines),
        "data_sha256": data.sha256,
    }


def _model_file(
    network: WakeNetwork,
    training: WakeWordTraining,
    data: WakeWordData,
    phrases: PhraseSet,
    streams: Float32,
    options: WakeWordOptions,
    provenance: dict[str, Any],
) -> ModelFile:
    """Convert a network to a model file whose thresholds are not chosen yet."""
    step = step_model(network, STRIDE, (1, WORDS.bands))
    if options.frozen_base:
        converted, head = convert_behind_base(network, training.base, step, streams)
    else:
        converted, head = convert(step, options.precision, streams), None
    return publish_converted(
        converted,
        head=head,
        task=WAKE_WORDS,
        labels=data.keywords,
        front_end=WORDS,
        detector=DetectorDefaults(
            smoothing=SMOOTHING,
            refractory=REFRACTORY,
            longest=_longest_phrase(phrases),
            thresholds=dict.fromkeys(data.keywords, 0.5),
        ),
        provenance=provenance,
    )


def _listen(
    model: ModelFile,
    training: WakeWordTraining,
    data: WakeWordData,
    options: WakeWordOptions,
    workers: Workers,
) -> list[KindScores]:
    """Return the scores of the negatives by which thresholds are chosen."""
    varied = vary_negatives(data.training.images, training.maker, options.seed)
    return listen(
        model,
        (data.training.clips, varied),
        (data.development.clips, data.development.images),
        training.noisy_maker,
        options.seed,
        workers,
    )


def _choose_thresholds(
    model: ModelFile, kinds: Sequence[KindScores], options: WakeWordOptions
) -> dict[float, Thresholds]:
    """Choose the thresholds of each rate of false accepts per hour."""
    rates = sorted({*STATED_RATES, options.false_accepts_per_hour})
    return {rate: thresholds_at(model, kinds, rate) for rate in rates}


def _longest_phrase(phrases: PhraseSet) -> float:
    """Return the seconds that nearly no phrase is longer than."""
    shortest, longest = LONGEST_PHRASE
    length = np.percentile(phrases.last - phrases.first, 95) * WORDS.hop_seconds
    return float(min(longest, max(shortest, 1.2 * length)))
