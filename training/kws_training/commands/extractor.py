"""Opens the frozen networks under the head of a model of commands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kws.arrays import Int16
from kws.console import note

from ..networks import extractor, speech_embedding
from ..networks.extractors import Branch, Extractor, speech_branch, words_branch, yamnet_branch
from ..networks.speech_file import NETWORK_SHA256, SpeechWeights, read_speech_embedding
from ..networks.weights import YAMNET, find_speech_embedding, find_yamnet
from ..networks.word_base import Base, read_base
from ..networks.yamnet_file import YamnetWeights, read_yamnet
from .defaults import PARTS, Choice


@dataclass(frozen=True, eq=False)
class ExtractorWeights:
    """The weights of the networks that an extractor is made of; None for those that it lacks.

    Attributes
    ----------
    yamnet : YamnetWeights or None
        YAMNet.
    yamnet_file : Path or None
        The file that they are from.
    speech : SpeechWeights or None
        Google's speech embedding.
    base : Base or None
        A word base.
    """

    yamnet: YamnetWeights | None
    yamnet_file: Path | None
    speech: SpeechWeights | None
    base: Base | None


def read_weights(
    choice: Choice, yamnet: Path | None, speech: Path | None, base: Path | None
) -> ExtractorWeights:
    """Find and read the weights of an extractor, without TensorFlow.

    Parameters
    ----------
    choice : str
        What it is made of, one of `PARTS`.
    yamnet, speech : Path or None
        Files of YAMNet and the speech embedding; those that are found or downloaded if None.
    base : Path or None
        A word base; the one in the package if None.

    Raises
    ------
    ModelError
        If a file is missing or holds something else.
    """
    parts = PARTS[choice]
    yamnet_file = find_yamnet(yamnet) if "yamnet" in parts else None
    return ExtractorWeights(
        yamnet=None if yamnet_file is None else read_yamnet(yamnet_file),
        yamnet_file=yamnet_file,
        speech=read_speech_embedding(find_speech_embedding(speech)) if "speech" in parts else None,
        base=read_base(base) if "words" in parts else None,
    )


def open_extractor(weights: ExtractorWeights, tap: int, audio: Sequence[Int16]) -> Extractor:
    """Build the extractor, and prove the weights of others if they are those of the pinned files.

    Parameters
    ----------
    weights : ExtractorWeights
        What it is made of.
    tap : int
        YAMNet's layer whose output is taken.
    audio : sequence of int16 (samples,)
        Recordings for the proof, 16 kHz.

    Raises
    ------
    KwsError
        If a network that was rebuilt differs from the original.
    """
    branches: list[Branch] = []
    if weights.yamnet is not None:
        if weights.yamnet.digest == YAMNET.sha256 and weights.yamnet_file is not None:
            agreement = extractor.prove(weights.yamnet, weights.yamnet_file, audio)
            note(f"YAMNet: class scores as the official file's (correlation {agreement:.3f})")
        branches.append(yamnet_branch(weights.yamnet, tap))
    if weights.speech is not None:
        if weights.speech.digest == NETWORK_SHA256:
            difference = speech_embedding.prove(weights.speech, audio)
            note(f"speech embedding: as the original's, to {difference:.1g} of its largest number")
        branches.append(speech_branch(weights.speech))
    if weights.base is not None:
        branches.append(words_branch(weights.base))
    return Extractor(branches)
