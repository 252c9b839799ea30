"""The words that a word base is trained on: labels, and the digest of all."""

import dataclasses

import numpy as np
import pytest

from kws_training.data.dataset import DataError
from kws_training.data.images import WordImages
from kws_training.word_base.data import TrainingWords, labels_for


def images(word: str, speakers: int, takes: int = 1, sets: str = "", prefix: str = "p"):
    count = speakers * takes
    return WordImages(
        np.full((count, 98, 40), 40, np.uint8),
        np.full(count, word),
        np.array([f"{prefix}{n % speakers}" for n in range(count)]),
        np.full(count, sets),
    )


# --- labels ---


def test_words_that_twenty_people_say_are_labels():
    words = images("yes", 20) + images("no", 25) + images("rare", 19, takes=5)
    words = words + images("_unknown_", 30)
    assert labels_for(words, []) == ("_silence_", "_unknown_", "no", "yes")
    words = words + images("go", 20)
    assert labels_for(words, ["yes"]) == ("_silence_", "_unknown_", "go", "no")
    with pytest.raises(DataError, match="two words said by 20 people"):
        labels_for(words, ["yes", "no"])


def test_keywords_are_the_only_labels():
    words = images("yes", 20) + images("no", 20) + images("go", 20) + images("rare", 5)
    words = words + images("_unknown_", 20)
    assert labels_for(words, [], ["go", "yes"]) == ("_silence_", "_unknown_", "go", "yes")
    for keyword in ("rare", "absent", "_unknown_"):
        with pytest.raises(DataError, match=f"{keyword}: fewer than 20 people say it"):
            labels_for(words, [], ["go", "yes", keyword])
    with pytest.raises(DataError, match="go: fewer than 20"):
        labels_for(words, ["go"], ["go", "yes", "no"])


@pytest.mark.parametrize("word", ["", "a\nb", "x" * 101, "tab\t"])
def test_words_that_cannot_be_labels_are_refused_before_the_work(word):
    with pytest.raises(DataError, match="printable"):
        labels_for(images("yes", 20) + images("no", 20) + images(word, 20), [])


def test_more_words_than_a_file_has_labels():
    count = 999 * 20
    words = WordImages(
        np.broadcast_to(np.zeros(1, np.uint8), (count, 98, 40)),
        np.repeat([f"w{n}" for n in range(999)], 20),
        np.tile([f"s{n}" for n in range(20)], 999),
        np.full(count, ""),
    )
    with pytest.raises(DataError, match="999 words"):
        labels_for(words, [])


# --- what is trained on ---


def test_digest_depends_on_everything(word_images, noise_bank):
    labels = labels_for(word_images, [])

    def digest(words=word_images, noise=noise_bank, seed=0):
        return TrainingWords.of(words, labels).digest(noise, (labels, seed))

    turned = word_images.words.copy()
    turned[150] = "rise" if turned[150] == "fall" else "fall"
    found = {
        digest(),
        digest(words=dataclasses.replace(word_images, words=turned)),
        digest(words=dataclasses.replace(word_images, images=word_images.images[::-1])),
        digest(noise=noise_bank[1:]),
        digest(seed=1),
    }
    assert len(found) == 5
    assert digest() in found
