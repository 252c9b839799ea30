"""The log-mel front end: against its definition, against librosa, and as a stream."""

from __future__ import annotations

import dataclasses
import io
import json
import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kws.errors import ModelError
from kws.frontend import (
    SPEECH,
    WORDS,
    YAMNET,
    JoinedConfig,
    JoinedLogMel,
    LogMel,
    LogMelConfig,
    SharedMean,
    front_end_from,
    log_mel,
    mel_filters,
    open_front_end,
)
from kws.modelfile import pack, read_model, write_model
from kws.packaged import packaged_model


def reference(samples: np.ndarray, config: LogMelConfig) -> np.ndarray:
    """Log-mel frame by frame and band by band, in float64, straight from the definition."""

    def mel(hz: float) -> float:
        return 1127.0 * math.log(1.0 + hz / 700.0)

    low, high = mel(config.low_hz), mel(config.high_hz)
    edges = [low + (high - low) * i / (config.bands + 1) for i in range(config.bands + 2)]
    weights = np.zeros((config.bands, config.fft // 2 + 1))
    for band in range(config.bands):
        left, peak, right = edges[band : band + 3]
        for k in range(1, config.fft // 2 + 1):
            at = mel(k * config.sample_rate / config.fft)
            if left < at <= peak:
                weights[band, k] = (at - left) / (peak - left)
            elif peak < at < right:
                weights[band, k] = (right - at) / (right - peak)
    n = np.arange(config.window)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * n / config.window)  # periodic Hann
    rows = []
    means: list[float] = []
    for start in range(0, len(samples) - config.window + 1, config.hop):
        part = samples[start : start + config.window].astype(np.float64)
        if config.dc_frames:
            means.append(float((part * window).sum() / window.sum()))
            latest = means[-config.dc_frames :]
            signs = {math.copysign(1.0, mean) for mean in latest}
            part = part - (min(latest, key=abs) if len(signs) == 1 else 0.0)
        part = part * window
        spectrum = np.abs(np.fft.fft(part, config.fft))[: config.fft // 2 + 1]
        if config.spectrum == "power":
            spectrum = spectrum**2
        with np.errstate(divide="ignore"):
            logs = np.log(weights @ spectrum + config.offset)
        rows.append(np.clip(logs, config.floor, config.ceiling))
    return np.array(rows).reshape(-1, config.bands)


def sounds() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    time = np.arange(12000) / 16000
    sweep = 0.8 * np.sin(2 * np.pi * (100 * time + 2000 * time**2))
    bursts = rng.normal(size=12000) * (np.sin(2 * np.pi * 4 * time) > 0) * 0.2
    return {
        "noise": rng.normal(size=12000) * 0.1,
        "loud noise": rng.uniform(-1, 1, 12000),
        "quiet noise": rng.normal(size=12000) * 1e-4,
        "sweep": sweep,
        "bursts": bursts,
        "offset": np.full(12000, 0.3),
    }


@pytest.mark.parametrize("name", sounds())
def test_yamnet_equals_the_definition(name: str) -> None:
    samples = sounds()[name].astype(np.float32)
    expected = reference(samples, YAMNET)
    got = log_mel(samples, YAMNET)
    assert got.dtype == np.float32
    assert got.shape == expected.shape == (73, 64)
    # of a pure tone the far bands hold only what float32 rounds: 1e-7 of it, beside 0.001
    tolerance = 1e-3 if name in ("sweep", "offset") else 1e-4
    np.testing.assert_allclose(got, expected, atol=tolerance, rtol=0)


@pytest.mark.parametrize("name", ["noise", "loud noise", "bursts"])
def test_words_equal_the_definition(name: str) -> None:
    samples = sounds()[name].astype(np.float32)
    got = log_mel(samples, WORDS)
    expected = reference(samples, WORDS)
    # the logarithm of a bin that is almost empty magnifies rounding: float32 has 7 digits
    assert got.shape == expected.shape == (73, 40)
    np.testing.assert_allclose(got, expected, atol=1e-3, rtol=0)


@pytest.mark.parametrize("config", [YAMNET, WORDS], ids=["yamnet", "words"])
def test_filters_against_librosa(config: LogMelConfig) -> None:
    librosa = pytest.importorskip("librosa")
    theirs = librosa.filters.mel(
        sr=config.sample_rate,
        n_fft=config.fft,
        n_mels=config.bands,
        fmin=config.low_hz,
        fmax=config.high_hz,
        htk=True,
        norm=None,
        dtype=np.float64,
    ).T
    ours = mel_filters(config)
    # librosa's triangles are linear in Hz, TensorFlow's in mel: same corners, bent sides
    assert ((ours > 0) == (theirs > 0)).all()
    assert (ours.argmax(axis=0) == theirs.argmax(axis=0)).all()
    assert np.abs(ours - theirs).max() < 0.01


def test_a_tone_is_in_its_band() -> None:
    for hz in (200.0, 1000.0, 3000.0, 7000.0):
        tone = 0.5 * np.sin(2 * np.pi * hz * np.arange(8000) / 16000)
        frames = log_mel(tone.astype(np.float32), YAMNET)
        edges = np.linspace(
            1127 * math.log1p(125 / 700), 1127 * math.log1p(7500 / 700), YAMNET.bands + 2
        )
        nearest = int(np.abs(edges[1:-1] - 1127 * math.log1p(hz / 700)).argmin())
        assert np.abs(frames.argmax(axis=1) - nearest).max() <= 1


# --- streaming ---


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 3000), min_size=1, max_size=25),
    block=st.sampled_from([1, 2, 8, 13]),
    config=st.sampled_from([YAMNET, WORDS]),
)
def test_stream_equals_offline(sizes: list[int], block: int, config: LogMelConfig) -> None:
    samples = np.random.default_rng(len(sizes)).normal(size=sum(sizes)).astype(np.float32) * 0.1
    stream = LogMel(config, block)
    parts = np.split(samples, np.cumsum(sizes)[:-1])
    frames = [stream.push(part) for part in parts]
    assert all(len(part) % block == 0 for part in frames)
    got = np.concatenate(frames)
    whole = log_mel(samples, config)
    assert 0 <= len(whole) - len(got) < block
    np.testing.assert_allclose(got, whole[: len(got)], atol=1e-6, rtol=0)


