"""The phoneme network: a streaming stack of convolutions that writes down what it hears."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kws.arrays import Float32
from kws.errors import ModelError
from kws.frontend import WORDS, LogMelConfig
from kws.modelfile import ModelFile, network_digest
from kws.packaged import find_model
from kws.phonemes.symbols import OUTPUTS, PHONEME_TASK

from .folding import Convolutions, depthwise, mixing, read_convolutions
from .streaming import Tensor, Time, last, over_time
from .tflite import TFLiteError, read_graph

#: Front-end frames per output frame: 20 ms.
OUTPUT_STRIDE = 2
#: Front-end frames per step on the device: two output frames.
STEP_FRAMES = 4
#: Key of the shape in the provenance of a model file.
SHAPE_KEY = "shape"
#: Layers of a network, its channels and kernels, at most: a file that asks for more is damaged.
LAYERS = 102
LARGEST = 1024
#: Front-end frames that an output frame may depend on, at most.
LONGEST_FIELD = 1000


@dataclass(frozen=True)
class PhonemeShape:
    """Size of a phoneme network.

    Attributes
    ----------
    stem : int
        Front-end frames under one output frame of the first layer.
    width : int
        Channels of every layer.
    kernels : tuple of int
        Length of the depthwise kernel of each block, in output frames.
    """

    stem: int = 6
    width: int = 192
    kernels: tuple[int, ...] = (5, 5, 5, 5, 7, 7, 7, 9, 9, 9, 9)

    @property
    def receptive_field(self) -> int:
        """Front-end frames that an output frame depends on."""
        return self.stem + OUTPUT_STRIDE * sum(kernel - 1 for kernel in self.kernels)


class PhonemeNetwork:
    """The network, written once for windows and for streams.

    Blocks are depthwise along time, pointwise, batch norm, a residual sum, ReLU; frequency is in
    the channels, as in `word_base.WordBase` and QuartzNet (arXiv 1910.10261), whose loss this
    has too: connectionist temporal classification.

    Parameters
    ----------
    front_end : LogMelConfig
        What makes its frames.
    shape : PhonemeShape
        Its size.
    dropout : float
        Share of the channels that is dropped before the outputs, in training.
    """

    def __init__(
        self, front_end: LogMelConfig, shape: PhonemeShape, *, dropout: float = 0.1
    ) -> None:
        from keras import layers

        self.shape = shape
        self._convolutions = built = Convolutions()
        middle = (front_end.floor + front_end.ceiling) / 2
        self._scale = layers.Rescaling(0.25, offset=-0.25 * middle)
        self._stem = built.mixing(shape.width, shape.stem, OUTPUT_STRIDE)
        self._blocks = [
            (built.depthwise(kernel), *built.mixing(shape.width)) for kernel in shape.kernels
        ]
        self._dropout = layers.SpatialDropout2D(dropout)
        self._outputs = built.outputs(len(OUTPUTS))

    def __call__(self, x: Tensor, time: Time) -> Tensor:
        """Compute the outputs.

        Parameters
        ----------
        x : float32 (batch, frames, 1, bands)
            Front-end frames.
        time : Time
            The reading of time.

        Returns
        -------
        float32 (batch, output frames, outputs)
            Logits, in the order of `kws.phonemes.symbols.OUTPUTS`.
        """
        import keras

        relu = keras.ops.relu
        stem, norm = self._stem
        x = relu(norm(over_time(stem, self._scale(x), time)))
        for layer, pointwise, norm in self._blocks:
            y = norm(pointwise(over_time(layer, x, time)))
            x = relu(y + last(x, y))
        return self._outputs(self._dropout(x))[:, :, 0]

    def unfold(self, weights: Sequence[tuple[Float32, Float32]], frames: Float32) -> None:
        """Take weights with batch norm folded into them, and put it beside them again.

        Parameters
        ----------
        weights : sequence of (float32 kernel, float32 bias)
            In the order of the layers, of a network of this shape, as for `Convolutions.unfold`.
        frames : float32 (n, frames, 1, bands)
            Such as are trained on.
        """
        self._convolutions.unfold(self, weights, frames)


@dataclass(frozen=True, eq=False)
class PhonemeBase:
    """A trained phoneme network, read from its model file, to go on from.

    Attributes
    ----------
    shape : PhonemeShape
        Its size.
    weights : list of (float32 kernel, float32 bias)
        Dequantized, batch norm folded, in the order of the layers.
    digest : str
        SHA-256 of the network.
    """

    shape: PhonemeShape
    weights: list[tuple[Float32, Float32]]
    digest: str


def read_phoneme_network(path: Path) -> PhonemeBase:
    """Read a phoneme network that `kws pretrain --task phonemes` wrote.

    Parameters
    ----------
    path : Path
        A file, or the name of a model in the package.

    Returns
    -------
    PhonemeBase

    Raises
    ------
    ModelError
        If the file is no phoneme network, or its weights do not fit its shape.
    """
    model = find_model(path)
    if model.metadata.task != PHONEME_TASK or not WORDS.fits(model.metadata.front_end):
        raise ModelError(
            f"{model.path}: is no phoneme network: give a file that kws pretrain --task phonemes "
            "wrote"
        )
    shape = _read_shape(model)
    sizes = [mixing(WORDS.bands, shape.width, shape.stem)]
    for kernel in shape.kernels:
        sizes += [depthwise(kernel, shape.width), mixing(shape.width, shape.width)]
    sizes.append(mixing(shape.width, len(OUTPUTS)))
    try:
        weights = read_convolutions(read_graph(model.network), sizes)
    except (TFLiteError, ValueError, IndexError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelError(f"{model.path}: its weights cannot be read ({reason})") from None
    return PhonemeBase(shape, weights, network_digest(model))


def _read_shape(model: ModelFile) -> PhonemeShape:
    """Check the shape that is told in a file's provenance."""
    values = model.metadata.provenance.get(SHAPE_KEY)
    if isinstance(values, dict) and set(values) == {"stem", "width", "kernels"}:
        kernels = values["kernels"]
        numbers = [
            values["stem"],
            values["width"],
            *(kernels if isinstance(kernels, list) else [0]),
        ]
        if len(numbers) <= LAYERS and all(type(n) is int and 1 <= n <= LARGEST for n in numbers):
            shape = PhonemeShape(values["stem"], values["width"], tuple(kernels))
            if shape.stem >= OUTPUT_STRIDE and shape.receptive_field <= LONGEST_FIELD:
                return shape
    raise ModelError(f"{model.path}: its provenance does not tell the network's {SHAPE_KEY}")
