"""Arguments that several verbs of the training side share."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..augmentation.snr import DEFAULT_REFERENCE, SNR_REFERENCES
from ..spreading.workers import Workers

#: Processes that share the work, at most.
MOST_JOBS = 256


def share(text: str) -> float:
    """Parse a share of the speakers.

    Parameters
    ----------
    text : str
        As it was given on the command line.

    Returns
    -------
    float
        0 to 0.9.
    """
    value = float(text)
    if not 0 <= value <= 0.9:
        raise argparse.ArgumentTypeError("must be 0 to 0.9")
    return value


def seed(text: str) -> int:
    """Parse a seed: 0 to 2**32 - 1, as numpy, TensorFlow and Python all take it.

    Parameters
    ----------
    text : str
        As it was given on the command line.

    Returns
    -------
    int
    """
    value = int(text)
    if not 0 <= value < 2**32:
        raise argparse.ArgumentTypeError("must be 0 to 4294967295")
    return value


def add_figures(parser: argparse.ArgumentParser) -> None:
    """Add the argument that asks for the figures in place of lines for people.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Of the verb.
    """
    parser.add_argument("--json", action="store_true", help="the figures as one JSON object")


def add_seed(parser: argparse.ArgumentParser) -> None:
    """Add the argument for the seed.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Of the verb.
    """
    parser.add_argument("--seed", type=seed, default=0, help="of all that is random")


def jobs(text: str) -> int:
    """Parse a number of processes.

    Parameters
    ----------
    text : str
        As it was given on the command line.

    Returns
    -------
    int
    """
    value = int(text)
    if not 1 <= value <= MOST_JOBS:
        raise argparse.ArgumentTypeError(f"must be 1 to {MOST_JOBS}")
    return value


def add_workers(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say who does the work.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Of the verb.
    """
    parser.add_argument(
        "--jobs",
        type=jobs,
        default=1,
        metavar="N",
        help="processes that share the work; the result is the same, whatever their number",
    )
    parser.add_argument(
        "--ray",
        metavar="ADDRESS",
        help="share the work on a Ray cluster in place of --jobs: host:port, or auto for the one "
        "that runs here (docs/cluster.md)",
    )


def workers_of(options: argparse.Namespace) -> Workers:
    """Return those who do the work, to be used in a ``with`` statement.

    Parameters
    ----------
    options : argparse.Namespace
        The parsed arguments.

    Returns
    -------
    Workers
    """
    return Workers(options.jobs, options.ray)


def add_data(parser: argparse.ArgumentParser, required: bool = True) -> None:
    """Add the arguments that name recordings.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Of the verb.
    required : bool
        Whether the verb cannot do without.
    """
    parser.add_argument(
        "--data",
        type=Path,
        nargs="+",
        action="extend",
        required=required,
        metavar="DIR",
        help="folders with one sub-folder per keyword, and _unknown_ and _silence_; or .csv files "
        "with the columns path and label; or hf://org/name[:split], a data set on the Hugging Face "
        "Hub",
    )
    add_speaker_rule(parser)


def add_speaker_rule(parser: argparse.ArgumentParser) -> None:
    """Add the argument that says who speaks.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Of the verb.
    """
    parser.add_argument(
        "--speaker-rule",
        metavar="REGEX",
        help="its first group, found in the file name, is the speaker, and every file that it "
        "does not fit is a speaker of its own; without it, names such as anna_nohash_0.wav say "
        "who speaks, then manifest.csv",
    )


def add_negatives(parser: argparse.ArgumentParser) -> None:
    """Add the argument that names speech without any keyword.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Of the verb.
    """
    parser.add_argument(
        "--negatives",
        type=Path,
        nargs="+",
        action="extend",
        default=[],
        metavar="DIR",
        help="folders of speech without any keyword: half of the recordings train, half are "
        "listened to when thresholds are chosen and stated; for wake words also shards that kws "
        "features made",
    )


def add_snr_reference(
    parser: argparse._ActionsContainer, what: str = "--snr", default: str | None = DEFAULT_REFERENCE
) -> None:
    """Add the argument that says what a signal-to-noise ratio is measured by.

    Parameters
    ----------
    parser : ArgumentParser or argument group
        Of the verb, or a group of its arguments.
    what : str
        What gives the ratio, for the help.
    default : str or None
        The reference where none is given; None if that is decided later.
    """
    left_out = f"{default} if left out" if default else "as the recipe says if left out"
    meanings = "; ".join(f"{name}: {meaning}" for name, meaning in SNR_REFERENCES.items())
    parser.add_argument(
        "--snr-reference",
        choices=tuple(SNR_REFERENCES),
        default=default,
        help=f"what the ratio of {what} is measured by ({left_out}). {meanings}",
    )


def add_recipe(
    parser: argparse.ArgumentParser, default: str | None, if_left_out: str | None = None
) -> None:
    """Add the arguments that say how recordings are augmented: a recipe, and recorded rooms.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Of the verb.
    default : str or None
        The recipe where none is given; None if that is decided later.
    if_left_out : str or None
        The recipe that is decided on later, for the help.
    """
    later = "" if if_left_out is None else f"; {if_left_out} if left out"
    parser.add_argument(
        "--recipe",
        default=default,
        metavar="NAME|FILE.toml",
        help="what may happen to a recording: light, heavy, telephone, or a file of your own"
        + later,
    )
    parser.add_argument(
        "--rooms",
        type=Path,
        nargs="+",
        action="extend",
        default=[],
        metavar="DIR",
        help="folders of recorded impulse responses, besides the simulated rooms",
    )


def add_speech_embedding(parser: argparse.ArgumentParser) -> None:
    """Add the option that names the file of Google's speech embedding.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        The parser of the verb.
    """
    parser.add_argument(
        "--speech-embedding",
        type=Path,
        metavar="FILE",
        help="weights of the speech embedding; else KWS_SPEECH_EMBEDDING, the cache, or a download",
    )
