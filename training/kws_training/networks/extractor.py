"""The frozen extractor: YAMNet up to a tap, as a stream or as the original whole network."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kws.console import quiet
from kws.errors import KwsError
from kws.frontend import YAMNET, log_mel
from kws.network import interpreter_class
from kws.pcm import to_float32

from .streaming import Tensor, Time, over_time
from .yamnet_file import ConvWeights, YamnetWeights

#: Layers of YAMNet: the first convolution, then 13 pairs of depthwise and pointwise.
LAYERS = 14
#: Front-end frames and mel bands of YAMNet's patch (tensorflow/models, yamnet/params.py).
PATCH = (96, 64)
#: Recordings that prove the weights.
PROOFS = 12
#: Correlation of the class scores, at least, with those of the official file.
LEAST_CORRELATION = 0.97


class Patch(Time):
    """The original's reading of time: zeros around a patch of 96 frames, as padding SAME does."""

    def join(self, x: Tensor, context: int) -> Tensor:
        """Pad with zeros: before and after at stride 1, only after at stride 2 (even lengths).

        Parameters
        ----------
        x : float32 (batch, time, frequency, channels)
            The frames of a patch.
        context : int
            Frames that are added.

        Returns
        -------
        float32 (batch, time + context, frequency, channels)
            The padded frames.
        """
        import keras

        return keras.ops.pad(x, [[0, 0], [context // 2, context - context // 2], [0, 0], [0, 0]])


class YamnetTrunk:
    """YAMNet's layers up to a tap, with fixed weights.

    Parameters
    ----------
    weights : YamnetWeights
    tap : int
        The last layer, 1 to 14.

    Raises
    ------
    KwsError
        If there is no such layer.
    """

    def __init__(self, weights: YamnetWeights, tap: int) -> None:
        import keras

        if not 1 <= tap <= LAYERS:
            raise KwsError(f"tap {tap}: YAMNet has layers 1 to {LAYERS}")
        self.tap = tap
        self.shape = (PATCH[1], 1)
        self.bounded = weights.activation == "relu6"
        #: Front-end frames per output frame: layers 1, 3, 5, 7 and 13 halve time and frequency.
        self.stride = 2 ** sum(layer <= tap for layer in (1, 3, 5, 7, 13))
        #: Frequencies of an output frame.
        self.frequencies = PATCH[1] // self.stride
        self._activation = keras.activations.relu6 if weights.activation == "relu6" else "relu"
        self._layers = [self._convolution(weights.stem, depthwise=False)]
        for block in weights.blocks[: tap - 1]:
            self._layers.append(self._convolution(block.depthwise, depthwise=True))
            self._layers.append(self._convolution(block.pointwise, depthwise=False))

    def _convolution(self, weights: ConvWeights, *, depthwise: bool) -> Any:
        from keras import layers

        options = {
            "strides": weights.stride,
            "activation": self._activation,
            "trainable": False,
        }
        size = weights.kernel.shape[:2]
        if depthwise:
            layer = layers.DepthwiseConv2D(size, **options)
            layer.build((None, None, None, weights.kernel.shape[2]))
        else:
            layer = layers.Conv2D(weights.kernel.shape[3], size, **options)
            layer.build((None, None, None, weights.kernel.shape[2]))
        layer.set_weights([weights.kernel, weights.bias])
        return layer

    def __call__(self, x: Tensor, time: Time) -> Tensor:
        """Apply the layers to (batch, frames, 64, 1)."""
        import keras

        for layer in self._layers:
            if layer.kernel_size[0] > 1:
                # SAME in frequency: one band below and above at stride 1, one above at stride 2
                below = 2 - layer.strides[1]
                padding = [[0, 0], [0, 0], [below, 1], [0, 0]]
                x = over_time(layer, keras.ops.pad(x, padding), time)
            else:
                x = layer(x)
        return x


def prove(
    weights: YamnetWeights, official: Path, recordings: Iterable[npt.NDArray[np.int16]]
) -> float:
    """Compare the rebuilt network's class scores with those of the official file itself.

    Parameters
    ----------
    weights : YamnetWeights
        Read from the file.
    official : Path
        The official ``.tflite``, which the interpreter runs on the waveform.
    recordings : iterable of int16 (n,)
        Real audio at 16 kHz; the first `PROOFS` that are not silent are used.

    Returns
    -------
    float
        Correlation of all scores. The official file's activations are int8, so it is not 1.

    Raises
    ------
    KwsError
        If it is below `LEAST_CORRELATION`: the interpreter or the loader is broken.
    """
    with quiet():
        interpreter = interpreter_class()(model_path=str(official))
        interpreter.allocate_tensors()
    waveform = interpreter.get_input_details()[0]
    output = interpreter.get_output_details()[0]["index"]
    length = int(waveform["shape"][-1])
    expected, patches = [], []
    for recording in islice((one for one in recordings if one.any()), PROOFS):
        samples = to_float32(np.resize(recording, length))
        interpreter.set_tensor(waveform["index"], samples.reshape(waveform["shape"]))
        interpreter.invoke()
        expected.append(interpreter.get_tensor(output)[0].copy())
        patches.append(log_mel(samples, YAMNET))
    found = patch_scores(weights, np.stack(patches))
    correlation = float(np.corrcoef(found.ravel(), np.ravel(expected))[0, 1])
    if not correlation >= LEAST_CORRELATION:
        raise KwsError(
            f"{official}: the network rebuilt from it gives other class scores (correlation "
            f"{correlation:.3f}, wanted {LEAST_CORRELATION}): update tensorflow and ai-edge-litert"
        )
    return correlation


def patch_scores(weights: YamnetWeights, patches: npt.NDArray[np.float32]) -> Any:
    """Compute the original network's class scores: the proof that the weights were read right.

    Parameters
    ----------
    weights : YamnetWeights
        Weights of the whole network.
    patches : float32 (n, 96, 64)
        Log-mel patches.

    Returns
    -------
    float32 (n, 521)
        Scores, 0 .. 1.
    """
    import keras

    x = keras.Input((*PATCH, 1))
    features = YamnetTrunk(weights, LAYERS)(x, Patch())
    embedding = keras.ops.mean(features, axis=(1, 2))
    model = keras.Model(x, embedding)
    embeddings = model.predict(patches[..., None], verbose=0)
    logits = embeddings @ weights.dense_kernel + weights.dense_bias
    return 1.0 / (1.0 + np.exp(-logits))
