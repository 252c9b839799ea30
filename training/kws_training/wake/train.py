"""From recordings of phrases and of everything else to a model file of wake words."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws.frontend import WORDS
from kws.modelfile import WAKE_WORDS, DetectorDefaults, Metadata, OperatingPoint, pack, parse_model

from ..augmentation.spectra import SpectralAugmentation, WindowMaker, coloured_frames
from ..cache import cache_folder
from ..data.dataset import Clip, DataError, Skipped, share_of
from ..data.images import to_frames
from ..fitting.fit import set_seed
from ..networks.base import read_base
from ..networks.convert import Precision, convert
from ..networks.streaming import step_model
from ..progress import say
from ..versions import used_versions
from ..voices.engines import installed
from ..voices.phrases import spoken_phrase
from .fit import STRIDE, Recipe, fit, wake_window
from .network import WakeNetwork, WakeShape
from .phrases import Phrases, Spoken, find_phrase
from .points import RATES, negative_traces, state_points, thresholds_at
from .recordings import Heard, hear, images_of
from .tape import Tape
from .windows import Shares, WakeWindow, WakeWindowMaker

Float32 = npt.NDArray[np.float32]
Images = npt.NDArray[np.uint8]

#: What is done to windows (ranges of ../shared/anchors.md, section 4).
AUGMENTATION = SpectralAugmentation(
    stretch=0.18, warp=0.15, gain=(-35.0, 12.0), equalisation=5.0, snr=(0.0, 35.0), noise=0.6,
    neighbours=0.0, reverberation=0.4, masks=0.3,
)  # fmt: skip
#: Seconds over which scores are averaged, and in which a phrase is not detected again.
SMOOTHING, REFRACTORY = 0.16, 1.0
#: Recordings of a phrase from which some are kept to state misses on.
ENOUGH = 10
#: Share of the negatives' speakers that nothing is trained on: half of them help to choose
#: thresholds, half state what they give.
HELD_NEGATIVES = 0.15
#: Seconds of noise of random colour that stand in where no noise is given.
STAND_IN = 60


@dataclass(frozen=True)
class Phrase:
    """A wake word, and recordings of it."""

    keyword: str
    clips: Sequence[Clip]


@dataclass(frozen=True)
class Options:
    """What a user decides about training.

    Attributes
    ----------
    synthesized : int
        Times that each phrase is said by machines; a confusable phrase is said for each.
    hold_out : float
        Share of the speakers of each phrase on whom misses are stated.
    false_accepts_per_hour : float
        What the thresholds are chosen for.
    steps : int
    precision : {"int8", "float32"}
    seed : int
    """

    synthesized: int
    hold_out: float
    false_accepts_per_hour: float
    steps: int
    precision: Precision
    seed: int


@dataclass(frozen=True)
class Trained:
    """A model file of wake words.

    Attributes
    ----------
    content : bytes
    points : tuple of OperatingPoint
    skipped : tuple of Skipped
        Recordings that could not be used.
    """

    content: bytes
    points: tuple[OperatingPoint, ...]
    skipped: tuple[Skipped, ...]


def train_wake_words(
    phrases: Sequence[Phrase],
    negative_clips: Sequence[Clip],
    noise_clips: Sequence[Clip],
    base_path: Path | None,
    options: Options,
) -> Trained:
    """Train a model of wake words.

    Parameters
    ----------
    phrases : sequence of Phrase
        One or more; without any recordings, machines say them.
    negative_clips : sequence of Clip
        Anything without the phrases.
    noise_clips : sequence of Clip
        Noise that is mixed in.
    base_path : Path or None
        A word base; the one in the package if None.
    options : Options

    Raises
    ------
    DataError
        If a phrase has no recordings that can be used, or there are no negatives.
    """
    set_seed(options.seed)
    versions = used_versions()
    base = read_base(base_path)
    cache = cache_folder("frames")
    said = [hear(phrase.clips, cache, phrase.keyword) for phrase in phrases]
    negatives = hear(negative_clips, cache, "negatives")
    noise = hear(noise_clips, cache, "noise")
    skipped = [skip for heard in (*said, negatives, noise) for skip in heard.skipped]
    negatives, left_out = _without(negatives, said)
    if left_out:
        say(f"{left_out} of the negatives are among the positives: left out")

    spoken: list[list[Spoken]] = []
    held: list[list[Clip]] = []
    for phrase, heard in zip(phrases, said, strict=True):
        found, unused = _find(heard)
        skipped += unused
        chosen = _held_out([clip for clip, _ in found], options.hold_out)
        held.append([clip for clip, _ in found if clip.speaker in chosen])
        spoken.append([one for clip, one in found if clip.speaker not in chosen])
        say(
            f"{phrase.keyword}: {len(spoken[-1])} recordings to train, {len(held[-1])} to state "
            "misses on"
        )
    machines, confusables = _synthesize(phrases, options)
    for phrase, people, made in zip(phrases, spoken, machines, strict=True):
        if not people and not made:
            raise DataError(
                f"{phrase.keyword}: no recording to train with: give --positives, or install "
                "espeak-ng and --synthesize some"
            )
    training, choosing, stating = _parts(negatives)
    recordings = [*training.images, *(one.image for group in confusables for one in group)]
    if not recordings:
        raise DataError("no negatives: give --negatives: any recordings without the phrase")
    say(
        f"{training.hours:.2f} h of negatives to train, {choosing.hours:.2f} h to choose "
        f"thresholds, {stating.hours:.2f} h to state false accepts on; {len(skipped)} skipped"
    )

    network = WakeNetwork(base.network(), len(phrases), WakeShape())
    window = wake_window(network, WORDS.bands)
    maker = WindowMaker(_bank(noise, options.seed), WORDS.floor, WORDS.ceiling, AUGMENTATION)
    material = Phrases.of(
        [
            *((number, people, 1.0) for number, people in enumerate(spoken)),
            *((number, made, _weight(spoken[number])) for number, made in enumerate(machines)),
        ]
    )
    alike = Phrases.of([(-1, group, 1.0) for group in confusables]) if any(confusables) else None
    windows = WakeWindowMaker(maker, material, alike, window, Shares())
    recipe = Recipe(steps=options.steps)
    fit(network, windows, window, recordings, recipe, options.seed, say)
    step = step_model(network, STRIDE, (1, WORDS.bands))
    tape = Tape.record(recordings, options.seed)
    converted = convert(
        step, options.precision, calibration_streams(windows, tape, window, options.seed)
    )
    keywords = tuple(phrase.keyword for phrase in phrases)
    metadata = Metadata(
        task=WAKE_WORDS,
        labels=keywords,
        front_end=WORDS,
        streaming=converted.streaming,
        detector=DetectorDefaults(
            smoothing=SMOOTHING,
            refractory=REFRACTORY,
            longest=_longest(material),
            thresholds=dict.fromkeys(keywords, 0.5),
        ),
        provenance={
            "word_base_sha256": base.digest,
            "options": asdict(options),
            "recipe": asdict(recipe),
            "shape": asdict(WakeShape()),
            "augmentation": asdict(AUGMENTATION),
            "recordings": {
                phrase.keyword: {
                    "people": len(people), "synthesized": len(made), "held_out": len(kept),
                }
                for phrase, people, made, kept in zip(phrases, spoken, machines, held, strict=True)
            },
            "negative_hours": round(training.hours, 3),
            "data_sha256": _digest([*said, negatives, noise]),
            "versions": versions,
        },
    )  # fmt: skip
    model = parse_model(pack(converted.network, metadata), "the trained model")
    say("listening to the negatives as the device would")
    traces = negative_traces(model, [training, choosing])
    rates = sorted({*RATES, options.false_accepts_per_hour})
    thresholds = {rate: thresholds_at(model, traces, rate) for rate in rates}
    points = state_points(model, list(thresholds.values()), held, stating.clips, options.seed)
    metadata = replace(
        metadata,
        operating_points=points,
        detector=replace(metadata.detector, thresholds=thresholds[options.false_accepts_per_hour]),
    )
    return Trained(pack(model.network, metadata), points, tuple(skipped))


def _find(heard: Heard) -> tuple[list[tuple[Clip, Spoken]], list[Skipped]]:
    """Find the phrase in each recording; where there is none, say so."""
    found, unused = [], []
    for clip, image in zip(heard.clips, heard.images, strict=True):
        spoken = find_phrase(image, clip.columns)
        if spoken is None:
            unused.append(Skipped(clip.path, "less than a tenth of a second is spoken"))
        else:
            found.append((clip, spoken))
    return found, unused


def _held_out(clips: Sequence[Clip], share: float) -> set[str]:
    """Choose speakers, about a share of the recordings, to state misses on; none of a few."""
    speakers = sorted({clip.speaker for clip in clips}, key=share_of)
    if len(clips) < ENOUGH or len(speakers) < 2 or share == 0:
        return set()
    chosen: set[str] = set()
    wanted = max(1, round(share * len(clips)))
    for speaker in speakers:
        rows = [clip for clip in clips if clip.speaker in chosen | {speaker}]
        # most of the recordings train, however much a single speaker has
        if len(rows) <= max(wanted, len(clips) // 4):
            chosen.add(speaker)
        if sum(clip.speaker in chosen for clip in clips) >= wanted:
            break
    return chosen


def _without(negatives: Heard, said: Sequence[Heard]) -> tuple[Heard, int]:
    """Leave out negatives that are recordings of a phrase."""
    known = {image.tobytes() for heard in said for image in heard.images}
    rows = [n for n, image in enumerate(negatives.images) if image.tobytes() not in known]
    kept = negatives.where(rows)
    return kept, len(negatives.images) - len(rows)


def _parts(negatives: Heard) -> tuple[Heard, Heard, Heard]:
    """Split negatives by speaker: to train, to choose thresholds, to state what they give."""
    shares = [share_of("negatives " + clip.speaker) for clip in negatives.clips]
    bounds = (0.0, HELD_NEGATIVES / 2, HELD_NEGATIVES, 1.0)
    stating, choosing, training = (
        negatives.where([n for n, one in enumerate(shares) if low <= one < high])
        for low, high in pairwise(bounds)
    )
    return training, choosing, stating


def _synthesize(
    phrases: Sequence[Phrase], options: Options
) -> tuple[list[list[Spoken]], list[list[Spoken]]]:
    """Have machines say each phrase, and phrases that sound alike."""
    engines = installed()
    if options.synthesized == 0 or not engines:
        if options.synthesized:
            say("no text-to-speech engine: no synthesized phrases (espeak-ng and flite are two)")
        return [[] for _ in phrases], [[] for _ in phrases]
    machines, confusables = [], []
    for phrase in phrases:
        made = spoken_phrase(
            phrase.keyword, options.synthesized, options.synthesized, engines, options.seed,
            cache_folder("phrases"),
        )  # fmt: skip
        for group, spoken in ((machines, made.positives), (confusables, made.negatives)):
            found = [find_phrase(images_of(one.samples), {}) for one in spoken]
            group.append([one for one in found if one is not None])
    return machines, confusables


def _weight(people: Sequence[Spoken]) -> float:
    """Return how often machines are heard, relative to people: less, the more people there are."""
    return 1.0 if not people else min(1.0, 8.0 / len(people))


def _bank(noise: Heard, seed: int) -> Float32:
    """Return frames (frames, bands) of recorded noise, or of noise of random colour."""
    if noise.images:
        return np.concatenate([to_frames(image) for image in noise.images])
    rng = np.random.default_rng(seed)
    return np.concatenate(coloured_frames(rng, STAND_IN, round(1 / WORDS.hop_seconds), WORDS.bands))


def calibration_streams(
    maker: WakeWindowMaker, tape: Tape, window: WakeWindow, seed: int
) -> Float32:
    """Make representative streams: windows of training, the tape, the front end's extremes."""
    rng = np.random.default_rng((seed, 1))
    nothing = np.empty((0, window.frames, tape.images.shape[1]), np.uint8)
    frames = maker.batch(rng, tape, nothing).frames[:, :, 0]
    streams = frames[: len(frames) // 3 * 3].reshape(-1, 3 * window.frames, frames.shape[-1])
    plain = to_frames(tape.draw(rng, 8, 3 * window.frames))
    floor = np.full_like(streams[:1], WORDS.floor)
    loud = streams[:1] + WORDS.ceiling - streams[0].max()
    return np.concatenate([streams, plain, floor, loud]).astype(np.float32)


def _longest(phrases: Phrases) -> float:
    """Return the seconds that no phrase is longer than, nearly."""
    length = np.percentile(phrases.last - phrases.first, 95) * WORDS.hop_seconds
    return float(min(2.2, max(0.6, 1.2 * length)))


def _digest(parts: Sequence[Heard]) -> str:
    """Return a digest of everything that was read, in order."""
    digest = hashlib.sha256()
    for heard in parts:
        for image in heard.images:
            digest.update(np.int64(len(image)).tobytes() + image.tobytes())
    return digest.hexdigest()
