"""Trains environmental sounds: cross-validation or hold-out, then one streaming model file."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from kws.console import note
from kws.frontend import YAMNET
from kws.metadata import keywords_of
from kws.modelfile import pack
from kws.spotter import KeywordSpotter

from ..augmentation.augment import Augmentation
from ..data.dataset import Skipped
from ..data.recordings import digest_of_clips
from ..data.training_files import TrainingFiles
from ..evaluation.evaluate import count_results, judge_clips, open_model
from ..evaluation.results import ClipReport
from ..fitting.loop import set_seed
from ..networks.extractor import YamnetTrunk, prove
from ..networks.soundhead import Linear, SoundHead
from ..networks.streaming import StepModel, Time, step_model
from ..networks.weights import YAMNET as YAMNET_FILE
from ..networks.yamnet_file import YamnetWeights, read_yamnet
from ..progress import bar
from ..publishing import publish
from ..spreading.workers import ALONE, Workers
from .calibration import calibration_streams
from .data import SoundData, prepare
from .defaults import SEGMENTER, STEP_FRAMES, SoundOptions
from .features import FeatureMaker
from .fit import Examples, classify, fit, make_examples, score_rounds
from .thresholds import choose_and_state

#: Clips on which the model file is compared with the network in float, at most.
MAX_COMPARED = 200


@dataclass(frozen=True)
class TrainedSounds:
    """A trained model of sounds.

    Attributes
    ----------
    content : bytes
        The model file.
    judged : ClipReport
        With folds: what networks in float give for the clips of the fold that they were not
        trained on. Without: what the model file gives for the validation clips.
    held_out : ClipReport or None
        What the model file gives for clips that nothing was trained or chosen on.
    same : int
        Clips to which the model file gives the same label as its network in float.
    compared : int
        Number of clips that were compared.
    skipped : tuple of Skipped
        Recordings that could not be used.
    """

    content: bytes
    judged: ClipReport
    held_out: ClipReport | None
    same: int
    compared: int
    skipped: tuple[Skipped, ...]


def train(
    files: TrainingFiles,
    yamnet: Path,
    augmentation: Augmentation,
    options: SoundOptions,
    workers: Workers = ALONE,
) -> TrainedSounds:
    """Train a linear head on tapped YAMNet and make the streaming model file.

    Parameters
    ----------
    files : TrainingFiles
        The recordings. With ``options.folds`` none validate: the clips to train are tested fold by
        fold, then all of them train the model. Without, the validation clips choose thresholds and
        state them.
    yamnet : Path
        YAMNet's weights.
    augmentation : Augmentation
        What may happen to a recording.
    options : SoundOptions
        What the user decides.
    workers : Workers
        Who reads recordings, and trains the heads of the folds.

    Raises
    ------
    DataError
        If a class has too few clips, or a clip no fold, or nothing could be read.
    """
    set_seed(options.seed)
    data = prepare(files, augmentation, options, workers)
    weights = read_yamnet(yamnet)
    if weights.digest == YAMNET_FILE.sha256:
        agreement = prove(weights, yamnet, data.clips.audio)
        note(f"YAMNet: class scores as the official file's (correlation {agreement:.3f})")
    trunk = YamnetTrunk(weights, options.tap)
    maker = FeatureMaker(trunk, data.noise, data.responses, augmentation, options.seed)
    examples = make_examples(maker, data, options.copies, options.seed)
    heads = fit(examples, data, workers)
    results, scores = score_rounds(maker, data, examples, heads)
    judged = count_results(results, data.labels, data.clips.skipped)
    seconds = trunk.stride * YAMNET.hop_seconds
    even = replace(SEGMENTER, thresholds=dict.fromkeys(keywords_of(data.labels), 0.5))
    thresholds, points = choose_and_state(scores, data.labels, even, seconds)

    head = next(iter(heads.values()))
    if options.folds is not None:
        everyone = np.ones(len(data.everything.clips), np.bool_)
        head = examples.fit(everyone, len(data.labels))
    model = publish(
        _step(trunk, head),
        options.precision,
        calibration_streams(data.everything.audio, options.seed),
        task="sounds",
        labels=data.labels,
        front_end=YAMNET,
        detector=replace(SEGMENTER, thresholds=thresholds),
        operating_points=points,
        provenance=_provenance(weights, data, judged, augmentation, options),
    )
    spotter = open_model(model)
    if options.folds is None:
        judged = _judge_validation(spotter, data)
    same, compared = _compare(spotter, head, examples, data, options.seed)
    held_out = None
    if data.held_out.clips:
        part = data.held_out
        held_out = judge_clips(spotter, part.clips, part.audio, part.skipped, bar)
    content = pack(model.network, model.metadata)
    return TrainedSounds(content, judged, held_out, same, compared, data.skipped)


def _step(trunk: YamnetTrunk, head: Linear) -> StepModel:
    """Return the streaming form of a head on its trunk."""
    layer = SoundHead(head)

    def network(x: Any, time: Time) -> Any:
        return layer(trunk(x, time), time)

    return step_model(network, max(STEP_FRAMES, trunk.stride), trunk.shape)


def _provenance(
    weights: YamnetWeights,
    data: SoundData,
    judged: ClipReport,
    augmentation: Augmentation,
    options: SoundOptions,
) -> dict[str, Any]:
    """Return what the model file says of its making."""
    parts = (data.clips, data.negatives, data.held_out)
    return {
        "extractor": f"YAMNet, tap {options.tap}",
        "extractor_digest": f"yamnet {weights.digest} {options.tap}",
        "options": asdict(options),
        "augmentation": augmentation.to_dict(),
        "data_sha256": digest_of_clips([data.everything]),
        "clips": [len(part.clips) for part in parts],
        "judged": judged.to_dict() | {"skipped": len(data.clips.skipped)},
    }


def _judge_validation(spotter: KeywordSpotter, data: SoundData) -> ClipReport:
    """Return what the model file gives for the validation clips."""
    (tested,) = data.rounds.values()
    part = data.clips
    rows = np.flatnonzero(tested[: len(part.clips)])
    return judge_clips(
        spotter,
        [part.clips[n] for n in rows],
        [part.audio[n] for n in rows],
        part.skipped,
        bar,
    )


def _compare(
    spotter: KeywordSpotter, head: Linear, examples: Examples, data: SoundData, seed: int
) -> tuple[int, int]:
    """Count the clips with the same label in the model file and in float; and how many are."""
    rng = np.random.default_rng(seed)
    compared = rng.permutation(len(data.clips.clips))[:MAX_COMPARED].tolist()
    same = 0
    for n in bar(iter(compared), len(compared), "model file"):
        scores = classify(head, examples.looped[n], data.labels)
        same += spotter.classify(data.clips.audio[n]).label == data.labels[int(scores.argmax())]
    return same, len(compared)
