"""Augmentation of waveforms and of log-mel frames."""

import json
import random
import subprocess
import sys
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from kws.frontend import YAMNET, log_mel
from kws_training.augmentation.augment import Augmentation, augment, change_speed, perturb
from kws_training.augmentation.background import add_noise, noise_piece
from kws_training.augmentation.effects import CODECS


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_placed_as_it_is_without_augmentation(rng):
    samples = rng.uniform(-0.5, 0.5, 1000).astype(np.float32)
    placed = augment(rng, samples, 3000, (100, 500), [], None)
    window, start = placed.window, placed.start
    assert 100 <= start <= 500
    assert placed.stretch == 1
    assert np.array_equal(window[start : start + 1000], samples)
    assert not window[:start].any()
    assert not window[start + 1000 :].any()


def test_same_seed_same_audio(rng):
    samples = rng.uniform(-0.5, 0.5, 8000).astype(np.float32)
    noise = [rng.normal(0, 0.1, 50000).astype(np.float32)]
    one, two, other = (
        augment(
            np.random.default_rng(seed), samples, 16000, (0, 4000), noise, Augmentation()
        ).window
        for seed in (1, 1, 2)
    )
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)
    assert np.abs(one).max() <= 1


def test_speed_changes_length_within_the_range(rng):
    samples = rng.normal(0, 0.1, 16000).astype(np.float32)
    lengths = [len(change_speed(rng, samples, 0.1)) for _ in range(40)]
    assert min(lengths) < 15500
    assert max(lengths) > 16500
    assert 16000 * np.exp(-0.1) - 2 <= min(lengths)
    assert max(lengths) <= 16000 * np.exp(0.1) + 2


def test_perturbed_frames_stay_in_range_and_differ(rng):
    frames = log_mel(rng.normal(0, 0.1, 16000).astype(np.float32), YAMNET)[None].repeat(4, 0)
    changed = perturb(np.random.default_rng(1), frames, YAMNET, Augmentation())
    assert changed.shape == frames.shape
    assert np.isfinite(changed).all()
    assert changed.min() >= np.log(YAMNET.offset) - 1e-3
    assert np.abs(changed - frames).mean() > 0.05
    silence = np.full((1, 98, 64), np.log(YAMNET.offset), np.float32)
    still = perturb(np.random.default_rng(1), silence, YAMNET, Augmentation())
    assert np.allclose(still, silence, atol=1e-3)  # a filter makes no sound of its own


# every effect, most of them always
EVERYTHING = Augmentation(
    pitch=1,
    rooms=1,
    noise=1,
    snr=(-5, 30),
    tones=0.3,
    filtering=1,
    gain=(-32, 8),
    clipping=1,
    telephone=0.5,
    codecs=1,
)


def decay(rng, length=2000):
    """Return a made-up room: a direct sound of 1, then decaying noise."""
    response = rng.normal(0, 0.2, length) * np.exp(-np.arange(length) / 400)
    response[0] = 1
    return response.astype(np.float32)


def test_light_is_what_it_was_before_the_other_effects(rng):
    """The formula of the first version, by hand: the same numbers drawn in the same order."""
    samples = rng.uniform(-0.5, 0.5, 8000).astype(np.float32)
    recorded = [rng.normal(0, 0.1, 50000).astype(np.float32)]
    off = Augmentation(semitones=9, filter_gain=1, overload=(0, 1), codec_names=("gsm",))
    for seed in range(20):
        draw = np.random.default_rng(seed)
        word = change_speed(draw, samples, 0.1)
        start = int(draw.integers(0, min(4000, 16000 - len(word)) + 1))
        window = np.zeros(16000, np.float32)
        window[start : start + len(word)] = word[: 16000 - start]
        if draw.random() < 0.5:
            noise = noise_piece(draw, recorded, 16000, tones_share=0)
            window = add_noise(window, noise, draw.uniform(0, 30))
        window = np.clip(window * np.float32(10 ** (draw.uniform(-10, 10) / 20)), -1, 1)
        for augmentation in (Augmentation(), off):
            placed = augment(
                np.random.default_rng(seed),
                samples,
                16000,
                (0, 4000),
                recorded,
                augmentation,
                [decay(rng)],
            )
            assert placed.start == start
            assert np.array_equal(placed.window, window)


