"""Who lends a microphone: the people who say no phrase, where machines alone say the phrases."""

from pathlib import Path

import numpy as np
import pytest

from kws.frontend import WORDS
from kws_training.data.dataset import Clip
from kws_training.data.frames import FrameSet
from kws_training.wake_words.data import WakeWordClips, WakeWordData
from kws_training.wake_words.phrases import PhraseClip

NONE = FrameSet([], [], [])
SPOKEN = PhraseClip(np.full((60, WORDS.bands), 90, np.uint8), 20, 40)
CLIP = Clip(Path("a.wav"), "hey", "hey", "a")


@pytest.mark.parametrize(
    ("people", "machines", "silent", "lent"),
    [
        ([], [SPOKEN], False, True),
        ([(CLIP, SPOKEN)], [SPOKEN], False, False),
        ([], [SPOKEN], True, False),
    ],
)
def test_profiles(people, machines, silent, lent):
    image = np.full((80, WORDS.bands), 0 if silent else 120, np.uint8)
    data = WakeWordData(
        [WakeWordClips("hey", people, machines, [], [])],
        FrameSet([CLIP], [image], []),
        NONE,
        NONE,
        NONE,
        [],
        "",
    )
    assert (data.profiles() is not None) == lent
