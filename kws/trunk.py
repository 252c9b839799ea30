"""Networks that several models have in common, run once for all of them.

A group of models opens its networks here. Files that `kws enroll` wrote from one word base hold
the same network: it runs once, and its features are compared with the phrases of all files. Files
that `kws train --frozen-base` wrote hold the same base and a head of their own
(`kws.metadata.Head`): the base runs once, and each head on its features.

Which network a file's base is, is told by the digest of bytes that are here, those of another model
or of the package, and never by what the file says alone: no file can put its own base in the place
of another's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from .arrays import Float32
from .errors import ModelError
from .modelfile import HEAD_NAME, ModelFile, network_digest
from .network import StepNetwork, StreamingNetwork
from .packaged import WORDS, packaged_model
from .prototypes import FEATURES, Matcher
from .state import Arrays, StateReader, joined
from .typed.matching import PhraseMatcher
from .typed.model import phonemes_of
from .verification import open_network
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
    output_frames : int
        Rows of the array: output frames of a step.
    phrases : WarpingMatcher or PhraseMatcher or StreamingNetwork or None
        What compares features or phonemes with phrases and tells when they began; None where
        phrases were neither enrolled nor typed.
    """

    source: int
    output: int
    first: int
    width: int
    output_frames: int
    phrases: WarpingMatcher | PhraseMatcher | StreamingNetwork | None = None

    def begun(self, output_frame: int, label: int) -> int:
        """Return how many output frames ago a phrase began, see `WarpingMatcher.begun`.

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


class BaseHead:
    """The head of a model, run on the features of a word base.

    Parameters
    ----------
    model : ModelFile
        With a `Head`.
    base : StreamingNetwork
        Gives the features.
    threads : int
        Threads of the interpreter.

    Raises
    ------
    ModelError
        If the head does not match its contract, or does not take what the base gives.
    """

    def __init__(self, model: ModelFile, base: StreamingNetwork, threads: int) -> None:
        head = model.metadata.head
        if head is None:
            raise ModelError(f"{model.path}: has no head of its own")
        self._base = base
        self._network = StepNetwork(
            f"{model.path}: {HEAD_NAME}",
            head.network,
            head.streaming,
            base.channels,
            len(model.metadata.labels),
            threads,
        )
        if not self._network.takes_what(base):
            raise ModelError(
                f"{model.path}: {HEAD_NAME} does not take what the word base gives: train it anew"
            )
        self.output_frames = self._network.columns
        self._network.clear()

    @property
    def state(self) -> tuple[npt.NDArray[Any], ...]:
        """What the next logits depend on, a copy."""
        return self._network.states

    @state.setter
    def state(self, states: tuple[npt.NDArray[Any], ...]) -> None:
        self._network.states = states

    def hear(self, features: Float32) -> None:
        """Take features that the base gave before.

        Parameters
        ----------
        features : float32 (output frames, channels)
            Of one step; to quantize them anew gives what the base had stored.
        """
        self._network.step(features)

    def run(self) -> npt.NDArray[Any]:
        """Take what the base has stored, and return the logits as the head stores them.

        Returns
        -------
        array (output frames, labels)
            The next step overwrites it.
        """
        self._network.run_stored(self._base.stored)
        return self._network.stored

    @property
    def quantization(self) -> tuple[float, int]:
        """Scale and zero point of what `run` returns."""
        return self._network.output_quantization


class BaseHeads:
    """The heads of several models, whose logits become real numbers in one go.

    Parameters
    ----------
    heads : sequence of BaseHead
        One or more, with as many output frames each.
    widths : sequence of int
        Labels of each.
    """

    def __init__(self, heads: Sequence[BaseHead], widths: Sequence[int]) -> None:
        self._heads = heads
        self._stored = np.empty((heads[0].output_frames, sum(widths)), np.float32)
        parts = np.split(self._stored, np.cumsum(widths)[:-1], axis=1)
        self._parts = list(zip(heads, parts, strict=True))
        scales, zeros = zip(*(head.quantization for head in heads), strict=True)
        self._scales = np.repeat(np.array(scales, np.float32), widths)
        self._zeros = np.repeat(np.array(zeros, np.float32), widths)

    @property
    def state(self) -> list[tuple[npt.NDArray[Any], ...]]:
        """What the next logits depend on, a copy."""
        return [head.state for head in self._heads]

    @state.setter
    def state(self, states: list[tuple[npt.NDArray[Any], ...]]) -> None:
        for head, own in zip(self._heads, states, strict=True):
            head.state = own

    def push(self, _: Float32) -> Float32:
        """Take what the base has stored, and return logits.

        Returns
        -------
        float32 (output frames, labels)
            Logits of all heads, in turn.
        """
        for head, part in self._parts:
            part[...] = head.run()
        logits: Float32 = self._stored - self._zeros
        logits *= self._scales
        return logits


#: What makes logits of the features of a word base, or of the phonemes of a phoneme network.
Reader = Matcher | WarpingMatcher | PhraseMatcher | BaseHeads


class LogitSource:
    """A network, and what makes the logits of its models of what it gives.

    Parameters
    ----------
    network : StreamingNetwork
        It gives logits, or features where there are readers.
    readers : sequence of Matcher, WarpingMatcher, PhraseMatcher or BaseHeads
        Each gives an array of logits; none where the network gives the logits itself. Their states
        are those that endless silence leaves behind.
    """

    def __init__(self, network: StreamingNetwork, readers: Sequence[Reader] = ()) -> None:
        self._network = network
        self._readers = [(reader, reader.state) for reader in readers]
        self.frames = network.frames

    def reset(self) -> None:
        """Forget the past: as if there had been endless silence."""
        self._network.reset()
        for reader, silence in self._readers:
            reader.state = silence

    def state(self) -> Arrays:
        """Return what the next step depends on, a copy.

        Returns
        -------
        dict of str to array
            See `kws.state`.
        """
        found = joined(network=self._network.stream_state())
        for number, (reader, _) in enumerate(self._readers):
            if isinstance(reader, BaseHeads):
                heads = enumerate(reader.state)
                own = {f"{head}/{n}": one for head, states in heads for n, one in enumerate(states)}
            else:
                own = {"state": reader.state}
            found |= joined(**{f"reader{number}": own})
        return found

    def restore(self, saved: StateReader) -> None:
        """Go on where a state was taken.

        Parameters
        ----------
        saved : StateReader
            What `state` returned.

        Raises
        ------
        KwsError
            If it cannot be one of this; it has to be reset then.
        """
        self._network.restore(saved.part("network"))
        for number, (reader, _) in enumerate(self._readers):
            own = saved.part(f"reader{number}")
            if isinstance(reader, BaseHeads):
                reader.state = [
                    tuple(own.array(f"{head}/{n}", one) for n, one in enumerate(states))
                    for head, states in enumerate(reader.state)
                ]
            else:
                reader.state = own.array("state", reader.state)

    def step(self, frames: Float32) -> list[Float32]:
        """Take one step.

        Parameters
        ----------
        frames : float32 (frames, bands)
            The front-end frames of one step.

        Returns
        -------
        list of float32 (output frames, labels)
            Logits: one array for each reader, or that of the network.
        """
        given = self._network.step(frames)
        if not self._readers:
            return [given]
        return [reader.push(given) for reader, _ in self._readers]


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
    sources: list[LogitSource] = []
    places: dict[int, Place] = {}
    alone: list[int] = []
    for base, numbers in _on_bases(models):
        waiting = numbers
        while len(waiting) > 1 or any(models[one].metadata.enrolled for one in waiting):
            opened = _OpenBase(base, {one: models[one] for one in waiting}, threads, len(sources))
            sources.append(opened.source)
            places.update(opened.places)
            waiting = opened.unlike
        alone += waiting
    typed: dict[Any, list[int]] = {}
    for number, model in enumerate(models):
        if model.metadata.phrases is not None:
            own = model.metadata
            typed.setdefault((model.network, own.front_end, own.streaming), []).append(number)
    for numbers in typed.values():
        source, some = _on_phonemes({n: models[n] for n in numbers}, threads, len(sources))
        sources.append(source)
        places.update(some)
    alike: dict[Any, list[int]] = {}
    for number in [*alone, *(n for n in range(len(models)) if n not in {*places, *alone})]:
        alike.setdefault(_identity(models[number]), []).append(number)
    for numbers in alike.values():
        first = models[numbers[0]]
        network = open_network(first, threads)
        phrases = network if first.metadata.enrolled else None
        for number in numbers:
            width = len(first.metadata.labels)
            places[number] = Place(len(sources), 0, 0, width, network.columns, phrases)
        sources.append(LogitSource(network))
    return sources, [places[number] for number in range(len(models))]


def _on_phonemes(
    models: dict[int, ModelFile], threads: int, source: int
) -> tuple[LogitSource, dict[int, Place]]:
    """Open the phoneme network of models of typed phrases, and what finds the phrases of each."""
    phonemes = phonemes_of(next(iter(models.values())))
    network = StreamingNetwork(phonemes, threads)
    heard = network.hear_silence(-(-phonemes.metadata.streaming.receptive_field // network.frames))
    places: dict[int, Place] = {}
    readers: list[Reader] = []
    for number, model in models.items():
        matcher = PhraseMatcher(model)
        for given in heard:
            matcher.push(given)
        places[number] = Place(
            source, len(readers), 0, len(model.metadata.labels), network.columns, matcher
        )
        readers.append(matcher)
    return LogitSource(network, readers), places


def _identity(model: ModelFile) -> Any:
    """Return what two models have in common if one network gives the logits of both."""
    metadata = model.metadata
    if metadata.enrolled:
        return model.path  # a file of another kind, which runs alone
    verifier = metadata.verifier
    second = None if verifier is None else (verifier.network, repr(verifier))
    return model.network, metadata.front_end, metadata.streaming, len(metadata.labels), second


def _on_bases(models: Sequence[ModelFile]) -> list[tuple[ModelFile, list[int]]]:
    """Return the word bases that models have, each with the numbers of its models."""
    wanted = {one.metadata.head.base_sha256 for one in models if one.metadata.head is not None}
    here: dict[str, ModelFile] = {}
    if wanted:
        for model in (*models, packaged_model(WORDS)):
            here.setdefault(network_digest(model), model)
    found: dict[Any, tuple[ModelFile, list[int]]] = {}
    for number, model in enumerate(models):
        metadata, base = model.metadata, None
        if metadata.verifier is not None:
            continue  # its verifier hears again what its own network is nearly sure of
        if metadata.enrolled and metadata.streaming.output == FEATURES:
            base = model
        elif metadata.head is not None:
            base = here.get(metadata.head.base_sha256)
        if base is None:
            continue
        of, contract = base.metadata, base.metadata.streaming
        if (of.front_end, contract.frames) != (metadata.front_end, metadata.streaming.frames):
            continue  # the base would hear other frames than the whole network
        key = (base.network, of.front_end, contract.frames, contract.input, contract.states)
        found.setdefault(key, (base, []))[1].append(number)
    return list(found.values())


class _OpenBase:
    """A word base that is open, and all that reads its features.

    Attributes
    ----------
    source : LogitSource
        The base and its readers.
    places : dict of int to Place
        By the number of the model.
    unlike : list of int
        Models for which the base is in another state after as much silence as their file says:
        they need one of their own.
    """

    def __init__(
        self, base: ModelFile, models: dict[int, ModelFile], threads: int, source: int
    ) -> None:
        frames = base.metadata.streaming.frames
        steps = {
            n: -(-one.metadata.streaming.receptive_field // frames) for n, one in models.items()
        }
        field = max(one.metadata.streaming.receptive_field for one in models.values())
        contract = replace(base.metadata.streaming, receptive_field=field)
        base = replace(base, metadata=replace(base.metadata, streaming=contract))
        self._network = StreamingNetwork(base, threads, features=True)
        heard: dict[int, list[Float32] | None] = {}
        for count in set(steps.values()):
            features = self._network.hear_silence(count)
            settled = all(map(np.array_equal, self._network.states, self._network.silence))
            heard[count] = features if settled else None
        self.unlike: list[int] = []
        self.places: dict[int, Place] = {}
        self._source = source
        self._readers: list[Reader] = []
        warping: list[list[tuple[int, WarpingMatcher]]] = []
        heads: dict[int, list[tuple[int, BaseHead]]] = {}
        labels = {number: len(model.metadata.labels) for number, model in models.items()}
        for number, model in models.items():
            silence = heard[steps[number]]
            if silence is None:
                self.unlike.append(number)
            elif not model.metadata.enrolled:
                head = BaseHead(model, self._network, threads)
                for given in silence:
                    head.hear(given)
                heads.setdefault(head.output_frames, []).append((number, head))
            elif model.metadata.warping is None:
                matcher = Matcher(model, self._network.channels)
                for given in silence:
                    matcher.push(given)
                self._add(matcher, {number: labels[number]}, self._network.columns)
            else:
                warped = WarpingMatcher(model, self._network.channels)
                for given in silence:
                    warped.push(given)
                same = (group for group in warping if group[0][1].projects_like(warped))
                group = next(same, [])
                if not group:
                    warping.append(group)
                group.append((number, warped))
        for group in warping:
            joined = WarpingMatcher.joined([matcher for _, matcher in group])
            widths = {number: labels[number] for number, _ in group}
            self._add(joined, widths, self._network.columns)
        for output_frames, some in heads.items():
            widths = {number: labels[number] for number, _ in some}
            together = BaseHeads([head for _, head in some], list(widths.values()))
            self._add(together, widths, output_frames)
        self.source = LogitSource(self._network, self._readers)

    def _add(self, reader: Reader, widths: dict[int, int], output_frames: int) -> None:
        """Add what gives the logits of some models, with the number of labels of each."""
        phrases = reader if isinstance(reader, WarpingMatcher) else None
        first, width = 0, sum(widths.values())
        for number, own in widths.items():
            self.places[number] = Place(
                self._source, len(self._readers), first, width, output_frames, phrases
            )
            first += own
        self._readers.append(reader)
