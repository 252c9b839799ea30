"""Windows of phrases and of what they are not."""

from dataclasses import replace

import numpy as np
import pytest

from kws.frontend import WORDS
from kws_training.augmentation.microphones import MicrophoneProfiles
from kws_training.augmentation.spectra import SpectralAugmentation, WindowMaker
from kws_training.data.images import to_frames, to_images
from kws_training.wake_words.negatives import (
    FAINT_LEVEL,
    NegativeStream,
    in_noise,
    vary_negatives,
)
from kws_training.wake_words.phrases import PhraseClip, PhraseSet
from kws_training.wake_words.recipe import WakeWordRecipe
from kws_training.wake_words.windows import (
    EARLIEST,
    LATEST,
    WakeWindow,
    WakeWindowMaker,
    WindowCounts,
)

WINDOW = WakeWindow(receptive_field=120, stride=8, results=8)
NOTHING = SpectralAugmentation(
    stretch=0.0,
    warp=0.0,
    gain=(0.0, 0.0),
    equalisation=0.0,
    noise=0.0,
    neighbours=0.0,
    reverberation=0.0,
    masks=0.0,
)
#: A recipe that changes no window by itself.
AS_IT_IS = WakeWordRecipe(microphones=0.0, channels=0.0, babble=0.0, mined_disturbed=0.0)
#: ln(power) of the phrase, of what sounds like it, and of other speech.
SAID, ALIKE, OTHER = 6.0, 3.0, -2.0


def spoken(level, frames=50):
    image = np.zeros((120, WORDS.bands), np.uint8)
    image[40 : 40 + frames] = to_images(np.full(WORDS.bands, level, np.float32))
    return PhraseClip(image, 40, 39 + frames)


@pytest.fixture
def tape():
    recordings = [np.full((n, WORDS.bands), to_images(np.float32(OTHER))) for n in (30, 500, 90)]
    return NegativeStream.join(recordings, 0)


PHRASES = PhraseSet.of([(0, [spoken(SAID)], 1.0), (1, [spoken(SAID, 30)], 1.0)])


def made(
    tape,
    shares=WindowCounts(),  # noqa: B008
    augmentation=NOTHING,
    mined=0,
    seed=0,
    phrases=PHRASES,
    profiles=None,
    recipe=AS_IT_IS,
):
    maker = window_maker(shares, augmentation, phrases, profiles, recipe)
    windows = np.full((mined, WINDOW.frames + 8, WORDS.bands), 200, np.uint8)
    return maker.batch(np.random.default_rng(seed), tape, windows)


def window_maker(shares, augmentation, phrases=PHRASES, profiles=None, recipe=AS_IT_IS):
    noise = np.zeros((100, WORDS.bands), np.float32)
    return WakeWindowMaker(
        WindowMaker(noise, WORDS.floor, WORDS.ceiling, augmentation),
        phrases,
        PhraseSet.of([(-1, [spoken(ALIKE)], 1.0)]),
        WINDOW,
        shares,
        profiles,
        recipe,
    )


def test_a_tape_has_all_recordings_and_silence_between_some():
    recordings = [
        np.full((40, 3), value, np.uint8) for value in range(FAINT_LEVEL, FAINT_LEVEL + 100)
    ]
    tape = NegativeStream.join(recordings, 0)
    values, counts = np.unique(tape.images[tape.images[:, 0] >= FAINT_LEVEL, 0], return_counts=True)
    assert values.tolist() == list(range(FAINT_LEVEL, FAINT_LEVEL + 100))
    assert (counts == 40).all()
    gaps = tape.images[tape.images[:, 0] < FAINT_LEVEL]
    assert 30 * 30 < len(gaps) < 70 * 70
    assert 0.2 < np.mean(gaps == 0) < 0.8
    assert tape.hours == pytest.approx(len(tape.images) / 360000)
    np.testing.assert_array_equal(NegativeStream.join(recordings, 0).images, tape.images)
    assert not np.array_equal(NegativeStream.join(recordings, 1).images[:4000], tape.images[:4000])


def test_recordings_said_otherwise_are_longer_or_shorter_and_no_copies():
    rng = np.random.default_rng(0)
    recordings = [rng.integers(0, 200, (n, WORDS.bands), np.uint8) for n in [200] * 30 + [1, 2]]
    vary = replace(NOTHING, stretch=0.2, warp=0.1)
    maker = WindowMaker(np.zeros((9, WORDS.bands), np.float32), WORDS.floor, WORDS.ceiling, vary)
    said = vary_negatives(recordings, maker, 0)
    lengths = [len(one) for one in said]
    assert len(said) == len(recordings)
    assert len(set(lengths[:30])) > 8
    assert 160 < min(lengths[:30]) < 175 < 225 < max(lengths[:30]) < 250
    assert lengths[30:] in ([1, 2], [1, 1])
    assert said[0].dtype == np.uint8
    for one, its in zip(said[:30], recordings[:30], strict=True):
        assert not np.array_equal(one[:100], its[:100])
    for one, its in zip(said, vary_negatives(recordings, maker, 0), strict=True):
        np.testing.assert_array_equal(one, its)


