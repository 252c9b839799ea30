"""What a teacher says of clean speech belongs to the frames that the student hears in noise."""

import dataclasses

import numpy as np
import pytest

from kws.errors import KwsError
from kws.frontend import WORDS, log_mel
from kws_training.data.images import to_images
from kws_training.networks.speech_embedding import FRAMES, FRONT_END, STRIDE, original_embeddings
from kws_training.networks.speech_file import read_speech_embedding
from kws_training.word_base import taught as module
from kws_training.word_base.data import WordBaseSources
from kws_training.word_base.defaults import FitConfig, WordBaseOptions
from kws_training.word_base.taught import TaughtWindows, embedding_loss, taught_speech
from kws_training.word_base.train import train

from .test_train import SHAPE


@pytest.fixture(scope="module")
def teacher(made_speech_embedding):
    return read_speech_embedding(made_speech_embedding)


@pytest.fixture(scope="module")
def recordings(make_word):
    rng = np.random.default_rng(6)
    kinds = ["rise", "fall", "shake"] * 8
    return [np.rint(make_word(kind, rng) * 32767).astype(np.int16) for kind in kinds]


@pytest.fixture(scope="module")
def speech(recordings, teacher, tmp_path_factory):
    """Two stretches of 16 s, the second filled up from the beginning."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "STRETCH_EMBEDDINGS", 191)
        patch.setattr(module, "STRETCH_FRAMES", 1600)
        yield taught_speech(recordings, teacher, 3, tmp_path_factory.mktemp("taught"))


def test_embeddings_are_the_teachers_of_these_frames(speech, recordings, teacher):
    order = np.random.default_rng(3).permutation(len(recordings))
    joined = np.concatenate([recordings[number] for number in order])
    joined = np.concatenate([joined, joined]) / np.float32(32768)
    begins = (0, 1600 * WORDS.hop)
    pieces = [joined[begin : begin + WORDS.samples(1600)] for begin in begins]
    expected = np.concatenate([to_images(log_mel(piece, WORDS)) for piece in pieces])
    assert (speech.images == expected).all()
    assert speech.known.reshape(2, 200).sum(1).tolist() == [191, 191]
    assert speech.hours == pytest.approx(32 / 3600)
    said = np.concatenate(
        [original_embeddings(teacher, log_mel(one, FRONT_END)[:1600]) for one in pieces]
    )
    known = speech.embeddings[speech.known]
    np.testing.assert_allclose(known, (said - said.mean(0)) / said.std(0), atol=0.02)


def test_kept_and_found_again(recordings, teacher, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "STRETCH_EMBEDDINGS", 191)
    monkeypatch.setattr(module, "STRETCH_FRAMES", 1600)
    first = taught_speech(recordings, teacher, 3, tmp_path)

    def none(*_):
        raise AssertionError("heard again")

    monkeypatch.setattr(module, "_heard", none)
    again = taught_speech(recordings, teacher, 3, tmp_path)
    assert (again.embeddings == first.embeddings).all()
    assert again.digest == first.digest
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(AssertionError, match="heard again"):
        taught_speech(recordings, teacher, 3, tmp_path)
    with pytest.raises(KwsError, match=r"--teacher-data: 2\.0 s of speech"):
        taught_speech(recordings[:2], teacher, 3, tmp_path)


@pytest.mark.parametrize("field", [118, 60, 77])
def test_windows_and_embeddings_end_together(speech, noise_bank, monkeypatch, field):
    """Undisturbed, each window is a piece of the stream; each embedding is of its own frames."""
    windows = TaughtWindows(dataclasses.replace(speech, profiles=None), noise_bank, 264, field)
    monkeypatch.setattr(windows._maker, "disturb", lambda _, frames: frames)
    frames, said, weights = windows.batch(np.random.default_rng(1), 40)
    assert frames.shape == (40, 264, 1, WORDS.bands)
    assert said.shape == (40, windows.results, 96)
    assert windows.results == (264 - field) // 8 + 1
    assert 0 < weights.mean() <= 1
    pieces = np.lib.stride_tricks.sliding_window_view(speech.images, 264, axis=0)
    for window, embeddings in zip(frames[:, :, 0], said, strict=True):
        found = np.flatnonzero((pieces == to_images(window).T).all((1, 2)))
        begins = {
            (start + field - FRAMES) // STRIDE
            for start in found.tolist()
            if (start + field - FRAMES) % STRIDE == 0
        }
        assert any(
            (speech.embeddings[begin : begin + windows.results] == embeddings).all()
            for begin in begins
        )


def test_windows_are_heard_otherwise(speech, noise_bank):
    windows = TaughtWindows(speech, noise_bank, 264, 118)
    frames, said, _ = windows.batch(np.random.default_rng(1), 30)
    again, same, _ = windows.batch(np.random.default_rng(1), 30)
    assert (frames == again).all()
    assert (said == same).all()
    assert frames.min() >= np.float32(WORDS.floor)
    assert frames.max() <= np.float32(WORDS.ceiling)


def test_loss_counts_what_the_teacher_said():
    wanted = np.zeros((1, 2, 96), np.float32)
    found = np.stack([np.full(96, 0.5), np.full(96, 9.0)])[None].astype(np.float32)
    loss = embedding_loss(wanted, found, np.array([[1.0, 0.0]], np.float32))
    assert float(loss) == pytest.approx(0.25)


def test_a_base_learns_what_the_teacher_says(word_images, noise_bank, speech, tmp_path):
    config = FitConfig(epochs=1, batch=16, phonemes=0.0, taught=4)
    options = WordBaseOptions(validation=0.1, shape=SHAPE, fit=config)
    made = train(WordBaseSources(word_images, None, noise_bank, speech), options, tmp_path)
    assert made.model.metadata.provenance["taught_hours"] == round(speech.hours, 2)
    assert made.model.metadata.keywords == ("fall", "rise", "shake")
