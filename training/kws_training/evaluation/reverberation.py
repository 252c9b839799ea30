"""Rooms with a given reverberation time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kws.arrays import Float32

#: Samples per second of the responses.
RATE = 16000
#: Rooms of each reverberation time.
ROOMS = 3
#: Metres from the speaker to the microphone: across a living room.
DISTANCE = 2.0
#: Longest time in seconds: image sources of more reflections take minutes.
LONGEST = 1.5
#: Decibels of the decay that the time is measured on and scaled to 60 (ISO 3382-2's T30).
DECAY = 30
#: Relative error of the reverberation time from which on a room is made anew.
CLOSE = 0.05
#: How often a room is made at most.
TRIALS = 4


def rooms_of(seconds: float, seed: int) -> list[Float32]:
    """Return impulse responses of rooms with a reverberation time (RT60).

    Shoeboxes of living-room size by image sources (pyroomacoustics), the absorption of their walls
    by Sabine's formula and then corrected by what the response measures.

    Parameters
    ----------
    seconds : float
        0 is no room: an empty list. At most `LONGEST`.
    seed : int
        Of the sizes of the rooms and of the places in them.

    Returns
    -------
    list of float32 (n,)
        `ROOMS` of them, 16 kHz; the first sample is the direct sound, 1, so that a recording keeps
        its level and its place in time.
    """
    if seconds <= 0:
        return []
    return [_room(np.random.default_rng((seed, number)), seconds) for number in range(ROOMS)]


def _room(rng: np.random.Generator, seconds: float) -> Float32:
    from pyroomacoustics.experimental import measure_rt60

    # larger rooms for longer times, as in houses; small ones could not have them otherwise
    scale = 1 + min(1.0, seconds)
    size = np.array([*rng.uniform(2.4, 3.6, 2) * scale, rng.uniform(2.4, 2.8) * scale**0.4])
    wanted = seconds
    for _ in range(TRIALS):
        response = _response(rng, size, wanted)
        measured = float(measure_rt60(response, RATE, decay_db=DECAY))
        if abs(measured / seconds - 1) < CLOSE:
            break
        wanted *= seconds / measured
    return response


def _response(rng: np.random.Generator, size: npt.NDArray[np.float64], seconds: float) -> Float32:
    import pyroomacoustics as pra

    speed = float(pra.constants.get("c"))
    samples = round(min(DISTANCE, 0.6 * float(size.min())) * RATE / speed)
    absorption, order = _absorption(seconds, size)
    room = pra.ShoeBox(size, fs=RATE, materials=pra.Material(absorption), max_order=order)
    microphone = size * rng.uniform(0.35, 0.45, 3)
    angle = rng.uniform(0, np.pi / 2)  # towards the farther corner, so that it stays inside
    way = np.array([np.cos(angle), np.sin(angle), 0.0])
    room.add_source(microphone + way * (samples * speed / RATE))
    room.add_microphone(microphone)
    room.compute_rir()
    lead = int(pra.constants.get("frac_delay_length")) // 2
    response = np.asarray(room.rir[0][0], np.float64)[lead + samples :]
    response = response[: round(1.2 * LONGEST * RATE)]
    return np.asarray(response / response[0], np.float32)


def _absorption(seconds: float, size: npt.NDArray[np.float64]) -> tuple[float, int]:
    """Return the absorption of the walls and how many reflections are heard (Sabine)."""
    import pyroomacoustics as pra

    try:
        absorption, order = pra.inverse_sabine(seconds, size)
    except ValueError:  # shorter than walls that take nearly everything would give
        return 0.95, 10
    return min(0.95, float(absorption)), int(order)
