"""The main job: folders of recordings in, one streaming model file out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kws.arrays import Float32, Int16
from kws.console import note
from kws.frontend import YAMNET, log_mel
from kws.metadata import UNKNOWN, DetectorDefaults, Metadata, keywords_of
from kws.modelfile import pack, parse_model
from kws.pcm import to_float32

from ..augmentation.augment import Augmentation
from ..augmentation.rooms import find_responses
from ..augmentation.windows import WindowShape
from ..cache import cache_folder
from ..data.clips import word_span
from ..data.dataset import Clip, DataError, Skipped, labels_of
from ..data.recordings import ClipSet, Negatives, digest_of_clips, read_noise
from ..data.splits import share_of
from ..evaluation.evaluate import judge_clips, open_model
from ..evaluation.operating import with_thresholds
from ..evaluation.results import ClipReport
from ..fitting.loop import set_seed
from ..networks.convert import Precision, convert
from ..networks.extractor import prove
from ..networks.extractors import Branch as FeaturePath
from ..networks.extractors import Choice, Extractor, words_branch, yamnet_branch
from ..networks.head import ConvolutionalHead, HeadShape
from ..networks.streaming import Time, step_model
from ..networks.weights import YAMNET as YAMNET_FILE
from ..networks.word_base import read_base
from ..networks.yamnet_file import read_yamnet
from ..progress import bar
from ..versions import used_versions
from . import features
from .features import Examples, WindowSource
from .fit import Epoch, Recipe, fit

#: Front-end frames per step (80 ms), where the trunk's stride is not longer.
STEP_FRAMES = 8
#: Results per training window.
RESULTS = 3
#: Shares of the speakers of a learning curve.
CURVE = (1 / 8, 1 / 4, 1 / 2)
#: Seconds over which scores are averaged, and in which a keyword is not detected again.
SMOOTHING = 0.24
REFRACTORY = 0.8


@dataclass(frozen=True)
class Options:
    """What a user decides about training.

    Attributes
    ----------
    extractor : {"yamnet", "words", "both"}
        What the head sits on.
    tap : int
        YAMNet's layer under it.
    copies : int
        Windows made from each clip: one as recorded, the others augmented.
    validation, hold_out : float
        Share of the speakers that decide when to stop and which threshold; and of those that
        nothing is decided on, for the figures in the end. Both for the model's provenance, as
        the clips come already split.
    split : str or None
        Column of the manifest that says who does, in place of the shares.
    epochs : int
        At most.
    learning_curve : bool
        Also train heads on shares of the speakers.
    precision : {"int8", "float32"}
    seed : int
    """

    extractor: Choice = "both"
    tap: int = 6
    copies: int = 6
    validation: float = 0.1
    hold_out: float = 0.0
    split: str | None = None
    epochs: int = Recipe.epochs
    learning_curve: bool = False
    precision: Precision = "int8"
    seed: int = 0


@dataclass(frozen=True)
class Trained:
    """A trained model.

    Attributes
    ----------
    content : bytes
        The model file.
    validation : ClipReport
        Of the model file, through the runtime, on the validation speakers.
    held_out : ClipReport or None
    skipped : tuple of Skipped
    """

    content: bytes
    validation: ClipReport
    held_out: ClipReport | None
    skipped: tuple[Skipped, ...]


def train(
    clips: tuple[Sequence[Clip], Sequence[Clip], Sequence[Clip]],
    yamnet: Path | None,
    base: Path | None,
    noise_paths: Sequence[Path],
    negative_paths: Sequence[Path],
    room_paths: Sequence[Path],
    augmentation: Augmentation,
    options: Options,
) -> Trained:
    """Train a head on a frozen extractor and make the streaming model file.

    Parameters
    ----------
    clips : tuple of three sequences of Clip
        To train, to validate, and held out (which may be empty); no speaker is in two of them.
    yamnet, base : Path or None
        YAMNet's weights, None if the extractor does without; a word base, None for the one in
        the package.
    noise_paths : sequence of Path
        Recordings of noise; coloured noise is drawn where there are none.
    negative_paths : sequence of Path
        Recordings of speech without any keyword.
    room_paths : sequence of Path
        Recorded impulse responses, besides the rooms that are simulated.
    augmentation : Augmentation
    options : Options

    Raises
    ------
    DataError
        If there is one class only, too few speakers, or nothing could be read.
    """
    set_seed(options.seed)
    versions = used_versions()
    labels = labels_of([clip for part in clips for clip in part])
    parts = [ClipSet.read(part) for part in clips]
    training, validation, held_out = parts
    noise, skipped = read_noise(noise_paths)
    negatives = Negatives.read(negative_paths)
    skipped += [skip for part in (*parts, negatives) for skip in part.skipped]
    for label in labels[2:]:
        for part, name in ((training, "train"), (validation, "validate")):
            if all(clip.label != label for clip in part.clips):
                raise DataError(f"{label}: no recording to {name} with could be read")
    training = training + negatives.training
    if all(clip.label != UNKNOWN for clip in training.clips):
        note("no _unknown_ folder: other words are stood in for by words played backwards")
        training = _with_backward_words(training)
    note(
        f"{len(training.clips)} clips to train, {len(validation.clips)} to validate, "
        f"{len(held_out.clips)} held out, {len(skipped)} skipped; "
        f"{len({c.speaker for c in training.clips})} speakers train; labels: {', '.join(labels)}"
    )

    extractor = open_extractor(options, yamnet, base, training.audio)
    head = ConvolutionalHead(len(labels), extractor, HeadShape())

    def network(x: Any, time: Time) -> Any:
        return head.on(extractor, x, time)

    step = step_model(network, max(STEP_FRAMES, head.stride), extractor.shape)
    shape = WindowShape(step.result_field, step.stride, RESULTS)
    responses, unused = find_responses(augmentation, room_paths, options.seed, cache_folder(), bar)
    skipped += unused
    sources = [
        WindowSource(
            part.clips,
            part.audio,
            labels,
            shape,
            noise,
            responses,
            extractor.front_end,
            options.seed,
        )
        for part in (training, validation)
    ]
    recipe = Recipe(epochs=options.epochs)
    examples, checks = (
        features.compute(source, extractor, copies, augmentation, cache_folder("features"), bar)
        for source, copies in zip(sources, (options.copies, 1), strict=True)
    )
    curve = []
    if options.learning_curve:
        curve = learning_curve(extractor, examples, checks, sources[0], options)
    epochs: list[Epoch] = []

    def report(epoch: Epoch) -> None:
        epochs.append(epoch)
        _report(epoch)

    fit(head, examples, checks, len(labels), recipe, options.seed, report)
    if options.learning_curve:
        curve.append(_curve_point(len(training.clips), checks, epochs))
    converted = convert(step, options.precision, calibration_streams(sources[0]))

    longest = float(
        np.percentile(
            [
                _seconds(audio)
                for clip, audio in zip(training.clips, training.audio, strict=True)
                if clip.label in keywords_of(labels)
            ],
            95,
        )
    )
    defaults = DetectorDefaults(
        smoothing=SMOOTHING,
        refractory=REFRACTORY,
        longest=min(2.0, max(0.6, 1.2 * longest)),
        thresholds=dict.fromkeys(keywords_of(labels), 0.5),
    )
    metadata = Metadata(
        task="commands",
        labels=labels,
        front_end=extractor.front_end,
        streaming=converted.streaming,
        detector=defaults,
        provenance={
            "extractor": extractor.name,
            "extractor_digest": extractor.digest,
            "options": asdict(options),
            "recipe": asdict(recipe),
            "augmentation": augmentation.to_dict(),
            "data_sha256": digest_of_clips(
                [*parts, negatives.training, negatives.development, negatives.test], noise
            ),
            "clips": [len(part.clips) for part in parts],
            **({"learning_curve": curve} if curve else {}),
            "versions": versions,
        },
    )
    content = pack(converted.network, metadata)
    content = with_thresholds(content, validation, negatives, options.seed)
    spotter = open_model(parse_model(content, "the trained model"))
    reports = [
        judge_clips(spotter, part.clips, part.audio, part.skipped, bar) if part.clips else None
        for part in (validation, held_out)
    ]
    assert reports[0] is not None  # every keyword has validation clips
    return Trained(content, reports[0], reports[1], tuple(skipped))


def learning_curve(
    extractor: Extractor,
    examples: Examples,
    checks: Examples,
    source: WindowSource,
    options: Options,
) -> list[dict[str, float]]:
    """Train heads on shares of the speakers, each share within the next; nothing is computed anew.

    Returns
    -------
    list of dict
        ``recordings`` trained on, ``accuracy`` of the head in float on the validation windows as
        recorded, and how many ``clips`` these are.
    """
    points = []
    labels = len(source.labels)
    for share in CURVE:
        kept = np.array([share_of("curve " + clip.speaker) < share for clip in source.clips])
        # of the made-up silence, which is by nobody, the same share
        silence = np.flatnonzero(examples.clips < 0)
        windows = kept[np.maximum(examples.clips, 0)]
        windows[silence] = np.arange(len(silence)) < share * len(silence)
        part = examples.where(windows)
        head = ConvolutionalHead(labels, extractor, HeadShape())
        recipe = Recipe(epochs=options.epochs)
        if len(set(part.targets[part.targets >= 0].tolist())) < labels:
            continue  # a label without any recording
        epochs: list[Epoch] = []
        fit(head, part, checks, labels, recipe, options.seed, epochs.append)
        points.append(_curve_point(int(kept.sum()), checks, epochs))
        note(f"{kept.sum()} recordings: accuracy {points[-1]['accuracy']:.1%}")
    return points


def _curve_point(recordings: int, checks: Examples, epochs: Sequence[Epoch]) -> dict[str, float]:
    best = min(epochs, key=lambda epoch: epoch.validation_loss)
    seen = int((checks.targets.max(axis=1) >= 0).sum())
    return {"recordings": recordings, "accuracy": best.validation_accuracy, "clips": seen}


def open_extractor(
    options: Options, yamnet: Path | None, base: Path | None, audio: Sequence[Int16]
) -> Extractor:
    """Build the extractor, and prove YAMNet's weights if they are those of the official file.

    Parameters
    ----------
    options : Options
    yamnet, base : Path or None
        YAMNet's weights; a word base, the one in the package if None.
    audio : sequence of int16 (n,)
        Recordings for the proof.
    """
    paths: list[FeaturePath] = []
    if options.extractor != "words":
        assert yamnet is not None  # only words do without
        weights = read_yamnet(yamnet)
        if weights.digest == YAMNET_FILE.sha256:
            agreement = prove(weights, yamnet, audio)
            note(f"YAMNet: class scores as the official file's (correlation {agreement:.3f})")
        paths.append(yamnet_branch(weights, options.tap))
    if options.extractor != "yamnet":
        paths.append(words_branch(read_base(base)))
    return Extractor(paths)


def calibration_streams(source: WindowSource, streams: int = 16, windows: int = 3) -> Float32:
    """Make representative streams: augmented windows, and the front end's extremes.

    Returns
    -------
    float32 (streams + 2, frames, bands)
        The last two are digital silence, and the first one at full scale.
    """
    rng = np.random.default_rng(source.seed)
    out = []
    for _ in range(streams):
        numbers = rng.integers(len(source.clips), size=windows)
        audio = [source.window(int(n), 1, Augmentation())[0] for n in numbers]
        out.append(np.concatenate(audio))
    out.append(np.zeros_like(out[0]))
    out.append(out[0] / max(1e-9, float(np.abs(out[0]).max())))
    return np.stack([log_mel(stream, source.front_end) for stream in out])


def _with_backward_words(part: ClipSet) -> ClipSet:
    rows = range(0, len(part.clips), 2)
    backward = [Clip(part.clips[n].path, UNKNOWN, UNKNOWN, part.clips[n].speaker) for n in rows]
    audio = [np.ascontiguousarray(part.audio[n][::-1]) for n in rows]
    return ClipSet([*part.clips, *backward], [*part.audio, *audio], part.skipped)


def _seconds(audio: Int16) -> float:
    first, last = word_span(to_float32(audio))
    return (last - first) / YAMNET.sample_rate


def _report(epoch: Epoch) -> None:
    note(
        f"epoch {epoch.number:2}/{epoch.of}: loss {epoch.loss:.3f}, validation loss "
        f"{epoch.validation_loss:.3f}, accuracy {epoch.validation_accuracy:.1%}"
    )
