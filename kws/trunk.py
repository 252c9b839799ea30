"""Networks that several models have in common, run once for all of them.

A group of models opens its networks here. Files that `kws enroll` wrote from one word base hold
the same network: it runs once, and its features are compared with the phrases of all files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .arrays import Float32
from .modelfile import ModelFile
from .network import StreamingNetwork
from .prototypes import FEATURES, Matcher
from .warping import WarpingMatcher


@dataclass(frozen=True, eq=False)
class Place:
    """Where a model's logits come from.

    Attributes
    ----------
    source : int
        Number of the source.
    output : int
        Number of the array among those that the source gives.
    first : int
        The column of the model's first label in it.
    width : int
        Columns of the array.
    phrases : WarpingMatcher or StreamingNetwork or None
        What compares features with enrolled phrases and tells when they began; None where the
        phrases were not enrolled.
    """

    source: int
    output: int
    first: int
    width: int
    phrases: WarpingMatcher | StreamingNetwork | None = None

    def begun(self, output_frame: int, label: int) -> int:
        """Return how many output frames ago an enrolled phrase began, see `WarpingMatcher.begun`.

        Parameters
        ----------
        output_frame : int
            Number of the output frame of the latest step.
        label : int
            Number of the phrase in its model.

        Returns
        -------
        int
            Output frames from the phrase's beginning to this one.
        """
        assert self.phrases is not None
        return self.phrases.begun(output_frame, self.first + label)


class LogitSource:
    """A network, and what makes the logits of its models of what it gives.

    Parameters
    ----------
    network : StreamingNetwork
        It gives logits, or features where there are matchers.
    matchers : sequence of Matcher or WarpingMatcher
        Each gives an array of logits; none where the network gives the logits itself. Their states
        are those that endless silence leaves behind.
    """

    def __init__(
        self, network: StreamingNetwork, matchers: Sequence[Matcher | WarpingMatcher] = ()
    ) -> None:
        self._network = network
        self._matchers = [(matcher, matcher.state) for matcher in matchers]
        self.frames = network.frames
        self.output_frames = network.columns

    def reset(self) -> None:
        """Forget the past: as if there had been endless silence."""
        self._network.reset()
        for matcher, silence in self._matchers:
            matcher.state = silence

    def step(self, frames: Float32) -> list[Float32]:
        """Take one step.

        Parameters
        ----------
        frames : float32 (frames, bands)
            The front-end frames of one step.

        Returns
        -------
        list of float32 (output frames, labels)
            Logits: one array for each matcher, or that of the network.
        """
        given = self._network.step(frames)
        if not self._matchers:
            return [given]
        return [matcher.push(given) for matcher, _ in self._matchers]


def open_sources(
    models: Sequence[ModelFile], threads: int
) -> tuple[list[LogitSource], list[Place]]:
    """Open the networks of models, those that are the same once.

    Parameters
    ----------
    models : sequence of ModelFile
        Checked model files.
    threads : int
        Threads of each interpreter.

    Returns
    -------
    list of LogitSource, list of Place
        The networks, and where the logits of each model come from.

    Raises
    ------
    ModelError
        If a network does not match its file's metadata.
    """
    alike: dict[Any, list[int]] = {}
    for number, model in enumerate(models):
        alike.setdefault(_identity(model), []).append(number)
    sources: list[LogitSource] = []
    places: dict[int, Place] = {}
    for numbers in alike.values():
        first = models[numbers[0]]
        if _gives_features(first):
            waiting = [(number, models[number]) for number in numbers]
            while waiting:
                source, found, waiting = _open_enrolled(waiting, threads, len(sources))
                sources.append(source)
                places.update(found)
            continue
        network = StreamingNetwork(first, threads)
        phrases = network if first.metadata.enrolled else None
        for number in numbers:
            places[number] = Place(len(sources), 0, 0, len(first.metadata.labels), phrases)
        sources.append(LogitSource(network))
    return sources, [places[number] for number in range(len(models))]


def _gives_features(model: ModelFile) -> bool:
    return model.metadata.enrolled and model.metadata.streaming.output == FEATURES


def _identity(model: ModelFile) -> Any:
    """Return what two models have in common if one network can run for both."""
    metadata, contract = model.metadata, model.metadata.streaming
    if metadata.enrolled and not _gives_features(model):
        return model.path  # it runs alone
    common = (model.network, metadata.front_end, contract.frames, contract.input, contract.states)
    if metadata.enrolled:
        return common  # what the features are compared with may differ
    return (*common, contract.output, contract.receptive_field, len(metadata.labels))


def _open_enrolled(
    models: Sequence[tuple[int, ModelFile]], threads: int, source: int
) -> tuple[LogitSource, dict[int, Place], list[tuple[int, ModelFile]]]:
    """Open the one network of enrolled phrases, and what compares its features with each file's.

    Also returns the models whose network is in another state after as much silence as their file
    says, which need one of their own.
    """
    size = models[0][1].metadata.streaming.frames
    steps = {number: -(-one.metadata.streaming.receptive_field // size) for number, one in models}
    longest = max(steps, key=lambda number: steps[number])
    network = StreamingNetwork(dict(models)[longest], threads, features=True)
    features: dict[int, list[Float32]] = {}
    unlike: list[tuple[int, ModelFile]] = []
    alike: list[tuple[int, WarpingMatcher | Matcher]] = []
    settled: dict[int, bool] = {}
    for number, model in models:
        count = steps[number]
        if count not in features:
            features[count] = network.hear_silence(count)
            settled[count] = all(map(np.array_equal, network.states, network.silence))
        if not settled[count]:
            unlike.append((number, model))
            continue
        warped = model.metadata.warping is not None
        matcher = (WarpingMatcher if warped else Matcher)(model, network.channels)
        for heard in features[count]:
            matcher.push(heard)
        alike.append((number, matcher))
    groups: list[list[tuple[int, WarpingMatcher]]] = []
    others: list[tuple[int, Matcher]] = []
    for number, matcher in alike:
        if not isinstance(matcher, WarpingMatcher):
            others.append((number, matcher))
            continue
        same = (group for group in groups if group[0][1].projects_like(matcher))
        group = next(same, None)
        if group is None:
            groups.append(group := [])
        group.append((number, matcher))
    places: dict[int, Place] = {}
    matchers: list[WarpingMatcher | Matcher] = []
    labels = {number: len(model.metadata.labels) for number, model in models}
    for group in groups:
        joined = WarpingMatcher.joined([matcher for _, matcher in group])
        first, width = 0, sum(labels[number] for number, _ in group)
        for number, _ in group:
            places[number] = Place(source, len(matchers), first, width, joined)
            first += labels[number]
        matchers.append(joined)
    for number, matcher in others:
        places[number] = Place(source, len(matchers), 0, labels[number])
        matchers.append(matcher)
    return LogitSource(network, matchers), places, unlike
