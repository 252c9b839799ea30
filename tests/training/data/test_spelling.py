"""Words are one however they are spelled, and two where letters differ."""

import pytest

from kws_training.data.spelling import plain


@pytest.mark.parametrize("text", ["Hey_Device…", "hey-device", " Hey, device! ", "ＨＥＹ device"])
def test_one_phrase(text):
    assert plain(text) == "hey device"


@pytest.mark.parametrize(
    ("one", "other"),
    [("hey devices", "hey device"), ("C++", "C"), ("कि", "की"), ("ça", "ca"), ("it's", "its")],
)
def test_two_phrases(one, other):
    assert plain(one) != plain(other)
