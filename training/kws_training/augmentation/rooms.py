"""Rooms as impulse responses: simulated by image sources, or recorded.

Every response begins with its direct sound at level 1, so that a word keeps its level and its place
in time.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws.arrays import Float32
from kws.audio import read_recording
from kws.console import note
from kws.errors import AudioError
from kws.files import whole_file
from kws.resample import resample

from ..cache import cache_folder
from ..data.dataset import Skipped
from ..data.digest import digest_of
from ..data.stored import holds_array
from ..progress import Progress, bar
from .augment import Augmentation

#: Samples per second of all responses.
RATE = 16000
#: Samples in the longest response: a second.
LONGEST = RATE
#: Seconds in the longest file taken for an impulse response.
LONGEST_FILE = 60.0
#: Decibels by which the energy that is left has fallen where a response is cut off.
DECAY = 60.0
#: Metres between a wall and the speaker or the microphone.
MARGIN = 0.3
#: Most reflections on the way of one image; more than this is quieter than 60 dB in most rooms.
MOST_REFLECTIONS = 40
#: Frequencies in Hz, an octave apart, at which the absorption of walls is given.
OCTAVES = 125.0 * 2.0 ** np.arange(7)
#: How many times more walls absorb than an octave below, at most.
HIGHEST_RISE = 1.25
#: Samples (1 ms) kept before the direct sound of a recorded response, where its rise is.
RISE = 16
#: Samples (2.5 ms) taken for the direct sound, as is usual for the direct-to-reverberant ratio
#: (P. A. Naylor, N. D. Gaubitch, Speech Dereverberation, Springer 2010).
DIRECT = 40

#: Part of the cache's key. It goes up when the same seed gives other rooms.
_VERSION = 1


def find_responses(
    augmentation: Augmentation,
    recorded: Sequence[Path],
    seed: int,
    cache: Path | None = None,
    progress: Progress = bar,
) -> tuple[list[Float32], list[Skipped]]:
    """Collect the rooms that `augment` takes as ``responses``: simulated ones, then recorded ones.

    Parameters
    ----------
    augmentation : Augmentation
        No rooms are made where its ``rooms`` is 0.
    recorded : sequence of Path
        Recorded impulse responses.
    seed : int
        Of the simulated rooms.
    cache : Path, optional
        Folder in which simulated rooms are kept; by default the user's cache folder.
    progress : callable
        Shows how many rooms are simulated.

    Returns
    -------
    responses : list of float32 (n,)
        Impulse responses at 16 kHz.
    skipped : list of Skipped
        Recorded responses that could not be used, and why.
    """
    if augmentation.rooms <= 0:
        return [], []
    responses, skipped = read_responses(recorded)
    return simulated_rooms(augmentation, seed, cache, progress) + responses, skipped


def simulated_rooms(
    augmentation: Augmentation, seed: int, cache: Path | None = None, progress: Progress = bar
) -> list[Float32]:
    """Simulate ``room_count`` rooms. They are made once and kept in the cache.

    Parameters
    ----------
    augmentation : Augmentation
        Its ``room_count``, ``room_width``, ``room_height``, ``absorption`` and ``distance``.
    seed : int
        Of all rooms.
    cache : Path, optional
        Folder; by default the user's cache folder.
    progress : callable
        Shows how many rooms are simulated.

    Returns
    -------
    list of float32 (n,)
        Their impulse responses at 16 kHz.
    """
    import pyroomacoustics
    import scipy

    if cache is None:
        cache = cache_folder()
    made_of = {
        "version": [_VERSION, pyroomacoustics.__version__, scipy.__version__],
        "seed": seed,
        "rooms": {name: augmentation.to_dict()[name] for name in _ROOM_FIELDS},
    }
    key = digest_of(json.dumps(made_of, sort_keys=True))
    path = cache / f"rooms-{key[:32]}.npy"
    kept = _read_bank(path, augmentation.room_count)
    if kept is not None:
        return kept
    count = augmentation.room_count
    responses = [
        simulate_room(np.random.default_rng((seed, number)), augmentation)
        for number in progress(iter(range(count)), count, "rooms")
    ]
    try:
        _write_bank(path, responses)
    except OSError as error:
        note(f"{cache}: the rooms are not kept for the next time: {error.strerror or error}")
    return responses


#: Fields of `Augmentation` that simulated rooms depend on.
_ROOM_FIELDS = ("room_count", "room_width", "room_height", "absorption", "distance")


def simulate_room(rng: np.random.Generator, augmentation: Augmentation) -> Float32:
    """Draw a shoebox room with a speaker and a microphone in it, and return its response.

    Image sources (J. B. Allen, D. A. Berkley, JASA 65(4), 1979) by pyroomacoustics, with air
    absorption, and as many reflections as Sabine's formula says are heard until 60 dB down. Walls
    absorb more of high sounds than of low ones: the ``absorption`` drawn is that at 1 kHz.

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws the room, and where speaker and microphone are.
    augmentation : Augmentation
        Its ``room_width``, ``room_height``, ``absorption`` and ``distance``.

    Returns
    -------
    float32 (n,)
        16 kHz; the first sample is the direct sound, 1. n is at most `LONGEST`.
    """
    import pyroomacoustics

    size = np.array(
        [*rng.uniform(*augmentation.room_width, 2), rng.uniform(*augmentation.room_height)]
    )
    rise = rng.uniform(1, HIGHEST_RISE) ** np.log2(OCTAVES / 1000)
    absorption = np.clip(rng.uniform(*augmentation.absorption) * rise, 0.01, 0.99)
    speed = float(pyroomacoustics.constants.get("c"))
    # a whole number of samples from speaker to microphone: the direct sound is one sample then
    speaker, microphone, samples = _place(rng, size, augmentation.distance, speed)
    with _one_thread():
        room = pyroomacoustics.ShoeBox(
            size,
            fs=RATE,
            materials=pyroomacoustics.Material(
                {"coeffs": absorption.tolist(), "center_freqs": OCTAVES.tolist()}
            ),
            max_order=_reflections(size, absorption.min(), speed),
            air_absorption=True,
        )
        room.add_source(speaker)
        room.add_microphone(microphone)
        room.compute_rir()
    lead = int(pyroomacoustics.constants.get("frac_delay_length")) // 2
    response = np.asarray(room.rir[0][0], np.float64)[lead + samples :]
    return _finish(response / response[0])


def _place(
    rng: np.random.Generator, size: npt.NDArray[np.float64], distance: tuple[float, float], c: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], int]:
    """Draw where the speaker and the microphone are: two points, and samples between them."""
    samples = max(1, round(rng.uniform(*distance) * RATE / c))
    margin = np.minimum(MARGIN, size / 4)
    while True:
        for _ in range(20):
            microphone = rng.uniform(margin, size - margin)
            way = rng.standard_normal(3)
            speaker = microphone + way / np.linalg.norm(way) * (samples * c / RATE)
            if np.all(speaker > margin) and np.all(speaker < size - margin):
                return speaker, microphone, samples
        samples = max(1, samples * 9 // 10)  # too far for this room


def _reflections(size: npt.NDArray[np.float64], absorption: float, c: float) -> int:
    """Return how many reflections a sound has had at most when it is 60 dB down.

    Sabine: the time is 24 ln(10) / c times volume over absorbing surface; a sound meets a wall of
    the smallest pair once in that dimension.
    """
    length, width, height = size
    surface = 2 * (length * width + length * height + width * height)
    seconds = min(24 * np.log(10) / c * size.prod() / (surface * absorption), LONGEST / RATE)
    return int(np.clip(np.ceil(c * seconds / size.min()), 1, MOST_REFLECTIONS))


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Let pyroomacoustics use one thread: the order of its sums depends on their number."""
    from pyroomacoustics import constants

    threads = constants.get("num_threads")
    constants.set("num_threads", 1)
    try:
        yield
    finally:
        constants.set("num_threads", threads)


