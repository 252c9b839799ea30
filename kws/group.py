"""Several models that hear the same audio: what they have in common is computed once.

Models with the same front end share its frames. Models whose network is the same share that: the
files of `kws enroll` hold the word base and differ in what its features are compared with
(`kws.trunk`). Wake words that are decided alike share a detector. What is found is, to the last
bit, what each model finds alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from .arrays import Float32, Int64
from .audio import to_float
from .decoders.base import Decoder, StepShape
from .decoders.joint import JointWakeWords, how_decided
from .decoders.levels import Levels
from .decoders.tasks import decoder_for
from .decoders.words import WakeWordDecoder
from .detections import Detection
from .errors import KwsError, ModelError
from .exclusive import Exclusive
from .frontend import FrontEnd, open_front_end
from .gating import sleepers
from .metadata import Metadata
from .modelfile import ModelFile
from .resample import open_resampler
from .selection import Selection, choose, identity
from .state import Arrays, StateReader, counts, joined, pack, unpack
from .trunk import LogitSource, Place, open_sources

#: Models of one group, at most: more are a mistake, such as a folder of something else.
MOST_MODELS = 1000


@dataclass(frozen=True, eq=False)
class _Member:
    """A model of a group: its number, its name, and what its user decides."""

    number: int
    name: str
    metadata: Metadata
    selection: Selection | None
    place: Place

    def number_in_model(self, label: int) -> int:
        """Return the number that a label has in the model, of one among those that matter."""
        return label if self.selection is None else self.selection.number(label)

    @property
    def began(self) -> Callable[[int, int], int] | None:
        """What tells when a phrase began; None where the sound tells."""
        if not self.metadata.tells_beginnings:
            return None
        return lambda frame, label: self.place.begun(frame, self.number_in_model(label))

    @property
    def columns(self) -> Int64:
        """Columns, in the logits of its place, of the labels that matter."""
        labels = range(len(self.metadata.labels))
        return np.array([self.place.first + self.number_in_model(label) for label in labels])


#: When a detection was decided, in seconds; the number of its model; and the detection.
_Found = tuple[float, int, Detection]


class SpotterGroup:
    """Spots the keywords of several models in one stream of audio.

    Parameters
    ----------
    models : sequence of ModelFile
        Checked model files of different paths; the path is the model's name.
    sample_rate : int, optional
        Of the audio that will be pushed; the first model's own rate unless said.
    threads : int
        Threads of each interpreter.
    thresholds : mapping of str to mapping of str to float, optional
        By the model's name: thresholds, 0 .. 1, instead of the model's, by keyword.
    keywords : mapping of str to sequence of str, optional
        By the model's name: those of its keywords that matter, as for `kws.KeywordSpotter`.
    vad : bool
        True lets the networks sleep while nothing sounds (`kws.gating`).

    Attributes
    ----------
    metadata : dict of str to Metadata
        By the model's name, the contract with what the user decides.

    Raises
    ------
    ModelError
        If there is no model, or one twice, or one cannot be used; and for the name of a model that
        is not there.

    Examples
    --------
    >>> from kws.packaged import packaged_model
    >>> group = SpotterGroup([packaged_model("commands"), packaged_model("words")])
    >>> list(group.metadata)
    ['commands.tflite', 'words.tflite']
    """

    def __init__(
        self,
        models: Sequence[ModelFile],
        sample_rate: int | None = None,
        threads: int = 1,
        thresholds: Mapping[str, Mapping[str, float]] | None = None,
        keywords: Mapping[str, Sequence[str]] | None = None,
        vad: bool = False,
    ) -> None:
        self._vad = vad
        thresholds, keywords = thresholds or {}, keywords or {}
        _check_names([model.path for model in models], (*thresholds, *keywords))
        chosen = [
            choose(model, thresholds.get(model.path), keywords.get(model.path)) for model in models
        ]
        self.metadata = {
            model.path: metadata for model, (metadata, _) in zip(models, chosen, strict=True)
        }
        own_rate = models[0].metadata.front_end.sample_rate
        self.sample_rate = own_rate if sample_rate is None else sample_rate
        sources, places = open_sources(models, threads)
        members = [
            _Member(number, model.path, metadata, selection, place)
            for number, (model, (metadata, selection), place) in enumerate(
                zip(models, chosen, places, strict=True)
            )
        ]
        rates = dict.fromkeys(model.metadata.front_end.sample_rate for model in models)
        self._rates = [
            _RateStream(
                self.sample_rate,
                rate,
                sources,
                [one for one in members if one.metadata.front_end.sample_rate == rate],
                vad,
            )
            for rate in rates
        ]
        self._names = [model.path for model in models]
        self._models = list(models)
        self._taken = 0  # samples of the stream: a sum of seconds would drift
        self._alone = Exclusive("SpotterGroup", threads)
        self._reset()

    @property
    def keywords(self) -> tuple[str, ...]:
        """The keywords that can be detected, each once, in the order of the models."""
        every = (metadata.keywords for metadata in self.metadata.values())
        return tuple(dict.fromkeys(keyword for keywords in every for keyword in keywords))

    @property
    def ending(self) -> Float32:
        """Digital silence, float32 (n,), after which nothing of a stream is left to be found."""
        return np.zeros(max(rate.longest_ending for rate in self._rates), np.float32)

    def reset(self) -> None:
        """Start anew, at time 0, after endless digital silence."""
        with self._alone:
            self._reset()

    def _reset(self) -> None:
        for rate in self._rates:
            rate.reset()
        self._taken = 0

    def state(self) -> bytes:
        """Return the state of the stream, to go on with it later, as `kws.KeywordSpotter.state`.

        Returns
        -------
        bytes
            What `restore` of a group of the same models takes.
        """
        with self._alone:
            parts = {str(number): rate.state() for number, rate in enumerate(self._rates)}
            return pack(joined(**parts) | counts(taken=self._taken), self._identity())

    def restore(self, state: bytes) -> None:
        """Go on with a stream where its state was taken, as `kws.KeywordSpotter.restore`.

        Parameters
        ----------
        state : bytes
            What `state` returned.

        Raises
        ------
        KwsError
            If it is damaged, or of other models, or they were used otherwise. If the state fits
            but holds what no stream can, the stream begins anew.
        """
        with self._alone:
            saved = StateReader(unpack(state, self._identity()))
            try:
                self._taken = saved.count("taken")
                for number, rate in enumerate(self._rates):
                    rate.restore(saved.part(number))
            except KwsError:
                self._reset()
                raise

    def _identity(self) -> str:
        """Return what a state has to belong to."""
        models = zip(self._models, self.metadata.values(), strict=True)
        of = " ".join(identity(model, own, self.sample_rate) for model, own in models)
        return f"{of} vad" if self._vad else of

    def __reduce__(self) -> NoReturn:
        """Refuse to be copied and pickled: the interpreters' memory cannot be.

        Raises
        ------
        TypeError
            Always.
        """
        raise TypeError(
            "a SpotterGroup cannot be copied or pickled, since its interpreters belong to this "
            "process: make another with KeywordSpotter.load([...]) or SpotterGroup(models)"
        )

    def process(self, samples: npt.NDArray[Any]) -> list[Detection]:
        """Take audio and return the detections that it completes.

        Parameters
        ----------
        samples : int16 or float32 (n,)
            Mono audio at ``sample_rate``; float in -1 .. 1; any n.

        Returns
        -------
        list of Detection
            In the order in which they were decided, and of those that were decided together in the
            order of the models; most often none. Each names its model.

        Raises
        ------
        AudioError
            If the samples have another type or shape, are not finite, or are floats at the scale of
            integers.
        KwsError
            If another thread uses the group, or the process was forked and cannot use it.
        """
        with self._alone:
            samples = to_float(samples)
            self._taken += len(samples)
            return self._named(found for rate in self._rates for found in rate.push(samples))

    def flush(self) -> list[Detection]:
        """End the stream: follow it with digital silence until nothing of it is left to be found.

        Returns
        -------
        list of Detection
            What was still to be detected, as from `process`. `reset` starts the next stream.
        """
        with self._alone:
            until = self._taken / self.sample_rate
            return self._named(found for rate in self._rates for found in rate.flush(until))

    def watch_near(self, share: float) -> None:
        """Watch from now on for keywords that are nearly detected, as `kws.KeywordSpotter` does.

        Parameters
        ----------
        share : float
            Share of its threshold from which a smoothed score is near it, 0 .. 1.
        """
        with self._alone:
            for rate in self._rates:
                rate.watch_near(share)

    def take_near(self) -> list[Detection]:
        """Return what was nearly detected since the last time; nothing before `watch_near`.

        Returns
        -------
        list of Detection
            As of `kws.KeywordSpotter.take_near`; each names its model.
        """
        with self._alone:
            near = [one for rate in self._rates for one in rate.take_near()]
        return [replace(detection, model=self._names[number]) for number, detection in near]

    def _named(self, found: Iterable[_Found]) -> list[Detection]:
        """Return detections in their order, with the names of their models."""
        ordered = sorted(found, key=lambda one: one[:2])  # those of one model keep their order
        return [replace(detection, model=self._names[at]) for _, at, detection in ordered]


def _check_names(names: Sequence[str], asked_for: Iterable[str]) -> None:
    """Refuse no models, too many, one twice, and options for one that is not there."""
    if not names:
        raise ModelError("no model is given: name one at least")
    if len(names) > MOST_MODELS:
        raise ModelError(f"{len(names)} models: at most {MOST_MODELS} run in one group")
    for number, name in enumerate(names):
        if name in names[:number]:
            raise ModelError(f"{name}: is given twice: give each model once")
    for name in asked_for:
        if name not in names:
            raise ModelError(f"{name!r:.100} is no model of the group: it has {', '.join(names)}")


class _RateStream:
    """All that is computed of the audio at one of the models' sample rates."""

    def __init__(
        self,
        sample_rate: int,
        model_rate: int,
        sources: Sequence[LogitSource],
        members: Sequence[_Member],
        vad: bool,
    ) -> None:
        self._resampler = open_resampler(sample_rate, model_rate)
        self._endings = {
            one.number: round(
                one.metadata.streaming.receptive_field
                * one.metadata.front_end.hop_seconds
                * sample_rate
            )
            for one in members
        }
        self._streams: list[_FrameStream] = []
        # frames are computed by steps: in steps of another size their rounding is another
        alike: dict[tuple[FrontEnd, int], list[_Member]] = {}
        for one in members:
            kind = (one.metadata.front_end, sources[one.place.source].frames)
            alike.setdefault(kind, []).append(one)
        for some in alike.values():
            used = sorted({one.place.source for one in some})
            self._streams.append(_FrameStream([(n, sources[n]) for n in used], some, vad))

    @property
    def longest_ending(self) -> int:
        """Samples of digital silence that the model with the longest memory needs."""
        return max(self._endings.values())

    def reset(self) -> None:
        if self._resampler is not None:
            self._resampler.reset()
        for stream in self._streams:
            stream.reset()

    def state(self) -> Arrays:
        streams = {str(number): stream.state() for number, stream in enumerate(self._streams)}
        resampler = {} if self._resampler is None else self._resampler.state()
        return joined(resampler=resampler, **streams)

    def restore(self, saved: StateReader) -> None:
        if self._resampler is not None:
            self._resampler.restore(saved.part("resampler"))
        for number, stream in enumerate(self._streams):
            stream.restore(saved.part(number))

    def push(self, samples: Float32) -> list[_Found]:
        """Take audio and return what it completes."""
        if self._resampler is not None:
            samples = self._resampler.push(samples)
        return [found for stream in self._streams for found in stream.push(samples)]

    def watch_near(self, share: float) -> None:
        for stream in self._streams:
            stream.watch_near(share)

    def take_near(self) -> list[tuple[int, Detection]]:
        """Return the number of a model and what it nearly detected."""
        return [one for stream in self._streams for one in stream.take_near()]

    def flush(self, seconds: float) -> list[_Found]:
        """Follow the stream with as much digital silence as each model alone would have.

        Parameters
        ----------
        seconds : float
            Length of the stream.
        """
        found: dict[int, list[_Found]] = {number: [] for number in self._endings}
        whole: list[_Found] = []
        given = 0
        # where a stream is cut changes the rounding of the resampler: here as for a model alone
        kept = 0 if self._resampler is None else self._resampler.memory
        for ending in sorted({min(kept, *self._endings.values()), *self._endings.values()}):
            for one in self.push(np.zeros(ending - given, np.float32)):
                if one[1] in found:
                    found[one[1]].append(one)
            given = ending
            for number in [n for n in found if self._endings[n] == ending]:
                whole += self._end(number, found.pop(number), seconds)
        return whole

    def _end(self, number: int, found: list[_Found], seconds: float) -> list[_Found]:
        """End the stream of one model."""
        stream = next(one for one in self._streams if number in one.decoders)
        times = {id(detection): at for at, _, detection in found}
        ended = stream.decoders[number].flush([detection for *_, detection in found], seconds)
        return [(times.get(id(one), stream.seconds), number, one) for one in ended]


