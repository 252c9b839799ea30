"""The calibration set: recordings as one stream of front-end frames, with what else may come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws.arrays import Float32
from kws.audio import load_audio
from kws.errors import AudioError, KwsError
from kws.frontend import FrontEnd, log_mel, parts_of
from kws_training.augmentation.augment import Augmentation, augment
from kws_training.augmentation.rooms import find_responses
from kws_training.data.dataset import Skipped
from kws_training.data.unlabelled import find_recordings
from kws_training.progress import Progress

#: Recordings that are used, at most: drawn from all, so that a large folder costs no more.
MOST_RECORDINGS = 300
#: Seconds of a recording, at most: of a longer one a piece is drawn.
LONGEST = 6.0
#: Seconds of a window beyond its recording, so that words begin and end in it.
AROUND = 0.5
#: Seconds of digital silence, and of each of the front end's extremes.
EXTREME = 2.0
#: Recordings heard again at the front end's ceiling.
LOUD = 4


@dataclass(frozen=True)
class Representative:
    """What a network is calibrated with.

    Attributes
    ----------
    frames : float32 (frames, bands)
        One stream: digital silence, the recordings augmented, the front end's extremes.
    plain : float32 (frames, bands)
        The same recordings as they are, one after the other: to compare variants on.
    recordings : int
        How many recordings it was made of.
    seconds : float
        Of the first stream.
    skipped : tuple of Skipped
        Recordings that could not be read.
    """

    frames: Float32
    plain: Float32
    recordings: int
    seconds: float
    skipped: tuple[Skipped, ...]


def read_representative(
    folders: Sequence[Path],
    front_end: FrontEnd,
    augmentation: Augmentation | None,
    seed: int,
    progress: Progress,
) -> Representative:
    """Read the recordings of folders as a calibration set.

    Parameters
    ----------
    folders : sequence of Path
        Recordings of any kind, anywhere below.
    front_end : LogMelConfig or JoinedConfig
        Of the model.
    augmentation : Augmentation or None
        What happens to each recording once, in simulated rooms if it wants some; None leaves
        them alone.
    seed : int
        Seed of the choice and of the augmentation.
    progress : callable
        Shows how far the work is: `kws_training.progress.bar`, or what does the same.

    Raises
    ------
    KwsError
        If a folder holds no recordings, or none of them can be read.
    """
    rng = np.random.default_rng(seed)
    found = find_recordings(folders)
    responses: list[Float32] = []
    if augmentation is not None:
        responses, _ = find_responses(augmentation, [], seed, progress=progress)
    if len(found) > MOST_RECORDINGS:
        chosen = rng.choice(len(found), MOST_RECORDINGS, replace=False)
        found = [found[number] for number in sorted(chosen)]
    rate = front_end.sample_rate
    most = int(LONGEST * rate)
    varied, plain, skipped = [], [], []
    for number in progress(iter(range(len(found))), len(found), "recordings"):
        try:
            samples = load_audio(found[number], rate)
        except AudioError as error:
            skipped.append(Skipped.because(found[number], error))
            continue
        if len(samples) > most:
            start = int(rng.integers(len(samples) - most))
            samples = samples[start : start + most]
        length = len(samples) + int(AROUND * rate)
        placed = augment(
            rng, samples, length, (0, length - len(samples)), [], augmentation, responses
        )
        varied.append(log_mel(placed.window, front_end))
        plain.append(log_mel(samples, front_end))
    if not any(len(frames) for frames in plain):
        reason = f": {skipped[0].reason}" if skipped else ": they are too short"
        raise KwsError(f"{folders[0]}: no recording to calibrate with could be read{reason}")
    order = rng.permutation(len(varied))
    stream = [
        _constant(np.asarray(front_end.silence), front_end),
        *(varied[number] for number in order),
        *_extremes([frames for frames in plain if len(frames)], front_end),
    ]
    frames = np.concatenate(stream)
    return Representative(
        frames=frames,
        plain=np.concatenate(plain),
        recordings=len(plain),
        seconds=len(frames) * front_end.hop_seconds,
        skipped=tuple(skipped),
    )


def _constant(value: npt.NDArray[np.float32], front_end: FrontEnd) -> Float32:
    """Return some seconds of one frame over and over."""
    count = round(EXTREME / front_end.hop_seconds)
    return np.broadcast_to(value, (count, front_end.bands)).astype(np.float32)


def _limits(front_end: FrontEnd) -> tuple[Float32, Float32]:
    """Return the floor and the ceiling of each band: float32 (bands,)."""
    parts = parts_of(front_end)
    return tuple(  # type: ignore[return-value]
        np.concatenate([np.full(part.bands, getattr(part, name), np.float32) for part in parts])
        for name in ("floor", "ceiling")
    )


def _extremes(recordings: Sequence[Float32], front_end: FrontEnd) -> list[Float32]:
    """Return the least and the loudest that the front end can give.

    Every band at its floor; and the loudest recordings raised until a band is at its ceiling:
    all bands there at once is what no sound does, and calibrating for it would spend the range
    of every layer on it.
    """
    floor, ceiling = _limits(front_end)
    loudest = sorted(recordings, key=lambda frames: -float(frames.max()))[:LOUD]
    raised = [
        np.clip(frames + np.min(ceiling - frames.max(axis=0)), floor, ceiling).astype(np.float32)
        for frames in loudest
    ]
    return [_constant(floor, front_end), *raised]
