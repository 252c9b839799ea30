"""Windows with words and sentences in a row: whole, in time for what they say, with the voice."""

from dataclasses import replace

import numpy as np
import pytest

from kws.frontend import WORDS
from kws.phonemes.symbols import PHONEMES
from kws_training.augmentation.spectra import SpectralAugmentation, WindowMaker
from kws_training.data.images import WordImages
from kws_training.phonemes import windows as module
from kws_training.phonemes.defaults import FitConfig
from kws_training.phonemes.sentences import SpokenSentences
from kws_training.phonemes.speech import PeoplesWords, Speech, speaks
from kws_training.phonemes.texts import CommonWords
from kws_training.phonemes.windows import PhonemeWindows, most_phonemes

PLAIN = SpectralAugmentation(
    stretch=0.0, warp=0.0, gain=(0, 0), equalisation=0.0, noise=0.0, reverberation=0.0, masks=0.0
)
FIELD = 60
CONFIG = FitConfig(outputs=200)


def images(texts, first=20, last=70):
    """Words of a person each, loud from one frame to another."""
    x = np.zeros((len(texts), 98, 40), np.uint8)
    x[:, first : last + 1] = 200
    names = np.array(texts)
    speakers = np.array([f"p{n}" for n in range(len(texts))])
    return WordImages(x, names, speakers, np.full(len(texts), ""))


def sentences(texts, frames=90):
    return SpokenSentences(
        [np.full((frames, 40), 180, np.uint8) for _ in texts],
        [CommonWords().spell(text) for text in texts],
        ["synthetic flite slt"] * len(texts),
    )


def maker(augmentation=PLAIN):
    return WindowMaker(np.zeros((500, 40), np.float32), WORDS.floor, WORDS.ceiling, augmentation)


@pytest.fixture
def plain(monkeypatch):
    """No telephone, no other speech before, nobody is silent."""
    for name in ("CHANNELS", "NOBODY", "BEFORE"):
        monkeypatch.setattr(module, name, 0.0)


def windows(speech, config=CONFIG, augmentation=PLAIN):
    return PhonemeWindows(speech, maker(augmentation), None, FIELD, config)


def test_pieces_follow_each_other_and_all_is_written_down(plain):
    speech = Speech.of(images(["stop", "device"]), sentences(["good night"]))
    made = windows(speech)
    batch = made.batch(np.random.default_rng(0), 40)
    assert batch.frames.shape == (40, made.frames, 1, 40)
    assert made.frames == FIELD + 2 * 199
    assert batch.phonemes.shape == (40, most_phonemes(200))
    spelled = [
        "".join(PHONEMES[n] for n in CommonWords().spell(t))
        for t in ("stop", "device", "good night")
    ]
    for row in batch.phonemes:
        text = "".join(PHONEMES[n] for n in row if n >= 0)
        assert text
        while text:  # nothing but whole pieces
            (start,) = [one for one in spelled if text.startswith(one)]
            text = text.removeprefix(start)
    # loud where somebody speaks, quiet where not, within the delay of the voice
    loud = batch.frames[:, FIELD - 1 - module.VOICE_DELAY :: 2, 0].mean(2)[:, :200]
    assert ((loud > -8) == (batch.voice > 0.5)).mean() > 0.9
    # the look-ahead: nothing is said in the last frames
    quiet = batch.frames[:, -module.ROOM[0] :, 0].mean(2)
    assert (quiet < loud.max() - 5).all()


def test_what_was_said_before_is_no_target(plain, monkeypatch):
    monkeypatch.setattr(module, "BEFORE", 1.0)
    speech = Speech.of(WordImages.none(), sentences(["good night"], 30))
    batch = windows(speech, replace(CONFIG, outputs=60)).batch(np.random.default_rng(1), 30)
    begun = batch.frames[:, : FIELD - module.BEGUN - 1, 0].max((1, 2)) > -3
    assert begun.mean() > 0.8
    assert ((batch.phonemes >= 0).sum(1) % len(CommonWords().spell("good night")) == 0).all()


def test_windows_in_which_nobody_speaks(plain, monkeypatch):
    monkeypatch.setattr(module, "NOBODY", 1.0)
    speech = Speech.of(images(["stop"]), sentences(["good night"]))
    batch = windows(speech).batch(np.random.default_rng(2), 3)
    assert (batch.phonemes == -1).all()
    assert not batch.voice.any()


def test_a_seed_gives_the_same_windows_however_they_are_disturbed():
    speech = Speech.of(images(["stop", "device"]), sentences(["good night"]))
    made = windows(speech, augmentation=SpectralAugmentation())
    one, other = (made.batch(np.random.default_rng(3), 8) for _ in range(2))
    np.testing.assert_array_equal(one.frames, other.frames)
    assert np.isfinite(one.frames).all()
    assert one.frames.min() >= WORDS.floor
    assert one.frames.max() <= WORDS.ceiling
    assert not (made.batch(np.random.default_rng(4), 8).frames == one.frames).all()


def test_words_are_located_and_unknown_ones_left_out():
    words = PeoplesWords.of(images(["stop", "zzyzx", "device"]))
    assert len(words) == 2
    assert [len(one) for one in words.phonemes] == [4, 5]
    assert words.clip(0).shape[0] == pytest.approx(51 + 10, abs=4)
    rows = words.some_of_one(np.random.default_rng(0), 3)
    assert len(rows) == 1  # each says one word


def test_a_long_pause_is_no_voice_and_a_short_one_is():
    image = np.full((200, 40), 200, np.uint8)
    image[50:60] = 0
    image[100:150] = 0
    heard = speaks(image)
    assert heard[:90].all()
    assert not heard[105:145].any()
    assert heard[160:].all()


@pytest.mark.parametrize("pause", [slice(50, 70), slice(0, 10), slice(190, 200)])
def test_the_longest_pause_that_is_said(pause):
    image = np.full((200, 40), 200, np.uint8)
    image[pause] = 0
    assert speaks(image).all()
    longer = slice(max(0, pause.start - 1), pause.stop + (pause.start == 0))
    image[longer] = 0
    assert (speaks(image) == image.any(axis=1)).all()
