"""One network, two readings of time: a whole window for training, one step for the device.

A network is written once, as a function ``network(x, time)`` of tensors (batch, time, frequency,
channels) whose convolutions are valid in time. ``time`` is `Whole` or `Step`:

- `Whole` gives the convolution what the window holds, so that time shrinks by the context;
- `Step` puts the last frames of the step before in front of the new ones, so that time does not
  shrink and every frame is computed once. What is put in front is an input of the step, and what
  the next step needs is an output: the state is explicit.

The layers are the same objects, so the weights are too, and the stream equals the whole window.
(The idea of explicit states in a functional model: google-research/kws_streaming, "external
state".)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

Tensor = Any


class Time:
    """A reading of time: what a convolution that is valid in time gets to see."""

    def join(self, x: Tensor, context: int) -> Tensor:
        """Put the frames before x that a convolution needs.

        Parameters
        ----------
        x : float32 (batch, time, frequency, channels)
            The frames.
        context : int
            Frames before x that the convolution looks at.

        Returns
        -------
        float32 (batch, time or more, frequency, channels)
            The frames with those before them.
        """
        raise NotImplementedError

    def align(self, x: Tensor, context: int, stride: int) -> Tensor:
        """Cut the frames of a branch so that its strides end with them.

        Parameters
        ----------
        x : float32 (batch, time, frequency, channels)
            The frames.
        context : int
            Frames that the branch looks back.
        stride : int
            Frames per result of the slowest branch.

        Returns
        -------
        float32 (batch, time or less, frequency, channels)
            The last frames of x.
        """
        return x

    def branch(self) -> Time:
        """Return the reading for one of several branches that begin here.

        Returns
        -------
        Time
            This one, unless a reading counts.
        """
        return self

    def merge(self, branches: Sequence[Time]) -> None:
        """Go on where several branches end. Only a reading that counts has something to do.

        Parameters
        ----------
        branches : sequence of Time
            The readings of the branches.
        """


class Whole(Time):
    """The window holds all the time that there is."""

    def join(self, x: Tensor, context: int) -> Tensor:
        """Return the frames as they are: the window holds their context.

        Parameters
        ----------
        x : float32 (batch, time, frequency, channels)
            The frames.
        context : int
            Ignored.

        Returns
        -------
        float32 (batch, time, frequency, channels)
            The same frames.
        """
        return x

    def align(self, x: Tensor, context: int, stride: int) -> Tensor:
        """Leave out the first frames that do not fill a stride: convolutions count from there.

        Parameters
        ----------
        x : float32 (batch, time, frequency, channels)
            The frames.
        context : int
            Frames that the branch looks back.
        stride : int
            Frames per result of the slowest branch.

        Returns
        -------
        float32 (batch, time or less, frequency, channels)
            The last frames of x.
        """
        return x[:, (x.shape[1] - context) % stride :]


@dataclass
class Step(Time):
    """One step of the stream; collects the states in the order in which they are met.

    Attributes
    ----------
    frames : int
        Front-end frames taken by a step.
    inputs : list of tensors (1, context, frequency, channels)
        The states before the step.
    outputs : list of tensors (1, context, frequency, channels)
        The states after the step.
    context : int
        Front-end frames before the step that its result depends on.
    """

    frames: int
    inputs: list[Tensor] = field(default_factory=list)
    outputs: list[Tensor] = field(default_factory=list)
    context: int = 0

    def join(self, x: Tensor, context: int) -> Tensor:
        """Put the last frames of the step before in front of x, and keep those for the next step.

        Parameters
        ----------
        x : float32 (1, time, frequency, channels)
            The new frames.
        context : int
            Frames that are kept from step to step.

        Returns
        -------
        float32 (1, context + time, frequency, channels)
            The kept frames and the new ones.
        """
        import keras

        if context == 0:
            return x
        state = keras.Input(
            batch_shape=(1, context, *x.shape[2:]), name=f"state_{len(self.inputs):02d}"
        )
        joined = keras.ops.concatenate([state, x], axis=1)
        self.inputs.append(state)
        self.outputs.append(joined[:, -context:])
        self.context += context * (self.frames // x.shape[1])
        return joined

    def branch(self) -> Step:
        """Return a reading that collects its states here, and counts its context from here.

        Returns
        -------
        Step
            For one of several branches.
        """
        return Step(self.frames, self.inputs, self.outputs, self.context)

    def merge(self, branches: Sequence[Time]) -> None:
        """Take the context of the branch that looks back farthest.

        Parameters
        ----------
        branches : sequence of Time
            The readings of the branches.
        """
        self.context = max(one.context for one in branches if isinstance(one, Step))


def over_time(layer: Any, x: Tensor, time: Time) -> Tensor:
    """Apply a convolution or pooling layer that is valid in time.

    Parameters
    ----------
    layer : Keras layer
        The layer.
    x : float32 (batch, time, frequency, channels)
        The frames.
    time : Time
        The reading of time.

    Returns
    -------
    float32 (batch, time, frequency, channels)
        What the layer makes of the frames.
    """
    window = layer.kernel_size if hasattr(layer, "kernel_size") else layer.pool_size
    return layer(time.join(x, window[0] - layer.strides[0]))


def last(x: Tensor, like: Tensor) -> Tensor:
    """Return the last frames of x: the partner of a residual sum.

    Parameters
    ----------
    x : float32 (batch, time, frequency, channels)
        The frames.
    like : float32 (batch, less time, frequency, channels)
        As many frames as this has are returned.

    Returns
    -------
    float32 (batch, less time, frequency, channels)
        The last frames of x.
    """
    return x if x.shape[1] == like.shape[1] else x[:, -like.shape[1] :]


def parallel(paths: Sequence[Callable[[Time], Tensor]], time: Time) -> list[Tensor]:
    """Follow several branches from one place.

    Parameters
    ----------
    paths : sequence of callable
        Each takes a reading of time and returns a tensor.
    time : Time
        The reading of time; its context becomes that of the branch that looks back farthest.

    Returns
    -------
    list of tensors
        The result of each branch.
    """
    branches = [time.branch() for _ in paths]
    results = [path(branch) for path, branch in zip(paths, branches, strict=True)]
    time.merge(branches)
    return results


def newest(results: Sequence[Tensor]) -> list[Tensor]:
    """Cut results that end together to the length of the shortest.

    Parameters
    ----------
    results : sequence of float32 (batch, time, ...)
        The results.

    Returns
    -------
    list of float32 (batch, least time, ...)
        The last frames of each.
    """
    fewest = min(result.shape[1] for result in results)
    return [result[:, -fewest:] for result in results]


Network = Callable[[Tensor, Time], Tensor]


@dataclass(frozen=True)
class StepModel:
    """The streaming form of a network.

    Attributes
    ----------
    model : keras.Model
        Inputs: frames (1, frames, frequency, channels), then the states; outputs: the result of
        the newest frame or frames, then the new states in the same order.
    states : int
        Number of states.
    frames : int
        Front-end frames taken by a step.
    receptive_field : int
        Front-end frames that the results of a step depend on.
    stride : int
        Front-end frames from one result to the next.
    """

    model: Any
    states: int
    frames: int
    receptive_field: int
    stride: int

    @property
    def result_field(self) -> int:
        """Front-end frames that a single result depends on."""
        return self.receptive_field - self.frames + self.stride


def step_model(network: Network, frames: int, shape: tuple[int, int]) -> StepModel:
    """Build the streaming form of a network.

    Parameters
    ----------
    network : callable
        ``network(x, time)``; called once, its layers' weights are shared.
    frames : int
        Front-end frames per step: a multiple of the network's stride.
    shape : (frequency, channels)
        Of the network's input.

    Returns
    -------
    StepModel
        The model, and its numbers.
    """
    import keras

    time = Step(frames)
    x = keras.Input(batch_shape=(1, frames, *shape), name="frames")
    result = network(x, time)
    model = keras.Model([x, *time.inputs], [result, *time.outputs])
    return StepModel(
        model, len(time.inputs), frames, frames + time.context, frames // result.shape[1]
    )


def look_back(network: Network, stride: int, shape: tuple[int, int]) -> int:
    """Return how many front-end frames before its own stride a result depends on.

    Parameters
    ----------
    network : callable
        The network, ``network(x, time)``.
    stride : int
        Front-end frames per result.
    shape : (frequency, channels)
        Of the network's input.

    Returns
    -------
    int
        Front-end frames.
    """
    import keras

    time = Step(stride)
    network(keras.Input(batch_shape=(1, stride, *shape)), time)
    return time.context


def whole_model(network: Network, frames: int, shape: tuple[int, int]) -> Any:
    """Build the training form of a network.

    Parameters
    ----------
    network : Network
        The network, ``network(x, time)``; its layers' weights are shared.
    frames : int
        Front-end frames of a window.
    shape : (frequency, channels)
        Of the network's input.

    Returns
    -------
    keras.Model
        From windows (batch, frames, frequency, channels) to results.
    """
    import keras

    x = keras.Input(shape=(frames, *shape), name="frames")
    return keras.Model(x, network(x, Whole()))
