"""Runs a float network over representative frames and keeps what every tensor did."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from kws.arrays import Float32
from kws.console import quiet
from kws.errors import KwsError
from kws.metadata import StreamingContract
from kws.network import interpreter_class

Range = tuple[float, float]


class Recorder:
    """A network that runs as a stream and shows its tensors after each step.

    Parameters
    ----------
    network : bytes
        TFLite, of any precision.
    contract : StreamingContract
        The names of the network's inputs, outputs and states.
    inside : bool
        True shows every tensor: no delegates then, whose fused kernels keep none between
        operators. False shows the outputs alone, several times faster.

    Raises
    ------
    KwsError
        If the interpreter refuses the network.
    """

    def __init__(self, network: bytes, contract: StreamingContract, inside: bool = True) -> None:
        kernels = {
            "experimental_preserve_all_tensors": True,
            "experimental_op_resolver_type": _plain_kernels(),
        }
        try:
            with quiet():
                self._interpreter = interpreter_class()(
                    model_content=network, **(kernels if inside else {})
                )
                self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            reason = " ".join(str(error).split())[:200]
            raise KwsError(f"the interpreter refuses the network ({reason})") from None
        inputs = {tensor["name"]: tensor for tensor in self._interpreter.get_input_details()}
        outputs = {tensor["name"]: tensor for tensor in self._interpreter.get_output_details()}
        self._input = inputs[contract.input]
        self._states = [(inputs[a]["index"], outputs[b]["index"]) for a, b in contract.states]
        self._contract = contract
        self._details = {
            tensor["name"]: tensor for tensor in self._interpreter.get_tensor_details()
        }

    def run(self, frames: Float32) -> Iterator[Callable[[str], npt.NDArray[Any]]]:
        """Take the frames step by step; after each one, give access to the tensors by name.

        The first steps, whose states still hold the zeros that they start from, are left out.
        Quantized tensors are given as the float32 that they stand for.

        Parameters
        ----------
        frames : float32 (frames, bands)
            One stream.
        """
        for before, _ in self._states:
            shape = self._interpreter.get_tensor(before)
            self._interpreter.set_tensor(before, np.zeros_like(shape))
        size = self._contract.frames
        for start in range(0, len(frames) - size + 1, size):
            self._interpreter.set_tensor(
                self._input["index"], _stored(frames[start : start + size], self._input)
            )
            self._interpreter.invoke()
            if start >= self._contract.receptive_field:
                yield self._value
            for before, after in self._states:
                self._interpreter.set_tensor(before, self._interpreter.get_tensor(after))

    def _value(self, name: str) -> npt.NDArray[Any]:
        tensor = self._details[name]
        value = self._interpreter.get_tensor(tensor["index"])
        if value.dtype in (np.int8, np.int16):
            scale, zero = tensor["quantization"]
            real: Float32 = (value.astype(np.float32) - zero) * scale
            return real.astype(np.float32)
        return np.asarray(value)


def _plain_kernels() -> Any:
    """Return the option that keeps delegates out, of whichever interpreter is installed."""
    try:
        from ai_edge_litert.interpreter import OpResolverType
    except ImportError:
        from tflite_runtime.interpreter import OpResolverType
    return OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES


def _stored(frames: Float32, tensor: Any) -> npt.NDArray[Any]:
    """Return frames as an input tensor takes them."""
    frames = np.ascontiguousarray(frames).reshape(tensor["shape"])
    if tensor["dtype"] == np.float32:
        return frames
    scale, zero = tensor["quantization"]
    limits = np.iinfo(tensor["dtype"])
    stored = np.clip(np.rint(frames / scale) + zero, limits.min, limits.max)
    return np.asarray(stored, tensor["dtype"])


def measure_ranges(
    network: bytes, contract: StreamingContract, frames: Float32, names: set[str]
) -> dict[str, Range]:
    """Return the least and the largest value that each tensor took.

    Parameters
    ----------
    network : bytes
        Float32, with named tensors.
    contract : StreamingContract
        The names of the network's inputs, outputs and states.
    frames : float32 (frames, bands)
        A representative stream.
    names : set of str
        The tensors.

    Raises
    ------
    KwsError
        If the stream is no longer than the network's receptive field.
    """
    low = dict.fromkeys(names, np.inf)
    high = dict.fromkeys(names, -np.inf)
    for value in Recorder(network, contract).run(frames):
        for name in names:
            now = value(name)
            low[name] = min(low[name], float(now.min()))
            high[name] = max(high[name], float(now.max()))
    if not all(np.isfinite([*low.values(), *high.values()])):
        raise KwsError(
            "the calibration recordings are too short, or the network gives numbers that are "
            "not finite"
        )
    return {name: (low[name], high[name]) for name in names}
