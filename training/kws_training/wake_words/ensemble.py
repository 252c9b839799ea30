"""Trains an ensemble of wake-word networks, and the one that ships from their mean.

Networks differ in what they fire on by mistake, so that the mean of several is better than each
(docs/experiments/wake_words.md). A student learns from that mean, and is as small as one of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kws.arrays import UInt8
from kws.console import note
from kws.frontend import WORDS

from ..augmentation.microphones import MicrophoneProfiles
from ..augmentation.noise import NoisyWindowMaker
from ..augmentation.spectra import WindowMaker
from ..data.checkpoint import Checkpoint
from ..networks.streaming import whole_model
from ..networks.word_base import Base
from ..tracking import Track, untracked
from .data import WakeWordData
from .defaults import WakeWordOptions
from .fit import FitConfig, Fitted, fit, wake_window
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
        untrained = WakeNetwork(base.network(), 1, WakeShape.of(options.recipe))
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

    def new_network(self) -> WakeNetwork:
        """Return a network with the weights of the base and an untrained head."""
        return WakeNetwork(self.base.network(), self.phrases, WakeShape.of(self.recipe))

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
    """
    network = training.new_network()
    seed = SEEDS_PER_TRAINING * training.seed + number
    makers = training.window_makers(phrases)
    return fit(
        network,
        makers,
        training.window,
        training.negatives,
        config,
        seed,
        note,
        pool=training.pool,
        track=_named(training.track, f"network {number + 1}"),
        checkpoint=checkpoint,
    )


def fit_ensemble(
    training: WakeWordTraining,
    phrases: PhraseSet,
    size: int,
    checkpoints: Checkpoints | None = None,
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

    Returns
    -------
    FittedEnsemble
        The student, or the only network, and those that it learned from.
    """
    members = []
    for number in range(size):
        if size > 1:
            note(f"network {number + 1} of {size}")
        checkpoint = None if checkpoints is None else checkpoints.of(number)
        members.append(fit_member(training, phrases, number, training.config, checkpoint))
    if size == 1:
        return FittedEnsemble(members[0].network, members)
    note(f"a network that learns from the mean of {size}")
    checkpoint = None if checkpoints is None else checkpoints.of(STUDENT)
    student = fit_student(training, phrases, members, checkpoint)
    return FittedEnsemble(student.network, members)


def fit_student(
    training: WakeWordTraining,
    phrases: PhraseSet,
    teachers: Sequence[Fitted],
    checkpoint: Checkpoint | None = None,
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
    """
    student = training.new_network()
    model = whole_model(student, training.window.frames, (1, WORDS.bands))
    model.set_weights(teachers[0].model.get_weights())
    return fit(
        student,
        training.window_makers(phrases)[1:],
        training.window,
        training.negatives,
        training.config.student(),
        SEEDS_PER_TRAINING * training.seed + STUDENT,
        note,
        teachers,
        training.pool,
        _named(training.track, "student"),
        checkpoint,
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