class _FrameStream:
    """The frames of one front end in steps of one size, and the models that take them."""

    def __init__(
        self,
        sources: Sequence[tuple[int, LogitSource]],
        members: Sequence[_Member],
        vad: bool,
    ) -> None:
        self._sources = sources
        front_end = members[0].metadata.front_end
        own = [
            (source, [one.metadata for one in members if one.place.source == number])
            for number, source in sources
        ]
        self._sleepers = sleepers(vad, front_end, own, _copies)
        self._size = sources[0][1].frames
        self._log_mel = open_front_end(front_end, self._size)
        self._hop_seconds = front_end.hop_seconds
        self._more = front_end.window_seconds - front_end.hop_seconds
        self.decoders: dict[int, Decoder] = {}
        self._alone: list[tuple[_Member, Decoder]] = []
        self._joint: list[_JointMembers] = []
        joined: dict[tuple[float, ...], list[_Member]] = {}
        for one in members:
            shape = StepShape(self._size, one.place.output_frames)
            decided = how_decided(one.metadata, shape)
            if decided is None:
                decoder = decoder_for(one.metadata, shape, one.began)
                self.decoders[one.number] = decoder
                self._alone.append((one, decoder))
            else:
                joined.setdefault(decided, []).append(one)
        for some in joined.values():
            joint = _JointMembers(some, StepShape(self._size, some[0].place.output_frames))
            self.decoders.update(joint.decoders)
            self._joint.append(joint)
        self._steps = 0

    @property
    def seconds(self) -> float:
        """When the latest step was complete."""
        return self._steps * self._size * self._hop_seconds + self._more

    def reset(self) -> None:
        for _, source in self._sources:
            source.reset()
        self._log_mel.reset()
        if self._sleepers is not None:
            self._sleepers.reset()
        for _, decoder in self._alone:
            decoder.reset()
        for joint in self._joint:
            joint.reset()
        self._steps = 0

    def state(self) -> Arrays:
        sources = {f"source{number}": source.state() for number, source in self._sources}
        alone = {f"alone{one.number}": decoder.state() for one, decoder in self._alone}
        joint = {f"joint{number}": one.state() for number, one in enumerate(self._joint)}
        asleep = {} if self._sleepers is None else self._sleepers.state()
        return joined(
            log_mel=self._log_mel.state(), sleepers=asleep, **sources, **alone, **joint
        ) | counts(steps=self._steps)

    def restore(self, saved: StateReader) -> None:
        self._log_mel.restore(saved.part("log_mel"))
        for number, source in self._sources:
            source.restore(saved.part(f"source{number}"))
        if self._sleepers is not None:
            self._sleepers.restore(saved.part("sleepers"))
        for one, decoder in self._alone:
            decoder.restore(saved.part(f"alone{one.number}"))
        for number, joint in enumerate(self._joint):
            joint.restore(saved.part(f"joint{number}"))
        self._steps = saved.count("steps")

    def watch_near(self, share: float) -> None:
        for _, decoder in self._alone:
            decoder.watch_near(share)
        for joint in self._joint:
            joint.watch_near(share)

    def take_near(self) -> list[tuple[int, Detection]]:
        """Return the number of a model and what it nearly detected."""
        alone = [(one.number, near) for one, decoder in self._alone for near in decoder.take_near()]
        return [*alone, *(near for joint in self._joint for near in joint.take_near())]

    def push(self, samples: Float32) -> list[_Found]:
        """Take audio at the front end's rate and return what it completes."""
        frames = self._log_mel.push(samples)
        found: list[_Found] = []
        for start in range(0, len(frames), self._size):
            step = frames[start : start + self._size]
            self._steps += 1
            logits = self._logits(step)
            for one, decoder in self._alone:
                own = logits[one.place.source][one.place.output]
                if one.selection is not None:
                    own = one.selection(own)
                found += [(self.seconds, one.number, d) for d in decoder.update(step, own)]
            for joint in self._joint:
                found += [(self.seconds, n, d) for n, d in joint.update(step, logits)]
        return found

    def _logits(self, step: Float32) -> dict[int, list[Float32]]:
        """Return the logits of each source; they may sleep."""
        if self._sleepers is None:
            return {number: source.step(step) for number, source in self._sources}
        said = self._sleepers.step(step)
        return {number: one for (number, _), one in zip(self._sources, said, strict=True)}


