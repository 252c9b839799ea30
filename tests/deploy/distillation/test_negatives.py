"""What is no keyword: recordings made whole, words in rows, and the windows that students hear."""

from pathlib import Path

import numpy as np
import pytest

from kws.frontend import WORDS
from kws.metadata import SILENCE, UNKNOWN
from kws.pcm import to_float32
from kws_deploy.distillation import negatives
from kws_deploy.distillation.examples import StudentData
from kws_deploy.distillation.fit import rejection_loss
from kws_deploy.distillation.negatives import (
    NegativeWindows,
    chain_words,
    hours_of,
    listen,
    whole_recordings,
)
from kws_deploy.students.catalog import find_student
from kws_training.augmentation.spectra import SpectralAugmentation, WindowMaker
from kws_training.augmentation.windows import WindowShape
from kws_training.data.dataset import Clip
from kws_training.data.images import image_of, to_frames
from kws_training.data.recordings import NEGATIVE, ClipSet
from kws_training.networks.streaming import step_model, whole_model

LABELS = (SILENCE, UNKNOWN, "yes", "no")
PLAIN = SpectralAugmentation(
    stretch=0, warp=0, gain=(0, 0), equalisation=0, noise=0, neighbours=0, reverberation=0, masks=0
)


def maker():
    noise = np.random.default_rng(0).normal(-3, 1, (500, WORDS.bands)).astype(np.float32)
    return WindowMaker(noise, WORDS.floor, WORDS.ceiling, PLAIN)


def test_pieces_become_the_recordings_that_they_were():
    rng = np.random.default_rng(0)
    first, second = (rng.normal(0, 3000, count).astype(np.int16) for count in (40_000, 16_000))
    pieces = [first[:16_000], first[16_000:32_000], first[32_000:], second]
    paths = ["a.wav"] * 3 + ["b.wav"]
    clips = [Clip(Path(path), UNKNOWN, NEGATIVE, path) for path in paths]
    found = whole_recordings(ClipSet(clips, pieces, []))
    assert [len(image) for image in found] == [len(image_of(to_float32(first))), 98]
    np.testing.assert_array_equal(found[0], image_of(to_float32(first)))
    assert hours_of(found) == pytest.approx((len(found[0]) + 98) / 360_000)


def clips(words, labels):
    """Return images of 98 frames: the word, loud, in 40 of them."""
    images = np.full((len(words), 98, WORDS.bands), 5, np.uint8)
    for number in range(len(words)):
        images[number, 30:70] = 200 + number
    return StudentData(
        images,
        np.array(labels),
        np.array(words),
        np.full((len(words), len(LABELS)), np.nan, np.float32),
    )


def test_only_words_without_a_keyword_are_chained():
    data = clips(["bird", "yes", NEGATIVE, "cat", "tree"], [1, 2, 1, 1, 1])
    rows = chain_words(np.random.default_rng(0), data, LABELS.index(UNKNOWN))
    (row,) = rows
    heard = set(np.unique(row[row.max(axis=1) > 100]).tolist())
    assert heard == {200, 203, 204}
    # without the rest of the second that a word was recorded in
    assert 3 * 38 <= len(row) <= 3 * 50
    assert chain_words(np.random.default_rng(0), clips(["yes"], [2]), 1) == []


@pytest.fixture(scope="module")
def network():
    return find_student("16").network(len(LABELS))


def test_a_stream_is_heard_as_in_windows(network):
    step = step_model(network, 8, (1, WORDS.bands))
    shape = WindowShape(step.receptive_field, 8, 2)
    images = np.random.default_rng(1).integers(0, 255, (6500, WORDS.bands), dtype=np.uint8)
    logits = listen(network, images, shape)
    assert logits.shape == (6500 // 8, len(LABELS))
    field = shape.receptive_field
    window = whole_model(network, field, (1, WORDS.bands))
    for at in (field // 8 + 3, 500, 760):
        frames = to_frames(images[(at + 1) * 8 - field : (at + 1) * 8])[None, :, None]
        np.testing.assert_allclose(logits[at], np.asarray(window(frames))[0, -1], atol=1e-3)


def test_half_of_the_windows_are_those_that_sound_most_like_a_keyword(monkeypatch):
    shape = WindowShape(16, 8, 2)

    def loudness(x, time):
        """Give each result its loudest band as the logit of a keyword."""
        import keras

        frames = x[:, shape.receptive_field - shape.stride :, 0]
        steps = keras.ops.reshape(
            frames, (-1, frames.shape[1] // shape.stride, shape.stride * WORDS.bands)
        )
        loud = keras.ops.max(steps, axis=2, keepdims=True)
        nothing = keras.ops.zeros_like(loud) + WORDS.floor
        return keras.ops.concatenate([nothing, nothing, loud, nothing], axis=2)

    monkeypatch.setattr(negatives, "MAX_MINED", 1)
    recording = np.full((3000, WORDS.bands), 50, np.uint8)
    recording[1500:1505] = 250
    windows = NegativeWindows([recording], maker(), shape, 0)
    rng = np.random.default_rng(0)

    def share_of_loud():
        drawn = windows.draw(rng, 400)
        assert drawn.shape == (400, shape.frames, WORDS.bands)
        return np.mean(drawn.max(axis=(1, 2)) > to_frames(np.uint8(200)))

    assert share_of_loud() < 0.05
    windows.mine(loudness, np.array([2, 3]))
    assert 0.2 < share_of_loud() < 0.6  # those that were shifted may have it outside


def test_what_counts_of_negatives_is_any_keyword_and_the_highest_results():
    allowed = np.broadcast_to(np.array([1, 1, 0, 0], np.float32), (16, 2, 4))
    rejects = np.zeros((16, 2), np.float32)
    rejects[8:] = 1.0

    def loss(logits):
        return float(rejection_loss(allowed, logits, rejects))

    rejected = np.zeros((16, 2, 4), np.float32)
    rejected[..., 1] = 9.0
    assert loss(rejected) < 0.01
    # whether they are silence or an unknown word is all the same
    silent = rejected[..., [1, 0, 2, 3]]
    assert loss(silent) == pytest.approx(loss(rejected))
    fired = rejected.copy()
    fired[9, 0, 2] = 18.0
    assert loss(fired) > 4
    # a keyword in a window with a keyword costs nothing here
    elsewhere = rejected.copy()
    elsewhere[0, 0, 2] = 18.0
    assert loss(elsewhere) < 0.01
    assert float(rejection_loss(allowed, fired, np.zeros((16, 2), np.float32))) == 0.0
