"""Augmentation: what may happen to a recording between the speaker's mouth and the network.

In the order of nature: the voice (speed, pitch), the moment (time shift), the room, noise, the
microphone (filter, gain, clipping), the line (telephone band, codec). Then, on log-mel frames:
vocal-tract warp, equalisation, SpecAugment.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields

import numpy as np

from kws.activity import LN_PER_DB
from kws.arrays import Float32
from kws.frontend import LogMelConfig

from ..data.digest import digest_of
from .background import add_noise, draw_noise
from .effects import CODECS, FILTER_KNOTS, equalise, overload, reverberate, shift_pitch, transmit
from .snr import DEFAULT_REFERENCE, SnrReference
from .spectra import curves, mask, warp

#: Part of `Augmentation.digest`. It goes up when the same seed gives other audio, so that nothing
#: cached is taken for the new.
_VERSION = 1


@dataclass(frozen=True)
class Augmentation:
    """Ranges and probabilities of augmentation; the defaults are the recipe ``light``.

    Probabilities of 0 switch an effect off, and it then draws no random number: the same seed
    gives the same audio whether or not the effect exists.

    Attributes
    ----------
    speed : float
        Largest relative change of speed (and pitch).
    pitch : float
        Probability of a change of pitch alone. Slow.
    semitones : float
        Largest change of pitch, either way.
    rooms : float
        Probability of a room, where there are responses.
    room_count : int
        Rooms that are simulated.
    room_width : (float, float)
        Range of the length and of the width of a room, in metres.
    room_height : (float, float)
        Range of the height of a room, in metres.
    absorption : (float, float)
        Range of the share of a sound's energy at 1 kHz that the walls take.
    distance : (float, float)
        Range from the speaker to the microphone, in metres.
    noise : float
        Probability of added noise.
    snr : (float, float)
        Range of the signal-to-noise ratio, in decibels.
    snr_reference : {"loudest", "third", "peak"}
        What the ratio is measured by (`snr.SNR_REFERENCES`).
    tones : float
        Share of the noise that is tones with hard edges.
    filtering : float
        Probability of a filter, as of another microphone.
    filter_gain : float
        Largest change of the level of an octave by it, in decibels.
    gain : (float, float)
        Range of the change of level, in decibels.
    clipping : float
        Probability of hard clipping.
    overload : (float, float)
        Range of decibels that are clipped off the peak.
    telephone : float
        Probability of the telephone's band, 300 to 3400 Hz at 8 kHz.
    codecs : float
        Probability of a codec.
    codec_names : tuple of str
        One of these, see `effects.CODECS`.
    warp : float
        Largest relative change of the vocal tract's length.
    equalisation : float
        Largest change of the level of a band, in decibels.
    masks : float
        Probability of each SpecAugment mask.
    """

    speed: float = 0.1
    pitch: float = 0.0
    semitones: float = 3.0
    rooms: float = 0.0
    room_count: int = 200
    room_width: tuple[float, float] = (2.5, 10.0)
    room_height: tuple[float, float] = (2.3, 3.5)
    absorption: tuple[float, float] = (0.1, 0.7)
    distance: tuple[float, float] = (0.3, 5.0)
    noise: float = 0.5
    snr: tuple[float, float] = (0.0, 30.0)
    snr_reference: SnrReference = DEFAULT_REFERENCE
    tones: float = 0.0
    filtering: float = 0.0
    filter_gain: float = 12.0
    gain: tuple[float, float] = (-10.0, 10.0)
    clipping: float = 0.0
    overload: tuple[float, float] = (3.0, 20.0)
    telephone: float = 0.0
    codecs: float = 0.0
    codec_names: tuple[str, ...] = tuple(CODECS)
    warp: float = 0.1
    equalisation: float = 6.0
    masks: float = 0.3

    def to_dict(self) -> dict[str, object]:
        """Return the settings as plain JSON values, in the order of the fields.

        Returns
        -------
        dict of str to object
            The value of each field by its name.
        """
        return {entry.name: _plain(getattr(self, entry.name), entry.type) for entry in fields(self)}

    def digest(self) -> str:
        """Return a key for caches (SHA-256, 64 hexadecimal digits).

        It changes with any field, and when the same seed gives other audio than before.

        Returns
        -------
        str
            SHA-256, 64 hexadecimal digits.
        """
        content = {"version": _VERSION, **self.to_dict()}
        if self.snr_reference == DEFAULT_REFERENCE:
            del content["snr_reference"]  # as before there were others: what is cached stays valid
        return digest_of(json.dumps(content, sort_keys=True))


def _plain(value: object, kind: object) -> object:
    """Return a field's value as JSON has it; 10 and 10.0 are the same to a field of floats."""
    if isinstance(value, tuple):
        return [_plain(each, kind) for each in value]
    if isinstance(value, str) or kind == "int":
        return value
    return float(value)  # type: ignore[arg-type]


def change_speed(rng: np.random.Generator, samples: Float32, most: float) -> Float32:
    """Play a recording faster or slower, which changes its pitch too.

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws the speed.
    samples : float32 (n,)
        The recording at 16 kHz.
    most : float
        Largest change, as a natural logarithm: 0.1 is about 10 %.

    Returns
    -------
    float32 (m,)
        The changed recording at 16 kHz.
    """
    import soxr

    rate = int(16000 * np.exp(rng.uniform(-most, most)))
    return np.asarray(soxr.resample(samples, rate, 16000, quality="MQ"), np.float32)


@dataclass(frozen=True)
class Placed:
    """A recording in a window of a stream.

    Attributes
    ----------
    window : float32 (n,)
        The samples at 16 kHz.
    start : int
        Sample of the window at which the recording starts.
    stretch : float
        How much longer the recording has become.
    applied : mapping
        What was done: for each effect its setting, such as ``{"snr_db": 12.3}``.
    """

    window: Float32
    start: int
    stretch: float
    applied: Mapping[str, str | float] = field(default_factory=dict)


