"""What voices, rooms, microphones, telephones and codecs do to audio; nothing here is random."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from kws.arrays import Float32
from kws.errors import KwsError
from kws.installing import install_packages

#: Samples per second of all audio, unless said otherwise.
RATE = 16000

#: The telephone's band in Hz (ITU-T G.712, "300 to 3400 Hz").
TELEPHONE_BAND = (300.0, 3400.0)
#: The telephone's samples per second.
TELEPHONE_RATE = 8000

#: Frequencies in Hz, an octave apart, at which the level of a random filter is drawn. Between them
#: it runs straight.
FILTER_KNOTS = 62.5 * 2.0 ** np.arange(8)

#: Window of the phase vocoder in samples: 32 ms, two periods of a low voice. librosa's 2,048 would
#: move a word's beginning by more than 10 ms.
VOCODER_WINDOW = 512

#: Samples given to libsndfile at once: its Vorbis encoder takes stack memory for all it is given.
_AT_ONCE = 1 << 14


@dataclass(frozen=True)
class Codec:
    """How libsndfile writes a codec.

    Attributes
    ----------
    container, subtype : str
        libsndfile's names.
    rate : int or None
        The one sample rate of the codec in Hz; None takes the audio's own, 8000 or 16000.
    compression : (float, float) or None
        Range of libsndfile's compression level, 0 (large and good) to 1; None where it has none.
    """

    container: str
    subtype: str
    rate: int | None = None
    compression: tuple[float, float] | None = None


#: By the name that a recipe gives. The levels come to 39 to 20 kbit/s (MP3), 187 to 13 (Opus) and
#: 47 to 16 (Vorbis) for a noisy second at 16 kHz; beyond, LAME refuses and Opus keeps nothing.
CODECS = MappingProxyType(
    {
        "mu-law": Codec("WAV", "ULAW", TELEPHONE_RATE),
        "a-law": Codec("WAV", "ALAW", TELEPHONE_RATE),
        "gsm": Codec("WAV", "GSM610", TELEPHONE_RATE),
        "opus": Codec("OGG", "OPUS", None, (0.5, 0.95)),
        "vorbis": Codec("OGG", "VORBIS", None, (0.0, 1.0)),
        "mp3": Codec("MP3", "MPEG_LAYER_III", None, (0.0, 0.9)),
    }
)


def check_codecs(names: Iterable[str]) -> None:
    """Find out before the work that libsndfile can write what is asked for.

    Parameters
    ----------
    names : iterable of str
        The codecs, as recipes name them.

    Raises
    ------
    KwsError
        If a codec is unknown, or missing in this libsndfile.
    """
    import soundfile

    for name in names:
        if name not in CODECS:
            raise KwsError(f"codec {name!r}: unknown: use one of {', '.join(CODECS)}")
        codec = CODECS[name]
        if codec.subtype not in soundfile.available_subtypes(codec.container):
            raise KwsError(
                f"codec {name}: libsndfile {soundfile.__libsndfile_version__} cannot write it: "
                f"{install_packages('soundfile', upgrade=True)}, or take it out of the recipe"
            )


def fit(samples: Float32, length: int) -> Float32:
    """Cut audio, or add zeros at its end, to a length.

    Parameters
    ----------
    samples : float32 (n,)
        The audio.
    length : int
        Samples of the result.

    Returns
    -------
    float32 (length,)
        The beginning of the audio, or all of it and zeros.
    """
    if len(samples) >= length:
        return samples[:length]
    return np.pad(samples, (0, length - len(samples)))


def shift_pitch(samples: Float32, semitones: float) -> Float32:
    """Raise or lower the pitch, by librosa's phase vocoder; the length stays.

    Parameters
    ----------
    samples : float32 (n,)
        16 kHz. Less than a window of the vocoder (32 ms) comes back as it is.
    semitones : float
        Up if positive, down if negative.

    Returns
    -------
    float32 (n,)
        The changed audio at 16 kHz.
    """
    if len(samples) < VOCODER_WINDOW:
        return samples
    # librosa.effects.pitch_shift, of these parts: librosa.effects imports scikit-learn too
    from librosa import istft, phase_vocoder, resample, stft

    rate = 2.0 ** (-semitones / 12)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # librosa 1.0 warns of what it calls itself
        spectrum = phase_vocoder(
            stft(samples, n_fft=VOCODER_WINDOW), rate=rate, n_fft=VOCODER_WINDOW
        )
        length = round(len(samples) / rate)
        stretched = istft(spectrum, dtype=samples.dtype, length=length, n_fft=VOCODER_WINDOW)
        shifted = resample(stretched, orig_sr=RATE / rate, target_sr=RATE, res_type="soxr_mq")
    return np.asarray(fit(shifted, len(samples)), np.float32)


def reverberate(samples: Float32, response: Float32) -> Float32:
    """Return audio as it sounds in a room: as long as before, in time with it.

    Parameters
    ----------
    samples : float32 (n,)
        The audio.
    response : float32 (m,)
        As `rooms.find_responses` gives them: the direct sound first.

    Returns
    -------
    float32 (n,)
        The audio in the room; its tail beyond the end is cut off.
    """
    from scipy.signal import fftconvolve

    if not len(samples):
        return samples
    return np.asarray(fftconvolve(samples, response)[: len(samples)], np.float32)


def equalise(samples: Float32, decibels: npt.NDArray[np.float64]) -> Float32:
    """Filter audio by a curve of levels over octaves, as another microphone would.

    The filter has no phase, so nothing moves in time.

    Parameters
    ----------
    samples : float32 (n,)
        16 kHz.
    decibels : float64 (8,)
        Levels at `FILTER_KNOTS`; on a logarithmic scale of frequency they are joined by lines.

    Returns
    -------
    float32 (n,)
        The filtered audio.
    """
    import scipy.fft

    count = len(samples)
    size = scipy.fft.next_fast_len(count + 2048, real=True)  # room for the filter's ends
    hertz = np.maximum(scipy.fft.rfftfreq(size, 1 / RATE), FILTER_KNOTS[0])
    level = np.interp(np.log2(hertz), np.log2(FILTER_KNOTS), decibels)
    spectrum = scipy.fft.rfft(samples, size) * (10 ** (level / 20)).astype(np.float32)
    return np.asarray(scipy.fft.irfft(spectrum, size)[:count], np.float32)


def overload(samples: Float32, decibels: float) -> Float32:
    """Amplify audio and clip it at the peak that it had before (hard clipping).

    Parameters
    ----------
    samples : float32 (n,)
        The audio.
    decibels : float
        How much of the amplified peak is clipped off.

    Returns
    -------
    float32 (n,)
        The clipped audio.
    """
    peak = float(np.abs(samples).max(initial=0.0))
    louder = samples * np.float32(10 ** (decibels / 20))
    return np.asarray(np.clip(louder, -peak, peak), np.float32)


def telephone_band(samples: Float32) -> Float32:
    """Keep 300 to 3400 Hz of audio at 8 kHz (Butterworth, run both ways: nothing moves in time).

    Order 4 both ways is 6 dB down at the edges, 40 dB at 3.9 kHz.

    Parameters
    ----------
    samples : float32 (n,)
        The audio at 8 kHz.

    Returns
    -------
    float32 (n,)
        The filtered audio at 8 kHz.
    """
    from scipy.signal import butter, sosfiltfilt

    sections = butter(4, TELEPHONE_BAND, "bandpass", fs=TELEPHONE_RATE, output="sos")
    if len(samples) < 2:
        return np.zeros_like(samples)
    padding = min(len(samples) - 1, 3 * (2 * len(sections) + 1))
    return np.asarray(sosfiltfilt(sections, samples, padlen=padding), np.float32)


def code(samples: Float32, rate: int, name: str, compression: float | None = None) -> Float32:
    """Encode and decode audio.

    Parameters
    ----------
    samples : float32 (n,)
        What is beyond -1 .. 1 is clipped.
    rate : int
        Samples per second.
    name : str
        One of `CODECS`.
    compression : float, optional
        libsndfile's compression level, 0 to 1.

    Returns
    -------
    float32 (n,)
        In time with the input: libsndfile takes out what MP3, Opus and Vorbis add in front, and
        the zeros that fill the last frame are cut off here.
    """
    import soundfile

    if not len(samples):
        return samples
    codec = CODECS[name]
    samples = np.clip(samples, -1, 1)  # libsndfile looks beyond its table of A-law otherwise
    content = io.BytesIO()
    further = {} if compression is None else {"compression_level": compression}
    with soundfile.SoundFile(
        content, "w", rate, 1, codec.subtype, format=codec.container, **further
    ) as file:
        for start in range(0, len(samples), _AT_ONCE):
            file.write(samples[start : start + _AT_ONCE])
    content.seek(0)
    with soundfile.SoundFile(content) as file:
        decoded = file.read(len(samples), dtype="float32")  # GSM does not know its length
    return fit(decoded, len(samples))


def transmit(
    samples: Float32, telephone: bool, codec: str | None, compression: float | None
) -> Float32:
    """Send audio at 16 kHz over a telephone line, through a codec, or both.

    Parameters
    ----------
    samples : float32 (n,)
        16 kHz.
    telephone : bool
        The telephone's band and rate.
    codec : str or None
        One of `CODECS`.
    compression : float or None
        libsndfile's compression level, 0 to 1; None where the codec has none.

    Returns
    -------
    float32 (n,)
        16 kHz, in time with the input, within -1 .. 1.
    """
    import soxr

    narrow = telephone or (codec is not None and CODECS[codec].rate == TELEPHONE_RATE)
    rate = TELEPHONE_RATE if narrow else RATE
    sent = soxr.resample(samples, RATE, rate, quality="HQ") if narrow else samples
    if telephone:
        sent = telephone_band(sent)
    if codec is not None:
        sent = code(sent, rate, codec, compression)
    if narrow:
        sent = fit(soxr.resample(sent, rate, RATE, quality="HQ"), len(samples))
    return np.clip(sent, -1, 1)
