"""Pictures of recordings, made once."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kws.errors import AudioError
from kws_studio.pictures import BANDS, WAVE, WIDTH, picture_of

image = pytest.importorskip("PIL.Image", reason="no Pillow: pip install '.[studio]'")


def test_the_phrase_is_marked_and_the_picture_kept(
    tmp_path: Path, spoken: Callable[[int], bytes]
) -> None:
    path, cache = tmp_path / "a.wav", tmp_path / "pictures"
    path.write_bytes(spoken(0))
    content = picture_of(path, cache)
    pixels = np.asarray(image.open(io.BytesIO(content)).convert("RGB")).astype(int)
    assert pixels.shape == (WAVE + BANDS, WIDTH, 3)
    green = (np.abs(pixels - [90, 230, 150]).max(axis=2) < 25).mean(axis=0) > 0.9
    columns = np.flatnonzero(green)
    # the word lies from 0.4 s to 0.86 s of 1.26 s
    assert abs(columns.min() / WIDTH * 1.26 - 0.4) < 0.1
    assert abs(columns.max() / WIDTH * 1.26 - 0.86) < 0.1
    (kept,) = cache.iterdir()
    kept.write_bytes(b"kept")
    assert picture_of(path, cache) == b"kept"
    path.write_bytes(spoken(1))
    assert picture_of(path, cache) != b"kept"
    path.write_text("text")
    with pytest.raises(AudioError):
        picture_of(path, cache)
