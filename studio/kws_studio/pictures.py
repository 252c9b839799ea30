"""Pictures of recordings: the waveform above, the spectrogram below, the phrase between two lines.

Each is made once, and kept by the content of the recording.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws.arrays import Float32
from kws.audio import read_recording
from kws.enrolment.record import RATE
from kws.enrolment.utterance import examine
from kws.files import whole_file
from kws.frontend import WORDS, log_mel
from kws.resample import resample

from .takes import LONGEST_TAKE

#: Pixels of a picture's width.
WIDTH = 320
#: Pixels of the height of the waveform.
WAVE = 40
#: Pixels of the height of the spectrogram: two for each band.
BANDS = 80
#: Part of the cache's key. It goes up when the same recording gives another picture.
VERSION = 1
#: Colours from quiet to loud, red green blue: dark blue, purple, orange, white.
_COLOURS = np.array([[12, 10, 40], [94, 28, 110], [214, 96, 60], [252, 240, 200]], np.float64)
_GROUND = (16, 18, 28)
_WAVE = (126, 180, 245)
_MARK = (90, 230, 150)


def picture_of(path: Path, cache: Path) -> bytes:
    """Return the picture of a recording as PNG.

    Parameters
    ----------
    path : Path
        The recording.
    cache : Path
        Folder of the pictures; it is made if need be.

    Returns
    -------
    bytes
        The content of a PNG file of `WIDTH` pixels.

    Raises
    ------
    AudioError
        If the recording cannot be read.
    """
    digest = hashlib.sha256(f"{VERSION}".encode() + path.read_bytes()).hexdigest()
    kept = cache / f"{digest[:32]}.png"
    try:
        return kept.read_bytes()
    except OSError:
        pass
    recording = read_recording(path, LONGEST_TAKE)
    samples = resample(recording.samples, recording.sample_rate, RATE)
    heard = examine(samples, RATE)
    content = draw(samples, heard.start, heard.end)
    cache.mkdir(parents=True, exist_ok=True)
    with whole_file(kept) as stream:
        stream.write(content)
    return content


def draw(samples: Float32, start: float, end: float) -> bytes:
    """Draw a recording.

    Parameters
    ----------
    samples : float32 (n,)
        At `kws.enrolment.record.RATE`.
    start, end : float
        Where the phrase is, in seconds.

    Returns
    -------
    bytes
        The content of a PNG file.
    """
    from PIL import Image

    pixels = np.empty((WAVE + BANDS, WIDTH, 3), np.uint8)
    pixels[:WAVE] = _waveform(samples)
    pixels[WAVE:] = _spectrogram(samples)
    seconds = max(len(samples) / RATE, 1e-9)
    for at in (start, end):
        column = min(WIDTH - 2, max(0, round(at / seconds * WIDTH)))
        pixels[:, column : column + 2] = _MARK
    stream = io.BytesIO()
    Image.fromarray(pixels).quantize(64).save(stream, "PNG", optimize=True)
    return stream.getvalue()


def _waveform(samples: Float32) -> npt.NDArray[np.uint8]:
    image = np.empty((WAVE, WIDTH, 3), np.uint8)
    image[:] = _GROUND
    scale = max(0.05, float(np.abs(samples).max()))
    for column, part in enumerate(np.array_split(samples, WIDTH)):
        if len(part):
            high, low = (round((1 - v / scale) * (WAVE - 1) / 2) for v in (part.max(), part.min()))
            image[high : low + 1, column] = _WAVE
    return image


def _spectrogram(samples: Float32) -> npt.NDArray[np.uint8]:
    frames = log_mel(np.pad(samples, (0, WORDS.window)), WORDS)
    low, high = np.percentile(frames, [5, 99.5])
    shares = np.clip((frames - low) / max(1e-6, high - low), 0, 1)
    columns = np.linspace(0, len(shares) - 1, WIDTH).round().astype(int)
    rows = np.linspace(shares.shape[1] - 1, 0, BANDS).round().astype(int)
    at = shares[columns][:, rows].T * (len(_COLOURS) - 1)
    below = np.minimum(at.astype(int), len(_COLOURS) - 2)
    part = (at - below)[..., None]
    return np.asarray(_COLOURS[below] * (1 - part) + _COLOURS[below + 1] * part, np.uint8)