def test_noise_is_measured_against_the_loudest_tenth_of_a_second():
    noise = np.zeros((5000, WORDS.bands), np.float32)  # of one level
    maker = WindowMaker(noise, WORDS.floor, WORDS.ceiling, NOTHING)
    recording = np.full((200, WORDS.bands), to_images(np.float32(-9.0)))
    recording[50:60] = to_images(np.float32(2.0))
    quiet = np.full((5, WORDS.bands), to_images(np.float32(-3.0)))
    noisy = in_noise([recording, quiet] * 300, maker, 10.0, 0)
    assert [len(one) for one in noisy[:2]] == [200, 5]
    assert noisy[0].dtype == np.uint8
    found = np.mean([to_frames(one[100:]).mean() for one in noisy[::2]])
    # 10 dB, and noise of random colour is no even spectrum: its mean in ln is lower
    assert -0.7 < found - (2.0 - np.log(10)) < 0.1
    short = np.mean([np.exp(to_frames(one)).mean() for one in noisy[1::2]])
    assert short == pytest.approx(np.exp(-3.0) * 1.1, rel=0.1)
    for one, its in zip(noisy[:9], in_noise([recording, quiet] * 5, maker, 10.0, 0), strict=False):
        np.testing.assert_array_equal(one, its)


def test_a_tape_is_a_loop():
    tape = NegativeStream(np.arange(10, dtype=np.uint8)[:, None])
    windows = tape.windows(np.array([8, -2]), 4)[..., 0]
    assert windows.tolist() == [[8, 9, 0, 1], [8, 9, 0, 1]]


def test_a_phrase_is_due_when_it_ends(tape):
    batch = made(tape)
    said = np.flatnonzero(batch.phrase >= 0)
    assert len(said) == WindowCounts().positives
    for row in said:
        loud = np.flatnonzero(batch.frames[row, :, 0].mean(axis=1) > SAID - 1)
        end = loud[-1] + 1
        after = WINDOW.ends - end
        due = (after >= EARLIEST) & (after <= LATEST)
        assert due.any()
        np.testing.assert_array_equal(batch.due[row], due)
        length = 50 if batch.phrase[row] == 0 else 30
        assert len(loud) == pytest.approx(length, abs=1)


def test_nothing_is_due_in_negatives(tape):
    batch = made(tape)
    assert (batch.due[batch.phrase < 0] == 0).all()
    assert set(batch.phrase.tolist()) == {-1, 0, 1}


def test_parts_are_no_phrases(tape):
    shares = WindowCounts(positives=1, speech=1, parts=40, synthesized=1, mined=0, quiet=1)
    batch = made(tape, shares)
    loud = (batch.frames[1:41, :, 0].mean(axis=2) > SAID - 1).sum(axis=1)
    assert (loud <= 0.66 * 50 + 1).all()
    assert (loud >= 0.2 * 30 - 1).mean() > 0.9  # some begin before their window


def test_any_window_may_be_heard_by_another_microphone(tape):
    narrow = np.full((60, WORDS.bands), 30, np.uint8)
    narrow[20:40, :20] = 200
    profiles = MicrophoneProfiles.of([narrow])
    recipe = replace(AS_IT_IS, microphones=0.5)
    frames = made(tape, profiles=profiles, recipe=recipe).frames[:, :, 0]
    lent = frames[:, :, :10].max(axis=(1, 2)) - frames[:, :, 30:].max(axis=(1, 2)) > 3
    said = np.arange(len(frames)) < WindowCounts().positives
    assert 0.15 < lent[said].mean() < 0.7
    assert 0.15 < lent[~said].mean() < 0.6


def test_any_window_may_come_by_telephone(tape):
    recipe = replace(AS_IT_IS, channels=0.5)
    frames = np.stack([made(tape, recipe=recipe, seed=n).frames[:, :, 0] for n in range(4)])
    narrow = frames[..., 20:30].max(axis=(2, 3)) - frames[..., 0].max(axis=2) > 4
    positives = WindowCounts().positives
    assert 0.2 < narrow[:, :positives].mean() < 0.4  # half, of which 0.6 are narrow
    assert 0.1 < narrow[:, positives:].mean() < 0.3  # three quarters of them


def test_a_share_of_a_stream_is_disturbed_before_it_is_mined(tape):
    rng = np.random.default_rng(0)
    stream = NegativeStream(rng.integers(90, 120, (60_500, WORDS.bands), np.uint8))
    augmentation = SpectralAugmentation(gain=(-35.0, -30.0))

    def changed(share):
        recipe = replace(AS_IT_IS, mined_disturbed=share)
        maker = window_maker(WindowCounts(), augmentation, recipe=recipe)
        heard = maker.disturbed(np.random.default_rng(1), stream).images
        assert heard.shape == stream.images.shape
        assert heard.dtype == np.uint8
        pieces = np.abs(heard.astype(int) - stream.images)[:60_000].reshape(20, -1).mean(axis=1)
        return np.mean(pieces > 20)  # by 30 dB

    assert changed(0.0) == 0.0
    assert 0.2 < changed(0.5) < 0.8
    assert changed(1.0) == 1.0


def test_what_was_mined_comes_back(tape):
    shares = WindowCounts(positives=1, speech=1, parts=1, synthesized=1, mined=7, quiet=1)
    batch = made(tape, shares, mined=3)
    level = to_frames(np.array([200], np.uint8))[0]
    full = np.isclose(batch.frames[:, :, 0], level, atol=0.2).all(axis=(1, 2))
    assert full.sum() == 7
    assert len(made(tape, shares).frames) == len(batch.frames)


def test_a_seed_gives_one_batch_in_range(tape):
    augmentation = SpectralAugmentation(gain=(-35.0, 12.0))
    one, two = (made(tape, augmentation=augmentation, mined=5, seed=3) for _ in range(2))
    np.testing.assert_array_equal(one.frames, two.frames)
    assert one.frames.min() >= WORDS.floor - 1e-4
    assert one.frames.max() <= WORDS.ceiling + 1e-4
    other = made(tape, augmentation=augmentation, mined=5, seed=4)
    assert not np.array_equal(one.frames, other.frames)
