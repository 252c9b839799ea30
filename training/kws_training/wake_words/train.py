"""From recordings of phrases and of everything else to a model file of wake words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from kws.arrays import Float32, UInt8
from kws.calibration.scores import Trace, track
from kws.calibration.thresholds import threshold_for
from kws.console import note
from kws.frontend import WORDS
from kws.metadata import WAKE_WORDS, DetectorDefaults, Metadata, OperatingPoint
from kws.modelfile import pack, parse_model
from kws.posteriors import sigmoid

from ..augmentation.noise import NoisyWindowMaker
from ..augmentation.spectra import WindowMaker
from ..data.dataset import Skipped
from ..data.images import to_frames
from ..data.splits import share_of
from ..fitting.loop import set_seed
from ..networks.convert import Precision, convert
from ..networks.streaming import step_model, whole_model
from ..networks.word_base import Base, read_base
from ..versions import used_versions
from .data import Material
from .fit import STRIDE, Fitted, Listener, Recipe, fit, student_of, wake_window
from .negatives import Tape, said_otherwise
from .network import WakeNetwork, WakeShape
from .phrases import Phrases, Spoken
from .thresholds import RATES, listen, state_points, thresholds_at
from .windows import AUGMENTATION, NOISIER, Shares, WakeWindow, WakeWindowMaker

#: Seconds over which scores are averaged, and in which a phrase is not detected again.
SMOOTHING, REFRACTORY = 0.16, 1.0
#: Recordings of each phrase with which the base learns at its full rate.
MANY = 40
#: Shares of the recordings of a learning curve, and silence around each recording that is judged.
CURVE = (1 / 4, 1 / 2)
SILENCE = np.zeros((200, WORDS.bands), np.uint8)
#: Frames that are heard at once of these: most recordings are no longer.
SHORT = 800


@dataclass(frozen=True)
class Options:
    """What a user decides about training.

    Attributes
    ----------
    false_accepts_per_hour : float
        What the thresholds are chosen for.
    steps : int
        Of each member.
    members : int
        Networks from whose mean the one that ships learns; of one, it ships itself.
    learning_curve : bool
        Whether to train on parts of the recordings too.
    precision : {"int8", "float32"}
    seed : int
    """

    false_accepts_per_hour: float
    steps: int
    members: int
    learning_curve: bool
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


def train_wake_words(material: Material, base_path: Path | None, options: Options) -> Trained:
    """Train a model of wake words.

    Parameters
    ----------
    material : Material
    base_path : Path or None
        A word base; the one in the package if None.
    options : Options
    """
    set_seed(options.seed)
    base = read_base(base_path)
    recipe = Recipe(steps=options.steps, base_rate=_base_rate(material))
    school = School(base, material, recipe, options.seed)
    curve = learning_curve(school, material) if options.learning_curve else []
    phrases = material.phrases()
    network = school.teach(phrases, options.members)
    streams = calibration_streams(
        school.windows(phrases)[0], material.recordings, school.window, options.seed
    )
    step = step_model(network, STRIDE, (1, WORDS.bands))
    converted = convert(step, options.precision, streams)
    keywords = tuple(phrase.keyword for phrase in material.said)
    metadata = Metadata(
        task=WAKE_WORDS,
        labels=keywords,
        front_end=WORDS,
        streaming=converted.streaming,
        detector=DetectorDefaults(
            smoothing=SMOOTHING,
            refractory=REFRACTORY,
            longest=_longest(phrases),
            thresholds=dict.fromkeys(keywords, 0.5),
        ),
        provenance={
            "word_base_sha256": base.digest,
            "options": asdict(options),
            "recipe": asdict(school.recipe),
            "shape": asdict(WakeShape()),
            "augmentation": [asdict(AUGMENTATION), asdict(NOISIER)],
            "recordings": {
                phrase.keyword: {
                    "people": len(phrase.people),
                    "synthesized": len(phrase.machines),
                    "held_out": len(phrase.held),
                }
                for phrase in material.said
            },
            "negative_hours": round(material.training.hours, 3),
            "data_sha256": material.sha256,
            **({"learning_curve": curve} if curve else {}),
            "versions": used_versions(),
        },
    )
    model = parse_model(pack(converted.network, metadata), "the trained model")
    note("listening to the negatives as the device would")
    again = said_otherwise(material.training.images, school.maker, options.seed)
    sources = listen(
        model, (material.training.clips, again), (material.choosing.clips, material.choosing.images)
    )
    rates = sorted({*RATES, options.false_accepts_per_hour})
    thresholds = {rate: thresholds_at(model, sources, rate) for rate in rates}
    held = [phrase.held for phrase in material.said]
    points = state_points(
        model, list(thresholds.values()), held, material.stating.clips, options.seed
    )
    detector = replace(metadata.detector, thresholds=thresholds[options.false_accepts_per_hour])
    metadata = replace(metadata, operating_points=points, detector=detector)
    return Trained(pack(model.network, metadata), points, tuple(material.skipped))


class School:
    """Trains networks on the same negatives.

    Parameters
    ----------
    base : Base
    material : Material
    recipe : Recipe
    seed : int

    Attributes
    ----------
    recipe : Recipe
    window : WakeWindow
    maker : WindowMaker
    """

    def __init__(self, base: Base, material: Material, recipe: Recipe, seed: int) -> None:
        self.recipe = recipe
        # of a network that is not trained: how far it looks back is known when it is built
        self.window = wake_window(WakeNetwork(base.network(), 1, WakeShape()), WORDS.bands)
        self._base, self._seed = base, seed
        self._count = len(material.said)
        self._recordings, self._others = material.recordings, material.others()
        self._profiles = material.profiles()
        bank = material.noise_bank(seed)
        self.maker = WindowMaker(bank, WORDS.floor, WORDS.ceiling, AUGMENTATION)
        self._noisy = NoisyWindowMaker(bank, WORDS.floor, WORDS.ceiling, NOISIER)

    def windows(self, phrases: Phrases) -> list[WakeWindowMaker]:
        """Return what makes the batches: at first, and later in more noise of more kinds."""
        return [
            WakeWindowMaker(maker, phrases, self._others, self.window, Shares(), self._profiles)
            for maker in (self.maker, self._noisy)
        ]

    def train(self, phrases: Phrases, number: int, recipe: Recipe) -> tuple[WakeNetwork, Fitted]:
        """Train one network."""
        network = WakeNetwork(self._base.network(), self._count, WakeShape())
        seed = 100 * self._seed + number
        windows = self.windows(phrases)
        return network, fit(network, windows, self.window, self._recordings, recipe, seed, note)

    def teach(self, phrases: Phrases, members: int) -> WakeNetwork:
        """Train the members, and a student of their mean."""
        fitted: list[Fitted] = []
        for number in range(members):
            if members > 1:
                note(f"network {number + 1} of {members}")
            network, one = self.train(phrases, number, self.recipe)
            fitted.append(one)
        if members == 1:
            return network
        note(f"a network that learns from the mean of {members}")
        student = WakeNetwork(self._base.network(), self._count, WakeShape())
        begun = whole_model(student, self.window.frames, (1, WORDS.bands))
        begun.set_weights(fitted[0].model.get_weights())
        fit(
            student,
            self.windows(phrases)[1:],
            self.window,
            self._recordings,
            student_of(self.recipe),
            100 * self._seed + 99,
            note,
            [one.model for one in fitted],
            np.concatenate([one.mined for one in fitted]),
        )
        return student


def learning_curve(school: School, material: Material) -> list[dict[str, float]]:
    """Train on shares of the speakers, and judge on the recordings of the others.

    One network each, with half of the steps: the curve says what recordings bring, not how good
    the model is in the end.

    Returns
    -------
    list of dict
        ``recordings`` trained on; ``accuracy``, the share that is found of the other recordings
        at half a false accept per hour of the negatives that choose thresholds, or at none; and
        how many ``clips`` these are.
    """
    points = []
    recipe = replace(school.recipe, steps=max(10, school.recipe.steps // 2))
    for share in CURVE:
        said, others = [], []
        for phrase in material.said:
            inside = [share_of("curve " + clip.speaker) < share for clip, _ in phrase.people]
            pairs = list(zip(phrase.people, inside, strict=True))
            said.append(replace(phrase, people=[one for one, kept in pairs if kept]))
            others.append([spoken for (_, spoken), kept in pairs if not kept])
        part = replace(material, said=said)
        recordings, clips = (sum(map(len, x)) for x in ([one.people for one in said], others))
        if not recordings or not clips:
            continue
        network, _ = school.train(part.phrases(), 50, recipe)
        found = _found(network, material, others)
        points.append({"recordings": recordings, "accuracy": found / clips, "clips": clips})
        note(f"{recordings} recordings: {found / clips:.0%} of {clips} others are found")
    return points


def _found(network: WakeNetwork, material: Material, others: Sequence[Sequence[Spoken]]) -> int:
    """Count the recordings that are found at half a false accept per hour."""
    keywords = tuple(phrase.keyword for phrase in material.said)
    defaults = DetectorDefaults(SMOOTHING, REFRACTORY, 2.0, dict.fromkeys(keywords, 0.5))
    seconds = STRIDE * WORDS.hop_seconds

    def heard(listener: Listener, images: UInt8) -> Trace:
        scores = sigmoid(listener.listen(images))
        return Trace(scores, seconds, len(scores) * seconds, exclusive=False)

    negatives = [*material.choosing.images, *material.stating.images] or material.training.images
    noise = heard(Listener(network, WORDS.bands), np.concatenate(negatives))
    ear = Listener(network, WORDS.bands, SHORT)
    count = 0
    for keyword, spoken in zip(keywords, others, strict=True):
        threshold = threshold_for([noise], keywords, defaults, keyword, 0.5)
        for one in spoken:
            alone = heard(ear, np.concatenate([SILENCE, one.image, SILENCE]))
            count += bool(track(alone, keywords, defaults, keyword).count(threshold))
    return count


def calibration_streams(
    maker: WakeWindowMaker, recordings: Sequence[UInt8], window: WakeWindow, seed: int
) -> Float32:
    """Make representative streams: windows of training, negatives, the front end's extremes."""
    rng = np.random.default_rng((seed, 1))
    tape = Tape.record(recordings, seed)
    nothing = np.empty((0, window.frames, WORDS.bands), np.uint8)
    frames = maker.batch(rng, tape, nothing).frames[:, :, 0]
    streams = frames[: len(frames) // 3 * 3].reshape(-1, 3 * window.frames, WORDS.bands)
    plain = to_frames(tape.draw(rng, 8, 3 * window.frames))
    floor = np.full_like(streams[:1], WORDS.floor)
    loud = streams[:1] + WORDS.ceiling - streams[0].max()
    return np.concatenate([streams, plain, floor, loud]).astype(np.float32)


def _base_rate(material: Material) -> float:
    """Return how fast the base may learn: the fewer people, the sooner it knows them by heart.

    With ten recordings of a phrase a fifth of the rate missed fewer of others (EXPERIMENTS.md).
    """
    fewest = min(len(phrase.people) for phrase in material.said)
    return Recipe.base_rate * min(1.0, max(0.2, fewest / MANY))


def _longest(phrases: Phrases) -> float:
    """Return the seconds that no phrase is longer than, nearly."""
    length = np.percentile(phrases.last - phrases.first, 95) * WORDS.hop_seconds
    return float(min(2.2, max(0.6, 1.2 * length)))
