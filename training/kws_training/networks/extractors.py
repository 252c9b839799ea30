"""The frozen extractors that a head can be trained on.

They are tapped YAMNet, the word base, Google's speech embedding, or two side by side.

An extractor is one branch or several. A branch is a frozen network that turns the frames of its
front end into output frames of features. The head continues each branch and joins them at its end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from kws.frontend import (
    DC_FRAMES,
    WORDS,
    YAMNET,
    JoinedConfig,
    LogMelConfig,
    LogMelFrontEnd,
)

from .extractor import YamnetTrunk
from .speech_embedding import FRONT_END as SPEECH_FRONT_END
from .speech_embedding import RANGE, STRIDE, SpeechEmbedding
from .speech_file import SpeechWeights
from .streaming import Tensor, Time, look_back
from .word_base import FEATURE_STRIDE, Base
from .yamnet_file import YamnetWeights


@dataclass(frozen=True)
class Branch:
    """A frozen network from frames (batch, time, frequency, channels) to output frames.

    Attributes
    ----------
    name : str
        What people read.
    digest : str
        Key for caches: it changes with anything that changes the output frames.
    front_end : LogMelConfig
        The front end whose frames the network takes.
    shape : (int, int)
        Frequencies and channels of those frames.
    network : callable
        ``network(x, time)`` gives output frames (batch, time, frequencies, channels).
    stride : int
        Front-end frames per output frame.
    frequencies : int
        Frequencies of an output frame.
    floor : float
        No value of an output frame is below it.
    ceiling : float or None
        No value of an output frame is above it; None if nothing bounds them.
    hears_words : bool
        True if an output frame depends on all of a short word, False if only on a sound of it.
    """

    name: str
    digest: str
    front_end: LogMelConfig
    shape: tuple[int, int]
    network: Any
    stride: int
    frequencies: int
    floor: float
    ceiling: float | None
    hears_words: bool


def yamnet_branch(weights: YamnetWeights, tap: int) -> Branch:
    """Build the branch of YAMNet up to a tap.

    Parameters
    ----------
    weights : YamnetWeights
        The weights, as read from YAMNet's file.
    tap : int
        The last layer that is used, 1 to 14.

    Returns
    -------
    Branch
        On YAMNet's own front end, without the DC offset: it costs faint speech detections.

    Raises
    ------
    KwsError
        If there is no such layer.
    """
    trunk = YamnetTrunk(weights, tap)
    return Branch(
        name=f"YAMNet, tap {tap}",
        digest=f"yamnet {weights.digest} {tap}",
        front_end=replace(YAMNET, dc_frames=DC_FRAMES),
        shape=trunk.shape,
        network=trunk,
        stride=trunk.stride,
        frequencies=trunk.frequencies,
        floor=0.0,
        ceiling=6.0 if trunk.bounded else None,
        hears_words=False,
    )


def words_branch(base: Base) -> Branch:
    """Build the branch of a word base up to its features.

    Parameters
    ----------
    base : Base
        The word base, as read from its model file.

    Returns
    -------
    Branch
        On the word base's front end.
    """
    return Branch(
        name=f"word base {base.digest[:8]}",
        digest=f"words {base.digest}",
        front_end=WORDS,
        shape=(1, WORDS.bands),
        network=base.network().features,
        stride=FEATURE_STRIDE,
        frequencies=1,
        floor=0.0,
        ceiling=base.ceiling,
        hears_words=True,
    )


def speech_branch(weights: SpeechWeights) -> Branch:
    """Build the branch of Google's speech embedding.

    Parameters
    ----------
    weights : SpeechWeights
        The weights, as read from the original's file.

    Returns
    -------
    Branch
        On the embedding's own front end, without the DC offset.
    """
    network = SpeechEmbedding(weights)
    floor, ceiling = RANGE
    return Branch(
        name="Google's speech embedding",
        digest=f"speech {weights.digest}",
        front_end=SPEECH_FRONT_END,
        shape=network.shape,
        network=network,
        stride=STRIDE,
        frequencies=1,
        floor=floor,
        ceiling=ceiling,
        hears_words=True,
    )


class Extractor:
    """One branch, or several side by side on their joined front ends.

    Parameters
    ----------
    branches : sequence of Branch
        At least one.

    Attributes
    ----------
    branches : tuple of Branch
        The branches, in the order in which their front ends are joined.
    contexts : tuple of int
        For each branch the front-end frames before its own stride that an output frame depends on.
    front_end : LogMelConfig or JoinedConfig
        The front end of the whole extractor.
    shape : (int, int)
        Frequencies and channels of its frames. Of several branches, all bands are channels of one
        frequency.
    """

    def __init__(self, branches: Sequence[Branch]) -> None:
        self.branches = tuple(branches)
        self.front_end: LogMelFrontEnd = branches[0].front_end
        self.shape = branches[0].shape
        if len(branches) > 1:
            self.front_end = JoinedConfig(tuple(branch.front_end for branch in branches))
            self.shape = (1, self.front_end.bands)
        self._stride = max(branch.stride for branch in branches)
        self.contexts = tuple(
            look_back(branch.network, branch.stride, branch.shape) for branch in branches
        )

    @property
    def name(self) -> str:
        """The names of the branches, for people."""
        return " and ".join(branch.name for branch in self.branches)

    @property
    def digest(self) -> str:
        """Key for caches: it changes with anything that changes the output frames."""
        return " and ".join(branch.digest for branch in self.branches)

    def output_frames(self, number: int, x: Tensor, time: Time) -> Tensor:
        """Compute the output frames of one branch from the frames of all.

        Parameters
        ----------
        number : int
            The branch, from 0.
        x : float32 (batch, time, frequency, channels)
            Frames of the extractor's front end.
        time : Time
            The reading of time. In a whole window, the strides of all branches end with the last
            frame.

        Returns
        -------
        float32 (batch, time, frequencies, channels)
            Time is shorter by the stride and, in a whole window, by the branch's context.
        """
        import keras

        branch = self.branches[number]
        if len(self.branches) > 1:
            first = sum(one.front_end.bands for one in self.branches[:number])
            x = x[..., first : first + branch.front_end.bands]
            if branch.shape[0] > 1:  # its bands are a dimension of their own, not channels
                x = keras.ops.reshape(x, (-1, x.shape[1], *branch.shape))
        return branch.network(time.align(x, self.contexts[number], self._stride), time)