def _copies(arrays: list[Float32]) -> list[Float32]:
    return [array.copy() for array in arrays]


class _JointMembers:
    """Wake words of several models that are decided alike."""

    def __init__(self, members: Sequence[_Member], shape: StepShape) -> None:
        levels = Levels(members[0].metadata.front_end, shape.frames)
        self.decoders: dict[int, Decoder] = {}
        pairs = []
        for one in members:
            decoder = decoder_for(one.metadata, shape, one.began, levels)
            assert isinstance(decoder, WakeWordDecoder)
            pairs.append((one.metadata, decoder))
            self.decoders[one.number] = decoder
        self._joint = JointWakeWords(pairs, shape, levels)
        self._numbers = [one.number for one in members]
        # the logits that are needed, each once, side by side; then the labels that matter of these
        self._needed = list(dict.fromkeys((m.place.source, m.place.output) for m in members))
        firsts, first = {}, 0
        for member in members:
            at = (member.place.source, member.place.output)
            if at not in firsts:
                firsts[at] = first
                first += member.place.width
        columns = np.concatenate(
            [one.columns + firsts[one.place.source, one.place.output] for one in members]
        )
        self._columns = None if np.array_equal(columns, np.arange(first)) else columns

    def reset(self) -> None:
        self._joint.reset()

    def state(self) -> Arrays:
        return self._joint.state()

    def restore(self, saved: StateReader) -> None:
        self._joint.restore(saved)

    def watch_near(self, share: float) -> None:
        self._joint.watch_near(share)

    def take_near(self) -> list[tuple[int, Detection]]:
        return [(self._numbers[number], near) for number, near in self._joint.take_near()]

    def update(
        self, frames: Float32, logits: Mapping[int, Sequence[Float32]]
    ) -> list[tuple[int, Detection]]:
        """Take a step: its frames, and the logits by the number of their source."""
        parts = [logits[source][output] for source, output in self._needed]
        joined = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
        if self._columns is not None:
            joined = joined[:, self._columns]
        found = self._joint.update(frames, joined)
        return [(self._numbers[number], detection) for number, detection in found]
