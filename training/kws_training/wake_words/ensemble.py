"""Trains an ensemble of wake-word networks, and the one that ships from their mean.

Networks differ in what they fire on by mistake, so that the mean of several is better than each
(docs/experiments/wake_words.md). A student learns from that mean, and is as small as one of them.
Each network begins anew, with a seed of its own, so that it is the same whoever trains it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kws.arrays import Float32, UInt8
from kws.console import note
from kws.frontend import WORDS

from ..augmentation.microphones import MicrophoneProfiles
from ..augmentation.noise import NoisyWindowMaker
from ..augmentation.spectra import WindowMaker
from ..data.checkpoint import Checkpoint
from ..fitting.loop import begin_anew
from ..networks.streaming import whole_model
from ..networks.word_base import Base
from ..spreading.workers import ALONE, Workers
from ..tensorflow_loading import fix_threads, import_tensorflow
from ..tracking import Track, untracked
from .data import WakeWordData
from .defaults import WakeWordOptions
from .fit import FitConfig, Fitted, fit, wake_window
from .listening import Listen, NetworkPlan, SpreadListening, listen_alone
from .network import WakeNetwork, WakeShape
from .phrases import PhraseSet
from .recipe import WakeWordRecipe
from .shard_pool import ShardPool
from .windows import AUGMENTATION, NOISIER, WakeWindow, WakeWindowMaker, WindowCounts

#: Recordings of each phrase with which the base learns at its full rate.
CLIPS_FOR_FULL_RATE = 40
#: Smallest share of its full rate at which the base learns.
MIN_RATE_SHARE = 0.2
#: The networks of a training differ in their seed: seeds of two trainings are so far apart.
SEEDS_PER_TRAINING = 100
#: Number of the student among the networks of a training.
STUDENT = 99


@dataclass(frozen=True, eq=False)
class WakeWordTraining:
    """What all networks of a training share.

    Attributes
    ----------
    base : Base
        The word base with which each begins.
    phrases : int
        Number of wake words.
    window : WakeWindow
        Shape of the training windows.
    negatives : list of uint8 (frames, bands)
        Grey levels of each recording without the phrases.
    other_phrases : PhraseSet or None
        Synthesized speech that is no phrase.
    profiles : MicrophoneProfiles or None
        Microphones whose profile windows get.
    maker, noisy_maker : WindowMaker
        Augment frames: in the first half of the rounds, and in the second half with more noise.
    config : FitConfig
        How a member of the ensemble is trained.
    seed : int
        The user's seed.
    recipe : WakeWordRecipe
        How many windows are changed in a way.
    pool : ShardPool or None
        Further negatives, others in each round.
    track : callable
        Told the losses of all networks.
    """

    base: Base
    phrases: int
    window: WakeWindow
    negatives: list[UInt8]
    other_phrases: PhraseSet | None
    profiles: MicrophoneProfiles | None
    maker: WindowMaker
    noisy_maker: WindowMaker
    config: FitConfig
    seed: int
    recipe: WakeWordRecipe
    pool: ShardPool | None = None
    track: Track = untracked

    @classmethod
    def of(
        cls,
        base: Base,
        data: WakeWordData,
        options: WakeWordOptions,
        track: Track = untracked,
    ) -> WakeWordTraining:
        """Decide how networks are trained on recordings.

        Parameters
        ----------
        base : Base
            The word base with which each begins.
        data : WakeWordData
            The recordings.
        options : WakeWordOptions
            What the user decides.
        track : callable
            Told the losses.
        """
        bank = data.noise_bank(options.recipe.babble, options.seed)
        # how far a network looks back is known once it is built, trained or not
        untrained = NetworkPlan(base, 1, WakeShape.of(options.recipe)).network()
        return cls(
            base,
            len(data.wake_words),
            wake_window(untrained, WORDS.bands),
            data.negatives,
            data.other_phrases(),
            data.profiles(),
            WindowMaker(bank, WORDS.floor, WORDS.ceiling, AUGMENTATION),
            NoisyWindowMaker(bank, WORDS.floor, WORDS.ceiling, NOISIER),
            FitConfig(
                steps=options.steps,
                base_rate=_base_rate(data),
                frozen=1.0 if options.frozen_base else FitConfig.frozen,
            ),
            options.seed,
            options.recipe,
            data.pool,
            track,
        )

    @property
    def plan(self) -> NetworkPlan:
        """What all networks are built of."""
        return NetworkPlan(self.base, self.phrases, WakeShape.of(self.recipe))

    def window_makers(self, phrases: PhraseSet) -> list[WakeWindowMaker]:
        """Return what makes the windows of the first rounds, and of the later, noisier ones.

        Parameters
        ----------
        phrases : PhraseSet
            Recordings of what is to be detected.
        """
        return [
            WakeWindowMaker(
                maker,
                phrases,
                self.other_phrases,
                self.window,
                WindowCounts(),
                self.profiles,
                self.recipe,
            )
            for maker in (self.maker, self.noisy_maker)
        ]


@dataclass(frozen=True, eq=False)
class FittedEnsemble:
    """What a training leaves behind.

    Attributes
    ----------
    network : WakeNetwork
        The student, or the only network: the one that ships.
    members : list of Fitted
        The ensemble.
    """

    network: WakeNetwork
    members: list[Fitted]


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoints of the networks of one training.

    Attributes
    ----------
    folder : Path
        Where they lie.
    key : str
        What tells this training from others: a digest of its data and options.
    """

    folder: Path
    key: str

    def of(self, number: int) -> Checkpoint:
        """Return the checkpoint of a network.

        Parameters
        ----------
        number : int
            Number of the network, or `STUDENT`.
        """
        return Checkpoint(self.folder / f"{self.key}-{number}.npz")

    def remove(self) -> None:
        """Delete all of them, once the training is done."""
        for path in self.folder.glob(f"{self.key}-*.npz"):
            path.unlink(missing_ok=True)


