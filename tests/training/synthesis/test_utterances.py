"""Text-to-speech engines: those that are installed are run, and say something."""

import os
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from kws.errors import KwsError
from kws_training.synthesis import engines as engines_module
from kws_training.synthesis import programs
from kws_training.synthesis.engines import INSTALL, fast_engines
from kws_training.synthesis.utterances import (
    SYNTHETIC,
    Style,
    Utterance,
    common_words,
    plan,
    say_all,
)
from kws_training.synthesis.word_images import synthesized_images

#: Packages that are no programs, which an empty PATH hides.
HIDE = "import sys; sys.modules['ttspico'] = None; "


@pytest.fixture(scope="module")
def every_engine():
    return {one.name: one for one in engines_module.installed()}


@pytest.fixture(params=INSTALL)
def engine(request, every_engine):
    if request.param not in every_engine:
        pytest.skip(f"{request.param} is not installed: {INSTALL[request.param]}")
    return every_engine[request.param]


@pytest.fixture(scope="module")
def engines():
    found = fast_engines()
    if not found:
        pytest.skip("no text-to-speech engine is installed: apt-get install espeak-ng")
    return found


def says(engine, voice=None, text="computer", **style):
    return Utterance(text, engine, voice or engine.voices[0], Style(**style)).samples()


def test_every_engine_says_computer(engine):
    samples = says(engine)
    assert samples.dtype == np.float32
    assert 0.3 * 16000 < len(samples) < 1.2 * 16000
    assert np.abs(samples).max() == pytest.approx(0.5)
    assert np.sqrt(np.mean(np.square(samples))) > 0.03
    # it is at 16 kHz: speech has most of its power below 4 kHz, and some above 2 kHz
    power = np.abs(np.fft.rfft(samples)) ** 2
    hz = np.fft.rfftfreq(len(samples), 1 / 16000)
    assert power[hz < 4000].sum() > 0.8 * power.sum()
    assert power[hz > 2000].sum() > 1e-4 * power.sum()


def test_speed_changes_the_length(engine):
    slow, usual, fast = (len(says(engine, speed=speed)) for speed in (0.7, 1.0, 1.4))
    assert slow > 1.1 * usual
    assert usual > 1.1 * fast


def test_every_voice_speaks(engine):
    voices = engine.voices if len(engine.voices) < 8 else engine.voices[::9]
    spoken = {voice: says(engine, voice) for voice in voices}
    assert all(len(samples) > 3000 for samples in spoken.values())
    # espeak-ng 1.51 has one voice for all variants of en-gb
    assert len({samples.tobytes() for samples in spoken.values()}) >= 0.8 * len(voices)


def test_nothing_said_is_an_error(engine):
    for text in ("", " "):
        with pytest.raises(KwsError, match=engine.name):
            says(engine, text=text)


def test_engines_that_are_missing(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "ttspico", None)
    assert fast_engines() == []
    with pytest.raises(KwsError, match="espeak-ng cannot say 'computer'"):
        says(programs.Espeak())
    with pytest.raises(KwsError, match="install espeak-ng"):
        synthesized_images(["yes"], 2, [], 0, tmp_path)


