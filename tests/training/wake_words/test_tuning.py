"""The search for a recipe: what is tried, what is left out, and a study that goes on."""

import json
import shlex
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_training.data.dataset import Clip, DataError
from kws_training.data.frames import FrameSet
from kws_training.wake_words import tuning
from kws_training.wake_words.defaults import WakeWordOptions
from kws_training.wake_words.recipe import BOUNDS, SHIPPING, read_settings
from kws_training.wake_words.tuning import (
    MIX,
    RATES,
    SPACE,
    Judged,
    left_out_kinds,
    options_with,
    settings_of,
    split_recordings,
)

from ...conftest import kws_here as kws
from ...test_help import parser_of

FIRST = {name: choices[0] for name, choices in SPACE.items()}


def clip(path: str, speaker: str) -> Clip:
    return Clip(Path(path), "_unknown_", "_unknown_", speaker)


def test_what_is_tried_can_be_trained():
    assert set(SPACE) == {*BOUNDS, *MIX}
    options = options_with(WakeWordOptions(steps=50), FIRST)
    assert (options.steps, options.crossings, options.rare_voices) == (50, 0.0, False)
    assert options.recipe == read_settings(settings_of(FIRST))
    assert options.recipe.width == 64
    for name, choices in SPACE.items():
        if name not in MIX:
            assert getattr(SHIPPING, name) in choices or name == "microphones"
            assert all(BOUNDS[name][0] <= one <= BOUNDS[name][1] for one in choices)


def test_settings_that_are_none():
    for setting, reason in (
        ("depth=3", "a recipe has microphones"),
        ("width=wide", "give NAME=NUMBER"),
        ("width=4", "must be 8 to 512"),
        ("dropout=nan", "must be 0 to 0.9"),
    ):
        done = kws(
            *("train", "--wake-word", "x", "--negatives", "n", "--output", "m.tflite"),
            *("--set", setting),
        )
        assert done.returncode == 2
        assert f"--set '{setting}': {reason}" in done.stderr


def test_speakers_train_or_judge():
    clips = [clip(f"{n}.wav", f"s{n % 20}") for n in range(60)]
    training, judged = split_recordings(clips)
    assert len(training) + len(judged) == 60
    assert not {one.speaker for one in training} & {one.speaker for one in judged}
    with pytest.raises(DataError, match="too few speakers"):
        split_recordings(clips[:1])


def test_kinds_are_left_out_by_their_hours():
    def frames(hours):
        clips = [clip(f"/n/{kind}/{n}.wav", "s") for kind in hours for n in range(2)]
        images = [np.zeros((round(h * 180_000), 1), np.uint8) for h in hours.values() for _ in "ab"]
        return FrameSet(clips, images, [])

    kinds, left_out = left_out_kinds(frames({"a": 0.2, "b": 0.5, "c": 0.05}))
    assert left_out == ["b", "a"]
    assert kinds[:2] == ["a", "a"]
    with pytest.raises(DataError, match=r"--negatives: 1 kinds with 0\.1 h"):
        left_out_kinds(frames({"a": 0.2, "c": 0.01}))


@dataclass(frozen=True)
class FakeFold:
    """Judges by the numbers alone: a wide head is best, and the second kind is harder."""

    keyword: str
    training: object
    judged: object
    negatives: object
    kinds: object
    noise: object
    base: object

    def __call__(self, fold):
        misses = 100 - fold.options.recipe.width // 2 + (5 if fold.kind == "b" else 0)
        return Judged(fold.kind, 1.0, 200, (misses,) * len(RATES))


@pytest.fixture
def search(tmp_path, words, monkeypatch):
    """Runs the command with networks that are not trained."""
    pytest.importorskip("optuna", reason="no Optuna: pip install '.[tune]'")
    monkeypatch.setattr(tuning, "JudgeFold", FakeFold)
    for kind in ("a", "b"):
        (tmp_path / "negatives" / kind).mkdir(parents=True)
        noise = np.random.default_rng(0).normal(0, 0.1, 420 * 16000)
        soundfile.write(tmp_path / "negatives" / kind / "x.flac", noise, 16000)

    def run(*more):
        done = kws(
            *("tune", "--wake-word", "rise", "--positives", words / "rise", "--negatives"),
            *(tmp_path / "negatives", "--study", tmp_path / "study.journal", *more),
        )
        assert done.returncode == 0, done.stderr
        return done

    return run


def test_a_search_that_goes_on(search):
    first = json.loads(search("--trials", 8, "--json").stdout)
    assert first["trials"] == 8
    widths = [one["values"]["width"] for one in first["best"]]
    assert widths == sorted(widths, reverse=True)
    best = first["best"][0]
    assert best["missed"] == pytest.approx((100 - best["values"]["width"] / 2 + 2.5) / 200)
    assert [kind["kind"] for kind in best["kinds"]] == ["a", "b"]
    program, verb, *arguments = shlex.split(best["command"])
    assert (program, verb) == ("kws", "train")
    options = parser_of("train").parse_args(arguments)
    assert f"width={best['values']['width']}" in options.settings
    assert options.wake_words == ["rise"]
    # the same again: nothing is left to try; then more
    assert json.loads(search("--trials", 8, "--json").stdout) == first
    more = search("--trials", 24, "--seed", 3)
    assert "given up" in more.stderr  # early, after the first kind
    assert "trials judged on all kinds" in more.stdout
    assert "kws train --wake-word rise" in more.stdout


def test_a_trial_that_was_under_way_is_tried_again(search, tmp_path):
    import optuna

    search("--trials", 2)
    storage = optuna.storages.JournalStorage(
        optuna.storages.journal.JournalFileBackend(str(tmp_path / "study.journal"))
    )
    study = optuna.load_study(study_name="rise", storage=storage)
    trial = study.ask()
    for name, choices in SPACE.items():
        trial.suggest_categorical(name, choices)
    search("--trials", 3)
    study = optuna.load_study(study_name="rise", storage=storage)
    states = [one.state.name for one in study.trials]
    assert states[2] == "FAIL"
    assert study.trials[3].params == trial.params
    assert states[3] in ("COMPLETE", "PRUNED")
