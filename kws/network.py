"""Runs a model file's network as a stream: frames in, scores out, state carried between steps."""

from __future__ import annotations

import ctypes
import os
import sys
import weakref
from dataclasses import replace
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from .arrays import Float32
from .errors import KwsError, ModelError
from .installing import install_packages
from .metadata import StreamingContract
from .modelfile import ModelFile
from .phonemes.symbols import OUTPUTS
from .prototypes import FEATURES, Matcher
from .state import Arrays, StateReader
from .typed.matching import PhraseMatcher
from .untrusted.gate import admit
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
        If neither can be imported, or Python runs without its global lock (GIL), which neither is
        known to be safe without.
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
    # asked after the import, which turns the lock on again for a package that needs it
    if not getattr(sys, "_is_gil_enabled", lambda: True)():
        raise KwsError(
            "this Python runs without its global lock (GIL), which kws has not been tried without: "
            "start it with PYTHON_GIL=1"
        )
    return Interpreter


#: Interpreters of this process that have threads of their own.
_WITH_THREADS: weakref.WeakSet[Any] = weakref.WeakSet()


def _keep_all() -> None:
    """Let interpreters with threads live on in a process that has been forked, unused.

    There their threads do not exist, so that to end an interpreter crashes the process.
    """
    for interpreter in _WITH_THREADS:
        # what has the threads: an Interpreter lets go of it before anything else can be done
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(interpreter._interpreter))


os.register_at_fork(after_in_child=_keep_all)


def _reason(error: Exception) -> str:
    """Return what the interpreter says, in one line."""
    return " ".join(str(error).split())[:200]


