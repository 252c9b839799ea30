"""Runs a model file's network as a stream: frames in, scores out, state carried between steps."""

from __future__ import annotations

import ctypes
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from .arrays import Float32
from .errors import KwsError, ModelError
from .installing import install_packages
from .modelfile import ModelFile
from .prototypes import FEATURES, Matcher
from .warping import WarpingMatcher


def interpreter_class() -> Any:
    """Return the TFLite interpreter that is installed: LiteRT's, or the older tflite-runtime's.

    Returns
    -------
    type
        A class whose instances take ``model_content``.

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
                f"no TFLite interpreter: {install_packages('ai-edge-litert')} (or tflite-runtime)"
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
        self._matcher: Matcher | WarpingMatcher | None = None
        self._flat = features or model.metadata.enrolled
        if self._flat:
            if len(logits["shape"]) != 4 or logits["shape"][2] != 1:
                raise ModelError(
                    f"{model.path}: {logits['name']} of the network is {list(logits['shape'])}: "
                    "these are no features to compare phrases with"
                )
            if not features:
                warped = model.metadata.warping is not None
                matcher = WarpingMatcher if warped else Matcher
                self._matcher = matcher(model, int(logits["shape"][3]))
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
        self._states: list[tuple[npt.NDArray[Any], npt.NDArray[Any]]] = []
        for before, after in contract.states:
            old, new = self._tensor(inputs, before), self._tensor(outputs, after)
            same = old["dtype"] == new["dtype"] and old["quantization"] == new["quantization"]
            if not same or list(old["shape"]) != list(new["shape"]):
                raise ModelError(
                    f"{model.path}: state {before!r} and its successor {after!r} differ "
                    "in shape, type or quantization"
                )
            self._states.append((self._memory(old["index"]), self._memory(new["index"])))
        self._input_scale, self._input_zero = frames["quantization"]
        scale, zero = logits["quantization"]
        self._output_scale, self._output_zero = np.float32(scale), np.float32(zero)
        self._dtype = frames["dtype"]
        self._quantized = self._dtype is not np.float32
        if self._quantized:
            limits = np.iinfo(self._dtype)
            self._least, self._most = np.float32(limits.min), np.float32(limits.max)
            self._per_unit = np.float32(1.0 / self._input_scale)
            self._offset = np.float32(self._input_zero)
        self._frames = np.empty((contract.frames, front_end.bands), np.float32)
        self._input = self._memory(frames["index"]).reshape(self._frames.shape)
        self._probe = self._interpreter.tensor(frames["index"])
        self._address = self._input.__array_interface__["data"][0]
        output = self._memory(logits["index"])[0]
        self._output = output[:, 0] if self._flat else output
        self.frames = contract.frames
        self.columns = int(logits["shape"][1])
        self._silent_frames = np.full(self._frames.shape, front_end.silence, np.float32)
        self.hear_silence(-(-contract.receptive_field // self.frames))
        self._silence = self.states
        if self._matcher is not None:
            self._matched = self._matcher.state

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

    def _memory(self, index: int) -> npt.NDArray[Any]:
        """Return the memory of a tensor, to read and to write without a copy or a call.

        The interpreter refuses to run while one of its own views is held, since allocating anew
        would leave it dangling. A network whose shapes are fixed allocates nothing anew; of any
        other, `step` finds that its memory has moved before it touches it.
        """
        try:
            view = self._interpreter.tensor(index)()
        except ValueError:
            raise ModelError(
                f"{self._path}: a tensor of the network has no fixed size: convert it with fixed "
                "shapes"
            ) from None
        memory = (ctypes.c_uint8 * view.nbytes).from_address(view.ctypes.data)
        return np.frombuffer(memory, view.dtype).reshape(view.shape)

    def hear_silence(self, steps: int) -> list[Float32]:
        """Begin with states of zeros, and take steps of digital silence.

        Parameters
        ----------
        steps : int
            As many as the receptive field has leave behind what endless silence does.

        Returns
        -------
        list of float32
            What `step` gave for each.
        """
        for state, _ in self._states:
            state[...] = 0
        return [self.step(self._silent_frames) for _ in range(steps)]

    @property
    def channels(self) -> int:
        """Numbers in an output frame of what the network gives: labels, or channels of features."""
        return int(self._output.shape[1])

    @property
    def states(self) -> tuple[npt.NDArray[Any], ...]:
        """A copy of the states before the next step, in the order of the contract."""
        return tuple(state.copy() for state, _ in self._states)

    @property
    def silence(self) -> tuple[npt.NDArray[Any], ...]:
        """The states that endless silence leaves behind, in the order of the contract."""
        return self._silence

    def __reduce__(self) -> NoReturn:
        """Refuse to be copied and pickled: the interpreter's memory cannot be.

        Raises
        ------
        TypeError
            Always.
        """
        raise TypeError(
            "a StreamingNetwork cannot be copied or pickled, since its interpreter belongs to this "
            "process: make another from the same ModelFile"
        )

    def begun(self, output_frame: int, label: int) -> int:
        """Return how long ago an enrolled phrase began that ends now.

        Parameters
        ----------
        output_frame : int
            Number of the output frame, of the latest step, with which the phrase ends.
        label : int
            Number of the phrase.

        Returns
        -------
        int
            Output frames from the phrase's beginning to its end.

        Raises
        ------
        ModelError
            If the model has no enrolled phrases that tell when they began.
        """
        if not isinstance(self._matcher, WarpingMatcher):
            raise ModelError(f"{self._path}: has no enrolled phrases that tell when they began")
        return self._matcher.begun(output_frame, label)

    def reset(self) -> None:
        """Forget the past: as if there had been endless silence."""
        for (state, _), value in zip(self._states, self._silence, strict=True):
            state[...] = value
        if self._matcher is not None:
            self._matcher.state = self._matched

    def step(self, frames: Float32) -> Float32:
        """Take one step.

        Parameters
        ----------
        frames : float32 (frames, bands)
            The front-end frames of one step.

        Returns
        -------
        float32 (output frames, labels)
            Logits of the newest output frames, or with ``features`` these, float32 (output
            frames, channels).

        Raises
        ------
        ModelError
            If the network is one that allocates memory anew as it runs.
        ValueError
            If there are more or fewer frames than a step takes.
        """
        if frames.shape != self._frames.shape:  # numpy would repeat a single frame
            raise ValueError(f"frames of {frames.shape}, wanted {self._frames.shape}")
        if self._quantized:
            # ufuncs into arrays that exist: np.clip and astype alone take as long as all of these
            scaled = np.multiply(frames, self._per_unit, out=self._frames)
            np.rint(scaled, out=scaled)
            np.add(scaled, self._offset, out=scaled)
            np.minimum(np.maximum(scaled, self._least, out=scaled), self._most, out=scaled)
            frames = scaled
        self._input[...] = frames
        self._interpreter.invoke()
        # one arena holds all tensors of a fixed size, so that one address speaks for all
        if self._probe().__array_interface__["data"][0] != self._address:
            raise ModelError(f"{self._path}: the network has moved its memory while it ran")
        for before, after in self._states:
            before[...] = after  # a quarter of the time of np.copyto
        logits = self._output.astype(np.float32)  # a copy: the next step overwrites the memory
        if self._output.dtype != np.float32:
            logits -= self._output_zero
            logits *= self._output_scale
        return logits if self._matcher is None else self._matcher.push(logits)
