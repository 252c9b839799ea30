"""Tones with hard edges."""

import numpy as np

from kws.frontend import WORDS
from kws_training.synthesis.tones import tone_images


def test_tones_are_loud_and_faint_and_of_all_pitches():
    images = tone_images(60, 0)
    assert all(image.shape[1] == WORDS.bands and image.dtype == np.uint8 for image in images)
    assert all(40 <= len(image) <= 510 for image in images)
    loudest = [int(image.max()) for image in images]
    assert max(loudest) > 230  # near full scale
    assert min(loudest) < 200
    assert len({int(image.sum(0).argmax()) for image in images}) > 15
    # some are in beeps: quiet comes back
    level = [image.max(axis=1) for image in images]
    assert any(np.sum(np.diff((one > one.max() // 2).astype(int)) == 1) > 2 for one in level)


def test_a_seed_gives_the_same_tones():
    first, more = tone_images(2, 0), tone_images(3, 0)
    np.testing.assert_array_equal(first[1], more[1])
    assert not np.array_equal(tone_images(1, 1)[0], first[0])
