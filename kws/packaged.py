"""The models in the package, and how every verb finds the model that a person names."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from .errors import ModelError
from .hub.download import fetch_model
from .hub.name import hub_name
from .intervals import rate_interval, share_interval
from .modelfile import ModelFile, parse_model, read_model

#: Ten English commands: the model of `kws.KeywordSpotter.default`.
COMMANDS = "commands"
#: The same ten commands in a network of a third of the weights.
SMALL = "commands-small"
#: The word base: 35 words, and what `kws train` and `kws enroll` start from.
WORDS = "words"
#: The wake word "computer", from recordings and text to speech.
COMPUTER = "computer"
#: The wake word "hey device", from text to speech alone.
HEY_DEVICE = "hey_device"
#: The phoneme network: what typed phrases, spoken commands and transcripts are decoded from.
PHONEMES = "phonemes"
#: The wake words in the package.
WAKE_WORDS = (COMPUTER, HEY_DEVICE)
#: All models in the package.
NAMES = (COMMANDS, SMALL, WORDS, PHONEMES, *WAKE_WORDS)


def is_packaged(model: str | Path) -> bool:
    """Tell whether a text names a model of the package; a file of that name goes before it.

    Parameters
    ----------
    model : str or Path
        What a person gave where a model is wanted.

    Returns
    -------
    bool
    """
    return str(model) in NAMES and not Path(model).is_file()


def packaged_content(name: str = COMMANDS) -> bytes:
    """Return the bytes of a model file in the package.

    Parameters
    ----------
    name : str
        One of `NAMES`.

    Returns
    -------
    bytes
        The whole file: the network and its metadata.
    """
    return resources.files(__package__).joinpath("models", f"{name}.tflite").read_bytes()


def packaged_model(name: str = COMMANDS) -> ModelFile:
    """Return a model of the package.

    Parameters
    ----------
    name : str
        One of `NAMES`.

    Returns
    -------
    ModelFile
    """
    return parse_model(packaged_content(name), f"{name}.tflite")


@dataclass(frozen=True)
class MeasuredAccuracy:
    """How many clips a model of the package gives the right label, as measured before it shipped.

    Attributes
    ----------
    right, clips : int
        Clips that get the right label, of how many.
    interval : (float, float)
        Exact 95 % interval of the accuracy (Clopper-Pearson), 0 .. 1.
    command : str
        What measured it.
    data : str
        The clips, in words.
    date : str
        When, as in 2026-11-29.
    """

    right: int
    clips: int
    interval: tuple[float, float]
    command: str
    data: str
    date: str

    @property
    def accuracy(self) -> float:
        """The share of the clips that get the right label, 0 .. 1."""
        return self.right / self.clips


def measured_accuracy(name: str = COMMANDS) -> MeasuredAccuracy:
    """Return the accuracy of a model of the package, as the table beside the models says it.

    Parameters
    ----------
    name : str
        `COMMANDS`, `SMALL` or `WORDS`.

    Returns
    -------
    MeasuredAccuracy

    Examples
    --------
    >>> print(f"{measured_accuracy('commands').accuracy:.1%}")
    95.2%
    """
    table = _table("accuracy.json")
    row = table["models"][name]
    return MeasuredAccuracy(
        row["right"],
        row["clips"],
        share_interval(row["right"], row["clips"]),
        row["command"],
        table["data"],
        table["date"],
    )


@dataclass(frozen=True)
class MeasuredWakeWord:
    """How often a wake word is missed and fires by itself, as measured before it shipped.

    Attributes
    ----------
    misses, recordings : int
        Recordings of the phrase that were missed, of how many.
    false_accepts : int
        Detections in speech without the phrase.
    hours : float
        Of that speech.
    command : str
        What measured it.
    data : str
        The recordings and the speech, in words.
    date : str
        When, as in 2026-11-29.
    training : str
        What the model was trained on, in words.
    """

    misses: int
    recordings: int
    false_accepts: int
    hours: float
    command: str
    data: str
    date: str
    training: str

    @property
    def miss_rate(self) -> float:
        """The share of the recordings that were missed, 0 .. 1."""
        return self.misses / self.recordings

    @property
    def miss_rate_interval(self) -> tuple[float, float]:
        """Exact 95 % interval of that share (Clopper-Pearson), 0 .. 1."""
        return share_interval(self.misses, self.recordings)

    @property
    def false_accepts_per_hour(self) -> float:
        """Detections per hour of speech without the phrase."""
        return self.false_accepts / self.hours

    @property
    def false_accepts_per_hour_interval(self) -> tuple[float, float]:
        """Exact 95 % interval of that rate (Poisson)."""
        return rate_interval(self.false_accepts, self.hours)


def measured_wake_word(name: str) -> MeasuredWakeWord:
    """Return how well a wake word of the package does, as the table beside the models says it.

    Parameters
    ----------
    name : str
        One of `WAKE_WORDS`.

    Returns
    -------
    MeasuredWakeWord
        At the threshold in its file.
    """
    return MeasuredWakeWord(**_measured("wake_words.json", name))


@dataclass(frozen=True)
class MeasuredPhonemes:
    """How many phonemes the phoneme network of the package writes down wrongly.

    Attributes
    ----------
    errors, phonemes : int
        Phonemes that were replaced, left out or added, for how many that were said.
    command : str
        What measured it.
    data : str
        What was said and by whom, in words.
    date : str
        When, as in 2026-11-29.
    """

    errors: int
    phonemes: int
    command: str
    data: str
    date: str

    @property
    def error_rate(self) -> float:
        """The phoneme error rate; it may be above 1."""
        return self.errors / self.phonemes


def measured_phonemes() -> MeasuredPhonemes:
    """Return how well the phoneme network of the package does, as the table beside it says it.

    Returns
    -------
    MeasuredPhonemes
    """
    return MeasuredPhonemes(**_measured("phonemes.json", PHONEMES))


def _measured(table: str, name: str) -> dict[str, Any]:
    """Return what a table beside the models says of one of them."""
    row = _table(table)[name]
    return {key: row[key] for key in row if key != "network_sha256"}


def _table(name: str) -> Any:
    """Read a table beside the models."""
    return json.loads(resources.files(__package__).joinpath("models", name).read_text())


def find_model(model: str | Path | None, default: str = COMMANDS) -> ModelFile:
    """Return the model that a person means: a file, a name of the package's, or one on the Hub.

    Parameters
    ----------
    model : str or Path or None
        A path, one of `NAMES`, or ``org/name[@revision]`` on the Hugging Face Hub; None for the
        default.
    default : str
        The model of the package that None stands for.

    Returns
    -------
    ModelFile

    Raises
    ------
    ModelError
        If there is no such file and no such name, or the file is no model file.
    HubError
        If it cannot be fetched from the Hub; see `kws.hub.download.fetch_model`.
    """
    if model is None:
        return packaged_model(default)
    if is_packaged(model):
        return packaged_model(str(model))
    name = hub_name(model)
    if name is not None:
        return fetch_model(name).model
    _check_exists(model)
    return read_model(model)


def model_content(model: str | Path | None) -> bytes:
    """Return the bytes of the file of a model that `find_model` finds.

    Parameters
    ----------
    model : str or Path or None
        As for `find_model`.

    Returns
    -------
    bytes
        The whole file: the network and its metadata.

    Raises
    ------
    ModelError
        If there is no such file and no such name.
    HubError
        If it cannot be fetched from the Hub.
    OSError
        If the file cannot be read.
    """
    if model is None or is_packaged(model):
        return packaged_content(COMMANDS if model is None else str(model))
    name = hub_name(model)
    if name is not None:
        return fetch_model(name).content
    _check_exists(model)
    return Path(model).read_bytes()


def without_network(model: str | Path | None) -> str | Path | None:
    """Return what names the same model in a process that shall not go to the Hub.

    Parameters
    ----------
    model : str or Path or None
        As for `find_model`.

    Returns
    -------
    str or Path or None
        Of a model on the Hub the file in the cache; anything else as it is.
    """
    name = None if model is None or is_packaged(model) else hub_name(model)
    return model if name is None else fetch_model(name).path


def is_file(model: str | Path | None) -> bool:
    """Tell whether a text names a file, and no model of the package or of the Hub.

    Parameters
    ----------
    model : str or Path or None
        What a person gave where a model is wanted; None for the default.

    Returns
    -------
    bool
    """
    return model is not None and not is_packaged(model) and hub_name(model) is None


def _check_exists(model: str | Path) -> None:
    """Refuse a name that is neither a file's nor the package's; other errors are the reader's."""
    try:
        Path(model).stat()
    except FileNotFoundError:
        raise ModelError(
            f"{model}: cannot be read (No such file or directory): check the path, or name a "
            f"model of the package ({', '.join(NAMES)}) or of the Hugging Face Hub (org/name)"
        ) from None
    except (OSError, ValueError):
        return
