"""The contract of a model file, `kws.json`, as dataclasses, and the checks of its values."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy.typing as npt

from .errors import ModelError
from .fields import FieldReader
from .frontend import FrontEnd, front_end_from
from .intervals import rate_interval, share_interval
from .phonemes.contract import PhraseContract, read_phrases
from .phonemes.symbols import OUTPUTS, PHONEME_TASK

#: Label of what holds no word and no sound.
SILENCE = "_silence_"
#: Label of a word that is none of the keywords.
UNKNOWN = "_unknown_"
#: The one task whose labels do not compete: each has a score of its own.
WAKE_WORDS = "wake-words"
#: What a model may do.
TASKS = ("commands", "sounds", WAKE_WORDS, PHONEME_TASK)
#: Characters of a label, at most.
LONGEST_LABEL = 100
#: Prototypes of all labels together, at most.
MOST_PROTOTYPES = 1000
#: Output frames that a prototype is made of, at most.
MOST_OFFSETS = 32
#: Output frames that one of them may lie back, at most.
MOST_BACK = 250
#: Points of the sequence of one phrase, at most.
MOST_POINTS = 100
#: Logits of a verifier count as far as this, at most.
HIGHEST_LIMIT = 100


@dataclass(frozen=True)
class StreamingContract:
    """How the network runs as a stream.

    Attributes
    ----------
    frames : int
        Front-end frames per step.
    receptive_field : int
        Front-end frames that one result depends on.
    input, output : str
        Names of the tensors of the frames and of the logits (1, output frames, labels).
    states : tuple of (str, str)
        Names of each state's input tensor and of the output tensor that replaces it.
    """

    frames: int
    receptive_field: int
    input: str
    output: str
    states: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Head:
    """The part of a network behind the word base, as a network of its own.

    Several models with the same base run that once, and each its own head. What they give together
    is what the whole network gives, to the last bit.

    Attributes
    ----------
    base_sha256 : str
        SHA-256 of the network of the word base that gives the features.
    whole_sha256 : str
        SHA-256 of the whole network that base and head are together.
    streaming : StreamingContract
        How the head runs: its frames are output frames of the base.
    network : bytes
        The flatbuffer of the head.
    """

    base_sha256: str
    whole_sha256: str
    streaming: StreamingContract
    network: bytes = field(default=b"", compare=False, repr=False)


@dataclass(frozen=True)
class Verifier:
    """A second network, which hears the latest seconds again where the first is nearly sure.

    The runtime decides by the logits of both: see `kws.verification`.

    Attributes
    ----------
    gates : dict of str to float
        Score of the first network, 0 .. 1, from which the second one is asked, of each keyword.
    weight : float
        Share of the second network's logit in that of both, 0 .. 1.
    limit : float
        Logits of the second network count as far as plus or minus this. What is not asked about
        counts as minus this: as rejected.
    alone : dict of str to float
        Threshold of each keyword, 0 .. 1, for where the first network runs alone.
    streaming : StreamingContract
        How the second network runs: one step takes all frames that it hears; it has no states.
    network : bytes
        The flatbuffer of the second network.
    """

    gates: dict[str, float]
    weight: float
    limit: float
    alone: dict[str, float]
    streaming: StreamingContract
    network: bytes = field(default=b"", compare=False, repr=False)


@dataclass(frozen=True)
class DetectorDefaults:
    """What turns scores into detections.

    Attributes
    ----------
    smoothing : float
        Seconds over which scores are averaged.
    refractory : float
        Seconds after a detection in which the same keyword is not detected again.
    longest : float
        No keyword takes longer, in seconds.
    thresholds : dict of str to float
        Smoothed score from which each keyword is detected, 0 .. 1.
    """

    smoothing: float
    refractory: float
    longest: float
    thresholds: dict[str, float]


#: What a network of phonemes has in place of a detector: nothing is detected by it alone.
NO_DETECTOR = DetectorDefaults(smoothing=0.0, refractory=0.0, longest=1.0, thresholds={})


@dataclass(frozen=True)
class SegmenterDefaults:
    """What turns scores into sounds that begin and end.

    Attributes
    ----------
    smoothing : float
        Seconds over which scores are averaged.
    release : float
        A sound goes on while its smoothed score is at least this share of its threshold, 0 .. 1.
    shortest : float
        Seconds; what is shorter is dropped.
    gap : float
        Seconds; sounds of one label that are no farther apart are one.
    thresholds : dict of str to float
        Smoothed score that each keyword must reach, 0 .. 1.
    """

    smoothing: float
    release: float
    shortest: float
    gap: float
    thresholds: dict[str, float]


@dataclass(frozen=True)
class PrototypeContract:
    """How features become logits of wake words: see `kws.prototypes.Matcher`.

    Attributes
    ----------
    labels : tuple of int
        Number of the label that each prototype belongs to.
    offsets : tuple of int
        How many output frames back each output frame of a prototype is, from 0 on.
    slope : float
        Logit per unit of similarity.
    centres : tuple of float
        Similarity at which each label's logit is 0.
    """

    labels: tuple[int, ...]
    offsets: tuple[int, ...]
    slope: float
    centres: tuple[float, ...]


@dataclass(frozen=True)
class WarpingContract:
    """How features become logits of enrolled phrases: see `kws.warping.WarpingMatcher`.

    Attributes
    ----------
    points : tuple of int
        Number of points of each label's sequence, at least 2.
    slope : float
        Logit per unit of similarity.
    centres : tuple of float
        Similarity at which each label's logit is 0.
    """

    points: tuple[int, ...]
    slope: float
    centres: tuple[float, ...]


@dataclass(frozen=True)
class OperatingPoint:
    """What a threshold gave on recordings that it was not chosen on.

    Attributes
    ----------
    keyword : str
    threshold : float
    false_accepts_per_hour : float
        Detections of this keyword where nobody said it, per hour.
    false_accepts_per_hour_interval : (float, float)
        95 % interval (exact Poisson).
    miss_rate : float or None
        Share of the keyword's recordings that were not detected; None where there were none, as
        after `kws calibrate`.
    miss_rate_interval : (float, float)
        95 % interval (Clopper-Pearson); 0 to 1 where nothing is known.
    hours : float
        Audio without the keyword.
    recordings : int
        Recordings of the keyword.
    """

    keyword: str
    threshold: float
    false_accepts_per_hour: float
    false_accepts_per_hour_interval: tuple[float, float]
    miss_rate: float | None
    miss_rate_interval: tuple[float, float]
    hours: float
    recordings: int

    @classmethod
    def measured(
        cls,
        keyword: str,
        threshold: float,
        false_accepts: int,
        hours: float,
        misses: int = 0,
        recordings: int = 0,
    ) -> OperatingPoint:
        """Return the operating point that some counts give, with its exact 95 % intervals.

        Parameters
        ----------
        keyword : str
            The keyword that was detected, or missed.
        threshold : float
            Smoothed score from which it was detected, 0 .. 1.
        false_accepts : int
            Detections of the keyword where nobody said it.
        hours : float
            Audio without the keyword, above 0.
        misses : int
            Recordings of the keyword in which it was not detected.
        recordings : int
            Recordings of the keyword; without any, the miss rate is unknown.

        Returns
        -------
        OperatingPoint
            The rates, the intervals around them, and what they were measured on.

        Examples
        --------
        >>> point = OperatingPoint.measured("stop", 0.8, false_accepts=2, hours=4.0)
        >>> point.false_accepts_per_hour, point.miss_rate
        (0.5, None)
        """
        return cls(
            keyword=keyword,
            threshold=threshold,
            false_accepts_per_hour=false_accepts / hours,
            false_accepts_per_hour_interval=rate_interval(false_accepts, hours),
            miss_rate=misses / recordings if recordings else None,
            miss_rate_interval=share_interval(misses, recordings),
            hours=hours,
            recordings=recordings,
        )


@dataclass(frozen=True)
class Metadata:
    """The contract of a model file.

    Attributes
    ----------
    task : str
        "commands": words, each detected once; "sounds": sounds that begin and end. Of both, one
        of the labels at a time, by softmax. "wake-words": phrases, each by a sigmoid of its own.
        "phonemes": what words are made of, by `kws.phonemes.symbols.OUTPUTS`; none is a keyword.
    labels : tuple of str
        In the order of the network's output; those in underscores are no keywords, and wake
        words have none of these.
    front_end : LogMelConfig, JoinedConfig or MicroConfig
    streaming : StreamingContract
    detector : DetectorDefaults or SegmenterDefaults
        The latter for sounds.
    operating_points : tuple of OperatingPoint
    provenance : dict
        Recipe, digests of data and weights, versions: for people, never read by the runtime.
    prototypes : PrototypeContract or None
        Of a file that an earlier `kws enroll` wrote: the network's output is features.
    warping : WarpingContract or None
        Of a file that `kws enroll` wrote: the network's output is features.
    arrays : dict of str to array
        Entries of the file beside ``kws.json``: some of `ARRAYS`.
    head : Head or None
        Of a file that `kws train --frozen-base` wrote.
    phrases : PhraseContract or None
        Of a file that `kws pack --phrase` wrote: the network's output is phonemes.
    verifier : Verifier or None
        Of a file that `kws train --verifier` wrote. Thresholds and operating points are those of
        both networks together.
    """

    task: str
    labels: tuple[str, ...]
    front_end: FrontEnd
    streaming: StreamingContract
    detector: DetectorDefaults | SegmenterDefaults
    operating_points: tuple[OperatingPoint, ...] = ()
    provenance: dict[str, Any] = field(default_factory=dict)
    prototypes: PrototypeContract | None = None
    warping: WarpingContract | None = None
    arrays: dict[str, npt.NDArray[Any]] = field(default_factory=dict, compare=False, repr=False)
    head: Head | None = None
    verifier: Verifier | None = None
    phrases: PhraseContract | None = None

    @property
    def keywords(self) -> tuple[str, ...]:
        """The labels that can be detected."""
        return () if self.task == PHONEME_TASK else keywords_of(self.labels)

    @property
    def exclusive(self) -> bool:
        """Whether the labels compete: one of them at a time, by softmax."""
        return self.task != WAKE_WORDS

    @property
    def enrolled(self) -> bool:
        """Whether phrases were enrolled: the network gives features, the runtime the logits."""
        return self.prototypes is not None or self.warping is not None

    @property
    def tells_beginnings(self) -> bool:
        """Whether the network tells when a phrase began: sound before it is no part of it then."""
        return self.warping is not None or self.phrases is not None

    def only(self, labels: tuple[str, ...]) -> Metadata:
        """Return the contract of a model that knows only some of the labels.

        Parameters
        ----------
        labels : tuple of str
            Those that are kept, in the order of the outputs.

        Returns
        -------
        Metadata
            With the thresholds and operating points of these labels alone.
        """
        thresholds = {k: t for k, t in self.detector.thresholds.items() if k in labels}
        return replace(
            self,
            labels=labels,
            detector=replace(self.detector, thresholds=thresholds),
            operating_points=tuple(p for p in self.operating_points if p.keyword in labels),
        )

    def first_stage(self) -> Metadata:
        """Return the contract of the first network alone: itself where there is no second.

        Returns
        -------
        Metadata
            Without the verifier, with the thresholds for the first network alone, and without
            operating points: those were measured of both.
        """
        if self.verifier is None:
            return self
        thresholds = {one: self.verifier.alone[one] for one in self.detector.thresholds}
        return replace(
            self,
            detector=replace(self.detector, thresholds=thresholds),
            operating_points=(),
            verifier=None,
        )


def is_label(text: str) -> bool:
    """Tell whether a text can be a label: 1 to 100 printable characters.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    bool
        Whether it can.
    """
    return 0 < len(text) <= LONGEST_LABEL and text.isprintable()


def keywords_of(labels: tuple[str, ...]) -> tuple[str, ...]:
    """Return the labels that are keywords: all but ``_silence_``, ``_unknown_`` and the like.

    Parameters
    ----------
    labels : tuple of str
        All labels of a model.

    Returns
    -------
    tuple of str
        The keywords, in the same order.
    """
    return tuple(label for label in labels if not (label.startswith("_") and label.endswith("_")))


def parse_metadata(reader: FieldReader) -> Metadata:
    """Check everything but the schema and the digest.

    Parameters
    ----------
    reader : FieldReader
        Reads the object that `kws.json` holds.

    Returns
    -------
    Metadata
        The contract, without the arrays that the file holds beside it.

    Raises
    ------
    ModelError
        If a value is missing, has another type or range, or does not fit the others.
    """
    task = reader.text("task")
    if task not in TASKS:
        raise ModelError(f"task {task!r} is not known (this version knows {', '.join(TASKS)})")
    labels = tuple(reader.items("labels", 1000))
    fewest = 1 if task == WAKE_WORDS else 2
    if len(labels) < fewest or len(set(map(str, labels))) != len(labels):
        raise ModelError(f"labels must be at least {fewest} different texts")
    if not all(isinstance(label, str) and is_label(label) for label in labels):
        raise ModelError("labels must be short, printable texts")
    if task == PHONEME_TASK and labels != OUTPUTS:
        raise ModelError("labels must be the phonemes that this version knows: update kws")
    keywords = () if task == PHONEME_TASK else keywords_of(labels)
    if not keywords and task != PHONEME_TASK:
        raise ModelError("no label is a keyword")
    if task == WAKE_WORDS and keywords != labels:
        raise ModelError("every label of wake words must be a keyword")
    detector = reader.group("detector")
    thresholds = detector.group("thresholds")
    for keyword in thresholds.values:
        if keyword not in keywords:
            raise ModelError(f"detector: a threshold for {keyword!r:.40}, which is no keyword")
    points = []
    for number, values in enumerate(reader.items("operating_points", 10000)):
        point = FieldReader(values, f"operating_points[{number}]")
        if point.text("keyword") not in keywords:
            raise ModelError(f"{point.where}: {point.text('keyword')!r} is no keyword")
        recordings = point.count("recordings", 0, 10**9)
        unknown = recordings == 0 and point.get("miss_rate") is None
        points.append(
            OperatingPoint(
                keyword=point.text("keyword"),
                threshold=point.number("threshold", 0, 1),
                false_accepts_per_hour=point.number("false_accepts_per_hour", 0, 1e6),
                false_accepts_per_hour_interval=point.interval("false_accepts_per_hour_interval"),
                miss_rate=None if unknown else point.number("miss_rate", 0, 1),
                miss_rate_interval=point.interval("miss_rate_interval"),
                hours=point.number("hours", 0, 1e6),
                recordings=recordings,
            )
        )
    # before what a file with phrases may not have
    phrases = _phrases(reader, len(labels), task) if "phrases" in reader.values else None
    return Metadata(
        task=task,
        labels=labels,
        front_end=front_end_from(reader.get("front_end")),
        streaming=_streaming(reader.group("streaming")),
        detector=_detector(
            task, detector, {keyword: thresholds.number(keyword, 0, 1) for keyword in keywords}
        ),
        operating_points=tuple(points),
        provenance=reader.group("provenance").values,
        prototypes=_prototypes(reader.group("prototypes"), len(labels), task)
        if "prototypes" in reader.values
        else None,
        warping=_warping(reader.group("warping"), len(labels), task)
        if "warping" in reader.values
        else None,
        head=_head(reader.group("head"), task) if "head" in reader.values else None,
        verifier=_verifier(reader, keywords, task) if "verifier" in reader.values else None,
        phrases=phrases,
    )


def _streaming(reader: FieldReader) -> StreamingContract:
    """Check how a network runs as a stream."""
    states = []
    for pair in reader.items("states", 1000):
        if not (
            isinstance(pair, list) and len(pair) == 2 and all(isinstance(n, str) for n in pair)
        ):
            raise ModelError("streaming: each state must be a pair of tensor names")
        states.append((pair[0], pair[1]))
    return StreamingContract(
        frames=reader.count("frames", 1, 1000),
        receptive_field=reader.count("receptive_field", 1, 10000),
        input=reader.text("input"),
        output=reader.text("output"),
        states=tuple(states),
    )


def _head(reader: FieldReader, task: str) -> Head:
    """Check how a head runs behind a word base."""
    if task != WAKE_WORDS:
        raise ModelError(f"head: is for the task {WAKE_WORDS}, not {task}")
    return Head(
        reader.text("base_sha256"),
        reader.text("whole_sha256"),
        _streaming(reader.group("streaming")),
    )


def _verifier(contract: FieldReader, keywords: tuple[str, ...], task: str) -> Verifier:
    """Check how a second network hears again what the first is nearly sure of."""
    if task != WAKE_WORDS:
        raise ModelError(f"verifier: is for the task {WAKE_WORDS}, not {task}")
    if "prototypes" in contract.values or "warping" in contract.values:
        raise ModelError("verifier: is for phrases that were trained, and these were enrolled")
    reader = contract.group("verifier")
    gates, alone = reader.group("gates"), reader.group("alone")
    streaming = _streaming(reader.group("streaming"))
    if streaming.states:
        raise ModelError("verifier: its network must have no states")
    return Verifier(
        gates={keyword: gates.number(keyword, 0, 1) for keyword in keywords},
        weight=reader.number("weight", 0, 1),
        limit=reader.number("limit", 0, HIGHEST_LIMIT),
        alone={keyword: alone.number(keyword, 0, 1) for keyword in keywords},
        streaming=streaming,
    )


def _prototypes(reader: FieldReader, labels: int, task: str) -> PrototypeContract:
    """Check how features become logits."""
    if task != WAKE_WORDS:
        raise ModelError(f"prototypes: are for the task {WAKE_WORDS}, not {task}")
    return PrototypeContract(
        labels=reader.counts("labels", MOST_PROTOTYPES, 0, labels - 1),
        offsets=reader.counts("offsets", MOST_OFFSETS, 0, MOST_BACK),
        slope=reader.number("slope", 0, 1e4),
        centres=reader.numbers("centres", labels, -10, 10),
    )


def _warping(reader: FieldReader, labels: int, task: str) -> WarpingContract:
    """Check how features are compared with the sequences of phrases."""
    if task != WAKE_WORDS:
        raise ModelError(f"warping: is for the task {WAKE_WORDS}, not {task}")
    return WarpingContract(
        points=reader.counts("points", labels, 2, MOST_POINTS),
        slope=reader.number("slope", 0, 1e4),
        centres=reader.numbers("centres", labels, -10, 10),
    )


def _phrases(contract: FieldReader, labels: int, task: str) -> PhraseContract:
    """Check how phrases that were typed are pronounced and scored."""
    if task != WAKE_WORDS:
        raise ModelError(f"phrases: are for the task {WAKE_WORDS}, not {task}")
    for other in ("prototypes", "warping", "head", "verifier"):
        if other in contract.values:
            raise ModelError(f"phrases: a file with phrases that were typed has no {other}")
    return read_phrases(contract.group("phrases"), labels)


def _detector(
    task: str, detector: FieldReader, thresholds: dict[str, float]
) -> DetectorDefaults | SegmenterDefaults:
    if task == "sounds":
        return SegmenterDefaults(
            smoothing=detector.number("smoothing", 0, 10),
            release=detector.number("release", 0, 1),
            shortest=detector.number("shortest", 0, 60),
            gap=detector.number("gap", 0, 60),
            thresholds=thresholds,
        )
    return DetectorDefaults(
        smoothing=detector.number("smoothing", 0, 10),
        refractory=detector.number("refractory", 0, 60),
        longest=detector.number("longest", 0.1, 10),
        thresholds=thresholds,
    )


def point_of(metadata: Metadata, keyword: str) -> OperatingPoint | None:
    """Return what was measured of a keyword's own threshold, the most hours first; or None.

    Parameters
    ----------
    metadata : Metadata
        A model's contract.
    keyword : str
        One of its keywords.

    Returns
    -------
    OperatingPoint or None
        None where nothing was measured of the threshold that the model uses.
    """
    threshold = metadata.detector.thresholds[keyword]
    at = [
        point
        for point in metadata.operating_points
        if point.keyword == keyword and abs(point.threshold - threshold) < 1e-6 and point.hours > 0
    ]
    return max(at, key=lambda point: (point.hours, point.recordings), default=None)


def unmeasured(metadata: Metadata) -> list[str]:
    """Return the keywords whose threshold has no operating point of more than zero hours.

    Parameters
    ----------
    metadata : Metadata
        A model's contract.

    Returns
    -------
    list of str
        In the order of the labels.
    """
    return [keyword for keyword in metadata.keywords if point_of(metadata, keyword) is None]