def augment(
    rng: np.random.Generator,
    samples: Float32,
    length: int,
    starts: tuple[int, int],
    recorded_noise: Sequence[Float32],
    augmentation: Augmentation | None,
    responses: Sequence[Float32] = (),
) -> Placed:
    """Place a recording at random in a window of a stream, with all that may happen to it.

    Parameters
    ----------
    rng : numpy.random.Generator
        The only source of chance: a generator in the same state gives the same audio.
    samples : float32 (n,)
        The recording, 16 kHz.
    length : int
        Samples in the window.
    starts : (int, int)
        The recording starts at a random sample of the window between these.
    recorded_noise : sequence of float32 arrays
        16 kHz.
    augmentation : Augmentation or None
        None places the recording and does nothing else.
    responses : sequence of float32 arrays
        Rooms, 16 kHz, as `rooms.find_responses` gives them; without any there is no room.

    Returns
    -------
    Placed
        The window, and what was done.
    """
    before = len(samples)
    done: dict[str, str | float] = {}
    if augmentation is not None:
        samples = change_speed(rng, samples, augmentation.speed)
        if augmentation.pitch > 0 and rng.random() < augmentation.pitch:
            semitones = rng.uniform(-augmentation.semitones, augmentation.semitones)
            samples = shift_pitch(samples, semitones)
            done["semitones"] = semitones
    first = min(starts[0], max(0, length - len(samples)))
    start = int(rng.integers(first, max(first, min(starts[1], length - len(samples))) + 1))
    window = np.zeros(length, np.float32)
    part = samples[: length - start]
    window[start : start + len(part)] = part
    if augmentation is not None:
        window = _listen(rng, window, recorded_noise, augmentation, responses, done)
        window = _send(rng, window, augmentation, done)
    return Placed(window, start, len(samples) / max(1, before), done)


def _listen(
    rng: np.random.Generator,
    window: Float32,
    recorded_noise: Sequence[Float32],
    augmentation: Augmentation,
    responses: Sequence[Float32],
    done: dict[str, str | float],
) -> Float32:
    """Bring a window from the mouth through the microphone: room, noise, filter, gain, clipping."""
    if responses and augmentation.rooms > 0 and rng.random() < augmentation.rooms:
        number = int(rng.integers(len(responses)))
        window = reverberate(window, responses[number])
        done["room"] = number
    if rng.random() < augmentation.noise:
        kind, noise = draw_noise(rng, recorded_noise, len(window), augmentation.tones)
        snr = rng.uniform(*augmentation.snr)
        window = add_noise(window, noise, snr, augmentation.snr_reference)
        done["noise"], done["snr_db"] = kind, snr
        done["snr_reference"] = augmentation.snr_reference
    if augmentation.filtering > 0 and rng.random() < augmentation.filtering:
        most = augmentation.filter_gain
        levels = rng.uniform(-most, most, len(FILTER_KNOTS))
        window = equalise(window, levels)
        done["filter_db"] = " ".join(f"{level:.0f}" for level in levels)
    gain = rng.uniform(*augmentation.gain)
    window *= np.float32(10 ** (gain / 20))
    done["gain_db"] = gain
    if augmentation.clipping > 0 and rng.random() < augmentation.clipping:
        decibels = rng.uniform(*augmentation.overload)
        window = overload(window, decibels)
        done["overload_db"] = decibels
    np.clip(window, -1.0, 1.0, out=window)
    return window


def _send(
    rng: np.random.Generator,
    window: Float32,
    augmentation: Augmentation,
    done: dict[str, str | float],
) -> Float32:
    """Send a window over a telephone line, through a codec, both or neither."""
    telephone = augmentation.telephone > 0 and bool(rng.random() < augmentation.telephone)
    codec, compression = None, None
    if augmentation.codecs > 0 and rng.random() < augmentation.codecs:
        codec = augmentation.codec_names[rng.integers(len(augmentation.codec_names))]
        done["codec"] = codec
        levels = CODECS[codec].compression
        if levels is not None:
            done["compression"] = compression = rng.uniform(*levels)
    if telephone:
        done["telephone"] = "yes"
    if not telephone and codec is None:
        return window
    return transmit(window, telephone, codec, compression)


def perturb(
    rng: np.random.Generator, frames: Float32, front_end: LogMelConfig, augmentation: Augmentation
) -> Float32:
    """Change log-mel frames as other voices, rooms and microphones would.

    Parameters
    ----------
    rng : numpy.random.Generator
        The only source of chance.
    frames : float32 (n, time, bands)
        The frames of clips.
    front_end : LogMelConfig
        That made the frames: ``log(mel + offset)`` of magnitudes or of powers.
    augmentation : Augmentation
        Its ``warp``, ``equalisation`` and ``masks``.

    Returns
    -------
    float32 (n, time, bands)
        The changed frames.
    """
    count, _, bands = frames.shape
    most = augmentation.warp
    frames = warp(frames, np.exp(rng.uniform(-most, most, count)).astype(np.float32))
    per_decibel = LN_PER_DB if front_end.spectrum == "power" else LN_PER_DB / 2
    gain = curves(rng, count, bands, augmentation.equalisation * per_decibel)
    # a little more than nothing, whose logarithm there is none of
    added = np.float32(max(front_end.offset, np.exp(front_end.floor)))
    mel = np.maximum(np.exp(frames) - added, 0)
    frames = np.log(mel * np.exp(gain) + added)
    mask(rng, frames, augmentation.masks)
    return frames
