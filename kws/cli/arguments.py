"""Arguments of several verbs: how they are parsed, and what is found out before the work."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..console import note
from ..errors import KwsError
from ..name_list import names as names
from ..packaged import NAMES, WORDS

#: What every argument that wants a model takes; `kws.packaged.find_model` finds it.
MODEL_HELP = (
    f"a model file, the name of one in the package ({', '.join(NAMES)}), or org/name[@revision] on "
    "the Hugging Face Hub"
)
#: The same for arguments that want a word base, which knows words in general.
BASE_HELP = f"a word base that kws pretrain wrote; {WORDS}, the one in the package, if left out"
#: What an argument for the sample rate of a pipe says.
RATE_HELP = "sample rate of the PCM in a pipe; WAV says its own"


def per_hour(text: str) -> float:
    """Parse a rate of false accepts, per hour.

    Parameters
    ----------
    text : str
        As it was given on the command line.

    Returns
    -------
    float
        False accepts per hour.
    """
    value = float(text)
    if not 0 < value <= 1000:
        raise argparse.ArgumentTypeError("must be above 0 and at most 1000")
    return value


def milliseconds(text: str) -> float:
    """Parse a time that something may take.

    Parameters
    ----------
    text : str
        As it was given on the command line.

    Returns
    -------
    float
        Milliseconds.
    """
    value = float(text)
    if not 0 < value <= 1e6:  # NaN is not
        raise argparse.ArgumentTypeError("must be above 0")
    return value


def check_output(path: Path) -> None:
    """Find out before the work, not after it, that a file cannot be written.

    Parameters
    ----------
    path : Path
        The file to write.

    Raises
    ------
    KwsError
        If it is a folder, or its folder does not exist or cannot be written to.
    """
    if path.is_dir():
        raise KwsError(f"{path}: is a folder: name the file to write")
    if not path.parent.is_dir():
        raise KwsError(f"{path.parent}: no such folder: make it, or name another with --output")
    if not os.access(path.parent, os.W_OK):
        raise KwsError(f"{path.parent}: cannot be written to: name another with --output")


class _OldSpelling(argparse.Action):
    """An option that was renamed: does what the new one does, and says on stderr what that is."""

    def __init__(
        self, option_strings: Sequence[str], dest: str, renamed: argparse.Action, **_: Any
    ) -> None:
        super().__init__(
            option_strings,
            dest,
            nargs=renamed.nargs,
            default=argparse.SUPPRESS,  # that of the new spelling counts
            help=argparse.SUPPRESS,
        )
        self.type = renamed.type
        self._renamed = renamed

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        new = self._renamed.option_strings[0]
        note(f"kws: {option_string} is called {new} now: the next release takes the new name only")
        self._renamed(parser, namespace, values, option_string)


def add_old_spelling(
    parser: argparse._ActionsContainer, spelling: str, renamed: argparse.Action
) -> None:
    """Take the old spelling of an option for one release more, with a note on stderr.

    Parameters
    ----------
    parser : argparse.ArgumentParser or argument group
        Of the verb.
    spelling : str
        The old name, such as ``--judge``; ``--help`` does not show it.
    renamed : argparse.Action
        The option under its new name, as ``add_argument`` returned it.
    """
    parser.add_argument(spelling, action=_OldSpelling, dest=renamed.dest, renamed=renamed)


def add_model(parser: argparse.ArgumentParser, *, several: bool = False) -> None:
    """Add the arguments that name a model, and those of its keywords that matter.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Of the verb.
    several : bool
        Whether the argument may be given again, for models that hear the same audio: it becomes a
        list then.
    """
    more = "; give it again for each further model that hears the same audio" if several else ""
    parser.add_argument(
        "--model",
        type=Path,
        action="append" if several else "store",
        metavar="FILE",
        help=f"{MODEL_HELP}; commands if left out{more}",
    )
    parser.add_argument(
        "--keywords",
        type=names,
        metavar="A,B,…",
        help="those of the model's keywords that matter; the others count as unknown words; quote "
        "one that has a comma: '\"yes, please\",no'",
    )


def add_phrases(parser: argparse.ArgumentParser) -> None:
    """Add the argument for phrases that are typed.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Of the verb.
    """
    parser.add_argument(
        "--phrase",
        dest="phrases",
        action="append",
        metavar="TEXT",
        help="listen for English words that are typed, without training; give it again for each "
        "further phrase; phonemes between slashes stand for what no dictionary has: "
        "'hey /z ao r k/'. Beside it --model may name another phoneme network than the package's, "
        "and models that listen as well",
    )


def add_output(
    parser: argparse.ArgumentParser, required: bool = True, what: str = "the model file to write"
) -> None:
    """Add the argument for the file that a verb writes.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Of the verb.
    required : bool
        Whether the verb always writes it.
    what : str
        What it is, for the help.
    """
    parser.add_argument("--output", type=Path, required=required, metavar="FILE", help=what)


def add_recordings(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that name recordings, of any length.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Of the verb.
    """
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="recordings of any length, or folders of them; - reads 16-bit mono PCM or WAV from a "
        "pipe",
    )


def add_rate(parser: argparse.ArgumentParser) -> None:
    """Add the argument for the sample rate of a pipe.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Of the verb.
    """
    parser.add_argument("--rate", type=int, default=16000, help=RATE_HELP)


def add_vad(parser: argparse.ArgumentParser) -> None:
    """Add ``--vad``.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Of the verb.
    """
    parser.add_argument(
        "--vad",
        action="store_true",
        help="let the network sleep while nothing sounds above the background: less computing in "
        "quiet rooms",
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add the argument that asks for JSON.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Of the verb.
    """
    parser.add_argument("--json", action="store_true", help="one JSON object per line")


def add_threshold(parser: argparse.ArgumentParser) -> None:
    """Add the argument for one threshold of all keywords.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Of the verb.
    """
    parser.add_argument(
        "--threshold",
        type=float,
        metavar="T",
        help="0 to 1, for all keywords, instead of the model's own: higher fires less and misses "
        "more",
    )