def test_chunks_give_the_same_bits() -> None:
    samples = np.random.default_rng(0).normal(size=40000).astype(np.float32)
    once = LogMel(YAMNET).push(samples)
    for size in (1, 7, 160, 1280, 4096):
        stream = LogMel(YAMNET)
        many = [stream.push(samples[i : i + size]) for i in range(0, len(samples), size)]
        assert (np.concatenate(many) == once).all()
    assert (log_mel(samples, YAMNET)[: len(once)] == once).all()


def test_frames_are_the_callers_to_keep() -> None:
    stream = LogMel(YAMNET)
    rng = np.random.default_rng(0)
    first = stream.push(rng.normal(size=4000).astype(np.float32))
    kept = first.copy()
    stream.push(rng.normal(size=4000).astype(np.float32))
    assert (first == kept).all()


def test_pushed_samples_are_not_changed() -> None:
    samples = np.random.default_rng(0).normal(size=4000).astype(np.float32)
    kept = samples.copy()
    LogMel(YAMNET).push(samples)
    log_mel(samples, YAMNET)
    assert (samples == kept).all()


def test_reset_forgets() -> None:
    rng = np.random.default_rng(0)
    samples = rng.normal(size=5000).astype(np.float32)
    stream = LogMel(YAMNET)
    fresh = stream.push(samples)
    stream.push(rng.normal(size=777).astype(np.float32))
    stream.reset()
    assert (stream.push(samples) == fresh).all()


# --- a DC offset ---

#: YAMNet's front end without the offset.
CENTRED = dataclasses.replace(YAMNET, dc_frames=50)


def faint_noise() -> np.ndarray:
    return np.random.default_rng(3).normal(size=16000) * 1e-3


@pytest.mark.parametrize("offset", [-0.3, -0.02, 0.0, 0.1, 0.9])
@pytest.mark.parametrize("name", ["noise", "loud noise", "sweep"])
def test_an_offset_is_removed_as_defined(name: str, offset: float) -> None:
    samples = (sounds()[name] + offset).astype(np.float32)
    for config in (CENTRED, dataclasses.replace(CENTRED, dc_frames=1)):
        got, expected = log_mel(samples, config), reference(samples, config)
        np.testing.assert_allclose(got, expected, atol=2e-3, rtol=0)


