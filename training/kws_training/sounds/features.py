"""Tap columns of sounds, and what each column should be called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kws.arrays import Float32, Int16, Int64
from kws.frontend import YAMNET, log_mel
from kws.pcm import to_float32

from ..augmentation.augment import Augmentation, augment, perturb
from ..augmentation.background import noise_piece
from ..networks.extractor import YamnetTrunk
from ..networks.streaming import Whole, step_model

#: The target of a column that is not trained on.
NEITHER = -1
#: A frame is silent if its loudest band is below this (ln of magnitude; digital silence gives
#: -6.9), or this far below the loudest frame (4.6 is 40 dB).
SILENT_LEVEL = -6.3
SILENT_RANGE = 4.6
#: Half of the frames in the middle of a column's field in which a sound must be to be its target,
#: and of those in which there must be none for silence.
PRESENT = 16
ABSENT = 48
#: Seconds of silence before and after a clip in a stream.
MARGIN = 2.0


@dataclass(frozen=True)
class Columns:
    """Columns of one window.

    Attributes
    ----------
    features : float32 (n, channels)
        The tap's columns, their mean over frequency.
    targets : int64 (n,)
        1 where there is the sound, 0 where there is silence, else `NEITHER`.
    """

    features: Float32
    targets: Int64


class ColumnMaker:
    """Makes columns of recordings with a tapped trunk.

    Parameters
    ----------
    trunk : YamnetTrunk
    noise, responses : sequence of float32 arrays
        Recorded noise, and impulse responses of rooms, 16 kHz.
    augmentation : Augmentation
    seed : int
    """

    def __init__(
        self,
        trunk: YamnetTrunk,
        noise: Sequence[Float32],
        responses: Sequence[Float32],
        augmentation: Augmentation,
        seed: int,
    ) -> None:
        import keras

        self.stride = trunk.stride
        #: Front-end frames that a column depends on.
        self.field = step_model(trunk, trunk.stride, trunk.shape).result_field
        self.augmentation = augmentation
        self._noise = noise
        self._responses = responses
        self._seed = seed
        x = keras.Input((None, *trunk.shape))
        self._model: Any = keras.Model(x, keras.ops.mean(trunk(x, Whole()), axis=2))

    def stream(self, audio: Int16) -> Float32:
        """Return the columns of a clip between two pieces of silence: as `spot` hears it."""
        margin = np.zeros(self.margin * self.stride * YAMNET.hop, np.float32)
        before = np.zeros((self.field - self.stride) * YAMNET.hop, np.float32)
        samples = np.concatenate([before, margin, _float(audio), margin])
        tail = np.zeros(YAMNET.window, np.float32)
        return self._columns(log_mel(np.concatenate([samples, tail]), YAMNET))

    @property
    def margin(self) -> int:
        """Columns of silence before and after the clip of a stream."""
        return round(MARGIN / YAMNET.hop_seconds / self.stride)

    @property
    def late(self) -> float:
        """Columns from the middle of what a column has seen to the middle of the column itself."""
        return (self.field - self.stride) / 2 / self.stride

    def example(self, audio: Int16, number: int, copy: int) -> Columns:
        """Return columns to train on; the same arguments give the same columns.

        Copy 0 is the clip as recorded, over and over: a column for every ``stride`` frames of the
        clip, which have seen nothing else, as `KeywordSpotter.classify` has them. Of the others,
        which are augmented, every second one is the clip alone in silence.
        """
        rng = np.random.default_rng((self._seed, number, copy))
        samples = _float(audio)
        if copy == 0:
            window, first, last = self._loop(samples, len(samples)), 0, None
        elif copy % 2:
            slower = np.exp(self.augmentation.speed)
            source = np.resize(samples, round(slower * len(self._loop(samples, len(samples)))) + 1)
            window = self._augmented(rng, source, len(self._loop(samples, len(samples))), 0)[0]
            first, last = 0, None
        else:
            side = self.field // 2 * YAMNET.hop
            length = len(samples) + 2 * side
            window, start, stretch = self._augmented(rng, samples, length, side)
            first = start // YAMNET.hop
            last = int(start + stretch * len(samples)) // YAMNET.hop
        frames = log_mel(window, YAMNET)
        inside = np.zeros(len(frames), np.bool_)
        inside[first:last] = True
        targets = self._targets(frames, inside)
        if copy > 0:
            frames = perturb(rng, frames[None], YAMNET, self.augmentation)[0]
        return Columns(self._columns(frames), targets)

    def silence(self, number: int) -> Float32:
        """Return columns of faint noise, rarely of digital silence."""
        rng = np.random.default_rng((self._seed, number, 10**6))
        samples = YAMNET.samples(self.field + 8 * self.stride)
        window = noise_piece(rng, self._noise, samples)
        power = float(np.sqrt(np.mean(np.square(window)))) + 1e-9
        level = 10 ** rng.uniform(-4.5, -3.2) * float(rng.random() > 0.1)  # -90 to -64 dBFS
        return self._columns(log_mel((window * np.float32(level / power)), YAMNET))

    def loop_frames(self, samples: int) -> int:
        """Return the front-end frames of a clip of so many samples that is heard over and over."""
        columns = -(-max(1, samples) // (YAMNET.hop * self.stride))
        return self.field + (columns - 1) * self.stride

    def _loop(self, samples: Float32, length: int) -> Float32:
        # the runtime's columns end with whole strides, so that its first frames are not in them
        before = -self.field % self.stride
        looped = np.resize(samples, YAMNET.samples(before + self.loop_frames(length)))
        return looped[before * YAMNET.hop :]

    def _augmented(
        self, rng: np.random.Generator, samples: Float32, length: int, side: int
    ) -> tuple[Float32, int, float]:
        placed = augment(
            rng, samples, length, (side, side), self._noise, self.augmentation, self._responses
        )
        return placed.window, placed.start, placed.stretch

    def _targets(self, frames: Float32, inside: npt.NDArray[np.bool_]) -> Int64:
        """Say of each column whether the sound is in its middle."""
        level = frames.max(axis=1)
        top = level[inside].max(initial=SILENT_LEVEL)
        loud = level > max(SILENT_LEVEL, top - SILENT_RANGE)
        middles = np.arange(0, len(frames) - self.field + 1, self.stride) + self.field // 2
        targets = np.full(len(middles), NEITHER, np.int64)
        for column, middle in enumerate(middles):
            near = slice(max(0, middle - PRESENT), middle + PRESENT)
            if (loud[near] & inside[near]).any() and inside[near].all():
                targets[column] = 1
            elif not loud[max(0, middle - ABSENT) : middle + ABSENT].any():
                targets[column] = 0
        return targets

    def _columns(self, frames: Float32) -> Float32:
        return np.asarray(self._model(frames[None, :, :, None], training=False))[0]


def _float(audio: Int16) -> Float32:
    return to_float32(audio)
