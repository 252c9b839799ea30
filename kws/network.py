"""Runs a model file's network as a stream: frames in, scores out, state carried between steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import KwsError, ModelError
from .modelfile import ModelFile
from .prototypes import FEATURES, Matcher

Float32 = npt.NDArray[np.float32]


def interpreter_class() -> Any:
    """Return the TFLite interpreter that is installed: LiteRT's, or the older tflite-runtime's.

    Raises
    ------
    KwsError
        If neither can be imported.
    """
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        try:
            from tflite_runtime.interpreter import Interpreter
        except ImportError:
            raise KwsError(
                "no TFLite interpreter: pip install ai-edge-litert (or tflite-runtime)"
            ) from None
    return Interpreter


class StreamingNetwork:
    """The network of a model file, run step by step.

    Parameters
    ----------
    model : ModelFile
        A checked model file.
    threads : int
        Threads of the interpreter; a step is so small that one is usually fastest.
    features : bool
        True gives the features of a word base in place of logits.

    Raises
    ------
    ModelError
        If the interpreter refuses the network, or its tensors do not match the metadata.
    """

    def __init__(self, model: ModelFile, threads: int = 1, *, features: bool = False) -> None:
        contract = model.metadata.streaming
        front_end = model.metadata.front_end
        self._path = model.path
        try:
            self._interpreter = interpreter_class()(
                model_content=model.network, num_threads=threads
            )
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            reason = " ".join(str(error).split())[:200]
            raise ModelError(
                f"{model.path}: the interpreter refuses the network ({reason}): "
                "the file may be newer than the interpreter; update ai-edge-litert"
            ) from None
        inputs = {tensor["name"]: tensor for tensor in self._interpreter.get_input_details()}
        outputs = {tensor["name"]: tensor for tensor in self._interpreter.get_output_details()}
        frames = self._tensor(inputs, contract.input)
        if features and FEATURES not in outputs:
            raise ModelError(
                f"{model.path}: gives no features: name a word base that this version's "
                "kws pretrain wrote, or leave out --model"
            )
        logits = self._tensor(outputs, FEATURES if features else contract.output)
        if list(frames["shape"][:2]) != [1, contract.frames] or (
            np.prod(frames["shape"]) != contract.frames * front_end.bands
        ):
            raise ModelError(
                f"{model.path}: the network takes {list(frames['shape'])}, but kws.json says "
                f"{contract.frames} frames of {front_end.bands} bands"
            )
        self._matcher: Matcher | None = None
        self._flat = features or model.metadata.prototypes is not None
        if self._flat:
            if len(logits["shape"]) != 4 or logits["shape"][2] != 1:
                raise ModelError(
                    f"{model.path}: {logits['name']} of the network is {list(logits['shape'])}: "
                    "these are no features to compare with prototypes"
                )
            if not features:
                self._matcher = Matcher(model, int(logits["shape"][3]))
        elif len(logits["shape"]) != 3 or logits["shape"][2] != len(model.metadata.labels):
            raise ModelError(
                f"{model.path}: the network gives {list(logits['shape'])}, but kws.json has "
                f"{len(model.metadata.labels)} labels"
            )
        if len(inputs) != 1 + len(contract.states):
            raise ModelError(
                f"{model.path}: the network has {len(inputs) - 1} states, "
                f"but kws.json names {len(contract.states)}"
            )
        if len({contract.input, *(before for before, _ in contract.states)}) != len(inputs):
            raise ModelError(f"{model.path}: kws.json names an input of the network twice")
        self._states: list[tuple[int, int]] = []
        for before, after in contract.states:
            old, new = self._tensor(inputs, before), self._tensor(outputs, after)
            same = old["dtype"] == new["dtype"] and old["quantization"] == new["quantization"]
            if not same or list(old["shape"]) != list(new["shape"]):
                raise ModelError(
                    f"{model.path}: state {before!r} and its successor {after!r} differ "
                    "in shape, type or quantization"
                )
            self._states.append((old["index"], new["index"]))
        self._input = frames["index"]
        self._output = logits["index"]
        self._shape = tuple(frames["shape"])
        self._input_scale, self._input_zero = frames["quantization"]
        self._output_scale, self._output_zero = logits["quantization"]
        self._dtype = frames["dtype"]
        self._quantized = self._dtype is not np.float32
        if self._quantized:
            limits = np.iinfo(self._dtype)
            self._least, self._most = limits.min, limits.max
        self._frames = np.empty((contract.frames, front_end.bands), np.float32)
        self.frames = contract.frames
        self.columns = int(logits["shape"][1])
        self._silence = self._after_silence(
            np.full_like(self._frames, front_end.silence), contract.receptive_field
        )

    def _tensor(self, tensors: dict[str, Any], name: str) -> Any:
        if name not in tensors:
            raise ModelError(f"{self._path}: the network has no tensor {name!r:.100}")
        tensor = tensors[name]
        if tensor["dtype"] not in (np.float32, np.int8, np.int16):
            raise ModelError(
                f"{self._path}: tensor {name!r:.100} is neither float32 nor int8 nor int16"
            )
        if tensor["dtype"] is not np.float32 and not tensor["quantization"][0] > 0:
            raise ModelError(f"{self._path}: tensor {name!r:.100} has integers without a scale")
        return tensor

    def _after_silence(self, silence: Float32, receptive_field: int) -> list[npt.NDArray[Any]]:
        """Return the states that endless silence leaves behind."""
        for tensor, _ in self._states:
            details = self._interpreter.get_tensor(tensor)
            self._interpreter.set_tensor(tensor, np.zeros_like(details))
        for _ in range(-(-receptive_field // self.frames)):
            self.step(silence)
        if self._matcher is not None:
            self._columns = self._matcher.state
        return [self._interpreter.get_tensor(tensor) for tensor, _ in self._states]

    @property
    def silence(self) -> tuple[npt.NDArray[Any], ...]:
        """The states that endless silence leaves behind, in the order of the contract."""
        return tuple(self._silence)

    def reset(self) -> None:
        """Forget the past: as if there had been endless silence."""
        for (tensor, _), value in zip(self._states, self._silence, strict=True):
            self._interpreter.set_tensor(tensor, value)
        if self._matcher is not None:
            self._matcher.state = self._columns

    def step(self, frames: Float32) -> Float32:
        """Take one step.

        Parameters
        ----------
        frames : float32 (frames, bands)
            The front-end frames of one step.

        Returns
        -------
        float32 (columns, labels)
            Logits of the newest columns, or with ``features`` these (columns, channels); valid
            until the next step.
        """
        interpreter = self._interpreter
        if self._quantized:
            np.multiply(frames, 1.0 / self._input_scale, out=self._frames)
            np.rint(self._frames, out=self._frames)
            np.add(self._frames, self._input_zero, out=self._frames)
            np.clip(self._frames, self._least, self._most, out=self._frames)
            frames = self._frames.astype(self._dtype)
        interpreter.set_tensor(self._input, frames.reshape(self._shape))
        interpreter.invoke()
        for before, after in self._states:
            interpreter.set_tensor(before, interpreter.get_tensor(after))
        logits = interpreter.get_tensor(self._output)[0]
        if logits.dtype != np.float32:
            logits = (logits.astype(np.float32) - self._output_zero) * self._output_scale
        if self._flat:
            logits = logits[:, 0]
        logits = np.asarray(logits, np.float32)
        return logits if self._matcher is None else self._matcher.push(logits)
