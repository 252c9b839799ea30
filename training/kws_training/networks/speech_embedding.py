"""Google's speech embedding as a frozen network: 96 numbers every 80 ms, of 0.8 s of audio each.

The original is asked about windows of 76 frames, eight frames apart. All of its layers are valid in
time, and its maxima halve time three times: so its embeddings are those of a stream in which each
layer computes each frame once, and are equal to the original's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np

from kws.arrays import Float32, Int16
from kws.console import quiet
from kws.errors import KwsError
from kws.frontend import DC_FRAMES, SPEECH, log_mel, mel_axis
from kws.network import interpreter_class
from kws.pcm import to_float32

from .speech_file import LEAST, PAIRS, POOLS, SLOPE, SpeechWeights
from .streaming import Tensor, Time, over_time, whole_model

#: Frames under one embedding of the original, and from one to the next.
FRAMES, STRIDE = 76, 8
#: Numbers of an embedding.
SIZE = 96
#: Front end on which heads are trained: the original's, without a DC offset.
FRONT_END = replace(SPEECH, dc_frames=DC_FRAMES)
#: Range of the embedding's numbers: of 24,000 embeddings of 835 recordings of speech, sounds and
#: noise, as they are and 30 dB louder, all numbers are from -79 to 91 (counted once, by a script
#: that is not in the repository; `pytest -k real_audio
#: tests/training/networks/test_speech_embedding.py` holds it on 24 recordings).
RANGE = (-96.0, 96.0)
#: Recordings that prove the weights.
PROOFS = 12
#: Largest difference of an embedding's number from the original's, relative to their range.
TOLERANCE = 1e-4


def band_offsets() -> Float32:
    """Return what the original's frames have more than the decadic logarithm of `SPEECH`.

    Its samples are integers of 16 bits. Its bands are weighed by Slaney's norm, two over the
    width in Hz. Its logarithm in dB is divided by ten, and two are added.

    Returns
    -------
    float32 (32,)
        For each band.
    """
    _, edges = mel_axis(SPEECH)
    norms = 2.0 / (edges[2:] - edges[:-2])
    return np.asarray(np.log10(norms) + 2 * np.log10(32768.0) + 2.0, np.float32)


class SpeechEmbedding:
    """The network of the speech embedding, with fixed weights.

    Parameters
    ----------
    weights : SpeechWeights
        As read from the original's file.

    Attributes
    ----------
    shape : (int, int)
        Bands and channels of the frames of `FRONT_END` that it takes.
    """

    def __init__(self, weights: SpeechWeights) -> None:
        from keras import layers

        self.shape = (SPEECH.bands, 1)
        self._offsets = band_offsets()[:, None]
        self._convolutions: list[Any] = []
        for kernel, bias in weights.convolutions:
            layer = layers.Conv2D(kernel.shape[3], kernel.shape[:2], trainable=False)
            layer.build((None, None, None, kernel.shape[2]))
            layer.set_weights([kernel, bias])
            self._convolutions.append(layer)
        self._maxima = [layers.MaxPooling2D((frames, 2)) for frames in POOLS]

    def __call__(self, x: Tensor, time: Time) -> Tensor:
        """Compute embeddings.

        Parameters
        ----------
        x : float32 (batch, frames, 32, 1)
            Frames of the front end.
        time : Time
            The reading of time.

        Returns
        -------
        float32 (batch, frames / 8, 1, 96)
            Embeddings; in a whole window fewer, by the 68 frames before the first eight.
        """
        layers = iter(self._convolutions)
        x = x * np.float32(1 / np.log(10)) + self._offsets
        x = self._activated(next(layers), x, time)
        for pairs, maximum in zip(PAIRS, self._maxima, strict=True):
            for _ in range(2 * pairs):
                x = self._activated(next(layers), x, time)
            x = over_time(maximum, x, time)
        return over_time(next(layers), x, time)

    def _activated(self, layer: Any, x: Tensor, time: Time) -> Tensor:
        """Apply a convolution, with a band of zeros on each side if it is over bands."""
        import keras

        if layer.kernel_size[1] > 1:
            x = keras.ops.pad(x, [[0, 0], [0, 0], [1, 1], [0, 0]])
        x = over_time(layer, x, time)
        return keras.ops.maximum(keras.ops.leaky_relu(x, SLOPE), np.float32(LEAST))


def original_embeddings(weights: SpeechWeights, frames: Float32) -> Float32:
    """Compute embeddings with the original's own file.

    Parameters
    ----------
    weights : SpeechWeights
        Its weights; the file is in them.
    frames : float32 (n, 32)
        Frames of `SPEECH`, 76 or more.

    Returns
    -------
    float32 ((n - 76) // 8 + 1, 96)
        One embedding for each window of 76 frames, eight apart.
    """
    with quiet():
        interpreter = interpreter_class()(model_content=weights.network)
        interpreter.allocate_tensors()
    window = interpreter.get_input_details()[0]
    output = interpreter.get_output_details()[0]["index"]
    scaled = frames / np.log(10) + band_offsets()
    found = []
    for start in range(0, len(frames) - FRAMES + 1, STRIDE):
        interpreter.set_tensor(
            window["index"],
            scaled[start : start + FRAMES].reshape(window["shape"]).astype(np.float32),
        )
        interpreter.invoke()
        found.append(interpreter.get_tensor(output).reshape(SIZE).copy())
    return np.stack(found)


def prove(weights: SpeechWeights, recordings: Iterable[Int16]) -> float:
    """Compare the rebuilt network with the file that its weights are from.

    Parameters
    ----------
    weights : SpeechWeights
        Read from the file.
    recordings : iterable of int16 (n,)
        Real audio at 16 kHz; the first `PROOFS` that are not silent are used.

    Returns
    -------
    float
        Largest difference of a number, relative to the largest of the embeddings.

    Raises
    ------
    KwsError
        If it is above `TOLERANCE`: the interpreter or the loader is broken.
    """
    length = SPEECH.samples(FRAMES + 2 * STRIDE)
    sounding = islice((one for one in recordings if one.any()), PROOFS)
    frames = np.stack(
        [log_mel(to_float32(np.resize(recording, length)), SPEECH) for recording in sounding]
    )
    expected = np.stack([original_embeddings(weights, one) for one in frames])
    model = whole_model(SpeechEmbedding(weights), frames.shape[1], (SPEECH.bands, 1))
    found = np.asarray(model(frames[..., None], training=False))[:, :, 0]
    difference = float(np.abs(found - expected).max() / np.abs(expected).max())
    if not difference <= TOLERANCE:
        raise KwsError(
            f"the network rebuilt from the speech embedding's file gives other numbers (by "
            f"{difference:.2g}, wanted {TOLERANCE}): update tensorflow and ai-edge-litert"
        )
    return difference
