"""Where int8 loses: how far each operator's result is from the float network's, in decibels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kws.arrays import Float32
from kws.files import whole_file
from kws.metadata import StreamingContract
from kws_training.networks.tflite_objects import unpack

from .graph import activations, operators_of
from .ranges import Range, Recorder
from .variants import quantize_graph

#: What a signal without any error is given, in decibels: float32 has no more.
NOISELESS = 150.0


@dataclass(frozen=True)
class Layer:
    """How well an operator's result survives.

    Attributes
    ----------
    number : int
        Of the operator, in the order in which they run.
    name : str
        Its result.
    kind : str
        "CONV_2D", …, as TFLite names it.
    snr : float
        Energy of the float result over the energy of the difference, in decibels, over all
        steps; what went wrong before it is in it.
    lost : float
        Decibels below the worst of its inputs: what this operator adds.
    """

    number: int
    name: str
    kind: str
    snr: float
    lost: float


def signal_to_noise(signal: float, noise: float) -> float:
    """Return a ratio of energies in decibels, at most `NOISELESS`.

    Parameters
    ----------
    signal : float
        Energy of what a tensor holds in float.
    noise : float
        Energy of what the rounded network differs by.
    """
    if noise <= 0 or signal <= 0:
        return NOISELESS if noise <= 0 else 0.0
    return float(min(NOISELESS, 10 * np.log10(signal / noise)))


def layer_noise(
    network: bytes,
    contract: StreamingContract,
    ranges: Mapping[str, Range],
    frames: Float32,
    higher: Sequence[str] = (),
) -> list[Layer]:
    """Compare every operator's result in int8 with the float network's, on a stream.

    Each network runs on its own states, as on a device: errors add up as they do there.

    Parameters
    ----------
    network, contract, ranges, higher
        As for `variants.quantize`.
    frames : float32 (frames, bands)
        Front-end frames of one stream.

    Returns
    -------
    list of Layer
        The worst first.
    """
    rounded = quantize_graph(network, contract, "int8", ranges, higher)
    operators = operators_of(network)
    there = activations(unpack(rounded))
    names = [name for name in activations(unpack(network)) if name in there]
    signal = dict.fromkeys(names, 0.0)
    noise = dict.fromkeys(names, 0.0)
    pairs = zip(
        Recorder(network, contract).run(frames),
        Recorder(rounded, contract).run(frames),
        strict=True,
    )
    for real, other in pairs:
        for name in names:
            meant = real(name)
            signal[name] += float(np.square(meant, dtype=np.float64).sum())
            noise[name] += float(np.square(meant - other(name), dtype=np.float64).sum())
    snr = {name: signal_to_noise(signal[name], noise[name]) for name in names}
    layers = []
    for number, operator in enumerate(operators):
        name = operator.outputs[0]
        if name in snr:
            before = min((snr[one] for one in operator.inputs if one in snr), default=NOISELESS)
            layers.append(Layer(number, name, operator.kind, snr[name], before - snr[name]))
    return sorted(layers, key=lambda layer: (layer.snr, layer.number))


def logits_of(network: bytes, contract: StreamingContract, frames: Float32) -> Float32:
    """Run a network as a stream; returns its logits of every step, float32 (steps, ...).

    Parameters
    ----------
    network : bytes
        TFLite, of any precision.
    contract : StreamingContract
        The names of the network's inputs, outputs and states.
    frames : float32 (frames, bands)
        Front-end frames of one stream.
    """
    steps = Recorder(network, contract, inside=False).run(frames)
    return np.stack([value(contract.output).copy() for value in steps])


def noise_of(truth: Float32, found: Float32) -> float:
    """Return the signal-to-noise ratio of logits against the right ones, in decibels.

    Parameters
    ----------
    truth, found : float32 (output frames, labels)
        Logits of the float network, and of another one.
    """
    signal = float(np.square(truth, dtype=np.float64).sum())
    return signal_to_noise(signal, float(np.square(truth - found, dtype=np.float64).sum()))


def output_noise(
    network: bytes, other: bytes, contract: StreamingContract, frames: Float32
) -> float:
    """Return the signal-to-noise ratio of another network's logits, in decibels.

    Parameters
    ----------
    network, other : bytes
        TFLite networks with the contract's names; the first one is right.
    contract : StreamingContract
        The names of the network's inputs, outputs and states.
    frames : float32 (frames, bands)
        Front-end frames of one stream.
    """
    return noise_of(logits_of(network, contract, frames), logits_of(other, contract, frames))


def draw(layers: Sequence[Layer], path: Path) -> None:
    """Draw the signal-to-noise ratio from the first operator to the last, as a PNG.

    Parameters
    ----------
    layers : sequence of Layer
        In any order.
    path : Path
        The picture to write.
    """
    from matplotlib.figure import Figure

    ordered = sorted(layers, key=lambda layer: layer.number)
    figure = Figure(figsize=(max(6.0, 0.22 * len(ordered)), 4.5), layout="constrained")
    axes = figure.add_subplot()
    axes.bar(range(len(ordered)), [layer.snr for layer in ordered], color="#4477aa")
    axes.set_xticks(range(len(ordered)))
    axes.set_xticklabels([f"{n.number} {n.kind.lower()}" for n in ordered], rotation=90, fontsize=7)
    axes.set_ylabel("signal to noise of int8 against float (dB)")
    with whole_file(path) as stream:
        figure.savefig(stream, format="png", dpi=110)