def fit_member(
    training: WakeWordTraining,
    phrases: PhraseSet,
    number: int,
    config: FitConfig,
    checkpoint: Checkpoint | None = None,
    listen: Listen = listen_alone,
    report: Callable[[str], None] = note,
) -> Fitted:
    """Train one network from labels alone.

    Parameters
    ----------
    training : WakeWordTraining
        What all networks share.
    phrases : PhraseSet
        Recordings of what is to be detected.
    number : int
        Number of the network, below `SEEDS_PER_TRAINING`: its seed.
    config : FitConfig
        How it is trained.
    checkpoint : Checkpoint, optional
        Where it notes how far it is.
    listen : callable
        Hears the negatives with it when they are mined.
    report : callable
        Called with a message after each round.
    """
    seed = SEEDS_PER_TRAINING * training.seed + number
    begin_anew(seed)
    makers = training.window_makers(phrases)
    return fit(
        training.plan.network(),
        makers,
        training.window,
        training.negatives,
        config,
        seed,
        report,
        pool=training.pool,
        track=_named(training.track, f"network {number + 1}"),
        checkpoint=checkpoint,
        listen=listen,
    )


@dataclass(frozen=True, eq=False)
class TrainedMember:
    """A network of an ensemble as a worker returns it.

    Attributes
    ----------
    weights : list of float32 arrays
        Of its model for training windows.
    mined : uint8 (n, frames, bands)
        As `Fitted` has them.
    curves : list of (str, int, float)
        What trackers are to be told.
    """

    weights: list[Float32]
    mined: UInt8
    curves: list[tuple[str, int, float]]

    def fitted(self, training: WakeWordTraining) -> Fitted:
        """Return the network in this process; its curves are told."""
        for curve in self.curves:
            training.track(*curve)
        network = training.plan.loaded(self.weights)
        model = whole_model(network, training.window.frames, (1, WORDS.bands))
        return Fitted(network, model, self.mined)


