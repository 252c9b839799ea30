"""Recordings that come: judged, kept, cut."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kws.audio import read_recording
from kws.errors import AudioError
from kws_studio.project import Project
from kws_studio.takes import keep_speech, keep_take, trim

from .conftest import RATE, wav_bytes


def came(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "came.wav"
    path.write_bytes(content)
    return path


def test_a_good_take_is_kept_as_kws_record_does(
    project: Project, tmp_path: Path, spoken: Callable[[int], bytes]
) -> None:
    first = keep_take(project, came(tmp_path, spoken(1)), "learn")
    second = keep_take(project, came(tmp_path, spoken(2)), "learn", "anna")
    assert first.problems == second.problems == ()
    assert first.names == ("001.wav",)
    assert second.names == ("anna_nohash_0.wav",)
    kept = read_recording(project.find("learn", "001.wav"))
    assert kept.sample_rate == RATE


def test_what_is_wrong_is_said_and_can_be_kept_anyway(project: Project, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    faint = came(tmp_path, wav_bytes(rng.normal(0, 0.0003, RATE)))
    refused = keep_take(project, faint, "learn")
    assert refused.names == ()
    assert refused.problems
    kept = keep_take(project, faint, "learn", strict=False)
    assert (len(kept.names), kept.problems) == (1, refused.problems)
    with pytest.raises(AudioError, match="digital silence"):
        keep_take(project, came(tmp_path, wav_bytes(np.zeros(RATE))), "learn")


def test_speech_is_shared_between_training_and_judging(project: Project, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    samples = rng.normal(0, 0.1, 61 * RATE)
    kept = keep_speech(project, came(tmp_path, wav_bytes(samples)), "../radio news.wav")
    assert kept.names == ("radio news.wav", "radio news.wav")
    parts = [read_recording(project.find(shelf, kept.names[0])) for shelf in ("other", "judge")]
    whole = np.concatenate([part.samples for part in parts])
    assert len(parts[0].samples) == len(samples) // 2
    np.testing.assert_allclose(whole, samples, atol=2**-15)
    for number in range(2):  # short ones go here and there
        keep_speech(project, came(tmp_path, wav_bytes(samples[:RATE])), f"{number}.wav")
    assert len(project.recordings("other")) == len(project.recordings("judge")) == 2


def test_trimming_keeps_the_whole_one(
    project: Project, tmp_path: Path, spoken: Callable[[int], bytes]
) -> None:
    (name,) = keep_take(project, came(tmp_path, spoken(0)), "learn").names
    before = read_recording(project.find("learn", name))
    with pytest.raises(AudioError, match="would be left"):
        trim(project, "learn", name, 0.5, 0.51)
    trim(project, "learn", name, 0.25, 0.75)
    after = read_recording(project.find("learn", name))
    np.testing.assert_array_equal(after.samples, before.samples[RATE // 4 : RATE * 3 // 4])
    thrown = read_recording(project.recordings("thrown")[0])
    np.testing.assert_array_equal(thrown.samples, before.samples)