@pytest.mark.parametrize("config", [CENTRED, WORDS], ids=["yamnet", "words"])
@pytest.mark.parametrize("offset", [-0.3, -0.02, 0.1, 0.9])
def test_frames_of_faint_sound_keep_their_level_on_an_offset(
    config: LogMelConfig, offset: float
) -> None:
    plain = log_mel(faint_noise().astype(np.float32), config)
    moved = log_mel((faint_noise() + offset).astype(np.float32), config)
    # what float32 rounds is all that is left of the offset
    assert np.abs(moved - plain).mean() < 0.05
    if config is WORDS or abs(offset) > 0.05:  # YAMNet's bands begin at 125 Hz
        without = dataclasses.replace(config, dc_frames=0)
        apart = log_mel((faint_noise() + offset).astype(np.float32), without) - plain
        assert apart[:, 0].mean() > 0.5


@pytest.mark.parametrize("offset", [-1.0, -0.1, 1 / 32768, 0.3])
def test_a_constant_is_silence(offset: float) -> None:
    frames = log_mel(np.full(16000, offset, np.float32), WORDS)
    assert (frames == np.float32(WORDS.floor)).all()


def test_without_an_offset_frames_are_the_same_bits() -> None:
    time = np.arange(16000) / 16000
    hum = 0.1 * np.sin(2 * np.pi * 50 * time) + 0.01 * np.sin(2 * np.pi * 7 * time)
    samples = np.concatenate([np.zeros(480), faint_noise(), hum]).astype(np.float32)
    without = dataclasses.replace(WORDS, dc_frames=0)
    assert (log_mel(samples, WORDS) == log_mel(samples, without)).all()


def test_an_offset_that_ends_or_begins_is_removed_again() -> None:
    noise = faint_noise().astype(np.float32)
    samples = np.concatenate([noise + np.float32(0.1), noise, noise - np.float32(0.2)])
    got = log_mel(samples, WORDS)
    plain = log_mel(np.concatenate([noise] * 3), WORDS)
    apart = np.abs(got - plain).mean(axis=1)
    edges = (100, 200)
    settled = np.ones(len(apart), bool)
    settled[edges[0] - 3 : edges[0] + 3] = False
    settled[edges[1] - 3 : edges[1] + WORDS.dc_frames + 1] = False
    assert apart[settled].mean() < 0.05
    mute = np.concatenate([noise + np.float32(0.1), np.zeros(16000, np.float32)])
    assert (log_mel(mute, WORDS)[100:] == np.float32(WORDS.floor)).all()


def test_chunks_give_the_same_bits_on_an_offset() -> None:
    samples = (np.random.default_rng(0).normal(size=40000) * 0.02 + 0.1).astype(np.float32)
    once = LogMel(WORDS).push(samples)
    for size in (1, 7, 160, 1280, 4096):
        stream = LogMel(WORDS)
        stream.push(samples[:9999] + np.float32(0.5))
        stream.reset()  # forgets the offset before
        many = [stream.push(samples[i : i + size]) for i in range(0, len(samples), size)]
        assert (np.concatenate(many) == once).all()
    assert (log_mel(samples, WORDS)[: len(once)] == once).all()


def test_the_mean_that_frames_share() -> None:
    shared = SharedMean(3)
    assert shared.push(np.array([0.5, 0.2])).tolist() == [0.5, 0.2]
    assert shared.push(np.array([0.3, 0.4, 0.6, -0.1])).tolist() == [0.2, 0.2, 0.3, 0.0]
    assert shared.push(np.array([-0.2, -0.3, 0.0])).tolist() == [0.0, -0.1, 0.0]
    shared.reset()
    assert shared.push(np.array([-0.3])).tolist() == [-0.3]


def test_files_of_before_keep_the_offset() -> None:
    values = WORDS.to_dict()
    assert values.pop("dc_frames") == WORDS.dc_frames > 0
    before = LogMelConfig.from_dict(values)
    assert before.dc_frames == 0
    assert before.to_dict() == values
    assert WORDS.fits(before)
    assert before.fits(WORDS)
    assert not WORDS.fits(dataclasses.replace(before, hop=80))
    assert not WORDS.fits(BOTH)
    assert "dc_frames" not in YAMNET.to_dict()  # is Google's


def test_slaney_filters_are_librosas() -> None:
    librosa = pytest.importorskip("librosa")
    for config in (SPEECH, dataclasses.replace(SPEECH, bands=7, low_hz=1200.0, high_hz=8000.0)):
        theirs = librosa.filters.mel(
            sr=config.sample_rate,
            n_fft=config.fft,
            n_mels=config.bands,
            fmin=config.low_hz,
            fmax=config.high_hz,
            norm=None,
            dtype=np.float64,
        ).T
        np.testing.assert_allclose(mel_filters(config), theirs, atol=1e-6)


