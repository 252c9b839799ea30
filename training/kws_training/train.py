"""The main job: folders of recordings in, one streaming model file out."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import kws
from kws.frontend import YAMNET, log_mel
from kws.modelfile import (
    UNKNOWN,
    DetectorDefaults,
    Metadata,
    keywords_of,
    pack,
    parse_model,
)

from . import features
from .augment import Augmentation
from .convert import Precision, convert
from .dataset import Clip, DataError, Skipped, hold_out, labels_of, split
from .evaluate import (
    ClipReport,
    judge_clips,
    open_model,
)
from .extractor import YamnetTrunk, prove
from .features import Audio, WindowSource, word_span
from .fit import Epoch, Recipe, fit, set_seed
from .head import ConvolutionalHead
from .operating import with_thresholds
from .progress import bar, say
from .recordings import Negatives, Part, read_noise
from .streaming import Time, step_model
from .weights import YAMNET as YAMNET_FILE
from .windows import WindowShape
from .yamnet_file import read_yamnet

Float32 = npt.NDArray[np.float32]

#: Front-end frames per step (80 ms), where the trunk's stride is not longer.
STEP_FRAMES = 8
#: Front-end frames over which the head joins what was heard.
POOL_FRAMES = 80
#: Results per training window.
RESULTS = 3
#: Seconds over which scores are averaged, and in which a keyword is not detected again.
SMOOTHING = 0.24
REFRACTORY = 0.8


@dataclass(frozen=True)
class Options:
    """What a user decides about training.

    Attributes
    ----------
    tap : int
        YAMNet's layer that the head sits on.
    copies : int
        Windows made from each clip: one as recorded, the others augmented.
    validation, hold_out : float
        Share of the speakers that decide when to stop and which threshold; and of those that
        nothing is decided on, for the figures in the end.
    epochs : int
        At most.
    precision : {"int8", "float32"}
    seed : int
    """

    tap: int = 6
    copies: int = 6
    validation: float = 0.1
    hold_out: float = 0.0
    epochs: int = Recipe.epochs
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
    clips: Sequence[Clip],
    yamnet: Path,
    noise_paths: Sequence[Path],
    negative_paths: Sequence[Path],
    options: Options,
) -> Trained:
    """Train a head on tapped YAMNet and make the streaming model file.

    Parameters
    ----------
    clips : sequence of Clip
    yamnet : Path
        YAMNet's weights.
    noise_paths : sequence of Path
        Recordings of noise; coloured noise is drawn where there are none.
    negative_paths : sequence of Path
        Recordings of speech without any keyword.
    options : Options

    Raises
    ------
    DataError
        If there is one class only, too few speakers, or nothing could be read.
    """
    set_seed(options.seed)
    versions = used_versions()
    weights = read_yamnet(yamnet)
    labels = labels_of(clips)
    kept, out = hold_out(clips, options.hold_out)
    parts = [Part.read(part) for part in (*split(kept, options.validation), out)]
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
        say("no _unknown_ folder: other words are stood in for by words played backwards")
        training = _with_backward_words(training)
    say(
        f"{len(training.clips)} clips to train, {len(validation.clips)} to validate, "
        f"{len(held_out.clips)} held out, {len(skipped)} skipped; "
        f"{len({c.speaker for c in training.clips})} speakers train; labels: {', '.join(labels)}"
    )

    if weights.digest == YAMNET_FILE.sha256:
        agreement = prove(weights, yamnet, training.audio)
        say(f"YAMNet: class scores as the official file's (correlation {agreement:.3f})")
    trunk = YamnetTrunk(weights, options.tap)
    head = ConvolutionalHead(len(labels), trunk.frequencies, pool=POOL_FRAMES // trunk.stride)

    def network(x: Any, time: Time) -> Any:
        return head(trunk(x, time), time)

    step = step_model(network, max(STEP_FRAMES, trunk.stride), trunk.shape)
    shape = WindowShape(step.result_field, step.stride, RESULTS)
    augmentation = Augmentation()
    source = WindowSource(training.clips, training.audio, labels, shape, noise, options.seed)
    check = WindowSource(validation.clips, validation.audio, labels, shape, noise, options.seed)
    recipe = Recipe(epochs=options.epochs)
    with tempfile.TemporaryDirectory(prefix="kws-train-") as folder:
        examples = features.compute(
            source, trunk, options.copies, augmentation, Path(folder, "train.npy"), bar
        )
        checks = features.compute(check, trunk, 1, augmentation, Path(folder, "check.npy"), bar)
        fit(head, examples, checks, len(labels), recipe, options.seed, _report)
    converted = convert(step, options.precision, calibration_streams(source))

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
        front_end=YAMNET,
        streaming=converted.streaming,
        detector=defaults,
        provenance={
            "extractor": f"YAMNet, tap {options.tap}",
            "yamnet_sha256": weights.digest,
            "options": asdict(options),
            "recipe": asdict(recipe),
            "augmentation": asdict(augmentation),
            "data_sha256": _digest(
                [*parts, negatives.training, negatives.choosing, negatives.stating], noise
            ),
            "clips": [len(part.clips) for part in parts],
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
    return np.stack([log_mel(stream, YAMNET) for stream in out])


def _with_backward_words(part: Part) -> Part:
    rows = range(0, len(part.clips), 2)
    backward = [Clip(part.clips[n].path, UNKNOWN, UNKNOWN, part.clips[n].speaker) for n in rows]
    audio = [np.ascontiguousarray(part.audio[n][::-1]) for n in rows]
    return Part([*part.clips, *backward], [*part.audio, *audio], part.skipped)


def _seconds(audio: Audio) -> float:
    first, last = word_span(audio.astype(np.float32) / 32768)
    return (last - first) / YAMNET.sample_rate


def used_versions() -> dict[str, str]:
    """Return the versions of what a model is made with."""
    import keras
    import tensorflow as tf

    modules = {"kws": kws, "tensorflow": tf, "keras": keras, "numpy": np}
    return {name: module.__version__ for name, module in modules.items()}


def _digest(parts: Sequence[Part], noise: Sequence[Float32]) -> str:
    """Return a digest of everything that was read, in order."""
    digest = hashlib.sha256()
    for piece in noise:
        digest.update(piece.tobytes())
    for part in parts:
        for clip, audio in zip(part.clips, part.audio, strict=True):
            digest.update(clip.label.encode() + b"\0")
            digest.update(audio.tobytes())
    return digest.hexdigest()


def _report(epoch: Epoch) -> None:
    say(
        f"epoch {epoch.number:2}/{epoch.of}: loss {epoch.loss:.3f}, validation loss "
        f"{epoch.validation_loss:.3f}, accuracy {epoch.validation_accuracy:.1%}"
    )