def _finish(response: npt.NDArray[np.float64]) -> Float32:
    """Cut a response where it is `DECAY` down, or after a second, and fade its last 10 ms."""
    left = np.cumsum(np.square(response[::-1]))[::-1]
    audible = int(np.count_nonzero(left > left[0] * 10 ** (-DECAY / 10)))
    response = response[: min(max(audible, 1), LONGEST)].copy()
    fade = min(160, len(response) - 1)
    if fade > 0:
        response[-fade:] *= 0.5 + 0.5 * np.cos(np.pi * np.arange(1, fade + 1) / (fade + 1))
    return response.astype(np.float32)


def _write_bank(path: Path, responses: Sequence[Float32]) -> None:
    """Write responses as rows of one array, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = np.zeros((len(responses), LONGEST), np.float32)
    for row, response in zip(rows, responses, strict=True):
        row[: len(response)] = response
    with whole_file(path) as file:
        np.save(file, rows, allow_pickle=False)


def _read_bank(path: Path, count: int) -> list[Float32] | None:
    """Read responses that were kept; None if there are none or the file is damaged."""
    if not holds_array(path, np.float32, (count, LONGEST)):
        return None
    rows = np.load(path, mmap_mode="r", allow_pickle=False)
    responses = []
    for row in rows:
        filled = np.flatnonzero(row)
        if row[0] != 1 or not np.isfinite(row).all():
            return None
        responses.append(np.array(row[: filled[-1] + 1]))
    return responses


def read_responses(paths: Sequence[Path]) -> tuple[list[Float32], list[Skipped]]:
    """Read recorded impulse responses. Those that cannot be used are listed.

    The direct sound is the first sample within 6 dB of the loudest one, or the peak that follows
    within 1 ms. `RISE` is kept before it, so everything is 1 ms late, and its energy becomes 1.

    Parameters
    ----------
    paths : sequence of Path
        The recordings, each of at most `LONGEST_FILE` seconds.

    Returns
    -------
    responses : list of float32 (n,)
        Impulse responses at 16 kHz.
    skipped : list of Skipped
        Recordings that could not be used, and why.
    """
    responses, skipped = [], []
    for path in paths:
        try:
            recording = read_recording(path, LONGEST_FILE)
            samples = resample(recording.samples, recording.sample_rate, RATE)
            responses.append(_from_direct_sound(samples, path))
        except AudioError as error:
            skipped.append(Skipped.because(path, error))
    return responses, skipped


def _from_direct_sound(samples: Float32, path: Path) -> Float32:
    size = np.abs(samples)
    if not size.any():
        raise AudioError(f"{path}: is nothing but digital silence: take it out")
    first = int(np.flatnonzero(size >= size.max() / 2)[0])
    direct = first + int(size[first : first + RISE].argmax())
    response = samples[max(0, direct - RISE) :].astype(np.float64)
    energy = np.square(response[: RISE + DIRECT]).sum()
    # one microphone may be wired the other way round: the direct sound is made positive
    return _finish(response * (np.sign(samples[direct]) / np.sqrt(energy)))


def direct_to_reverberant(response: Float32) -> float:
    """Measure the energy of the direct sound over all that follows.

    Parameters
    ----------
    response : float32 (n,)
        An impulse response at 16 kHz, the direct sound first.

    Returns
    -------
    float
        Decibels.
    """
    power = np.square(response.astype(np.float64))
    return float(10 * np.log10((power[:DIRECT].sum() + 1e-12) / (power[DIRECT:].sum() + 1e-12)))