def test_the_mel_scale_is_told_where_it_is_not_the_usual_one() -> None:
    assert SPEECH.to_dict()["mel_scale"] == "slaney"
    assert LogMelConfig.from_dict(SPEECH.to_dict()) == SPEECH
    assert "mel_scale" not in WORDS.to_dict()
    with pytest.raises(ModelError, match="mel_scale must be htk or slaney"):
        LogMelConfig.from_dict({**SPEECH.to_dict(), "mel_scale": "bark"})
    with pytest.raises(ModelError, match="'mel_scale' has the wrong type"):
        LogMelConfig.from_dict({**SPEECH.to_dict(), "mel_scale": 1})


# --- lengths and silence ---


@given(
    frames=st.integers(0, 10_000), more=st.integers(0, 159), config=st.sampled_from([YAMNET, WORDS])
)
def test_frames_and_samples_are_inverse(frames: int, more: int, config: LogMelConfig) -> None:
    assert config.frames(config.samples(frames)) == frames
    if frames:
        assert config.frames(config.samples(frames) + more) == frames
        assert config.frames(config.samples(frames) - 1) == frames - 1
    assert config.frames(more) == 0


@pytest.mark.parametrize("count", [0, 1, 399, 400, 559, 560, 16000])
def test_number_of_frames(count: int) -> None:
    got = log_mel(np.zeros(count, np.float32), YAMNET)
    assert got.shape == (YAMNET.frames(count), 64)
    assert YAMNET.frames(count) == (0 if count < 400 else (count - 400) // 160 + 1)


@pytest.mark.parametrize("config", [YAMNET, WORDS], ids=["yamnet", "words"])
def test_silence(config: LogMelConfig) -> None:
    frames = log_mel(np.zeros(8000, np.float32), config)
    np.testing.assert_allclose(frames, config.silence, atol=1e-5)
    assert config.floor <= config.silence <= config.ceiling
    assert np.isfinite(frames).all()


def test_values_of_silence() -> None:
    assert YAMNET.silence == pytest.approx(math.log(0.001))
    assert WORDS.silence == WORDS.floor


def test_times() -> None:
    assert YAMNET.hop_seconds == 0.01
    assert YAMNET.window_seconds == 0.025


# --- configurations as data ---


@st.composite
def configs(draw: st.DrawFn) -> LogMelConfig:
    rate = draw(st.integers(8000, 48000))
    fft = draw(st.integers(2, 8192))
    window = draw(st.integers(1, fft))
    low = draw(st.floats(0, rate / 2 - 1))
    floor = draw(st.floats(-80, 79))
    return LogMelConfig(
        sample_rate=rate,
        window=window,
        hop=draw(st.integers(1, window)),
        fft=fft,
        bands=draw(st.integers(1, 256)),
        low_hz=low,
        high_hz=draw(st.floats(low + 1, rate / 2)),
        spectrum=draw(st.sampled_from(["magnitude", "power"])),
        offset=draw(st.floats(0, 1)),
        floor=floor,
        ceiling=draw(st.floats(floor, 80, exclude_min=True)),
        dc_frames=draw(st.integers(0, 256)),
        mel_scale=draw(st.sampled_from(["htk", "slaney"])),
    )


@given(configs())
def test_round_trip_through_json(config: LogMelConfig) -> None:
    assert LogMelConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


@settings(max_examples=25, deadline=None)
@given(configs())
def test_every_configuration_gives_finite_frames(config: LogMelConfig) -> None:
    samples = np.random.default_rng(0).normal(size=config.samples(3)).astype(np.float32)
    frames = log_mel(samples, config)
    assert frames.shape == (3, config.bands)
    assert np.isfinite(frames).all()
    assert frames.min() >= np.float32(config.floor) - 1e-5
    assert frames.max() <= np.float32(config.ceiling) + 1e-5


@pytest.mark.parametrize("key", YAMNET.to_dict())
def test_missing_key(key: str) -> None:
    values = YAMNET.to_dict()
    del values[key]
    with pytest.raises(ModelError, match=key):
        LogMelConfig.from_dict(values)


@pytest.mark.parametrize("key", YAMNET.to_dict())
@pytest.mark.parametrize("value", [None, True, [], {}, "x", b"16000"])
def test_wrong_type(key: str, value: object) -> None:
    with pytest.raises(ModelError, match="front end: "):
        LogMelConfig.from_dict({**YAMNET.to_dict(), key: value})


@pytest.mark.parametrize("key", ["sample_rate", "window", "hop", "fft", "bands"])
def test_counts_are_whole(key: str) -> None:
    values = YAMNET.to_dict()
    with pytest.raises(ModelError, match=key):
        LogMelConfig.from_dict({**values, key: float(values[key])})


def test_whole_numbers_are_floats_too() -> None:
    values = {**YAMNET.to_dict(), "low_hz": 125, "high_hz": 7500}
    assert LogMelConfig.from_dict(values) == YAMNET


def test_unknown_key() -> None:
    with pytest.raises(ModelError, match="preemphasis"):
        LogMelConfig.from_dict({**YAMNET.to_dict(), "preemphasis": 0.97})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("sample_rate", 7999),
        ("sample_rate", 48001),
        ("sample_rate", -16000),
        ("hop", 0),
        ("hop", 401),
        ("window", 513),
        ("fft", 8193),
        ("fft", 399),
        ("bands", 0),
        ("bands", 257),
        ("low_hz", -1.0),
        ("low_hz", 7500.0),
        ("high_hz", 8000.5),
        ("high_hz", 100.0),
        ("spectrum", "decibel"),
        ("offset", -0.1),
        ("offset", 1.1),
        ("floor", 10.0),
        ("floor", -81.0),
        ("ceiling", 81.0),
        ("ceiling", math.inf),
        ("floor", -math.inf),
        ("low_hz", math.nan),
        ("offset", math.nan),
        ("bands", 10**400),
        ("low_hz", 10**400),
        ("dc_frames", -1),
        ("dc_frames", 257),
        ("dc_frames", 1.0),
    ],
)
def test_out_of_range(key: str, value: object) -> None:
    with pytest.raises(ModelError, match="front end"):
        LogMelConfig.from_dict({**YAMNET.to_dict(), key: value})


