"""The frozen extractors that a head can be trained on: tapped YAMNet, the word base, or both.

An extractor is one path or several from front-end frames to columns of features. Paths go on in
the head, each in its own branch, and are joined there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from kws.frontend import WORDS, YAMNET, FrontEnd, JoinedConfig, LogMelConfig

from .extractor import YamnetTrunk
from .streaming import Tensor, Time, look_back
from .word_base import FEATURE_STRIDE, Base
from .yamnet_file import YamnetWeights

Choice = Literal["yamnet", "words", "both"]
#: Names of the extractors, as the command line has them.
CHOICES: tuple[Choice, ...] = ("yamnet", "words", "both")


@dataclass(frozen=True)
class Path:
    """A frozen network from frames (batch, time, frequency, channels) to columns.

    Attributes
    ----------
    name : str
        For people.
    digest : str
        Changes with anything that changes the columns.
    front_end : LogMelConfig
    shape : (frequency, channels)
        Of its frames.
    network : callable
        ``network(x, time)`` gives columns (batch, time, frequencies, channels); none is below 0.
    stride : int
        Front-end frames per column.
    frequencies : int
        Of a column.
    ceiling : float or None
        No value is above it; None if nothing bounds them.
    hears_words : bool
        True if a column has seen all of a short word, False if only a sound.
    """

    name: str
    digest: str
    front_end: LogMelConfig
    shape: tuple[int, int]
    network: Any
    stride: int
    frequencies: int
    ceiling: float | None
    hears_words: bool


def yamnet_path(weights: YamnetWeights, tap: int) -> Path:
    """Return YAMNet up to a tap."""
    trunk = YamnetTrunk(weights, tap)
    return Path(
        name=f"YAMNet, tap {tap}",
        digest=f"yamnet {weights.digest} {tap}",
        front_end=YAMNET,
        shape=trunk.shape,
        network=trunk,
        stride=trunk.stride,
        frequencies=trunk.frequencies,
        ceiling=6.0 if trunk.bounded else None,
        hears_words=False,
    )


def words_path(base: Base) -> Path:
    """Return the word base up to its features."""
    return Path(
        name=f"word base {base.digest[:8]}",
        digest=f"words {base.digest}",
        front_end=WORDS,
        shape=(1, WORDS.bands),
        network=base.network().features,
        stride=FEATURE_STRIDE,
        frequencies=1,
        ceiling=base.ceiling,
        hears_words=True,
    )


class Extractor:
    """One path, or several side by side on their joined front ends.

    Parameters
    ----------
    paths : sequence of Path

    Attributes
    ----------
    paths : tuple of Path
    front_end : LogMelConfig or JoinedConfig
    shape : (frequency, channels)
        Of its frames: of several paths, all bands are channels of one frequency.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = tuple(paths)
        self.front_end: FrontEnd = paths[0].front_end
        self.shape = paths[0].shape
        if len(paths) > 1:
            self.front_end = JoinedConfig(tuple(path.front_end for path in paths))
            self.shape = (1, self.front_end.bands)
        self._stride = max(path.stride for path in paths)
        self._contexts = [look_back(path.network, path.stride, path.shape) for path in paths]

    @property
    def name(self) -> str:
        """What it is, for people."""
        return " and ".join(path.name for path in self.paths)

    @property
    def digest(self) -> str:
        """Changes with anything that changes the columns."""
        return " and ".join(path.digest for path in self.paths)

    def columns(self, number: int, x: Tensor, time: Time) -> Tensor:
        """Follow one path from the frames of all; in a window all paths end with its last frame."""
        import keras

        path = self.paths[number]
        if len(self.paths) > 1:
            first = sum(one.front_end.bands for one in self.paths[:number])
            x = x[..., first : first + path.front_end.bands]
            if path.shape[0] > 1:  # its bands are a dimension of their own, not channels
                x = keras.ops.reshape(x, (-1, x.shape[1], *path.shape))
        return path.network(time.align(x, self._contexts[number], self._stride), time)
