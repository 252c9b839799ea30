"""Blends of voices: what their names say, how many there are, and that a seed repeats them."""

import pytest

from kws_training.synthesis.blends import LEAST_SHARE, blend_name, draw_blends, read_blend

VOICES = ("af_heart", "am_adam", "bf_emma", "jm_kumo", "zf_xiaobei")


def test_as_many_as_asked_each_different_and_repeated():
    drawn = draw_blends(VOICES, 100, 3)
    assert len(set(drawn)) == 100
    assert drawn == draw_blends(VOICES, 100, 3)
    assert drawn[:20] == draw_blends(VOICES, 20, 3)
    assert drawn != draw_blends(VOICES, 100, 4)
    for name in drawn:
        parts = read_blend(name)
        assert 2 <= len(parts) <= 3
        assert set(parts) <= set(VOICES)
        assert sum(parts.values()) == 100
        assert min(parts.values()) >= LEAST_SHARE
        assert blend_name(parts) == name
        assert max(parts, key=parts.get) == name.partition("-")[0]


def test_few_voices_have_few_blends():
    assert draw_blends(VOICES[:1], 5, 0) == draw_blends((), 5, 0) == draw_blends(VOICES, 0, 0) == []
    two = draw_blends(VOICES[:2], 1000, 0)
    # 20 to 80 percent in steps of 5, but 50 with either first is one
    assert len(two) == 13
    assert read_blend("af_heart") == {"af_heart": 100}


@pytest.mark.parametrize("name", ["", "a+b", "a-50+a-50", "a-50+b-5000", "../x-50", "a-50+", "a b"])
def test_what_is_no_blend(name):
    with pytest.raises(ValueError, match="is no blend of voices"):
        read_blend(name)