# --- front ends side by side ---

BOTH = JoinedConfig((YAMNET, WORDS))
#: Its first window is the longest, its second the shortest, and their FFTs differ.
MIXED = JoinedConfig(
    (
        dataclasses.replace(WORDS, window=512, bands=3),
        dataclasses.replace(YAMNET, window=200, fft=256, bands=5),
        dataclasses.replace(YAMNET, bands=4),
    )
)


@settings(max_examples=40, deadline=None)
@given(
    sizes=st.lists(st.one_of(st.integers(0, 400), st.integers(0, 5000)), min_size=1, max_size=25),
    config=st.sampled_from([BOTH, MIXED]),
)
def test_joined_stream_is_the_whole_bit_for_bit(sizes: list[int], config: JoinedConfig) -> None:
    samples = np.random.default_rng(len(sizes)).normal(size=sum(sizes)).astype(np.float32) * 0.1
    stream = JoinedLogMel(config)
    frames = [stream.push(part) for part in np.split(samples, np.cumsum(sizes)[:-1])]
    assert all(len(part) % 8 == 0 for part in frames)
    got, whole = np.concatenate(frames), log_mel(samples, config)
    assert whole.shape == (config.frames(len(samples)), config.bands)
    assert 0 <= len(whole) - len(got) < 8
    assert (got == whole[: len(got)]).all()


@pytest.mark.parametrize("config", [BOTH, MIXED], ids=["both", "mixed"])
@pytest.mark.parametrize("count", [0, 399, 400, 480, 511, 512, 4000, 16000])
def test_joined_parts_are_the_single_front_ends(config: JoinedConfig, count: int) -> None:
    samples = np.random.default_rng(0).normal(size=count).astype(np.float32) * 0.1
    frames, first = log_mel(samples, config), 0
    assert len(frames) == config.frames(count)
    for part in config.parts:
        alone = log_mel(samples, part)
        assert len(alone) >= len(frames)
        assert (frames[:, first : first + part.bands] == alone[: len(frames)]).all()
        first += part.bands
    assert first == config.bands == frames.shape[1]