def test_an_engine_that_fails_is_named(monkeypatch, tmp_path):
    for content, reason in (
        ("exit 1", "status 1"),
        ("exit 0", "says nothing"),
        ("echo RIFF", "says nothing"),
    ):
        program = tmp_path / "espeak-ng"
        program.write_text(f"#!/bin/sh\n{content}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(KwsError, match=f"espeak-ng .*{reason}"):
            says(programs.Espeak())


def test_formants_move_everything_and_keep_the_length(engine):
    if engine.name == "piper":  # a network says a thing at another speed in another way
        pytest.skip("does not say a text twice alike at two speeds")
    usual, higher = (says(engine, text="see", formants=formants) for formants in (1.0, 1.12))
    assert len(higher) == pytest.approx(len(usual), rel=0.15)

    def middle(samples):
        power = np.abs(np.fft.rfft(samples)) ** 2
        hz = np.fft.rfftfreq(len(samples), 1 / 16000)
        return np.exp((power * np.log(hz + 1)).sum() / power.sum())

    assert middle(higher) > 1.03 * middle(usual)


def test_pretrain_without_an_engine(tmp_path):
    np.savez(
        tmp_path / "f.npz",
        x=np.zeros((2, 98, 40), np.uint8),
        label=np.array(["a", "b"]),
        speaker=np.array(["s", "t"]),
    )
    noise = np.random.default_rng(0).normal(0, 0.01, 16000)
    (tmp_path / "noise").mkdir()
    soundfile.write(tmp_path / "noise" / "hiss.wav", noise, 16000)
    hide = f"{HIDE}from kws.cli.main import main; sys.exit(main())"
    result = subprocess.run(
        [
            sys.executable,
            "-c",
            hide,
            "pretrain",
            "--features",
            tmp_path / "f.npz",
            "--noise",
            tmp_path / "noise",
            "--synthesize",
            "4",
            "--output",
            tmp_path / "b.tflite",
        ],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PATH": ""},
    )
    assert result.returncode == 2
    said, error = result.stderr.splitlines()
    assert said == "text-to-speech engines: none"
    assert "install espeak-ng or flite, or --synthesize 0" in error
    assert not (tmp_path / "b.tflite").exists()


# --- who says what ---


def test_plan_is_seeded_and_fair(engines):
    words = [f"word{number}" for number in range(100)]
    planned = plan(words, 3, engines, 5)
    assert [one.text for one in planned] == [word for word in words for _ in range(3)]
    again = plan(words, 3, engines, 5)
    assert [(one.voice, one.style) for one in planned] == [(o.voice, o.style) for o in again]
    other = plan(words, 3, engines, 6)
    assert [one.voice for one in planned] != [one.voice for one in other]
    assert {one.engine.name for one in planned} == {engine.name for engine in engines}
    assert all(one.voice in one.engine.voices for one in planned)
    assert all(0.77 < one.style.speed < 1.3 for one in planned)
    assert np.ptp([one.style.pitch for one in planned]) > 0.3


def test_all_are_said_in_order_and_failures_are_given(engines):
    style = Style()
    texts = ["yes", "", "computer", "no"]
    wanted = [Utterance(text, engines[0], engines[0].voices[0], style) for text in texts]
    said = list(say_all(wanted))
    assert [isinstance(one, KwsError) for one in said] == [False, True, False, False]
    assert len(said[2]) > len(said[0])
    assert (said[3] == wanted[3].samples()).all()


def test_common_words():
    words = common_words()
    assert len(words) == len(set(words)) == 1500
    assert all(word.isalpha() and word.islower() for word in words)


# --- their images ---


def test_images_are_made_once(engines, tmp_path, capsys):
    found = synthesized_images(["yes", "no"], 3, engines, 0, tmp_path)
    assert found.images.shape == (6, 98, 40)
    assert found.words.tolist() == ["yes"] * 3 + ["no"] * 3
    assert all(one.startswith(SYNTHETIC) for one in found.speakers)
    assert set(found.sets.tolist()) == {""}
    assert found.images.max(axis=(1, 2)).min() > 150  # every one is loud somewhere
    (kept,) = tmp_path.iterdir()
    before = kept.stat().st_mtime_ns
    again = synthesized_images(["yes", "no"], 3, engines, 0, tmp_path)
    assert (again.images == found.images).all()
    assert kept.stat().st_mtime_ns == before
    synthesized_images(["yes", "no"], 3, engines, 1, tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


def test_words_that_cannot_be_said_are_told(engines, tmp_path, capsys):
    found = synthesized_images(["yes", ""], 2, engines[:1], 0, tmp_path)
    assert found.words.tolist() == ["yes", "yes"]
    assert "2 of 4 words could not be said" in capsys.readouterr().err
    with pytest.raises(KwsError, match="nothing could be synthesized"):
        synthesized_images([""], 2, engines[:1], 0, tmp_path)
