"""microWakeWord's front end: equal to its integers, as a stream, and in model files."""

from __future__ import annotations

import json
import random
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kws.audio import load_audio
from kws.describe import front_end_in_words
from kws.errors import ModelError
from kws.frontend import front_end_from, log_mel, open_front_end
from kws.micro_frontend import KIND, PER_UNIT, MicroConfig, MicroFrontEnd
from kws.modelfile import pack, parse_model
from kws.packaged import packaged_model

CONFIG = MicroConfig()


def made_up(level: int, count: int = 16000) -> np.ndarray:
    """Samples that are the same on every machine: noise whose level rises and falls."""
    numbers = np.arange(count, dtype=np.int64)
    noise = (numbers * numbers * 7919 + numbers * 104729) % 20011 - 10005
    return (noise * (200 + numbers % 4001) * level >> 24).astype(np.int16)


def integers(samples: np.ndarray) -> np.ndarray:
    """The frames of 16-bit samples as the integers that they are."""
    frames = MicroFrontEnd(CONFIG, 1).push(samples.astype(np.float32) / 32768)
    return np.rint(frames * PER_UNIT).astype(np.uint16)


#: What pymicro-features 2.0.2 gives for `made_up`: the CRC-32 of all frames, uint16 (98, 40), and
#: the first channels of the last frame.
EXPECTED = {
    1: (2617951532, [0, 0, 0, 0, 0, 0, 0, 0]),
    300: (854341858, [177, 0, 339, 393, 314, 0, 287, 248]),
    10000: (3719353904, [222, 0, 368, 420, 344, 0, 314, 280]),
}


@pytest.mark.parametrize("level", EXPECTED)
def test_frames_are_those_of_pymicro_features(level: int) -> None:
    frames = integers(made_up(level))
    checksum, last = EXPECTED[level]
    assert frames.shape == (98, 40)
    assert frames[-1, :8].tolist() == last
    assert zlib.crc32(frames.astype("<u2").tobytes()) == checksum


def test_extreme_samples_wrap_as_16_bits_do() -> None:
    square = np.where(np.arange(16000) // 40 % 2, -32768, 32767).astype(np.int16)
    assert zlib.crc32(integers(square).astype("<u2").tobytes()) == 1132679292


@settings(max_examples=8, deadline=None)
@given(cuts=st.lists(st.integers(0, 4000), max_size=6), block=st.sampled_from([1, 3, 8]))
def test_a_stream_gives_the_same_frames_whatever_its_chunks(cuts: list[int], block: int) -> None:
    samples = made_up(300, 4000).astype(np.float32) / 32768
    front_end = open_front_end(CONFIG, block)
    parts = [front_end.push(part) for part in np.split(samples, sorted(cuts))]
    assert all(len(part) % block == 0 for part in parts)
    frames = np.concatenate(parts)
    whole = log_mel(samples, CONFIG)
    assert len(whole) == CONFIG.frames(4000)
    np.testing.assert_array_equal(frames, whole[: len(frames)])
    assert len(whole) - len(frames) < block
    front_end.reset()
    np.testing.assert_array_equal(front_end.push(samples), frames)


def test_silence_and_what_16_bits_do_not_hold() -> None:
    assert not log_mel(np.zeros(8000, np.float32), CONFIG).any()
    loud = np.full(4000, 3.0, np.float32)
    np.testing.assert_array_equal(log_mel(loud, CONFIG), log_mel(loud.clip(-1, 1), CONFIG))
    assert log_mel(np.zeros(100, np.float32), CONFIG).shape == (0, 40)


@pytest.mark.parametrize(
    "values", [{"kind": "other"}, {"kind": KIND, "hop": 160}, {"kind": 3}, {"kind": None, "a": 1}]
)
def test_another_kind_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(ModelError, match="front end: unknown") as refused:
        front_end_from(values)
    assert "\n" not in str(refused.value)


def test_a_model_file_names_the_front_end() -> None:
    model = packaged_model("commands-small")
    content = pack(model.network, replace(model.metadata, front_end=CONFIG))
    read = parse_model(content, "here").metadata.front_end
    assert read == CONFIG
    assert json.loads(json.dumps(read.to_dict())) == {"kind": KIND}
    assert read.fits(CONFIG)
    assert not read.fits(model.metadata.front_end)
    assert not model.metadata.front_end.fits(read)
    assert "microWakeWord" in front_end_in_words(read)


@pytest.mark.reach
@pytest.mark.data
def test_real_recordings_bit_for_bit(shared: Path) -> None:
    theirs = pytest.importorskip("pymicro_features", reason="pip install '.[test-reach]'")
    found = sorted((shared / "audio").rglob("*.flac"))
    random.Random(1).shuffle(found)
    compared = 0
    for path in found[:100]:
        samples = np.rint(load_audio(path, 16000)[:160000] * 32767).astype(np.int16)
        front_end, content = theirs.MicroFrontend(), samples.tobytes()
        frames = []
        while len(content) >= 320:
            result = front_end.process_samples(content[:320])
            content = content[2 * result.samples_read :]
            if result.features:
                frames.append(result.features)
        wanted = np.array(frames, np.float32).reshape(-1, 40)
        got = MicroFrontEnd(CONFIG, 1).push(samples.astype(np.float32) / 32768)
        np.testing.assert_array_equal(got[: len(wanted)], wanted)
        compared += wanted.size
    assert compared > 100_000