@dataclass(frozen=True, eq=False)
class TrainMember:
    """The task of a worker that trains networks of an ensemble.

    Attributes
    ----------
    training : WakeWordTraining
        What all networks share; nobody is told its losses.
    phrases : PhraseSet
        Recordings of what is to be detected.
    checkpoints : Checkpoints or None
        Where each notes how far it is.
    """

    training: WakeWordTraining
    phrases: PhraseSet
    checkpoints: Checkpoints | None

    def __call__(self, number: int) -> TrainedMember:
        """Train a network by its number."""
        import_tensorflow()
        fix_threads()
        curves: list[tuple[str, int, float]] = []

        def track(curve: str, step: int, value: float) -> None:
            curves.append((curve, step, value))

        fitted = fit_member(
            replace(self.training, track=track),
            self.phrases,
            number,
            self.training.config,
            None if self.checkpoints is None else self.checkpoints.of(number),
            report=lambda message: note(f"network {number + 1}: {message}"),
        )
        return TrainedMember(fitted.model.get_weights(), fitted.mined, curves)


def fit_ensemble(
    training: WakeWordTraining,
    phrases: PhraseSet,
    size: int,
    checkpoints: Checkpoints | None = None,
    workers: Workers = ALONE,
) -> FittedEnsemble:
    """Train an ensemble, and a student of its mean; a single network needs no student.

    Parameters
    ----------
    training : WakeWordTraining
        What all networks share.
    phrases : PhraseSet
        Recordings of what is to be detected.
    size : int
        Number of networks in the ensemble.
    checkpoints : Checkpoints, optional
        Where each notes how far it is.
    workers : Workers
        Each trains a network of its own; they mine for the student, or for the only network.

    Returns
    -------
    FittedEnsemble
        The student, or the only network, and those that it learned from.
    """
    listen = listen_alone if workers.alone else SpreadListening(training.plan, workers)

    def checkpoint(number: int) -> Checkpoint | None:
        return None if checkpoints is None else checkpoints.of(number)

    if size == 1:
        only = fit_member(training, phrases, 0, training.config, checkpoint(0), listen)
        return FittedEnsemble(only.network, [only])
    members = []
    if workers.alone:
        for number in range(size):
            note(f"network {number + 1} of {size}")
            members.append(
                fit_member(training, phrases, number, training.config, checkpoint(number))
            )
    else:
        task = TrainMember(replace(training, track=untracked), phrases, checkpoints)
        trained = workers.spread(task, range(size), size, "networks")
        members = [one.fitted(training) for one in trained]
    note(f"a network that learns from the mean of {size}")
    student = fit_student(training, phrases, members, checkpoint(STUDENT), listen)
    return FittedEnsemble(student.network, members)


def fit_student(
    training: WakeWordTraining,
    phrases: PhraseSet,
    teachers: Sequence[Fitted],
    checkpoint: Checkpoint | None = None,
    listen: Listen = listen_alone,
) -> Fitted:
    """Train a network on what its teachers say, beginning with the weights of the first.

    Parameters
    ----------
    training : WakeWordTraining
        What all networks share.
    phrases : PhraseSet
        Recordings of what is to be detected.
    teachers : sequence of Fitted
        The ensemble.
    checkpoint : Checkpoint, optional
        Where it notes how far it is.
    listen : callable
        Hears the negatives with it when they are mined.
    """
    seed = SEEDS_PER_TRAINING * training.seed + STUDENT
    begin_anew(seed)
    student = training.plan.network()
    model = whole_model(student, training.window.frames, (1, WORDS.bands))
    model.set_weights(teachers[0].model.get_weights())
    return fit(
        student,
        training.window_makers(phrases)[1:],
        training.window,
        training.negatives,
        training.config.student(),
        seed,
        note,
        teachers,
        training.pool,
        _named(training.track, "student"),
        checkpoint,
        listen,
    )


def _named(track: Track, name: str) -> Track:
    """Return what tells the curves of a network under its name."""

    def named(curve: str, step: int, value: float) -> None:
        track(f"{name}/{curve}", step, value)

    return named


def _base_rate(data: WakeWordData) -> float:
    """Return how fast the base may learn: the fewer recordings, the sooner it overfits.

    With ten recordings of a phrase a fifth of the rate missed fewer of others
    (docs/experiments/wake_words.md).
    """
    fewest = min(len(one.people) for one in data.wake_words)
    return FitConfig.base_rate * min(1.0, max(MIN_RATE_SHARE, fewest / CLIPS_FOR_FULL_RATE))
