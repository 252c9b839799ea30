"""What voices, rooms, microphones, telephones and codecs do to audio."""

import numpy as np
import pytest
from scipy import signal

from kws.errors import KwsError
from kws_training.augmentation import effects
from kws_training.augmentation.effects import CODECS

RATE = 16000


def tone(hertz, seconds=1.0, rate=RATE, level=0.3):
    return (level * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)).astype(
        np.float32
    )


def level_db(samples):
    """Return the mean power of the middle half, in decibels."""
    quarter = len(samples) // 4
    return 10 * np.log10(np.mean(np.square(samples[quarter : 3 * quarter], dtype=float)) + 1e-20)


def loudest_hertz(samples):
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return power.argmax() * RATE / len(samples)


@pytest.mark.parametrize("semitones", [-3.0, -1.0, 0.5, 3.0])
def test_pitch_changes_and_length_does_not(semitones):
    samples = tone(500)
    shifted = effects.shift_pitch(samples, semitones)
    assert shifted.shape == samples.shape
    assert loudest_hertz(shifted[2000:-2000]) == pytest.approx(
        500 * 2 ** (semitones / 12), rel=0.01
    )


def test_equaliser_gives_the_levels_asked_for():
    levels = np.array([6, -6, 0, 12, -12, 3, -3, 9.0])
    for hertz, wanted in zip(effects.FILTER_KNOTS[1:-1], levels[1:-1], strict=True):
        filtered = effects.equalise(tone(hertz), levels)
        assert level_db(filtered) - level_db(tone(hertz)) == pytest.approx(wanted, abs=0.5)


def test_equaliser_moves_nothing():
    click = np.zeros(4000, np.float32)
    click[1000] = 1
    filtered = effects.equalise(click, np.linspace(-12, 12, 8))
    assert np.abs(filtered).argmax() == 1000
    # what is before the click is what is after it: no phase
    assert np.allclose(filtered[900:1000], filtered[1001:1101][::-1], atol=1e-5)


def test_overload_clips_at_the_peak():
    samples = tone(440)
    clipped = effects.overload(samples, 12)
    assert np.abs(clipped).max() == pytest.approx(np.abs(samples).max())
    assert np.mean(np.abs(clipped) >= 0.999 * np.abs(samples).max()) > 0.7
    assert np.array_equal(effects.overload(np.zeros(5, np.float32), 12), np.zeros(5))
    assert effects.overload(np.zeros(0, np.float32), 12).shape == (0,)


@pytest.mark.parametrize(
    ("hertz", "low", "high"),
    [
        (100, -200, -30),
        (200, -200, -12),
        (500, -1, 1),
        (1000, -1, 1),
        (3000, -1.5, 1),
        (3900, -200, -25),
        (6000, -200, -60),
    ],
)
def test_telephone_keeps_its_band(hertz, low, high):
    sent = effects.transmit(tone(hertz), True, None, None)
    assert sent.shape == (RATE,)
    assert low <= level_db(sent) - level_db(tone(hertz)) <= high


# signal-to-error ratios measured: 20 to 37 dB (G.711), 5 (GSM), 16 to 26 (Opus), 12 to 21 (Vorbis),
# 28 to 50 (MP3); a codec that does nothing would have more than 60
@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("mu-law", 15, 45),
        ("a-law", 15, 45),
        ("gsm", 2, 20),
        ("opus", 3, 45),
        ("vorbis", 5, 45),
        ("mp3", 10, 55),
    ],
)
@pytest.mark.parametrize("telephone", [False, True])
def test_codecs_lose_something_but_not_the_time(name, least, most, telephone):
    rng = np.random.default_rng(0)
    band = signal.butter(4, (500, 3000), "bandpass", fs=RATE, output="sos")
    samples = signal.sosfilt(band, rng.normal(0, 1, RATE)) * np.hanning(RATE) * 0.2
    samples = samples.astype(np.float32)
    clean = effects.transmit(samples, telephone or CODECS[name].rate == 8000, None, None)
    levels = CODECS[name].compression
    coded = effects.transmit(samples, telephone, name, levels and levels[0])
    assert coded.shape == samples.shape
    error = 10 * np.log10(np.sum(clean**2) / np.sum((coded - clean) ** 2))
    assert least < error < most
    lag = np.argmax(np.correlate(coded, samples[1000:-1000], "valid")) - 1000
    assert abs(lag) <= 1


@pytest.mark.parametrize("name", sorted(CODECS))
@pytest.mark.parametrize("edge", [0, 1])
@pytest.mark.parametrize("length", [0, 1, 2, 319, 7843])
def test_codecs_take_any_length_and_level(name, edge, length):
    levels = CODECS[name].compression
    coded = effects.code(
        np.full(length, 1e6, np.float32), 8000, name, levels and levels[edge]
    )  # beyond full scale: libsndfile's table has no such entry
    assert coded.shape == (length,)
    assert np.isfinite(coded).all()


def test_higher_compression_is_worse():
    samples = np.random.default_rng(0).normal(0, 0.1, RATE).astype(np.float32)
    for name, codec in CODECS.items():
        if codec.compression is None:
            continue
        low, high = (
            np.sum((effects.code(samples, RATE, name, level) - samples) ** 2)
            for level in codec.compression
        )
        assert high > 1.2 * low, name


def test_unknown_codec_is_refused():
    effects.check_codecs(CODECS)
    with pytest.raises(KwsError, match="codec 'aac': unknown: use one of mu-law"):
        effects.check_codecs(["aac"])


def test_room_keeps_direct_sound_level_and_place():
    samples = np.zeros(3000, np.float32)
    samples[1000] = 0.5
    response = np.float32([1, 0, 0.25, 0, -0.1])
    wet = effects.reverberate(samples, response)
    assert wet.shape == samples.shape
    assert wet.dtype == np.float32
    assert np.allclose(wet[1000:1005], 0.5 * response, atol=1e-6)
    assert np.abs(wet[:1000]).max() < 1e-6
    assert effects.reverberate(samples[:0], response).shape == (0,)
    assert effects.reverberate(samples[:1], response).shape == (1,)
