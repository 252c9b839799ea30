"""Features of sounds, and whether the sound is there in each output frame."""

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

#: The target of an output frame that is not trained on.
NEITHER = -1
#: ln(magnitude) of the loudest band below which a frame is silent; digital silence gives -6.9.
SILENT_LEVEL = -6.3
#: Distance from the loudest frame below which a frame is silent, in ln(magnitude): 40 dB.
SILENT_RANGE = 4.6
#: Front-end frames on each side of the middle of an output frame's field in which there must be
#: the sound for it to be the target.
PRESENT = 16
#: Front-end frames on each side of it in which there must be none for silence to be the target.
ABSENT = 48
#: Seconds of silence before and after a clip in a stream.
MARGIN = 2.0


@dataclass(frozen=True)
class LabelledFeatures:
    """Features of one window.

    Attributes
    ----------
    features : float32 (output frames, channels)
        What the tap gives, its mean over frequency.
    targets : int64 (output frames,)
        1 where there is the sound, 0 where there is silence, else `NEITHER`.
    """

    features: Float32
    targets: Int64


class FeatureMaker:
    """Computes features of recordings with a tapped trunk.

    Parameters
    ----------
    trunk : YamnetTrunk
        The frozen network up to the tap.
    noise : sequence of float32 (samples,)
        Recorded noise, 16 kHz.
    responses : sequence of float32 (samples,)
        Impulse responses of rooms, 16 kHz.
    augmentation : Augmentation
        What may happen to a recording.
    seed : int
        Seed of all that is drawn.

    Attributes
    ----------
    stride : int
        Front-end frames from one output frame to the next.
    field : int
        Front-end frames that an output frame depends on.
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

        self.stride: int = trunk.stride
        self.field: int = step_model(trunk, trunk.stride, trunk.shape).result_field
        self._augmentation = augmentation
        self._noise = noise
        self._responses = responses
        self._seed = seed
        x = keras.Input((None, *trunk.shape))
        self._model: Any = keras.Model(x, keras.ops.mean(trunk(x, Whole()), axis=2))

    def stream(self, audio: Int16) -> Float32:
        """Return the features of a clip between two pieces of silence: as `spot` hears it.

        Parameters
        ----------
        audio : int16 (samples,)
            The clip, 16 kHz.

        Returns
        -------
        float32 (output frames, channels)
        """
        margin = np.zeros(self.margin * self.stride * YAMNET.hop, np.float32)
        before = np.zeros((self.field - self.stride) * YAMNET.hop, np.float32)
        samples = np.concatenate([before, margin, to_float32(audio), margin])
        tail = np.zeros(YAMNET.window, np.float32)
        return self._features(log_mel(np.concatenate([samples, tail]), YAMNET))

    @property
    def margin(self) -> int:
        """Output frames of silence before and after the clip of a stream."""
        return round(MARGIN / YAMNET.hop_seconds / self.stride)

    @property
    def late(self) -> float:
        """Output frames from the middle of what one has seen to the middle of the frame itself."""
        return (self.field - self.stride) / 2 / self.stride

    def example(self, audio: Int16, number: int, copy: int) -> LabelledFeatures:
        """Return features to train on; the same arguments give the same features.

        Copy 0 is the clip as recorded, over and over: an output frame for every ``stride``
        front-end frames of the clip, which has seen nothing else, as `KeywordSpotter.classify` has
        them. The other copies are augmented; every second one is the clip alone in silence.

        Parameters
        ----------
        audio : int16 (samples,)
            The clip, 16 kHz.
        number : int
            Number of the clip: its seed.
        copy : int
            Number of the copy.
        """
        rng = np.random.default_rng((self._seed, number, copy))
        samples = to_float32(audio)
        if copy == 0:
            window, first, last = self._loop(samples, len(samples)), 0, None
        elif copy % 2:
            slower = np.exp(self._augmentation.speed)
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
            frames = perturb(rng, frames[None], YAMNET, self._augmentation)[0]
        return LabelledFeatures(self._features(frames), targets)

    def silence(self, number: int) -> Float32:
        """Return features of faint noise, rarely of digital silence.

        Parameters
        ----------
        number : int
            Number of the window: its seed.

        Returns
        -------
        float32 (output frames, channels)
        """
        rng = np.random.default_rng((self._seed, number, 10**6))
        samples = YAMNET.samples(self.field + 8 * self.stride)
        window = noise_piece(rng, self._noise, samples)
        power = float(np.sqrt(np.mean(np.square(window)))) + 1e-9
        level = 10 ** rng.uniform(-4.5, -3.2) * float(rng.random() > 0.1)  # -90 to -64 dBFS
        return self._features(log_mel((window * np.float32(level / power)), YAMNET))

    def loop_frames(self, samples: int) -> int:
        """Return the front-end frames of a clip that is heard over and over.

        Parameters
        ----------
        samples : int
            Length of the clip.
        """
        count = -(-max(1, samples) // (YAMNET.hop * self.stride))
        return self.field + (count - 1) * self.stride

    def _loop(self, samples: Float32, length: int) -> Float32:
        # the runtime's output frames end with whole strides: the first front-end frames are in none
        before = -self.field % self.stride
        looped = np.resize(samples, YAMNET.samples(before + self.loop_frames(length)))
        return looped[before * YAMNET.hop :]

    def _augmented(
        self, rng: np.random.Generator, samples: Float32, length: int, side: int
    ) -> tuple[Float32, int, float]:
        placed = augment(
            rng, samples, length, (side, side), self._noise, self._augmentation, self._responses
        )
        return placed.window, placed.start, placed.stretch

    def _targets(self, frames: Float32, inside: npt.NDArray[np.bool_]) -> Int64:
        """Return for each output frame whether the sound is in its middle."""
        level = frames.max(axis=1)
        top = level[inside].max(initial=SILENT_LEVEL)
        loud = level > max(SILENT_LEVEL, top - SILENT_RANGE)
        middles = np.arange(0, len(frames) - self.field + 1, self.stride) + self.field // 2
        targets = np.full(len(middles), NEITHER, np.int64)
        for number, middle in enumerate(middles):
            near = slice(max(0, middle - PRESENT), middle + PRESENT)
            if (loud[near] & inside[near]).any() and inside[near].all():
                targets[number] = 1
            elif not loud[max(0, middle - ABSENT) : middle + ABSENT].any():
                targets[number] = 0
        return targets

    def _features(self, frames: Float32) -> Float32:
        """Return the features of front-end frames."""
        features: Float32 = np.asarray(self._model(frames[None, :, :, None], training=False))[0]
        return features