def kinds(length):
    """Return recordings that may trip something."""
    return {
        "silence": np.zeros(length, np.float32),
        "full scale": np.where(np.arange(length) // 40 % 2, -1, 1).astype(np.float32),
        "noise": np.random.default_rng(0).normal(0, 0.1, length).astype(np.float32),
        "faint": np.full(length, 1e-30, np.float32),
        "beyond": np.full(length, 1e4, np.float32),
    }


@settings(deadline=None, max_examples=40)
@given(
    kind=st.sampled_from(sorted(kinds(1))),
    before=st.sampled_from([0, 1, 2, 3, 160, 511, 512, 513, 4000]),
    length=st.sampled_from([1, 2, 100, 3000, 8000]),
    codec=st.sampled_from(sorted(CODECS)),
    seed=st.integers(0, 2**32 - 1),
)
def test_whatever_comes_a_window_of_audio_comes_out(kind, before, length, codec, seed):
    rng = np.random.default_rng(seed)
    augmentation = replace(EVERYTHING, codec_names=(codec,))
    samples = kinds(before)[kind]
    given_samples = samples.copy()
    placed = augment(rng, samples, length, (0, 1000), [], augmentation, [decay(rng), np.ones(1)])
    assert placed.window.shape == (length,)
    assert placed.window.dtype == np.float32
    assert np.isfinite(placed.window).all()
    assert np.abs(placed.window).max() <= 1
    assert 0 <= placed.start <= length
    assert np.array_equal(samples, given_samples)
    assert {"semitones", "room", "noise", "snr_db", "gain_db", "codec"} <= set(placed.applied)


def voice(length, onset):
    """Return a voice of 180 Hz between 300 and 3000 Hz that begins at once, and silence before."""
    pulses = np.zeros(length)
    pulses[onset::89] = 1
    band = signal.butter(2, (300, 3000), "bandpass", fs=16000, output="sos")
    samples = signal.sosfilt(band, pulses)
    return (0.3 * samples / np.abs(samples).max()).astype(np.float32)


def begins(samples, level):
    """Return the first sample at which the mean over 5 ms around it reaches a level."""
    smooth = np.sqrt(np.convolve(samples.astype(float) ** 2, np.ones(80) / 80, "same"))
    return int(np.flatnonzero(smooth >= level)[0])


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    "effects",
    [
        {"pitch": 1},
        {"rooms": 1},
        {"filtering": 1, "filter_gain": 3},
        {"clipping": 1},
        {"telephone": 1},
        *({"codecs": 1, "codec_names": (codec,)} for codec in CODECS),
        {"pitch": 1, "rooms": 1, "telephone": 1, "codecs": 1},
    ],
)
def test_the_word_begins_where_it_is_said_to(seed, effects):
    rng = np.random.default_rng(seed)
    onset = 2000
    samples = voice(9000, onset)
    level = 0.3 * np.sqrt(np.mean(samples[onset:].astype(float) ** 2))
    augmentation = Augmentation(noise=0, gain=(0, 0), overload=(3, 6), **effects)
    placed = augment(rng, samples, 20000, (0, 8000), [], augmentation, [decay(rng, 8000)])
    expected = placed.start + placed.stretch * begins(samples, level)
    assert begins(placed.window, level) == pytest.approx(expected, abs=160)  # 10 ms


def test_what_was_done_is_said(rng):
    samples = voice(9000, 2000)
    noise = [rng.normal(0, 0.1, 30000).astype(np.float32)] * 2
    seen = set()
    for _ in range(60):
        placed = augment(rng, samples, 16000, (0, 4000), noise, EVERYTHING, [decay(rng)] * 3)
        assert placed.applied["room"] in (0, 1, 2)
        assert -5 <= placed.applied["snr_db"] <= 30
        assert -32 <= placed.applied["gain_db"] <= 8
        assert -3 <= placed.applied["semitones"] <= 3
        assert len(placed.applied["filter_db"].split()) == 8
        assert ("compression" in placed.applied) == (
            CODECS[placed.applied["codec"]].compression is not None
        )
        seen |= {placed.applied["noise"], placed.applied["codec"]}
    assert seen == {"tones", "coloured", "recorded 0", "recorded 1", *CODECS}


DIGEST = """
import hashlib, sys
import numpy as np
from kws_training.augmentation.augment import augment
from kws_training.augmentation.recipe import read_recipe

rng = np.random.default_rng(5)
samples = rng.normal(0, 0.1, 9000).astype(np.float32)
responses = [np.float32([1, 0, 0.5]), np.float32([1, -0.3])]
digest = hashlib.sha256()
for seed in range(12):
    placed = augment(np.random.default_rng(seed), samples, 16000, (0, 4000), [samples],
                     read_recipe("heavy"), responses)
    digest.update(placed.window.tobytes())
print(digest.hexdigest())
"""


def test_a_recipe_and_a_seed_give_the_same_audio_in_another_process(capsys):
    exec(DIGEST, {})
    exec(DIGEST, {})
    first, second = capsys.readouterr().out.split()
    other = subprocess.run(
        [sys.executable, "-c", DIGEST], capture_output=True, text=True, check=True
    ).stdout.strip()
    assert first == second == other


def test_no_global_random_state_is_touched(rng):
    np.random.seed(1)  # noqa: NPY002
    random.seed(1)
    before = np.random.get_state()[1].tobytes(), random.getstate()  # noqa: NPY002
    for _ in range(10):
        augment(rng, voice(9000, 2000), 16000, (0, 4000), [], EVERYTHING, [decay(rng)])
    assert before == (np.random.get_state()[1].tobytes(), random.getstate())  # noqa: NPY002


def test_digest_changes_with_every_setting():
    plain = Augmentation()
    digests = {plain.digest()}
    for entry in fields(Augmentation):
        value = getattr(plain, entry.name)
        if isinstance(value, str):
            other = "peak"
        else:
            other = value[:1] + value[:1] if isinstance(value, tuple) else value + 1
        digests.add(replace(plain, **{entry.name: other}).digest())
    assert len(digests) == 1 + len(fields(Augmentation))


def test_digest_is_the_same_for_the_same_settings():
    assert Augmentation(gain=(-10, 10)).digest() == Augmentation().digest()
    assert len(Augmentation().digest()) == 64
    json.dumps(Augmentation().to_dict(), allow_nan=False)
