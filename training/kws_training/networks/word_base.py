"""The word base: a small streaming network that has learned words from thousands of voices.

`WordBase` is the network: a stack of depthwise-separable convolutions along time. Trained by
`pretrain`, it tells words apart; its features, one output frame per 40 ms, carry over to words
that it never heard, and are what heads are trained on. `read_base` reads its weights back from
the model file that ships, so that the file is all there is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kws.arrays import Float32
from kws.errors import ModelError
from kws.frontend import WORDS, LogMelConfig
from kws.modelfile import ModelFile, network_digest
from kws.packaged import WORDS as PACKAGED
from kws.packaged import find_model

from .folding import Convolutions, Size, depthwise, mixing, read_convolutions
from .streaming import Tensor, Time, last, over_time
from .tflite import Graph, TFLiteError, read_graph

#: Front-end frames per output frame of the features, and per result.
FEATURE_STRIDE = 4
RESULT_STRIDE = 8
#: Front-end frames that a result may depend on: a file that asks for more is damaged.
LONGEST_FIELD = 400
#: Key of the shape in the provenance of a base's model file.
SHAPE_KEY = "word_base"


@dataclass(frozen=True)
class BaseShape:
    """Size of a word base.

    Attributes
    ----------
    stem : int
        Front-end frames under one output frame of the first layer.
    width : int
        Channels of the layers with an output frame per 20 ms.
    features : int
        Channels of the layers with an output frame per 40 ms, and so of the features.
    fine, coarse : tuple of int
        Lengths of the depthwise kernels of the blocks at 20 and at 40 ms.
    pool : int
        Output frames of 80 ms that a result joins.
    """

    stem: int = 6
    width: int = 96
    features: int = 160
    fine: tuple[int, ...] = (5,)
    coarse: tuple[int, ...] = (5, 5, 5, 5, 5, 5)
    pool: int = 4

    @property
    def receptive_field(self) -> int:
        """Front-end frames that a result depends on."""
        steps = [(self.stem - 2, 1), *((kernel - 1, 2) for kernel in self.fine), (5 - 2, 2)]
        steps += [*((kernel - 1, 4) for kernel in self.coarse), (self.pool - 1, RESULT_STRIDE)]
        return RESULT_STRIDE + sum(context * stride for context, stride in steps)


class WordBase:
    """The network of the word base, written once for windows and for streams.

    Blocks are depthwise along time, pointwise, batch norm, a residual sum, ReLU; frequency is in
    the channels (ds_tc_resnet of kws_streaming, MatchboxNet, arXiv 2004.08531, with one batch
    norm less per block: it costs as much time as the convolution and gains nothing here).

    Parameters
    ----------
    front_end : LogMelConfig
        What makes its frames.
    labels : int
        Number of labels of the logits.
    shape : BaseShape
        Its size.
    folded : bool
        True builds convolutions with biases in place of batch norm: for weights read from a file.
    dropout : float
        Share of what is dropped before the logits, in training.

    Attributes
    ----------
    output : Keras layer
        The convolution that gives the logits.
    """

    def __init__(
        self,
        front_end: LogMelConfig,
        labels: int,
        shape: BaseShape,
        *,
        folded: bool = False,
        dropout: float = 0.1,
    ) -> None:
        from keras import layers

        self.shape = shape
        self._convolutions = built = Convolutions(folded=folded)

        def block(kernel: int, channels: int, stride: int = 1) -> tuple[Any, Any, Any]:
            return built.depthwise(kernel, stride), *built.mixing(channels)

        middle = (front_end.floor + front_end.ceiling) / 2
        self._scale = layers.Rescaling(0.25, offset=-0.25 * middle)
        self._stem = built.mixing(shape.width, shape.stem, 2)
        self._fine = [block(kernel, shape.width) for kernel in shape.fine]
        self._halve = block(5, shape.features, 2)
        self._coarse = [block(kernel, shape.features) for kernel in shape.coarse]
        self._mean = layers.AveragePooling2D((2, 1))
        self._pool = built.depthwise(shape.pool), built.norm()
        self._dropout = layers.Dropout(dropout)
        self.output = built.outputs(labels)

    def features(self, x: Tensor, time: Time) -> Tensor:
        """Compute the features that heads are trained on.

        Parameters
        ----------
        x : float32 (batch, frames, 1, bands)
            Front-end frames.
        time : Time
            The reading of time.

        Returns
        -------
        float32 (batch, output frames, 1, channels)
            Features; none is below 0.
        """
        import keras

        relu = keras.ops.relu
        stem, norm = self._stem
        x = relu(norm(over_time(stem, self._scale(x), time)))
        for block in self._fine:
            x = _residual(block, x, time)
        depthwise, pointwise, norm = self._halve
        x = relu(norm(pointwise(over_time(depthwise, x, time))))
        for block in self._coarse:
            x = _residual(block, x, time)
        return x

    def summary(self, x: Tensor, time: Time) -> Tensor:
        """Join the features over time to what the logits are computed from.

        Parameters
        ----------
        x : float32 (batch, frames, 1, bands)
            Front-end frames.
        time : Time
            The reading of time.

        Returns
        -------
        float32 (batch, results, 1, channels)
            One summary per result.
        """
        import keras

        x = over_time(self._mean, self.features(x, time), time)
        pool, norm = self._pool
        return self._dropout(keras.ops.relu(norm(over_time(pool, x, time))))

    def __call__(self, x: Tensor, time: Time) -> Tensor:
        """Return logits (batch, results, labels) of frames (batch, frames, 1, bands)."""
        return self.logits(self.summary(x, time))

    def layers(self) -> list[Any]:
        """List the layers that give the features.

        Returns
        -------
        list of Keras layers
            The convolutions with weights, in order.
        """
        return self._convolutions.layers[:-2]  # the last two are of the results

    def logits(self, summary: Tensor) -> Tensor:
        """Compute logits of a summary.

        Parameters
        ----------
        summary : float32 (batch, results, 1, channels)
            As `summary` returns it.

        Returns
        -------
        float32 (batch, results, labels)
            Logits.
        """
        return self.output(summary)[:, :, 0]

    def load(self, weights: Sequence[tuple[Float32, Float32]]) -> None:
        """Set kernels and biases; the network has been called once before.

        Parameters
        ----------
        weights : sequence of (float32 kernel, float32 bias)
            One pair for each convolution, batch norm folded in.

        Raises
        ------
        ValueError
            If their number or a shape does not fit.
        """
        layers = self._convolutions.layers
        if len(weights) != len(layers):
            raise ValueError(f"{len(weights)} convolutions, wanted {len(layers)}")
        for layer, pair in zip(layers, weights, strict=True):
            layer.set_weights(pair)

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


def _residual(block: tuple[Any, Any, Any], x: Tensor, time: Time) -> Tensor:
    import keras

    depthwise, pointwise, norm = block
    y = norm(pointwise(over_time(depthwise, x, time)))
    return keras.ops.relu(y + last(x, y))


@dataclass(frozen=True, eq=False)
class Base:
    """A trained word base, read from its model file.

    Attributes
    ----------
    model : ModelFile
        The file: labels, front end, provenance.
    shape : BaseShape
        Sizes of the network's layers.
    weights : list of (float32 kernel, float32 bias)
        Dequantized, batch norm folded, in the order of the layers.
    digest : str
        SHA-256 of the network.
    ceiling : float or None
        The features' largest value, by the calibration of int8; None for a float network.
    """

    model: ModelFile
    shape: BaseShape
    weights: list[tuple[Float32, Float32]]
    digest: str
    ceiling: float | None

    def weights_for(self, labels: tuple[str, ...]) -> list[tuple[Float32, Float32]]:
        """Return the weights of a network for other labels.

        Parameters
        ----------
        labels : tuple of str
            The labels of the other network.

        Returns
        -------
        list of (float32, float32)
            Kernel and bias of each convolution; for labels that the base lacks, those of the logits
            are 0.
        """
        kernel, bias = self.weights[-1]
        known = self.model.metadata.labels
        logits = np.zeros((*kernel.shape[:3], len(labels)), np.float32), np.zeros(len(labels))
        for number, label in enumerate(labels):
            if label in known:
                logits[0][..., number] = kernel[..., known.index(label)]
                logits[1][number] = bias[known.index(label)]
        return [*self.weights[:-1], (logits[0], logits[1].astype(np.float32))]

    def network(self) -> WordBase:
        """Build the network with the weights of the base.

        Returns
        -------
        WordBase
            Its batch norm is folded into the weights.
        """
        from .streaming import whole_model

        # `read_base` takes no other front end
        network = WordBase(WORDS, len(self.model.metadata.labels), self.shape, folded=True)
        whole_model(network, LONGEST_FIELD, (1, WORDS.bands))
        network.load(self.weights)
        return network


def read_base(path: Path | None = None) -> Base:
    """Read a word base: a file that `kws pretrain` wrote, or one in the package.

    Parameters
    ----------
    path : Path or None
        A file, or the name of a model in the package; None for the word base of the package.

    Returns
    -------
    Base

    Raises
    ------
    ModelError
        If the file is no word base, or its weights do not fit its shape.
    """
    model = find_model(path, default=PACKAGED)
    shape = _read_shape(model)
    if not WORDS.fits(model.metadata.front_end):
        raise ModelError(f"{model.path}: a word base has the front end of kws pretrain")
    try:
        graph = read_graph(model.network)
        weights, ceiling = read_convolutions(graph, _sizes(shape, model)), _ceiling(graph)
    except (TFLiteError, ValueError, IndexError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelError(f"{model.path}: its weights cannot be read ({reason})") from None
    return Base(model, shape, weights, network_digest(model), ceiling)


def _read_shape(model: ModelFile) -> BaseShape:
    """Check the shape that is told in a file's provenance."""
    values = model.metadata.provenance.get(SHAPE_KEY)
    names = list(asdict(BaseShape()))
    if not isinstance(values, dict) or set(values) != set(names):
        raise ModelError(
            f"{model.path}: is no word base: give a file that kws pretrain wrote, or "
            "a temporal student of kws distill"
        )
    found: dict[str, Any] = {}
    for name in names:
        value = values[name]
        numbers = value if isinstance(value, list) else [value]
        if isinstance(value, list) != (name in ("fine", "coarse")) or not all(
            type(n) is int and 1 <= n <= 512 for n in numbers
        ):
            raise ModelError(f"{model.path}: {SHAPE_KEY}: {name} cannot be {value!r:.60}")
        found[name] = tuple(value) if isinstance(value, list) else value
    if len(found["fine"]) + len(found["coarse"]) > 100:
        raise ModelError(f"{model.path}: {SHAPE_KEY}: more than 100 blocks")
    shape = BaseShape(**found)
    if shape.stem < 2 or shape.receptive_field > LONGEST_FIELD:
        raise ModelError(
            f"{model.path}: {SHAPE_KEY}: stem must be at least 2, and a result depend on at most "
            f"{LONGEST_FIELD} frames"
        )
    return shape


def _sizes(shape: BaseShape, model: ModelFile) -> list[Size]:
    """Return the shapes of all kernels as TFLite has them, and the number of biases of each."""
    width, features = shape.width, shape.features
    sizes = [mixing(model.metadata.front_end.bands, width, shape.stem)]
    for kernel in shape.fine:
        sizes += [depthwise(kernel, width), mixing(width, width)]
    sizes += [depthwise(5, width), mixing(width, features)]
    for kernel in shape.coarse:
        sizes += [depthwise(kernel, features), mixing(features, features)]
    return [*sizes, depthwise(shape.pool, features), mixing(features, len(model.metadata.labels))]


def _ceiling(graph: Graph) -> float | None:
    """Return the largest value of the features, which are what is averaged first; None if float."""
    for operator in graph.operators:
        if operator.kind == "AVERAGE_POOL_2D":
            features = graph.tensors[operator.inputs[0]]
            if len(features.scales) != 1:
                return None
            ceiling = float(features.scale) * (127 - features.zero_point)
            if not 0 < ceiling < np.inf:
                raise ValueError(f"features of at most {ceiling}")
            return ceiling
    return None
