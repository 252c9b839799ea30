"""Opens the frozen network under the head of a model of commands."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kws.arrays import Int16
from kws.console import note

from ..networks.extractor import prove
from ..networks.extractors import Branch, Choice, Extractor, words_branch, yamnet_branch
from ..networks.weights import YAMNET as YAMNET_FILE
from ..networks.word_base import read_base
from ..networks.yamnet_file import read_yamnet


def open_extractor(
    choice: Choice, tap: int, yamnet: Path | None, base: Path | None, audio: Sequence[Int16]
) -> Extractor:
    """Build the extractor, and prove YAMNet's weights if they are those of the official file.

    Parameters
    ----------
    choice : {"yamnet", "words", "both"}
        What it is made of.
    tap : int
        YAMNet's layer whose output is taken.
    yamnet : Path or None
        YAMNet's weights; None if the extractor does without.
    base : Path or None
        A word base; the one in the package if None.
    audio : sequence of int16 (samples,)
        Recordings for the proof, 16 kHz.
    """
    branches: list[Branch] = []
    if choice != "words":
        assert yamnet is not None  # only words do without
        weights = read_yamnet(yamnet)
        if weights.digest == YAMNET_FILE.sha256:
            agreement = prove(weights, yamnet, audio)
            note(f"YAMNet: class scores as the official file's (correlation {agreement:.3f})")
        branches.append(yamnet_branch(weights, tap))
    if choice != "yamnet":
        branches.append(words_branch(read_base(base)))
    return Extractor(branches)