@pytest.mark.parametrize("block", [1, 5, 8, 32])
def test_joined_blocks(block: int) -> None:
    samples = np.random.default_rng(0).normal(size=16000).astype(np.float32) * 0.1
    stream = open_front_end(BOTH, block)
    frames = np.concatenate([stream.push(part) for part in np.split(samples, 10)])
    assert len(frames) == BOTH.frames(16000) // block * block
    np.testing.assert_allclose(frames, log_mel(samples, BOTH)[: len(frames)], atol=1e-5)


def test_joined_frames_are_the_callers_to_keep_and_reset_forgets() -> None:
    rng = np.random.default_rng(0)
    samples = rng.normal(size=5000).astype(np.float32)
    stream = JoinedLogMel(BOTH)
    fresh = stream.push(samples)
    kept = fresh.copy()
    stream.push(rng.normal(size=1357).astype(np.float32))
    assert (fresh == kept).all()
    stream.reset()
    assert (stream.push(samples) == kept).all()


def test_joined_numbers() -> None:
    assert BOTH.first == YAMNET
    assert (BOTH.sample_rate, BOTH.hop, BOTH.window, BOTH.bands) == (16000, 160, 480, 104)
    assert (BOTH.hop_seconds, BOTH.window_seconds) == (0.01, 0.03)
    assert MIXED.window == 512
    for frames in (0, 1, 2, 100):
        assert BOTH.frames(BOTH.samples(frames)) == frames
        assert BOTH.frames(max(0, BOTH.samples(frames) - 1)) == max(0, frames - 1)
    silence = log_mel(np.zeros(8000, np.float32), BOTH)
    assert BOTH.silence.shape == (104,)
    np.testing.assert_allclose(silence, np.broadcast_to(BOTH.silence, silence.shape), atol=1e-5)


def test_open_front_end_opens_what_it_is_given() -> None:
    assert isinstance(open_front_end(YAMNET), LogMel)
    assert isinstance(open_front_end(BOTH), JoinedLogMel)


@pytest.mark.parametrize("config", [BOTH, MIXED, YAMNET, WORDS])
def test_every_front_end_round_trips(config: LogMelConfig | JoinedConfig) -> None:
    assert front_end_from(json.loads(json.dumps(config.to_dict()))) == config


SLOWER = {**WORDS.to_dict(), "sample_rate": 8000}
HOSTILE = [
    [],
    [YAMNET.to_dict()],
    [YAMNET.to_dict()] * 5,
    [YAMNET.to_dict()] * 100_000,
    [YAMNET.to_dict(), SLOWER],
    [YAMNET.to_dict(), {**WORDS.to_dict(), "hop": 80}],
    [YAMNET.to_dict(), {**WORDS.to_dict(), "fft": 2**40}],
    [YAMNET.to_dict(), {}],
    [YAMNET.to_dict(), None],
    [1, 2],
    ["a", "b"],
    [[], []],
    [[YAMNET.to_dict()], []],
    None,
    1,
    2.5,
    True,
    "words",
    {},
    {"parts": []},
]


@pytest.mark.parametrize("values", HOSTILE, ids=lambda v: str(v)[:25])
def test_hostile_front_ends(values: Any) -> None:
    with pytest.raises(ModelError, match="front end: ") as caught:
        front_end_from(values)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("values", HOSTILE[:3] + HOSTILE[4:], ids=lambda v: str(v)[:25])
def test_hostile_front_ends_in_a_model_file(tmp_path: Path, values: Any) -> None:
    content = model_with(values)
    path = tmp_path / "hostile.tflite"
    path.write_bytes(content)
    with pytest.raises(ModelError) as caught:
        read_model(path)
    assert str(caught.value).startswith(f"{path}: front end: ")
    assert "\n" not in str(caught.value)


def test_joined_front_end_in_a_model_file(tmp_path: Path) -> None:
    path = tmp_path / "joined.tflite"
    path.write_bytes(model_with(BOTH.to_dict()))
    model = read_model(path)
    assert model.metadata.front_end == BOTH
    write_model(tmp_path / "again.tflite", model.network, model.metadata)
    assert read_model(tmp_path / "again.tflite").metadata == model.metadata


def model_with(front_end: Any) -> bytes:
    """The package's model with another front end in its metadata."""
    model = packaged_model()
    stream = io.BytesIO()
    packed = pack(model.network, model.metadata)
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        values = json.loads(archive.read("kws.json"))
    stream.write(model.network)
    with zipfile.ZipFile(stream, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("kws.json", json.dumps({**values, "front_end": front_end}))
    return stream.getvalue()
