"""A keyword that is said again is detected again; one that is said once is detected once."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kws.activity import find_sound
from kws.audio import load_audio
from kws.decoders.base import StepShape
from kws.decoders.words import WakeWordDecoder
from kws.metadata import DetectorDefaults
from kws.packaged import packaged_model
from kws.spotter import KeywordSpotter

from ..conftest import RATE, Demo, Word

TIMES = 20


@pytest.fixture(scope="module")
def spotter() -> KeywordSpotter:
    return KeywordSpotter.default()


def heard(spotter: KeywordSpotter, samples: np.ndarray) -> list[str]:
    spotter.reset()
    found = spotter.process(samples.astype(np.float32)) + spotter.flush()
    return [one.keyword for one in found]


def in_a_row(word: np.ndarray, gap: float, times: int, seed: int = 0) -> np.ndarray:
    """Return a word said some times with quiet between, over the faint noise of a microphone."""
    quiet = np.zeros(round(gap * RATE), np.float32)
    stream = np.concatenate([np.zeros(RATE // 2, np.float32), *[word, quiet] * times])
    return stream + np.random.default_rng(seed).normal(0, 1e-4, len(stream)).astype(np.float32)


def faded(samples: np.ndarray) -> np.ndarray:
    """Return a word that begins and ends without a click."""
    ramp = np.linspace(0, 1, 80, dtype=np.float32)
    samples = samples.copy()
    samples[:80] *= ramp
    samples[-80:] *= ramp[::-1]
    return samples


def cut(demo: Demo, word: Word) -> np.ndarray:
    return faded(demo.samples[int(word.start * RATE) : int(word.end * RATE)])


@pytest.mark.parametrize("gap", [0.5, 0.6, 0.75, 1.5])
def test_a_word_that_is_said_again_is_detected_again(
    spotter: KeywordSpotter, demo: Demo, gap: float
) -> None:
    words = [word for word in demo.words if word.keyword in ("yes", "no", "left", "right", "up")]
    for word in words:
        found = heard(spotter, in_a_row(cut(demo, word), gap, 5))
        assert found == [word.keyword] * 5, (word.keyword, gap)


def test_noise_between_two_words_is_no_word(spotter: KeywordSpotter, demo: Demo) -> None:
    """Sound that is far below the word does not count as the word again."""
    word = next(word for word in demo.words if word.keyword == "yes")
    once = in_a_row(cut(demo, word), 0.6, 1)
    click = np.random.default_rng(1).normal(0, 0.002, RATE // 5).astype(np.float32)
    found = heard(spotter, np.concatenate([once, click, np.zeros(RATE, np.float32)]))
    assert found == ["yes"]


def test_a_vowel_that_is_held_is_one_word(spotter: KeywordSpotter, demo: Demo) -> None:
    """A word drawn to two seconds by repeating periods of its vowel."""
    word = next(word for word in demo.words if word.keyword == "no")
    samples = cut(demo, word)
    middle = len(samples) // 2
    period = samples[middle : middle + RATE // 100]
    held = np.tile(period, 150)
    found = heard(spotter, in_a_row(np.concatenate([samples[:middle], held]), 1.5, 1))
    assert found.count("no") <= 1


def recordings_of(folder: Path, keyword: str) -> Iterator[np.ndarray]:
    """Yield the words of different speakers."""
    with (folder / "audio" / "manifest.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["label"] == keyword]
    rows = [row for row in rows if row["path"].startswith("speech_commands/")]
    speakers = {row["speaker"]: row for row in rows}
    order = np.random.default_rng(0).permutation(sorted(speakers))
    for speaker in order:
        samples = load_audio(folder / "audio" / speakers[speaker]["path"], RATE)
        powers = np.square(samples[: len(samples) // 160 * 160].reshape(-1, 160)).mean(axis=1)
        first, last = find_sound(10 * np.log10(powers + 1e-9), 25, 10, "most")
        yield faded(samples[max(0, first - 1) * 160 : (last + 2) * 160])


@pytest.mark.data
@pytest.mark.parametrize(("gap", "least"), [(0.75, 18), (0.5, 15)])
def test_real_voices_say_each_word_twenty_times(
    spotter: KeywordSpotter, shared: Path, gap: float, least: int
) -> None:
    """Of each word, six speakers whom the model understands when they say it once."""
    for keyword in spotter.keywords:
        counts = []
        for word in recordings_of(shared, keyword):
            if heard(spotter, in_a_row(word, 2.0, 1)) == [keyword]:
                counts.append(heard(spotter, in_a_row(word, gap, TIMES)).count(keyword))
            if len(counts) == 6:
                break
        assert np.mean(counts) >= least, (keyword, counts)
        assert max(counts) <= TIMES + 1, (keyword, counts)


@pytest.mark.data
def test_real_voices_say_a_word_once(spotter: KeywordSpotter, shared: Path) -> None:
    doubled = heard_once = 0
    for keyword in spotter.keywords:
        for _, word in zip(range(20), recordings_of(shared, keyword), strict=False):
            found = heard(spotter, in_a_row(word, 2.0, 1)).count(keyword)
            heard_once += found == 1
            doubled += found > 1
    assert heard_once > 150
    assert doubled <= 1


# --- phrases of several words ---


@pytest.mark.parametrize(("label", "start"), [("hey device", 0.5), ("device", 1.2)])
def test_a_phrase_of_two_words_begins_with_its_first(label: str, start: float) -> None:
    """Two bursts of sound, 0.3 s of quiet between; the score is high after the second."""
    base = packaged_model("words").metadata
    metadata = replace(
        base,
        task="wake-words",
        labels=(label,),
        operating_points=(),
        detector=DetectorDefaults(0.0, 1.0, 2.0, {label: 0.5}),
    )
    decoder = WakeWordDecoder(metadata, StepShape(10, 1), metadata.detector)
    frames = np.full((200, base.front_end.bands), -10.0, np.float32)
    frames[50:90] = 5.0
    frames[120:160] = 6.0
    found = []
    for at in range(0, 200, 10):
        logits = np.full((1, 1), 5.0 if at == 160 else -5.0, np.float32)
        found += decoder.update(frames[at : at + 10], logits)
    assert [(one.keyword, one.start) for one in found] == [(label, pytest.approx(start))]
    assert found[0].end == pytest.approx(1.6, abs=0.05)
