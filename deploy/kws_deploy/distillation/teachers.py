"""What teachers make of windows of log-mel frames: many at once, through the interpreter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from kws.arrays import Float32
from kws.console import quiet
from kws.errors import ModelError
from kws.frontend import LogMelConfig
from kws.modelfile import ModelFile
from kws.network import StreamingNetwork, interpreter_class
from kws.selection import Selection


def hears(teacher: ModelFile, front_end: LogMelConfig) -> bool:
    """Return whether a teacher listens through this front end, so that frames are enough.

    Parameters
    ----------
    teacher : ModelFile
        The teacher.
    front_end : LogMelConfig
        The student's front end.
    """
    return front_end.fits(teacher.metadata.front_end)


class FrameTeacher:
    """A model file's network over windows of frames: the very network that runs on the device.

    Inputs and states are resized to as many windows as there are, so that one call of the
    interpreter judges all of them, 0.3 ms each; every window begins after endless silence.

    Parameters
    ----------
    model : ModelFile
        Its front end is that of the windows.
    labels : tuple of str
        Those to judge by: all of the model's, or silence, unknown and some of its keywords.
    windows, frames : int
        Windows in each batch, and front-end frames in each.

    Raises
    ------
    ModelError
        If the network cannot run so many windows at once, or lacks a label.
    """

    def __init__(
        self, model: ModelFile, labels: tuple[str, ...], windows: int, frames: int
    ) -> None:
        contract = model.metadata.streaming
        # results are counted from the first frame; the student's end with the last one
        stream = StreamingNetwork(model)
        per_result = contract.frames // stream.columns
        self._late = frames % per_result
        with quiet():
            self._interpreter = interpreter_class()(model_content=model.network, num_threads=1)
            inputs = {one["name"]: one for one in self._interpreter.get_input_details()}
            for name, tensor in inputs.items():
                shape = [windows, *tensor["shape"][1:]]
                if name == contract.input:
                    shape[1] = frames - self._late
                    self._shape = tuple(shape)
                self._interpreter.resize_tensor_input(tensor["index"], shape)
            try:
                self._interpreter.allocate_tensors()
            except (RuntimeError, ValueError) as error:
                reason = " ".join(str(error).split())[:120]
                raise ModelError(
                    f"{model.path}: cannot judge {windows} windows at once ({reason})"
                ) from None
        self._states = [
            (inputs[before]["index"], np.repeat(state, windows, axis=0))
            for (before, _), state in zip(contract.states, stream.silence, strict=True)
        ]
        self._input = inputs[contract.input]
        outputs = {one["name"]: one for one in self._interpreter.get_output_details()}
        self._output = outputs[contract.output]
        self._selection = None
        if set(labels) != set(model.metadata.labels):
            keywords = [one for one in model.metadata.keywords if one in labels]
            self._selection = Selection(model.metadata.labels, keywords, True)
        heard = model.metadata.labels if self._selection is None else self._selection.labels
        if set(heard) != set(labels):
            missing = ", ".join(sorted(set(labels) - set(heard)))
            raise ModelError(f"{model.path}: a teacher must know {missing}")
        self._order = [heard.index(label) for label in labels]

    def logits(self, windows: Float32) -> Float32:
        """Return logits (windows, output frames, labels) of windows (windows, frames, 1, bands).

        The last output frame is the result that ends with the last frame.

        Parameters
        ----------
        windows : float32 (windows, frames, 1, bands)
            Front-end frames, as many as the teacher was made for.
        """
        interpreter = self._interpreter
        frames: Any = windows[:, self._late :].reshape(self._shape)
        kind = self._input["dtype"]
        if kind != np.float32:
            scale, zero = self._input["quantization"]
            limits = np.iinfo(kind)
            frames = np.clip(np.rint(frames / scale) + zero, limits.min, limits.max).astype(kind)
        interpreter.set_tensor(self._input["index"], frames)
        for index, state in self._states:
            interpreter.set_tensor(index, state)
        interpreter.invoke()
        logits = interpreter.get_tensor(self._output["index"])
        if logits.dtype != np.float32:
            scale, zero = self._output["quantization"]
            logits = (logits.astype(np.float32) - zero) * scale
        if self._selection is not None:
            flat = self._selection(logits.reshape(-1, logits.shape[-1]))
            logits = flat.reshape(*logits.shape[:2], -1)
        return np.ascontiguousarray(logits[..., self._order], np.float32)


def softened(logits: Sequence[Float32], temperature: float) -> Float32:
    """Return the mean over teachers of softmax(logits / temperature) (arXiv 1503.02531).

    Parameters
    ----------
    logits : sequence of float32 (windows, results, labels)
        Those of each teacher.
    temperature : float
        Above 0; the higher, the more even the posteriors.
    """
    total = np.zeros_like(logits[0])
    for one in logits:
        scaled = one / temperature
        scaled = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
        total += scaled / scaled.sum(axis=-1, keepdims=True)
    return np.asarray(total / len(logits), np.float32)