class StepNetwork:
    """A network that is run step by step, its states carried from one to the next.

    Parameters
    ----------
    path : str
        The model file, for messages.
    network : bytes
        A TFLite flatbuffer.
    contract : StreamingContract
        Its tensors; ``output`` names the one that a step gives.
    bands : int
        Numbers in a frame.
    labels : int or None
        Logits in an output frame; None for features, however many there are.
    threads : int
        Threads of the interpreter.

    Attributes
    ----------
    frames : int
        Frames that a step takes.
    columns : int
        Output frames that a step gives.

    Raises
    ------
    ModelError
        If the interpreter refuses the network, or its tensors do not match the contract.
    """

    def __init__(
        self,
        path: str,
        network: bytes,
        contract: StreamingContract,
        bands: int,
        labels: int | None,
        threads: int,
    ) -> None:
        self._path = path
        admit(network, path)
        try:
            self._interpreter = interpreter_class()(model_content=network, num_threads=threads)
            self._interpreter.allocate_tensors()
            taken = self._interpreter.get_input_details()
            found = self._interpreter.get_output_details()
        except (ValueError, RuntimeError) as error:
            raise ModelError(
                f"{path}: the interpreter refuses the network ({_reason(error)}): "
                "the file may be newer than the interpreter; update ai-edge-litert"
            ) from None
        if threads > 1:
            _WITH_THREADS.add(self._interpreter)
        inputs = {tensor["name"]: tensor for tensor in taken}
        outputs = {tensor["name"]: tensor for tensor in found}
        frames = self._tensor(inputs, contract.input)
        if contract.output == FEATURES and FEATURES not in outputs:
            raise ModelError(
                f"{path}: gives no features: name a word base that this version's "
                "kws pretrain wrote, or leave out --model"
            )
        given = self._tensor(outputs, contract.output)
        if list(frames["shape"][:2]) != [1, contract.frames] or (
            np.prod(frames["shape"]) != contract.frames * bands
        ):
            raise ModelError(
                f"{path}: the network takes {list(frames['shape'])}, but kws.json says "
                f"{contract.frames} frames of {bands} bands"
            )
        if labels is None and (len(given["shape"]) != 4 or given["shape"][2] != 1):
            raise ModelError(
                f"{path}: {given['name']} of the network is {list(given['shape'])}: "
                "these are no features to compare phrases with"
            )
        if labels is not None and (len(given["shape"]) != 3 or given["shape"][2] != labels):
            raise ModelError(
                f"{path}: the network gives {list(given['shape'])}, but kws.json has "
                f"{labels} labels"
            )
        if len(inputs) != 1 + len(contract.states):
            raise ModelError(
                f"{path}: the network has {len(inputs) - 1} states, "
                f"but kws.json names {len(contract.states)}"
            )
        if len({contract.input, *(before for before, _ in contract.states)}) != len(inputs):
            raise ModelError(f"{path}: kws.json names an input of the network twice")
        self._states: list[tuple[npt.NDArray[Any], npt.NDArray[Any]]] = []
        for before, after in contract.states:
            old, new = self._tensor(inputs, before), self._tensor(outputs, after)
            same = old["dtype"] == new["dtype"] and old["quantization"] == new["quantization"]
            if not same or list(old["shape"]) != list(new["shape"]):
                raise ModelError(
                    f"{path}: state {before!r} and its successor {after!r} differ "
                    "in shape, type or quantization"
                )
            self._states.append((self._memory(old["index"]), self._memory(new["index"])))
        self._input_scale, self._input_zero = frames["quantization"]
        scale, zero = given["quantization"]
        self._output_scale, self._output_zero = np.float32(scale), np.float32(zero)
        self._dtype = frames["dtype"]
        self._quantized = self._dtype is not np.float32
        if self._quantized:
            limits = np.iinfo(self._dtype)
            self._least, self._most = np.float32(limits.min), np.float32(limits.max)
            self._per_unit = np.float32(1.0 / self._input_scale)
            self._offset = np.float32(self._input_zero)
        self._frames = np.empty((contract.frames, bands), np.float32)
        self._input = self._memory(frames["index"]).reshape(self._frames.shape)
        self._probe = self._interpreter.tensor(frames["index"])
        self._address = self._input.__array_interface__["data"][0]
        output = self._memory(given["index"])[0]
        self._output = output[:, 0] if labels is None else output
        self.frames = contract.frames
        self.columns = int(given["shape"][1])

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

    @property
    def channels(self) -> int:
        """Numbers in an output frame of what the network gives: labels, or channels of features."""
        return int(self._output.shape[1])

    @property
    def states(self) -> tuple[npt.NDArray[Any], ...]:
        """A copy of the states before the next step, in the order of the contract."""
        return tuple(state.copy() for state, _ in self._states)

    @states.setter
    def states(self, values: tuple[npt.NDArray[Any], ...]) -> None:
        for (state, _), value in zip(self._states, values, strict=True):
            state[...] = value

    def stream_state(self) -> Arrays:
        """Return what the next step depends on, a copy.

        Returns
        -------
        dict of str to array
            See `kws.state`.
        """
        return {str(number): state.copy() for number, (state, _) in enumerate(self._states)}

    def restore(self, saved: StateReader) -> None:
        """Go on where a state was taken.

        Parameters
        ----------
        saved : StateReader
            What `stream_state` returned.

        Raises
        ------
        KwsError
            If it cannot be one of this; it has to be reset then.
        """
        self.states = tuple(
            saved.array(str(number), state) for number, (state, _) in enumerate(self._states)
        )

    def clear(self) -> None:
        """Set all states to zeros: what was before is nothing, not silence."""
        for state, _ in self._states:
            state[...] = 0

    @property
    def stored(self) -> npt.NDArray[Any]:
        """What the latest step gave as the network stores it; the next step overwrites it."""
        return np.asarray(self._output)

    @property
    def output_quantization(self) -> tuple[float, int]:
        """Scale and zero point of what a step gives; 1 and 0 if it is float32."""
        if self._output.dtype == np.float32:
            return 1.0, 0
        return float(self._output_scale), int(self._output_zero)

    def takes_what(self, other: StepNetwork) -> bool:
        """Return whether this network can take what another one stores.

        Parameters
        ----------
        other : StepNetwork
            The network before this one.

        Returns
        -------
        bool
            True if shape, type and quantization are the same.
        """
        return bool(
            self._input.shape == other._output.shape
            and self._input.dtype == other._output.dtype
            and np.float32(self._input_scale) == other._output_scale
            and np.float32(self._input_zero) == other._output_zero
        )

    def __reduce__(self) -> NoReturn:
        """Refuse to be copied and pickled: the interpreter's memory cannot be.

        Raises
        ------
        TypeError
            Always.
        """
        raise TypeError(
            f"a {type(self).__name__} cannot be copied or pickled, since its interpreter belongs "
            "to this process: make another from the same ModelFile"
        )

    def step(self, frames: Float32) -> Float32:
        """Take one step.

        Parameters
        ----------
        frames : float32 (frames, bands)
            The frames of one step.

        Returns
        -------
        float32 (output frames, labels)
            Logits of the newest output frames, or features, float32 (output frames, channels).

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
        self.run_stored(frames)
        given: Float32 = self._output.astype(np.float32)  # a copy: the next step overwrites it
        if self._output.dtype != np.float32:
            given -= self._output_zero
            given *= self._output_scale
        return given

    def run_stored(self, frames: npt.NDArray[Any]) -> None:
        """Take one step of frames that are quantized as the network stores them.

        What it gives is `stored`: with `output_quantization`, what `step` would have returned.

        Parameters
        ----------
        frames : array (frames, bands)
            As `stored` of a network for which `takes_what` holds.

        Raises
        ------
        ModelError
            If the interpreter cannot run the network, or the network is one that allocates memory
        anew as it runs.
        """
        self._input[...] = frames
        try:
            self._interpreter.invoke()
        except RuntimeError as error:  # such as an index beyond a tensor, which only a run shows
            raise ModelError(
                f"{self._path}: the network cannot be run ({_reason(error)}): make it again"
            ) from None
        # one arena holds all tensors of a fixed size, so that one address speaks for all
        if self._probe().__array_interface__["data"][0] != self._address:
            raise ModelError(f"{self._path}: the network has moved its memory while it ran")
        for before, after in self._states:
            before[...] = after  # a quarter of the time of np.copyto


class StreamingNetwork(StepNetwork):
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
        metadata = model.metadata
        contract = replace(metadata.streaming, output=FEATURES) if features else metadata.streaming
        labels = None if features or metadata.enrolled else len(metadata.labels)
        if metadata.phrases is not None:
            labels = len(OUTPUTS)
        self._matcher: Matcher | WarpingMatcher | PhraseMatcher | None = None
        super().__init__(
            model.path, model.network, contract, metadata.front_end.bands, labels, threads
        )
        if metadata.enrolled and not features:
            matcher = WarpingMatcher if metadata.warping is not None else Matcher
            self._matcher = matcher(model, self.channels)
        elif metadata.phrases is not None and not features:
            self._matcher = PhraseMatcher(model)
        self._silent_frames = np.full(self._frames.shape, metadata.front_end.silence, np.float32)
        self.hear_silence(-(-contract.receptive_field // self.frames))
        self._silence = self.states
        if self._matcher is not None:
            self._matched = self._matcher.state

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
        self.clear()
        # of this network alone, whatever a subclass makes of a step
        return [StreamingNetwork.step(self, self._silent_frames) for _ in range(steps)]

    @property
    def silence(self) -> tuple[npt.NDArray[Any], ...]:
        """The states that endless silence leaves behind, in the order of the contract."""
        return self._silence

    def begun(self, output_frame: int, label: int) -> int:
        """Return how long ago a phrase that was enrolled or typed began that ends now.

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
            If the model has no phrases that tell when they began.
        """
        if not isinstance(self._matcher, WarpingMatcher | PhraseMatcher):
            raise ModelError(f"{self._path}: has no phrases that tell when they began")
        return self._matcher.begun(output_frame, label)

    def reset(self) -> None:
        """Forget the past: as if there had been endless silence."""
        self.states = self._silence
        if self._matcher is not None:
            self._matcher.state = self._matched

    def stream_state(self) -> Arrays:
        """Return what the next step depends on, a copy.

        Returns
        -------
        dict of str to array
            See `kws.state`.
        """
        found = super().stream_state()
        return found if self._matcher is None else found | {"matcher": self._matcher.state}

    def restore(self, saved: StateReader) -> None:
        """Go on where a state was taken.

        Parameters
        ----------
        saved : StateReader
            What `stream_state` returned.

        Raises
        ------
        KwsError
            If it cannot be one of this; it has to be reset then.
        """
        super().restore(saved)
        if self._matcher is not None:
            self._matcher.state = saved.array("matcher", self._matcher.state)

    def step(self, frames: Float32) -> Float32:
        """Take one step, and compare what it gives with phrases where there are some.

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
        given = super().step(frames)
        return given if self._matcher is None else self._matcher.push(given)
