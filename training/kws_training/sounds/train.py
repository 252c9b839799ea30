"""Environmental sounds: cross-validation or hold-out, then one streaming model file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kws.arrays import Float32, Int16, Int64
from kws.console import note
from kws.frontend import YAMNET, log_mel
from kws.metadata import SILENCE, UNKNOWN, Metadata, SegmenterDefaults, keywords_of
from kws.modelfile import pack, parse_model
from kws.pcm import to_float32
from kws.posteriors import softmax
from kws.segmenter import join_columns

from ..augmentation.augment import Augmentation
from ..augmentation.rooms import find_responses
from ..cache import cache_folder
from ..data.dataset import Clip, DataError, Skipped, labels_of
from ..data.recordings import ClipSet, digest_of_clips, read_noise, read_speech
from ..data.splits import share_of
from ..evaluation.evaluate import count_results, judge_clips, open_model
from ..evaluation.results import ClipReport, ClipResult
from ..fitting.loop import set_seed
from ..networks.convert import Precision, convert
from ..networks.extractor import YamnetTrunk, prove
from ..networks.soundhead import Linear, SoundHead, fit_linear
from ..networks.streaming import StepModel, Time, step_model
from ..networks.weights import YAMNET as YAMNET_FILE
from ..networks.yamnet_file import read_yamnet
from ..progress import bar
from ..versions import used_versions
from .defaults import COPIES, SEGMENTER, TAP
from .features import ColumnMaker
from .thresholds import Heard, choose_and_state

#: Columns of a window that are trained on, of each kind.
MOST_COLUMNS = 12
#: Windows of made-up silence, relative to the clips.
SILENCE_SHARE = 0.2
#: How much silence counts, relative to a class.
SILENCE_WEIGHT = 1.0
#: Recordings without any of the sounds are cut into pieces of so many seconds.
PIECE_SECONDS = 5.0
#: Clips on which the model file is compared with the network in float.
COMPARED = 200
#: Streams that calibrate int8, and their seconds.
CALIBRATION = 24
CALIBRATION_SECONDS = 6.0


@dataclass(frozen=True)
class SoundOptions:
    """What a user decides about training on sounds.

    Attributes
    ----------
    tap : int
        YAMNet's layer under the head.
    copies : int
        Windows made from each clip: one as recorded, the others augmented.
    folds : str or None
        Column of the manifest for cross-validation; None for validation clips.
    precision : {"int8", "float32"}
    seed : int
    """

    tap: int = TAP
    copies: int = COPIES
    folds: str | None = None
    precision: Precision = "int8"
    seed: int = 0


@dataclass(frozen=True)
class TrainedSounds:
    """A trained model for sounds.

    Attributes
    ----------
    content : bytes
        The model file.
    judged : ClipReport
        With folds: of every clip, by a network (in float) that was not trained on its fold.
        Without: of the validation clips, by the model file.
    held_out : ClipReport or None
        Of clips that nothing was trained or chosen on, by the model file.
    same, compared : int
        Clips to which the model file gives the same label as its network in float; of how many.
    skipped : tuple of Skipped
    """

    content: bytes
    judged: ClipReport
    held_out: ClipReport | None
    same: int
    compared: int
    skipped: tuple[Skipped, ...]


@dataclass(frozen=True)
class _Examples:
    """Columns to train on, each with its target and the number of its clip (-1: made up).

    ``looped`` are all columns of each clip as recorded, over and over: what it is judged by.
    """

    features: Float32
    targets: Int64
    clips: Int64
    looped: list[Float32]

    def fit(self, kept: npt.NDArray[np.bool_], labels: int) -> Linear:
        """Train on the columns of some clips, and on silence that was made up."""
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


def train_sounds(
    clips: tuple[Sequence[Clip], Sequence[Clip], Sequence[Clip]],
    yamnet: Path,
    noise_paths: Sequence[Path],
    negative_paths: Sequence[Path],
    room_paths: Sequence[Path],
    augmentation: Augmentation,
    options: SoundOptions,
) -> TrainedSounds:
    """Train a linear head on tapped YAMNet and make the streaming model file.

    Parameters
    ----------
    clips : tuple of three sequences of Clip
        To train, to validate, and held out. With ``options.folds`` the second is empty: the first
        is judged fold by fold, then all of it trains the model. Without, the second chooses
        thresholds and states them.
    yamnet : Path
        YAMNet's weights.
    noise_paths : sequence of Path
        Recordings of noise to put under the sounds.
    negative_paths : sequence of Path
        Recordings with none of the sounds.
    room_paths : sequence of Path
        Recorded impulse responses, besides the rooms that are simulated.
    augmentation : Augmentation
    options : SoundOptions

    Raises
    ------
    DataError
        If a class has too few clips, or a clip no fold, or nothing could be read.
    """
    set_seed(options.seed)
    versions = used_versions()
    data = ClipSet.read([*clips[0], *clips[1]])
    held_out = ClipSet.read(clips[2])
    noise, skipped = read_noise(noise_paths)
    negatives = read_negatives(negative_paths)
    responses, unused = find_responses(augmentation, room_paths, options.seed, cache_folder(), bar)
    skipped += [*data.skipped, *held_out.skipped, *negatives.skipped, *unused]
    everything = data + negatives
    labels = tuple(
        label
        for label in labels_of([*everything.clips, Clip(Path(), SILENCE, SILENCE, "")])
        if label != UNKNOWN or any(clip.label == UNKNOWN for clip in everything.clips)
    )
    rounds = _rounds(data.clips, negatives.clips, {clip.path for clip in clips[1]}, options.folds)
    _check_rounds(everything.clips, labels, rounds)
    note(
        f"{len(data.clips)} clips, {len(negatives.clips)} pieces without the sounds, "
        f"{len(held_out.clips)} held out, {len(skipped)} skipped; labels: {', '.join(labels)}"
    )

    weights = read_yamnet(yamnet)
    if weights.digest == YAMNET_FILE.sha256:
        agreement = prove(weights, yamnet, data.audio)
        note(f"YAMNet: class scores as the official file's (correlation {agreement:.3f})")
    trunk = YamnetTrunk(weights, options.tap)
    maker = ColumnMaker(trunk, noise, responses, augmentation, options.seed)
    examples = _examples(maker, everything, labels, options)

    heads = {name: examples.fit(~judged, len(labels)) for name, judged in rounds.items()}
    results, heard = _judge(
        maker, everything, examples.looped, labels, rounds, heads, len(data.clips)
    )
    column_seconds = trunk.stride * YAMNET.hop_seconds
    defaults = SegmenterDefaults(
        **{**asdict(SEGMENTER), "thresholds": dict.fromkeys(keywords_of(labels), 0.5)}
    )
    thresholds, points = choose_and_state(heard, labels, defaults, column_seconds)

    linear = next(iter(heads.values()))
    if options.folds is not None:
        linear = examples.fit(np.ones(len(everything.clips), np.bool_), len(labels))
    step = _step(trunk, linear)
    converted = convert(step, options.precision, calibration_streams(everything.audio, options))
    judged = count_results(results, labels, data.skipped)
    metadata = Metadata(
        task="sounds",
        labels=labels,
        front_end=YAMNET,
        streaming=converted.streaming,
        detector=SegmenterDefaults(**{**asdict(SEGMENTER), "thresholds": thresholds}),
        operating_points=points,
        provenance={
            "extractor": f"YAMNet, tap {options.tap}",
            "extractor_digest": f"yamnet {weights.digest} {options.tap}",
            "options": asdict(options),
            "augmentation": augmentation.to_dict(),
            "data_sha256": digest_of_clips([everything]),
            "clips": [len(data.clips), len(negatives.clips), len(held_out.clips)],
            "judged": judged.to_dict() | {"skipped": len(data.skipped)},
            "versions": versions,
        },
    )
    content = pack(converted.network, metadata)
    spotter = open_model(parse_model(content, "the trained model"))
    if options.folds is None:
        rows = np.flatnonzero(next(iter(rounds.values()))[: len(data.clips)])
        judged = judge_clips(
            spotter, [data.clips[n] for n in rows], [data.audio[n] for n in rows], data.skipped, bar
        )
    rng = np.random.default_rng(options.seed)
    compared = rng.permutation(len(data.clips))[:COMPARED]
    same = 0
    for n in bar(iter(compared.tolist()), len(compared), "model file"):
        in_float = labels[int(_classify(linear, examples.looped[n], labels).argmax())]
        same += spotter.classify(data.audio[n]).label == in_float
    out = None
    if held_out.clips:
        out = judge_clips(spotter, held_out.clips, held_out.audio, held_out.skipped, bar)
    return TrainedSounds(content, judged, out, same, len(compared), tuple(skipped))


def read_negatives(paths: Sequence[Path]) -> ClipSet:
    """Read recordings with none of the sounds, in pieces; those that cannot be used are listed."""
    part = ClipSet([], [], [])
    for path, audio in read_speech(paths, "negatives", part.skipped):
        size = round(PIECE_SECONDS * YAMNET.sample_rate)
        # the last piece takes the rest, unless it is long enough to be one
        starts = range(0, max(1, len(audio) - size // 2), size)
        for start in starts:
            piece = audio[start : None if start == starts[-1] else start + size]
            part.clips.append(Clip(path, UNKNOWN, "negatives", str(path)))
            part.audio.append(piece)
    return part


def calibration_streams(audio: Sequence[Int16], options: SoundOptions) -> Float32:
    """Make representative streams: clips over and over, and the front end's extremes.

    Returns
    -------
    float32 (streams, frames, bands)
        The last two are digital silence, and the first one at full scale.
    """
    rng = np.random.default_rng(options.seed)
    length = round(CALIBRATION_SECONDS * YAMNET.sample_rate)
    numbers = rng.permutation(len(audio))[:CALIBRATION]
    streams = [to_float32(np.resize(audio[n], length)) for n in numbers]
    streams.append(np.zeros(length, np.float32))
    streams.append(streams[0] / max(1e-9, float(np.abs(streams[0]).max())))
    return np.stack([log_mel(stream, YAMNET) for stream in streams])


def _step(trunk: YamnetTrunk, linear: Linear) -> StepModel:
    head = SoundHead(linear)

    def network(x: Any, time: Time) -> Any:
        return head(trunk(x, time), time)

    return step_model(network, max(8, trunk.stride), trunk.shape)


def _rounds(
    clips: Sequence[Clip], negatives: Sequence[Clip], validation: set[Path], folds: str | None
) -> dict[str, npt.NDArray[np.bool_]]:
    """Say which clips and negatives each round judges; it trains on the others.

    Raises
    ------
    DataError
        If a clip has no fold, or there is one fold only.
    """
    shares = np.array([share_of(clip.path.name) for clip in negatives])
    if folds is None:
        judged = np.array([clip.path in validation for clip in clips])
        # as large a share of the recordings without sounds, whole recordings each
        return {"validation": np.concatenate([judged, shares < judged.mean()])}
    for clip in clips:
        if not clip.columns.get(folds):
            there = sorted({name for clip in clips for name in clip.columns})
            raise DataError(
                f"{clip.path}: the manifest gives it no {folds!r}: fill in that column, or name "
                f"another one with --fold-column ({', '.join(there) or 'there is no manifest.csv'})"
            )
    names = sorted({clip.columns[folds] for clip in clips}, key=lambda name: (len(name), name))
    if len(names) < 2:
        raise DataError(
            f"--fold-column {folds}: one fold only ({names[0]}): at least two are needed"
        )
    of = np.array([names.index(clip.columns[folds]) for clip in clips])
    of = np.concatenate([of, (shares * len(names)).astype(np.int64)])
    return {name: of == number for number, name in enumerate(names)}


def _check_rounds(
    clips: Sequence[Clip], labels: Sequence[str], rounds: Mapping[str, npt.NDArray[np.bool_]]
) -> None:
    """See that every class has clips to train with in every round."""
    for name, judged in rounds.items():
        for label in keywords_of(tuple(labels)):
            rows = [n for n, clip in enumerate(clips) if clip.label == label]
            if judged[rows].all():
                raise DataError(
                    f"{label}: every clip is in {name!r}: none is left to train with; record more, "
                    "or take the class away"
                )


def _examples(
    maker: ColumnMaker, part: ClipSet, labels: tuple[str, ...], options: SoundOptions
) -> _Examples:
    """Make the columns to train on of every clip, and of silence."""
    rng = np.random.default_rng((options.seed, 1))
    features, targets, clips, looped = [], [], [], []

    def add(columns: Float32, target: int, clip: int) -> None:
        kept = rng.permutation(len(columns))[:MOST_COLUMNS]
        features.append(columns[kept])
        targets.append(np.full(len(kept), target))
        clips.append(np.full(len(kept), clip))

    for number in bar(iter(range(len(part.clips))), len(part.clips), "features"):
        label = labels.index(part.clips[number].label)
        for copy in range(options.copies):
            columns = maker.example(part.audio[number], number, copy)
            if copy == 0:
                looped.append(columns.features)
            add(columns.features[columns.targets == 1], label, number)
            add(columns.features[columns.targets == 0], labels.index(SILENCE), number)
    for number in range(max(2, round(SILENCE_SHARE * len(part.clips)))):
        add(maker.silence(number), labels.index(SILENCE), -1)
    return _Examples(
        np.concatenate(features), np.concatenate(targets), np.concatenate(clips), looped
    )


def _classify(linear: Linear, looped: Float32, labels: tuple[str, ...]) -> Float32:
    """Return what `KeywordSpotter.classify` gives, in float."""
    return join_columns(softmax(linear(looped)), labels)


def _judge(
    maker: ColumnMaker,
    part: ClipSet,
    looped: Sequence[Float32],
    labels: tuple[str, ...],
    rounds: Mapping[str, npt.NDArray[np.bool_]],
    heads: Mapping[str, Linear],
    count: int,
) -> tuple[list[ClipResult], list[Heard]]:
    """Judge every clip by the network that was not trained on it.

    Returns
    -------
    results : list of ClipResult
        Of the clips of the data (the first ``count``), as whole clips.
    heard : list of Heard
        Of all, as streams.
    """
    results, heard = [], []
    jobs = [(name, n) for name, judged in rounds.items() for n in np.flatnonzero(judged)]
    jobs.sort(key=lambda job: job[1])
    for job in bar(iter(range(len(jobs))), len(jobs), "judging"):
        name, n = jobs[job]
        clip, audio = part.clips[n], part.audio[n]
        if n < count:
            scores = _classify(heads[name], looped[n], labels)
            best = int(scores.argmax())
            results.append(ClipResult(clip, labels[best], float(scores[best])))
        start = maker.margin + maker.late
        end = start + len(audio) / YAMNET.hop / maker.stride
        posteriors = softmax(heads[name](maker.stream(audio)))
        # speakers of a single validation part choose for one another
        group = name if len(rounds) > 1 else str(share_of("choose " + clip.speaker) < 0.5)
        heard.append(Heard(clip.label, group, posteriors, start, end))
    return results, heard
