"""What `kws enroll` needs beside the word base: a projection of its features.

The projection makes the cosine of features say how alike two sounds are. It whitens what differs
between any two moments of speech together with what noise, rooms and levels change in one and the
same moment, and keeps the directions in which moments differ most for what noise changes: a linear
discriminant analysis whose "classes" are moments (R. A. Fisher, 1936; within-class covariance
normalisation is the same for speakers, A. O. Hatch et al., Interspeech 2006).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from kws.arrays import Float32
from kws.frontend import open_front_end
from kws.metadata import Metadata
from kws.modelfile import ModelFile
from kws.network import StreamingNetwork

from ..augmentation.augment import Augmentation
from ..augmentation.background import add_noise, noise_piece
from ..augmentation.effects import reverberate
from ..augmentation.rooms import simulate_room
from ..networks.features_output import with_features
from ..progress import bar

#: Dimensions of the projection.
DIMENSIONS = 128
#: How much the changes by noise count in the covariance that is whitened; the rest is all speech.
NUISANCE = 0.5
#: Ridge that is added to that covariance, as a share of its mean variance.
RIDGE = 0.02
#: Seconds of a recording that are heard, at most.
LONGEST = 4.0
#: Seconds of silence before and after it.
SILENCE = 0.96
#: Lowest and highest ratio of speech to noise, in dB.
SNR = (5.0, 20.0)
#: Lowest and highest level of speech in a room, in dB.
GAIN = (-25.0, 0.0)
#: Number of rooms that are simulated.
ROOMS = 32


@dataclass(frozen=True)
class RecordingFeatures:
    """Features of a recording, clean and changed, all in time with each other.

    Attributes
    ----------
    clean : float32 (output frames, channels)
        Features of the recording as it is.
    changed : tuple of float32 (output frames, channels)
        Features of the same recording in noise, and far away in a room.
    """

    clean: Float32
    changed: tuple[Float32, ...]


def with_enrolment(
    base: ModelFile, speech: Sequence[Float32], noise: Sequence[Float32], seed: int
) -> tuple[bytes, Metadata]:
    """Return network and contract of a word base that `kws enroll` can start from.

    Parameters
    ----------
    base : ModelFile
        The word base; its weights, logits and thresholds stay as they are.
    speech : sequence of float32 (samples,)
        Any speech, at the base's rate: words and sentences.
    noise : sequence of float32 (samples,)
        Background noise, at the base's rate.
    seed : int
        Seed of rooms, noise and levels.

    Returns
    -------
    network : bytes
        The network, with an output for its features.
    metadata : Metadata
        Its contract, with the projection beside it.

    Raises
    ------
    ModelError
        If it is no word base.
    """
    rng = np.random.default_rng(seed)
    network = with_features(base.network)
    base = replace(base, network=network)
    ear = StreamingNetwork(base, features=True)
    rooms = [simulate_room(rng, Augmentation()) for _ in range(ROOMS)]
    heard = []
    for number in bar(iter(range(len(speech))), len(speech), "speech"):
        heard.append(_hear(rng, base, ear, speech[number], noise, rooms))
    arrays = {**base.metadata.arrays, "projection.npy": projection(heard)}
    return network, replace(base.metadata, arrays=arrays)


def _hear(
    rng: np.random.Generator,
    base: ModelFile,
    ear: StreamingNetwork,
    samples: Float32,
    noise: Sequence[Float32],
    rooms: Sequence[Float32],
) -> RecordingFeatures:
    """Return the features of a recording as it is, in noise, and far away in a room."""
    front_end = base.metadata.front_end
    rate = front_end.sample_rate
    before = np.zeros(round(SILENCE * rate), np.float32)
    window = np.concatenate([before, samples[: round(LONGEST * rate)], before])
    piece = noise_piece(rng, noise, len(window), tones_share=0.0)
    noisy = add_noise(window, piece, rng.uniform(*SNR))
    far = reverberate(window, rooms[int(rng.integers(len(rooms)))])
    far *= 10 ** (rng.uniform(*GAIN) / 20) / max(1.0, float(np.abs(far).max()))
    frames = [open_front_end(front_end, ear.frames).push(one) for one in (window, noisy, far)]
    skip = round(SILENCE / front_end.hop_seconds) // (ear.frames // ear.columns)
    features = []
    for one in frames:
        ear.reset()
        steps = range(0, len(one) - ear.frames + 1, ear.frames)
        heard = [ear.step(one[at : at + ear.frames]).copy() for at in steps]
        features.append(np.concatenate(heard)[skip:])
    return RecordingFeatures(features[0], tuple(features[1:]))


def projection(recordings: Sequence[RecordingFeatures]) -> npt.NDArray[np.float16]:
    """Return the projection of features.

    Parameters
    ----------
    recordings : sequence of RecordingFeatures
        Features of many recordings.

    Returns
    -------
    float16 (1 + channels, `DIMENSIONS`)
        The projected mean, then the matrix.
    """
    clean = np.concatenate([one.clean for one in recordings]).astype(np.float64)
    changes = np.concatenate(
        [changed - one.clean for one in recordings for changed in one.changed]
    ).astype(np.float64)
    mean = clean.mean(axis=0)
    total = np.cov((clean - mean).T)
    nuisance = changes.T @ changes / len(changes)
    nuisance *= np.trace(total) / np.trace(nuisance)
    mixed = NUISANCE * nuisance + (1 - NUISANCE) * total
    mixed += RIDGE * np.trace(mixed) / len(mixed) * np.eye(len(mixed))
    # directions in which speech differs most, where what is whitened has variance 1
    power, axes = np.linalg.eigh(mixed)
    whiten = axes / np.sqrt(power)
    spread, turned = np.linalg.eigh(whiten.T @ total @ whiten)
    matrix = whiten @ turned[:, np.argsort(spread)[::-1][:DIMENSIONS]]
    return np.concatenate([(mean @ matrix)[None], matrix]).astype(np.float16)
