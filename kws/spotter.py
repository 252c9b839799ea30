"""`KeywordSpotter`: audio in, detections out."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, overload

import numpy as np
import numpy.typing as npt

from .arrays import Float32
from .audio import to_float
from .decoders.base import StepShape
from .decoders.tasks import decoder_for
from .detections import Classification, Detection
from .errors import KwsError
from .exclusive import Exclusive
from .frontend import open_front_end
from .gating import Activity, sleepers
from .group import SpotterGroup
from .modelfile import ModelFile, read_model
from .packaged import COMMANDS, PHONEMES, find_model, packaged_model
from .resample import open_resampler
from .selection import choose, identity
from .state import StateReader, counts, joined, pack, unpack
from .verification import VerifiedNetwork, open_network


class KeywordSpotter:
    """Spots keywords in a stream of audio.

    Parameters
    ----------
    model : ModelFile
        A checked model file; `load` and `default` read one.
    sample_rate : int, optional
        Of the audio that will be pushed; the model's own rate unless said.
    threads : int
        Threads of the interpreter.
    thresholds : mapping of str to float, optional
        Thresholds, 0 .. 1, instead of the model's, for some keywords or all.
    keywords : sequence of str, optional
        Those of the model's keywords that matter; the others count as ``_unknown_`` where labels
        compete, and are ignored where they do not.
    vad : bool or Activity
        True lets the network of a stream sleep while nothing sounds (`kws.gating`); so does what
        else tells when something does. Whole clips are heard awake.

    Raises
    ------
    ModelError
        If the network does not match the file's metadata, or a threshold is none, or for a word
        that is no keyword, or ``vad`` does not go with the model's front end.

    Examples
    --------
    >>> from kws import KeywordSpotter
    >>> spotter = KeywordSpotter.default()
    >>> spotter.keywords
    ('down', 'go', 'left', 'no', 'off', 'on', 'right', 'stop', 'up', 'yes')
    """

    def __init__(
        self,
        model: ModelFile,
        sample_rate: int | None = None,
        threads: int = 1,
        thresholds: Mapping[str, float] | None = None,
        keywords: Sequence[str] | None = None,
        vad: bool | Activity = False,
    ) -> None:
        self._model = model
        self.metadata, self._selection = choose(model, thresholds, keywords)
        front_end = model.metadata.front_end
        self.sample_rate = front_end.sample_rate if sample_rate is None else sample_rate
        self._network = open_network(model, threads)
        self._log_mel = open_front_end(front_end, self._network.frames)
        self._resampler = open_resampler(self.sample_rate, front_end.sample_rate)
        shape = StepShape(self._network.frames, self._network.columns)
        self._decoder = decoder_for(
            self.metadata, shape, self._begun if self.metadata.tells_beginnings else None
        )
        own = [(self._network, [self.metadata])]
        self._sleepers = sleepers(vad, front_end, own, np.copy)
        self._taken = 0  # samples of the stream: a sum of seconds would drift
        self._alone = Exclusive("KeywordSpotter", threads)
        self._reset()

    @overload
    @classmethod
    def load(cls, path: str | Path, **options: Any) -> KeywordSpotter: ...

    @overload
    @classmethod
    def load(
        cls,
        path: list[str] | list[Path] | list[str | Path] | tuple[str | Path, ...],
        **options: Any,
    ) -> SpotterGroup: ...

    @classmethod
    def load(
        cls,
        path: str | Path | list[str] | list[Path] | list[str | Path] | tuple[str | Path, ...],
        **options: Any,
    ) -> KeywordSpotter | SpotterGroup:
        """Load a model file, or several that hear the same audio; options as for the class.

        Parameters
        ----------
        path : path, or list or tuple of paths
            A model file, or several.
        **options : object
            Parameters of the class: ``sample_rate``, ``threads``, ``thresholds``, ``keywords``; of
            `kws.group.SpotterGroup` for several.

        Returns
        -------
        KeywordSpotter or SpotterGroup
            At time 0 of a stream; a group for a list or tuple, be it of one path.
        """
        if isinstance(path, list | tuple):
            return SpotterGroup([read_model(one) for one in path], **options)
        return cls(read_model(path), **options)

    @classmethod
    def default(cls, model: str = COMMANDS, **options: Any) -> KeywordSpotter:
        """Load a model in the package: ten English commands, or a wake word such as ``computer``.

        Parameters
        ----------
        model : str
            Name of a model in the package, see `kws.packaged.NAMES`.
        **options : object
            Parameters of the class: ``sample_rate``, ``threads``, ``thresholds``, ``keywords``.

        Returns
        -------
        KeywordSpotter
            At time 0 of a stream.
        """
        return cls(packaged_model(model), **options)

    @classmethod
    def from_pretrained(
        cls, model: str | Path, revision: str | None = None, **options: Any
    ) -> KeywordSpotter:
        """Load a model from the Hugging Face Hub; a file or a model of the package will do, too.

        It is downloaded once, into the cache of huggingface_hub, which the extra ``hub`` brings.

        Parameters
        ----------
        model : str or Path
            ``org/name``, or what else `kws.packaged.find_model` finds.
        revision : str, optional
            A branch, a tag or a commit of the repository; its main branch unless said.
        **options : object
            Parameters of the class: ``sample_rate``, ``threads``, ``thresholds``, ``keywords``.

        Returns
        -------
        KeywordSpotter
            At time 0 of a stream.

        Raises
        ------
        ModelError
            If there is no such model, or a revision is given of something that is not on the Hub.
        HubError
            If it cannot be fetched from the Hub; see `kws.hub.download.fetch_model`.
        """
        return cls(find_model(model if revision is None else f"{model}@{revision}"), **options)

    @classmethod
    def for_phrases(
        cls, phrases: Sequence[str], model: str | Path | None = None, **options: Any
    ) -> KeywordSpotter:
        """Listen for phrases that are typed, without recordings and without training.

        Parameters
        ----------
        phrases : sequence of str
            English words, or phonemes between slashes for what no dictionary has; see
            `kws.typed.model.typed_model`.
        model : str or Path, optional
            A model of phonemes, as `kws.packaged.find_model` finds it; that of the package unless
            said.
        **options : object
            Parameters of the class: ``sample_rate``, ``threads``, ``thresholds``, ``keywords``.

        Returns
        -------
        KeywordSpotter
            At time 0 of a stream; each phrase is a keyword, called as it is typed.

        Raises
        ------
        KwsError
            If a phrase cannot be pronounced, or the model is none of phonemes.
        """
        from .typed.model import typed_model

        return cls(typed_model(find_model(model, PHONEMES), phrases), **options)

    @property
    def column_seconds(self) -> float:
        """Time from one output frame of posteriors to the next."""
        per_step = self._network.frames * self.metadata.front_end.hop_seconds
        return per_step / self._network.columns

    @property
    def _identity(self) -> str:
        """What tells the streams of this spotter from all others."""
        of = identity(self._model, self.metadata, self.sample_rate)
        return of if self._sleepers is None else f"{of} vad"

    @property
    def verifications(self) -> int | None:
        """How often the verifier was asked since the spotter was made; None without one."""
        network = self._network
        return network.second.asked if isinstance(network, VerifiedNetwork) else None

    @property
    def keywords(self) -> tuple[str, ...]:
        """The keywords that can be detected."""
        return self.metadata.keywords

    @property
    def scores(self) -> dict[str, float]:
        """Smoothed score, 0 .. 1, of each keyword at present, as it meets the threshold.

        Of models of sounds it is empty.
        """
        with self._alone:
            scores = self._decoder.scores()
        if not len(scores):
            return {}
        labels = self.metadata.labels
        return {keyword: float(scores[labels.index(keyword)]) for keyword in self.keywords}

    @property
    def ending(self) -> Float32:
        """Digital silence, float32 (n,), after which nothing of a stream is left to be found."""
        seconds = self.metadata.streaming.receptive_field * self.metadata.front_end.hop_seconds
        return np.zeros(round(seconds * self.sample_rate), np.float32)

    def reset(self) -> None:
        """Start anew, at time 0, after endless digital silence."""
        with self._alone:
            self._reset()

    def _reset(self) -> None:
        self._network.reset()
        self._log_mel.reset()
        self._decoder.reset()
        if self._resampler is not None:
            self._resampler.reset()
        if self._sleepers is not None:
            self._sleepers.reset()
        self._taken = 0
        self._in_stream = False

    def state(self) -> bytes:
        """Return the state of the stream, to go on with it later or in another process.

        Returns
        -------
        bytes
            What `restore` of a spotter of the same model takes: some kilobytes, of a size
            that does not grow. Numbers and their names, no code.
        """
        with self._alone:
            resampler = {} if self._resampler is None else self._resampler.state()
            arrays = joined(
                network=self._network.stream_state(),
                log_mel=self._log_mel.state(),
                decoder=self._decoder.state(),
                resampler=resampler,
                sleepers={} if self._sleepers is None else self._sleepers.state(),
            )
            arrays |= counts(taken=self._taken, in_stream=int(self._in_stream))
            return pack(arrays, self._identity)

    def restore(self, state: bytes) -> None:
        """Go on with a stream where its state was taken: as if it had never been interrupted.

        What follows is, to the last bit, what the first spotter would have found, on the same
        machine with the same versions of the packages; also watching for what is nearly detected
        goes on, or not, as it did there.

        Parameters
        ----------
        state : bytes
            What `state` returned.

        Raises
        ------
        KwsError
            If it is damaged, or of another model, or of the same with other thresholds, keywords
            or another sample rate; the stream is then as it was. If the state fits but holds what
            no stream can, the stream begins anew.

        Examples
        --------
        >>> import numpy as np
        >>> from kws import KeywordSpotter
        >>> first, second = KeywordSpotter.default(), KeywordSpotter.default()
        >>> first.process(np.zeros(16000, np.float32))
        []
        >>> second.restore(first.state())
        """
        with self._alone:
            saved = StateReader(unpack(state, self._identity))
            try:
                self._network.restore(saved.part("network"))
                self._log_mel.restore(saved.part("log_mel"))
                self._decoder.restore(saved.part("decoder"))
                if self._resampler is not None:
                    self._resampler.restore(saved.part("resampler"))
                if self._sleepers is not None:
                    self._sleepers.restore(saved.part("sleepers"))
                self._taken = saved.count("taken")
                self._in_stream = bool(saved.count("in_stream", 1))
            except KwsError:
                self._reset()
                raise

    def __reduce__(self) -> NoReturn:
        """Refuse to be copied and pickled: the interpreter's memory cannot be.

        Raises
        ------
        TypeError
            Always.
        """
        raise TypeError(
            "a KeywordSpotter cannot be copied or pickled, since its interpreter belongs to this "
            "process: make another with KeywordSpotter.load or KeywordSpotter(model)"
        )

    def process(self, samples: npt.NDArray[Any]) -> list[Detection]:
        """Take audio and return the detections that it completes.

        A word is detected while it is said, a sound when it has ended.

        Parameters
        ----------
        samples : int16 or float32 (n,)
            Mono audio at ``sample_rate``; float in -1 .. 1; any n.

        Returns
        -------
        list of Detection
            In the order in which they were decided; most often none.

        Raises
        ------
        AudioError
            If the samples have another type or shape, are not finite, or are floats at the scale of
            integers.
        KwsError
            If another thread uses the spotter, or the process was forked and cannot use it.
        """
        with self._alone:
            return self._process(samples)

    def _process(self, samples: npt.NDArray[Any]) -> list[Detection]:
        samples = to_float(samples)
        self._taken += len(samples)
        if self._resampler is not None:
            samples = self._resampler.push(samples)
        self._in_stream = True
        frames = self._log_mel.push(samples)
        detections: list[Detection] = []
        for start in range(0, len(frames), self._network.frames):
            step = frames[start : start + self._network.frames]
            detections += self._decoder.update(step, self._heard(step))
        return detections

    def flush(self) -> list[Detection]:
        """End the stream: follow it with digital silence until nothing of it is left to be found.

        Returns
        -------
        list of Detection
            What was still to be detected. `reset` starts the next stream.
        """
        with self._alone:
            until, ending = self._taken / self.sample_rate, self.ending
            # where a stream is cut changes the rounding of the resampler, and with several models
            # the silence is cut: what follows the first part is silence whatever the cuts
            # (`kws.group`)
            first = 0 if self._resampler is None else self._resampler.memory
            found = self._process(ending[:first]) + self._process(ending[first:])
            found = self._decoder.flush(found, until)
            self._in_stream = False
            return found

    def watch_near(self, share: float) -> None:
        """Watch from now on for keywords that are nearly detected: `take_near` returns them.

        Parameters
        ----------
        share : float
            Share of its threshold from which a smoothed score is near it, 0 .. 1. Models of sounds
            are never near.
        """
        with self._alone:
            self._decoder.watch_near(share)

    def take_near(self) -> list[Detection]:
        """Return what was nearly detected since the last time; nothing before `watch_near`.

        Returns
        -------
        list of Detection
            Each when its score had fallen again, with the highest, which is below the threshold or
            was that of a sound which had been detected already.
        """
        with self._alone:
            return self._decoder.take_near()

    def posteriors(self, samples: npt.NDArray[Any]) -> Float32:
        """Return the posteriors of every output frame of a recording.

        The stream starts anew, at time 0; a RuntimeWarning says so where one was under way.

        Parameters
        ----------
        samples : int16 or float32 (n,)
            A whole recording at ``sample_rate``.

        Returns
        -------
        float32 (output frames, labels)
            Posteriors, 0 .. 1.
        """
        with self._alone:
            samples = self._whole_at_rate(samples)
            logits = self._logits_at_rate(samples)
            self._reset()
            return self._decoder.posteriors(logits)

    def process_posteriors(self, samples: npt.NDArray[Any]) -> Float32:
        """Take audio and return the posteriors of the output frames that it completes.

        What `process` decides by, for those who decide otherwise. One stream goes through one of
        the two, from `reset` to the end.

        Parameters
        ----------
        samples : int16 or float32 (n,)
            As for `process`.

        Returns
        -------
        float32 (output frames, labels)
            Posteriors, 0 .. 1.
        """
        with self._alone:
            samples = to_float(samples)
            if self._resampler is not None:
                samples = self._resampler.push(samples)
            self._in_stream = True
            frames = self._log_mel.push(samples)
            return self._decoder.posteriors(self._logits(frames, self._heard))

    def classify(self, samples: npt.NDArray[Any]) -> Classification:
        """Say what one clip is.

        Commands: a clip no longer than the network's receptive field is judged by the mean of the
        output frames that saw all of it; a longer one by the output frame in which a keyword was
        most certain. Sounds: the clip is repeated until the receptive field is full of it, and the
        output frames that saw nothing else are joined (`kws.segmenter.join_columns`). Wake words:
        the one that a stream would detect, or ``_unknown_``; each score is the highest of the
        stream.

        The stream starts anew, at time 0; a RuntimeWarning says so where one was under way.

        Parameters
        ----------
        samples : int16 or float32 (n,)
            The whole clip, mono at ``sample_rate``.

        Returns
        -------
        Classification
            The clip's label, and the score of each.
        """
        with self._alone:
            found = self._decoder.classify(self._whole_at_rate(samples), self._logits_at_rate)
            self._reset()
            return found

    def _whole_at_rate(self, samples: npt.NDArray[Any]) -> Float32:
        """Return a whole recording at the model's rate; it ends the stream."""
        samples = to_float(samples)
        if self._in_stream:
            warnings.warn(
                "a whole clip ends the stream that was under way, and its clock is 0 again: give "
                "clips to a KeywordSpotter of their own, or call flush or reset before",
                RuntimeWarning,
                stacklevel=3,
            )
        if self._resampler is None:
            return samples
        self._resampler.reset()
        return np.concatenate([self._resampler.push(samples), self._resampler.flush()])

    def _logits_at_rate(self, samples: Float32) -> Float32:
        self._reset()
        return self._logits(self._log_mel.push(samples), self._step)

    def _logits(self, frames: Float32, hear: Callable[[Float32], Float32]) -> Float32:
        """Return the logits of all output frames of some frames."""
        size = self._network.frames
        steps = [hear(frames[i : i + size]) for i in range(0, len(frames), size)]
        if not steps:
            return np.zeros((0, len(self.metadata.labels)), np.float32)
        return np.concatenate([step.copy() for step in steps])

    def _begun(self, output_frame: int, label: int) -> int:
        """Return how many output frames ago a phrase began, of those that matter."""
        number = label if self._selection is None else self._selection.number(label)
        return self._network.begun(output_frame, number)

    def _step(self, frames: Float32) -> Float32:
        """Return the logits of the newest output frames, of the keywords that matter."""
        return self._chosen(self._network.step(frames))

    def _heard(self, frames: Float32) -> Float32:
        """Do the same in a stream, in which the network may sleep."""
        if self._sleepers is None:
            return self._step(frames)
        return self._chosen(self._sleepers.step(frames)[0])

    def _chosen(self, logits: Float32) -> Float32:
        return logits if self._selection is None else self._selection(logits)
