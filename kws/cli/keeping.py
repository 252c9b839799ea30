"""The arguments that say what is kept of what is heard, and the keeping of it."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from ..arrays import Float32
from ..console import note
from ..detections import Detection
from ..errors import KwsError
from ..group import SpotterGroup
from ..keeping.keeper import AFTER, BEFORE, MOST_BYTES, MOST_FILES, NEAR, Keeper, KeptModel
from ..metadata import Metadata
from ..modelfile import network_digest
from ..packaged import COMMANDS, find_model
from ..spotter import KeywordSpotter
from .reactions import ends_with_sigterm

#: Bytes of a megabyte of --keep-megabytes.
MEGABYTE = 10**6


class Keeping(Protocol):
    """Takes a stream and what was detected in it."""

    def start(self, source: str) -> None:
        """Begin a stream."""

    def push(self, samples: Float32, fired: list[Detection]) -> None:
        """Take a piece of it, and what it fired."""

    def finish(self, fired: list[Detection]) -> None:
        """End it, with what fired at its end."""


def _near(text: str) -> float:
    value = float(text)
    if not 0.05 <= value <= 1:
        raise argparse.ArgumentTypeError("must be 0.05 to 1")
    return value


def _megabytes(text: str) -> float:
    value = float(text)
    if not 1 <= value <= 1e6:
        raise argparse.ArgumentTypeError("must be 1 to 1000000")
    return value


def add_keeping(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say what is kept of what is heard.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Of the verb.
    """
    group = parser.add_argument_group("recordings for kws review, to train anew; none unless asked")
    group.add_argument(
        "--keep",
        type=Path,
        metavar="DIR",
        help=f"keep {BEFORE + AFTER:g} s of sound around each detection, and around what was "
        "nearly detected, in this folder, and how long was listened; nothing leaves the machine",
    )
    group.add_argument(
        "--keep-near",
        type=_near,
        metavar="SHARE",
        help="share of its threshold that a score must reach to be nearly detected, 0.05 to 1; "
        f"{NEAR:g} if left out; 1 keeps detections alone",
    )
    group.add_argument(
        "--keep-megabytes",
        type=_megabytes,
        metavar="M",
        help=f"megabytes that recordings without a label may take; {MOST_BYTES / MEGABYTE:g} if "
        f"left out, and {MOST_FILES} recordings at most; the oldest go first",
    )


@contextlib.contextmanager
def keeping(
    options: argparse.Namespace, spotter: KeywordSpotter | SpotterGroup, *, live: bool
) -> Iterator[Keeping]:
    """Open the folder that the arguments ask for, and say what will be kept.

    Parameters
    ----------
    options : argparse.Namespace
        The parsed arguments, with ``model``.
    spotter : KeywordSpotter or SpotterGroup
        What listens.
    live : bool
        Whether the audio comes as it is heard.

    Yields
    ------
    Keeping
        Does nothing unless something is to be kept. What waits is written in the end, also where
        the end is Ctrl-C.

    Raises
    ------
    KwsError
        If nothing can be kept there, or an option is given without ``--keep``.
    """
    if options.keep is None:
        for option in ("keep_near", "keep_megabytes"):
            if getattr(options, option) is not None:
                raise KwsError(f"--{option.replace('_', '-')} goes with --keep: name the folder")
        yield _Nothing()
        return
    share = NEAR if options.keep_near is None else options.keep_near
    most = MOST_BYTES if options.keep_megabytes is None else options.keep_megabytes * MEGABYTE
    spotter.watch_near(share)
    keeper = Keeper(
        options.keep,
        _models(options, spotter),
        spotter.sample_rate,
        share=share,
        most_bytes=round(most),
        live=live,
    )
    note(
        f"keeping {BEFORE + AFTER:g} s of sound around each detection, and around scores from "
        f"{share:g} of the threshold on, in {options.keep}: {most / MEGABYTE:g} MB and "
        f"{MOST_FILES} recordings at most, the oldest go first; nothing leaves this machine"
    )
    try:
        with ends_with_sigterm():  # what waits is written then, too
            yield _Kept(keeper, spotter)
    finally:
        keeper.close()
        note(f"{options.keep}: kept {keeper.kept} recordings: kws review {options.keep}")


def _models(options: argparse.Namespace, spotter: KeywordSpotter | SpotterGroup) -> list[KeptModel]:
    """Return what is known of the models that listen."""
    names = options.model or [COMMANDS]
    metadata = spotter.metadata
    return [
        KeptModel(
            str(name),
            network_digest(find_model(name)),
            (
                metadata if isinstance(metadata, Metadata) else metadata[str(name)]
            ).detector.thresholds,
        )
        for name in names
    ]


class _Nothing:
    """Keeps nothing."""

    def start(self, source: str) -> None:
        pass

    def push(self, samples: Float32, fired: list[Detection]) -> None:
        pass

    def finish(self, fired: list[Detection]) -> None:
        pass


class _Kept:
    """Keeps what fires, and what the spotter has nearly detected."""

    def __init__(self, keeper: Keeper, spotter: KeywordSpotter | SpotterGroup) -> None:
        self._keeper = keeper
        self._spotter = spotter

    def start(self, source: str) -> None:
        self._keeper.start(source)

    def push(self, samples: Float32, fired: list[Detection]) -> None:
        self._keeper.push(samples, fired, self._spotter.take_near())

    def finish(self, fired: list[Detection]) -> None:
        self._keeper.finish(fired, self._spotter.take_near())
