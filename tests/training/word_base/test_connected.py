"""Words in a row: their phonemes are written down in order, and the loss is CTC's."""

import numpy as np
import pytest

from kws.frontend import WORDS
from kws_training.augmentation.spectra import SpectralAugmentation, WindowMaker
from kws_training.data.images import WordImages, to_frames
from kws_training.word_base.connected import ConnectedWords, SpelledWords

PLAIN = SpectralAugmentation(
    stretch=0.0,
    warp=0.0,
    gain=(0.0, 0.0),
    equalisation=0.0,
    noise=0.0,
    reverberation=0.0,
    masks=0.0,
)
FRAMES, HEARD = 264, 118


def images(words: dict[str, tuple[int, int]], count: int = 1) -> WordImages:
    """Words that are a loud block from one frame to another, each in a band of its own."""
    rows = [(word, place) for word in words for place in range(count)]
    out = np.zeros((len(rows), 98, 40), np.uint8)
    for number, (word, _) in enumerate(rows):
        first, last = words[word]
        out[number, first : last + 1, 3 * list(words).index(word)] = 200
    names = np.array([word for word, _ in rows])
    return WordImages(out, names, np.full(len(rows), "p"), np.full(len(rows), ""))


def spelled(words: WordImages, machines=None, share: float = 0.5) -> SpelledWords:
    machines = np.zeros(len(words.images), np.bool_) if machines is None else machines
    return SpelledWords.of(words, machines, share)


def test_words_are_spelled_and_what_is_none_or_too_fast_is_left_out():
    words = images({"yes": (20, 70), "_unknown_": (20, 70), "visual": (40, 50), "two": (30, 60)})
    found = spelled(words)
    said = {
        word: [found.signs[n] for n in one]
        for word, one in zip(("yes", "two"), found.phonemes, strict=True)
    }
    assert said == {"yes": ["j", "ɛ", "s"], "two": ["t", "u"]}  # visual: seven in 20 frames
    assert abs(found.first[0] - 16) <= 2
    assert abs(found.last[0] - 75) <= 2
    assert found.weights.sum() == pytest.approx(1)


def test_rare_words_and_machines_have_their_share():
    words = images({"yes": (20, 70)}, 9) + images({"no": (20, 70)}, 1) + images({"up": (20, 70)}, 5)
    machines = words.words == "up"
    found = spelled(words, machines, 0.25)
    assert found.weights[10:].sum() == pytest.approx(0.25)
    assert found.weights[9] == pytest.approx(3 * found.weights[0])  # a root of nine
    assert spelled(words).weights.sum() == pytest.approx(1)
    assert spelled(words, np.ones(15, np.bool_), 0.25).weights.sum() == pytest.approx(1)
    assert len(spelled(images({"_unknown_": (20, 70)})).images) == 0


def test_phonemes_are_in_the_order_in_which_they_are_heard():
    words = images({"yes": (20, 60), "no": (30, 80), "seven": (10, 90)})
    found = spelled(words)
    quiet = np.full((500, 40), WORDS.floor, np.float32)
    maker = ConnectedWords(
        found, WindowMaker(quiet, WORDS.floor, WORDS.ceiling, PLAIN), FRAMES, HEARD
    )
    frames, phonemes, weights = maker.batch(np.random.default_rng(0), 300)
    assert frames.shape == (300, FRAMES, 1, 40)
    assert phonemes.dtype == np.int32
    counts = (phonemes >= 0).sum(1)
    assert np.allclose(weights, 1 / counts)
    kinds = set()
    loud = to_frames(np.array([[[150]]], np.uint8))[0, 0, 0]
    for window, written in zip(frames[:, :, 0], phonemes, strict=True):
        heard = []
        for number in range(3):
            at = np.flatnonzero(window[:, 3 * number] > loud)
            if len(at) and at[-1] >= HEARD - 14:  # not over before the first column
                heard.append((at[0], found.phonemes[number]))
        if len({one for _, one in heard}) == 2 or len(written) == len(found.phonemes[0]):
            row = [sign for _, one in sorted(heard) for sign in one]
            assert written[: (written >= 0).sum()].tolist() == row
            kinds.add(len(heard))
        assert (window[-4:] < loud).all()  # all of it is heard before the window ends
    assert 2 in kinds


def test_too_much_for_the_columns_stays_one_word():
    """Words that fill a window stand alone, and nothing is written twice."""
    found = spelled(images({"seven": (2, 96)}))
    quiet = np.full((500, 40), WORDS.floor, np.float32)
    maker = ConnectedWords(found, WindowMaker(quiet, WORDS.floor, WORDS.ceiling, PLAIN), 232, 118)
    _, phonemes, _ = maker.batch(np.random.default_rng(1), 50)
    assert ((phonemes >= 0).sum(1) == 5).all()
