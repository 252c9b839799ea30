"""What `kws train` is told for each task: one dataclass a task, which says what the task takes."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from kws.cli.arguments import check_output
from kws.errors import KwsError

from ..commands import defaults as command_defaults
from ..sounds import defaults as sound_defaults
from ..wake_words import defaults as wake_word_defaults
from ..wake_words.recipe import read_settings

#: Layers of YAMNet that a head can sit on.
LAYERS = 14
#: Fewest training steps of a wake word: with fewer the learning rate has no time to rise.
FEWEST_STEPS = 10

#: Why an option is not for a task, where that needs saying.
_REASONS = {
    ("sounds", "extractor"): ", as sounds are heard by yamnet",
    ("wake-words", "data"): ", which learn from --positives and --negatives",
}
#: Options whose name is not that of their field.
_FLAGS = {"wake_words": "--wake-word", "settings": "--set"}


def flag(name: str) -> str:
    """Return the option that fills a field.

    Parameters
    ----------
    name : str
        Of the field.

    Returns
    -------
    str
    """
    return _FLAGS.get(name, f"--{name.replace('_', '-')}")


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """What every task takes.

    Attributes
    ----------
    output : Path
        The model file to write.
    noise : sequence of Path
        Folders of background noise.
    negatives : sequence of Path
        Folders of speech, or other sounds, without any keyword.
    hold_out : float
        Share of the speakers that nothing is decided on, for the figures in the end.
    precision : {"int8", "float32"}
        Number format of the network in the file.
    seed : int
        Of everything that is random.
    jobs : int
        Processes that share what falls apart by itself.
    ray : str or None
        Address of a Ray cluster in their place.
    """

    output: Path
    noise: Sequence[Path] = ()
    negatives: Sequence[Path] = ()
    hold_out: float = 0.0
    precision: Literal["int8", "float32"] = "int8"
    seed: int = 0
    jobs: int = 1
    ray: str | None = None

    def __post_init__(self) -> None:
        """Refuse a file that cannot be written."""
        check_output(self.output)

    def check_least(self, **least: int) -> None:
        """Refuse numbers that are too small.

        Parameters
        ----------
        **least : int
            The smallest value of each field that is named.

        Raises
        ------
        KwsError
            If a value is smaller; the message names the option.
        """
        for name, smallest in least.items():
            if (value := getattr(self, name)) < smallest:
                raise KwsError(f"{flag(name)} {value}: must be at least {smallest}")


@dataclass(frozen=True, kw_only=True)
class ClipsConfig(TrainConfig):
    """What the tasks take that learn from labelled clips: commands and sounds.

    Attributes
    ----------
    data : sequence of Path
        Folders with one sub-folder per label, or lists of recordings.
    speaker_rule : str or None
        Pattern that finds the speaker in the name of a file.
    keywords : sequence of str or None
        Labels to keep apart, every other one becomes ``_unknown_``; None for all.
    validation : float
        Share of the speakers that training is watched by, and thresholds are chosen on.
    split : str or None
        Column of the manifest that says who trains, validates or tests, in place of shares.
    validation_data, test_data : sequence of Path
        Recordings to validate and to test, in place of a share of `data`.
    yamnet : Path or None
        YAMNet's weights; None for those that are found or downloaded.
    tap : int
        YAMNet's layer under the head, 1 to 14.
    recipe : str
        How recordings are augmented: a name, or a file of one's own.
    rooms : sequence of Path
        Folders of recorded impulse responses, besides the simulated rooms.
    copies : int
        Windows made from each clip.
    """

    data: Sequence[Path] = field(
        metadata={"missing": "give folders of recordings, or --wake-word and --positives"}
    )
    speaker_rule: str | None = None
    keywords: Sequence[str] | None = None
    validation: float = 0.1
    split: str | None = None
    validation_data: Sequence[Path] = ()
    test_data: Sequence[Path] = ()
    yamnet: Path | None = None
    tap: int
    recipe: str = "light"
    rooms: Sequence[Path] = ()
    copies: int

    def __post_init__(self) -> None:
        """Refuse values out of range, and two answers to who validates or is held out."""
        super().__post_init__()
        if not 1 <= self.tap <= LAYERS:
            raise KwsError(f"--tap {self.tap}: YAMNet has layers 1 to {LAYERS}")
        self.check_least(copies=1)
        self.check_sides()

    def check_sides(self) -> None:
        """Refuse two answers to who validates, or who is held out.

        Raises
        ------
        KwsError
            If options contradict each other.
        """
        if self.split is not None and (self.validation_data or self.test_data):
            raise KwsError(
                "--split says who validates: leave out --validation-data and --test-data"
            )
        if self.hold_out and (self.split is not None or self.test_data):
            raise KwsError(
                "--hold-out: --split and --test-data say who is held out: leave one of them out"
            )


@dataclass(frozen=True, kw_only=True)
class CommandConfig(ClipsConfig):
    """What training on words takes.

    Attributes
    ----------
    extractor : str
        The frozen networks under the head, one of `command_defaults.PARTS`.
    base : Path or None
        The word base; None for the one in the package.
    speech_embedding : Path or None
        Google's speech embedding; None for the file that is found or downloaded.
    epochs : int
        Passes over the training windows, at most.
    learning_curve : bool
        Whether to train on shares of the speakers too.
    """

    tap: int = command_defaults.TAP
    copies: int = command_defaults.COPIES
    extractor: command_defaults.Choice = "both"
    base: Path | None = None
    speech_embedding: Path | None = None
    epochs: int = command_defaults.EPOCHS
    learning_curve: bool = False

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        super().__post_init__()
        self.check_least(epochs=1)


@dataclass(frozen=True, kw_only=True)
class SoundConfig(ClipsConfig):
    """What training on sounds takes.

    Attributes
    ----------
    fold_column : str or None
        Column of the manifest for cross-validation; None for validation clips.
    """

    tap: int = sound_defaults.TAP
    copies: int = sound_defaults.COPIES
    fold_column: str | None = None

    def check_sides(self) -> None:
        """Refuse two answers to who validates, or who is held out.

        Raises
        ------
        KwsError
            If options contradict each other.
        """
        if self.fold_column is None:
            super().check_sides()
        elif self.split is not None or self.validation_data:
            raise KwsError(
                "--fold-column says who validates: leave out --split and --validation-data"
            )


@dataclass(frozen=True, kw_only=True)
class WakeWordConfig(TrainConfig):
    """What training wake words takes.

    Attributes
    ----------
    wake_words : sequence of str
        The phrases as they are written.
    negatives : sequence of Path
        Folders of recordings without the phrases.
    positives : sequence of sequence of Path
        Folders of recordings of the phrases, a group each time that the option was given.
    base : Path or None
        The word base; None for the one in the package.
    synthesize : int
        Times that text to speech says each phrase, and as often other things.
    language : str
        Of the phrases, as espeak-ng names it.
    crossings : float
        Share of the other things that are sentences with the phrase nearly across words.
    rare_voices : bool
        Whether recordings of rare voices are drawn more often.
    false_accepts_per_hour : float
        What the thresholds in the file are chosen for.
    steps : int
        Training steps of each network.
    ensemble : int
        Networks that are trained, from whose mean the model learns.
    frozen_base : bool
        Whether the word base stays as it is.
    learning_curve : bool
        Whether to train on shares of the speakers too.
    verifier : str or None
        The second network of the model; None for none.
    board : str or None
        Where the wake word shall run; None for everything that runs model files.
    settings : sequence of str
        Changes of the recipe, each as ``NAME=NUMBER``.
    """

    wake_words: Sequence[str] = field(
        metadata={"missing": "give the phrase that --positives say, as it is written"}
    )
    negatives: Sequence[Path] = field(
        metadata={"missing": "give folders of recordings without the phrase"}
    )
    positives: Sequence[Sequence[Path]] = ()
    base: Path | None = None
    hold_out: float = wake_word_defaults.HOLD_OUT
    synthesize: int = wake_word_defaults.SYNTHESIZED
    language: str = "en"
    crossings: float = wake_word_defaults.CROSSINGS
    rare_voices: bool = False
    false_accepts_per_hour: float = wake_word_defaults.FALSE_ACCEPTS_PER_HOUR
    steps: int = wake_word_defaults.STEPS
    ensemble: int = wake_word_defaults.ENSEMBLE
    frozen_base: bool = False
    learning_curve: bool = False
    verifier: str | None = None
    board: str | None = None
    settings: Sequence[str] = ()

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        super().__post_init__()
        self.check_least(synthesize=0, steps=FEWEST_STEPS, ensemble=1)
        read_settings(self.settings)
        if not 0 <= self.crossings <= 1:
            raise KwsError(f"--crossings {self.crossings:g}: must be 0 to 1")
        if self.frozen_base and self.precision != "int8":
            raise KwsError(
                f"--precision {self.precision}: --frozen-base keeps the word base in int8: give "
                "one of the two"
            )
        if self.verifier is not None and self.ensemble < 2:
            raise KwsError(
                f"--verifier {self.verifier}: is the ensemble that the model learns from: give "
                "--ensemble 2 or more"
            )
        if self.verifier is not None and self.board is not None:
            raise KwsError(
                f"--verifier {self.verifier}: {self.board} runs a single network: give one of the "
                "two"
            )


#: The configuration of each task, by the name that ``--task`` takes.
TASKS: Mapping[str, type[TrainConfig]] = {
    "commands": CommandConfig,
    "sounds": SoundConfig,
    "wake-words": WakeWordConfig,
}


def config_of(options: argparse.Namespace) -> TrainConfig:
    """Return the configuration of the task that the arguments of `kws train` are for.

    Parameters
    ----------
    options : argparse.Namespace
        The parsed arguments; what was not given is None, False or empty.

    Returns
    -------
    TrainConfig
        Of the class of the task: that of ``--task``; or wake words, if a phrase or recordings of
        one are given; or commands.

    Raises
    ------
    KwsError
        If an option is not for the task, one that it needs is missing, or a value is out of range.
    """
    takes = {name: {one.name for one in fields(kind)} for name, kind in TASKS.items()}
    given = {
        name: value
        for name, value in vars(options).items()
        if any(name in names for names in takes.values())
        and not (value is None or value is False or value == [])
    }
    task = options.task
    if task is None:
        task = "wake-words" if {"wake_words", "positives"} & given.keys() else "commands"
    for name in given:
        if name not in takes[task]:
            others = " and ".join(other for other in TASKS if name in takes[other])
            reason = _REASONS.get((task, name), "")
            raise KwsError(
                f"{flag(name)}: is not for --task {task}{reason}: it is for --task {others}"
            )
    return _made(TASKS[task], given)


def _made(kind: type[TrainConfig], given: Mapping[str, Any]) -> TrainConfig:
    """Return a configuration; what is missing is said by the name of its option."""
    for one in reversed(fields(kind)):  # first what only this task takes
        if one.name not in given and one.default is MISSING and one.default_factory is MISSING:
            raise KwsError(f"{flag(one.name)}: {one.metadata['missing']}")
    return kind(**given)
