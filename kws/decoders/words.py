"""Decoders of words: commands, of which one is said at a time, and wake words."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from functools import partial

import numpy as np

from ..activity import background_level, find_sound
from ..arrays import Float32, Float64
from ..detections import Classification, Detection
from ..detector import Detector, Event
from ..metadata import UNKNOWN, DetectorDefaults, Metadata
from ..posteriors import sigmoid, softmax
from ..state import MOST_COUNT, Arrays, StateReader, joined
from .base import Decoder, StepShape
from .levels import Levels
from .near import NearWatch, restored_watch

#: Decibels; sound this far below the loudest belongs to no word.
RANGE = 25
#: Frames from one that is sound to the next, at most, within a word.
GAP = 15
#: Frames from one that is sound to the next, at most, within a phrase of several words: people
#: pause between words for up to 0.4 s.
PHRASE_GAP = 40
#: Frames before the one that an enrolled phrase is found to begin with, of which some may belong
#: to the phrase: its sequence is coarser than the sound.
MARGIN = 8
#: Frames of a word that follows another, at least.
SHORTEST = 10
#: Decibels; a word that is said again is at most so far below the loudest sound of late. Clicks
#: after a word are quieter.
AGAIN_RANGE = 12
#: Frames; what is shorter may be a click, and counts only if it is as long as four fifths of the
#: word before.
CLICK = 12
#: Frames of a word that is said again which are heard before it is detected, at most: the first
#: time a faint word may have taken longer, until the pause after it.
LONGEST_DELAY = 60
#: Frames of levels that are kept beyond the longest word, to tell the background by.
MORE_FRAMES = 50


class WordDecoder(Decoder):
    """Detects words when their smoothed score passes the threshold, and finds where they were.

    Parameters
    ----------
    metadata, shape
        As for `Decoder`.
    defaults : DetectorDefaults
        Smoothing, refractory period, thresholds, and the longest word.
    levels : Levels, optional
        Those of the stream where several decoders share them; the decoder's own unless given.
    """

    def __init__(
        self,
        metadata: Metadata,
        shape: StepShape,
        defaults: DetectorDefaults,
        levels: Levels | None = None,
    ) -> None:
        super().__init__(metadata, shape)
        self._detector = Detector(
            metadata.labels, defaults, self._output_seconds, metadata.exclusive
        )
        self._decibel = self._front_end.first.decibel
        self._longest = round(defaults.longest / self._front_end.hop_seconds)
        self._levels = Levels(self._front_end, shape.frames) if levels is None else levels
        self._history = self._levels.reserve(
            max(metadata.streaming.receptive_field, self._longest + MORE_FRAMES)
        )
        self._thresholds = defaults.thresholds
        self._near: NearWatch | None = None
        self.reset()

    def reset(self) -> None:
        """Start anew, at time 0, after endless digital silence."""
        self._detector.reset()
        self._levels.reset()
        if self._near is not None:
            self._near.reset()

    def state(self) -> Arrays:
        """Return what the next detections depend on, a copy.

        Returns
        -------
        dict of str to array
            See `kws.state`.
        """
        found = joined(detector=self._detector.state(), levels=self._levels.state())
        return found if self._near is None else found | joined(near=self._near.state())

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
        self._detector.restore(saved.part("detector"))
        self._levels.restore(saved.part("levels"))
        labels = self._metadata.labels
        self._near = restored_watch(saved.part("near"), labels, self._thresholds, labels)

    def scores(self) -> Float32:
        """Return the smoothed scores of the latest output frame, as they meet the thresholds.

        Returns
        -------
        float32 (labels,)
            Scores, 0 .. 1: a copy.
        """
        return self._detector.smoothed.copy()

    def update(self, frames: Float32, logits: Float32) -> list[Detection]:
        """Take one step of the network, return the detections that it completes.

        Parameters
        ----------
        frames : float32 (frames, bands)
            What the network took.
        logits : float32 (output frames, labels)
            What it gave.

        Returns
        -------
        list of Detection
            The words that were detected, each while it is said or just after.
        """
        self._levels.push(frames)
        detections = []
        for number, posteriors in enumerate(self.posteriors(logits)):
            events = self._detector.update(posteriors, self._said_again)
            for event in events:
                detection = self.locate(event, number)
                if detection is not None:
                    detections.append(detection)
            if self._near is not None:
                self._near.update(
                    self._detector.smoothed,
                    [event.label for event in events],
                    partial(self.locate_near, output_frame=number),
                )
        return detections

    def watch_near(self, share: float) -> None:
        """Watch from now on for keywords that are nearly detected.

        Parameters
        ----------
        share : float
            Share of its threshold from which a score is near it, 0 .. 1.
        """
        self._near = NearWatch(self._metadata.labels, self._thresholds, share)

    def take_near(self) -> list[Detection]:
        """Return what was nearly detected since the last time: nothing unless it is watched for.

        Returns
        -------
        list of Detection
            With the highest score of each, below its threshold.
        """
        return [] if self._near is None else [near for _, near in self._near.take()]

    def _said_again(self, label: int) -> bool:
        """Return whether a keyword was said again while its score stayed high.

        Parameters
        ----------
        label : int
            Number of the keyword's label.
        """
        return False

    @abstractmethod
    def locate(self, event: Event, output_frame: int) -> Detection | None:
        """Find the word of an event in the levels of the latest frames.

        Parameters
        ----------
        event : Event
            What the detector gave.
        output_frame : int
            Number of the output frame, of the present step, that it was decided with.

        Returns
        -------
        Detection or None
            None if the word is no new one.
        """

    def locate_near(self, label: int, score: float, output_frame: int) -> Detection:
        """Find the word that was nearly detected: the loudest sound of late.

        Parameters
        ----------
        label : int
            Number of the keyword's label.
        score : float
            Its smoothed score, 0 .. 1.
        output_frame : int
            Number of the output frame, of the present step, that has the score.

        Returns
        -------
        Detection
            Where it was.
        """
        first, last = loudest_stretch(self._latest_levels(), self._longest, self._decibel)
        return self._detection(Event(label, score, self._levels.steps), first, last)

    def _latest_levels(self) -> Float64:
        """Return the level of each of the latest frames, the oldest first."""
        return self._levels.latest(self._history)

    def _detection(self, event: Event, first: int, last: int) -> Detection:
        """Return a detection between two of the latest frames, the oldest being 0."""
        front_end = self._front_end
        oldest = self._levels.steps * self._shape.frames - self._history
        start = max(0.0, (oldest + first) * front_end.hop_seconds)
        end = (oldest + last) * front_end.hop_seconds + front_end.window_seconds
        return Detection(self._metadata.labels[event.label], event.score, start, end)


class CommandDecoder(WordDecoder):
    """Decodes commands: their labels compete, and no sound is two of them."""

    def __init__(self, metadata: Metadata, shape: StepShape, defaults: DetectorDefaults) -> None:
        self._spoken_until = 0.0  # seconds: end of the latest word
        # of each keyword, in frames: from its beginning to its detection, and its length
        self._delays = np.zeros(len(metadata.labels), np.int64)
        self._lengths = np.zeros(len(metadata.labels), np.int64)
        super().__init__(metadata, shape, defaults)

    def reset(self) -> None:
        """Start anew, at time 0, after endless digital silence."""
        super().reset()
        self._spoken_until = 0.0
        self._delays[:] = 0
        self._lengths[:] = 0

    def state(self) -> Arrays:
        """Return what the next detections depend on, a copy.

        Returns
        -------
        dict of str to array
            See `kws.state`.
        """
        return super().state() | {
            "spoken_until": np.array([self._spoken_until]),
            "delays": self._delays.copy(),
            "lengths": self._lengths.copy(),
        }

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
        super().restore(saved)
        until = saved.within("spoken_until", np.zeros(1), 0, MOST_COUNT)
        self._spoken_until = float(until[0])
        self._delays[:] = saved.within("delays", self._delays, 0, LONGEST_DELAY)
        self._lengths[:] = saved.within("lengths", self._lengths, 0, self._history)

    def posteriors(self, logits: Float32) -> Float32:
        """Return the posteriors of logits, both float32 (output frames, labels).

        Parameters
        ----------
        logits : float32 (output frames, labels)
            What the network gave.

        Returns
        -------
        float32 (output frames, labels)
            Posteriors, 0 .. 1.
        """
        return softmax(logits)

    def locate(self, event: Event, output_frame: int) -> Detection | None:
        """Find a command, see `WordDecoder.locate`: the sound may be that of the one before.

        Parameters
        ----------
        event, output_frame
            As for `WordDecoder.locate`.

        Returns
        -------
        Detection or None
            None if the sound belongs to the command before.
        """
        # the same sound is not two keywords: this one is in what followed the last one
        since = self._frames_since(self._spoken_until)
        if since < SHORTEST:
            return None
        levels = self._latest_levels()
        first, last = loudest_stretch(levels, min(self._longest, since), self._decibel)
        if since < self._longest and (
            last - first + 1 < SHORTEST
            or levels[first : last + 1].max()
            < levels[-self._longest :].max() - RANGE * self._decibel
        ):
            return None
        detection = self._detection(event, first, last)
        self._spoken_until = detection.end
        if not event.again:
            hop, window = self._front_end.hop_seconds, self._front_end.window_seconds
            begun, ended = round(detection.start / hop), round((detection.end - window) / hop)
            delay = self._levels.steps * self._shape.frames - begun
            self._delays[event.label] = min(delay, LONGEST_DELAY)
            self._lengths[event.label] = ended - begun + 1
        return detection

    def _said_again(self, label: int) -> bool:
        """Return whether a keyword was said again while its score stayed high.

        The network of commands hears clips with the word anywhere in them, so that it remembers a
        word for longer than people pause between two. (That of wake words learns that a phrase
        ends with its window, and forgets it at once.) So the sound decides: after the last
        detection it was quiet for more than `GAP` frames, then something began that is as loud as
        a word, and the score is still high when as much of this has been heard as it took to
        detect the keyword before.

        Parameters
        ----------
        label : int
            Number of the keyword's label.

        Returns
        -------
        bool
            Whether the keyword counts as said again.
        """
        since = self._frames_since(self._spoken_until)
        if since <= GAP:
            return False
        levels = self._latest_levels()
        heard = min(self._longest, since)
        first, last = loudest_stretch(levels, heard, self._decibel)
        quiet_before = first - (len(levels) - heard)
        shortest = max(SHORTEST, min(CLICK, (4 * int(self._lengths[label]) + 4) // 5))
        return bool(
            quiet_before > GAP
            and last - first + 1 >= shortest
            and len(levels) - first >= int(self._delays[label])
            and levels[first : last + 1].max()
            >= levels[-self._longest :].max() - AGAIN_RANGE * self._decibel
        )

    def _frames_since(self, seconds: float) -> int:
        """Return how many frames ago a time was."""
        position = self._levels.steps * self._shape.frames
        return round(position - seconds / self._front_end.hop_seconds)

    def classify(self, samples: Float32, run: Callable[[Float32], Float32]) -> Classification:
        """Say which label a clip has.

        A clip no longer than the network's receptive field is judged by the mean of the output
        frames that saw all of it; a longer one by the output frame in which a keyword was most
        certain.

        Parameters
        ----------
        samples : float32 (n,)
            The clip, at the model's sample rate.
        run : callable
            Returns the logits of samples, see `Decoder.classify`.

        Returns
        -------
        Classification
            The most probable label; the scores add up to 1.
        """
        field = self._metadata.streaming.receptive_field
        per_output = self._shape.frames_per_output
        clip = max(1, -(-len(samples) // self._front_end.hop))
        logits = run(self._padded(samples, clip + field))
        first = min(-(-clip // per_output), len(logits)) - 1
        if clip <= field:
            beyond = max(first + 1, field // per_output)
            return self._classification(softmax(logits[first:beyond].mean(axis=0)))
        return self._classification(self._most_certain(softmax(logits)))

    def _most_certain(self, posteriors: Float32) -> Float32:
        """Return the output frame in which a keyword was most certain, or the mean of all."""
        keywords = [self._metadata.labels.index(keyword) for keyword in self._metadata.keywords]
        certain = posteriors[posteriors[:, keywords].max(axis=1).argmax()]
        if certain.argmax() in keywords:
            return np.asarray(certain, np.float32)
        return np.asarray(posteriors.mean(axis=0), np.float32)


class WakeWordDecoder(WordDecoder):
    """Decodes wake words: each has a score of its own, and one may be said within another."""

    def posteriors(self, logits: Float32) -> Float32:
        """Return the posteriors of logits, both float32 (output frames, labels).

        Parameters
        ----------
        logits : float32 (output frames, labels)
            What the network gave.

        Returns
        -------
        float32 (output frames, labels)
            Posteriors, 0 .. 1.
        """
        return sigmoid(logits)

    def locate(self, event: Event, output_frame: int) -> Detection:
        """Find a wake word, see `WordDecoder.locate`.

        Parameters
        ----------
        event, output_frame
            As for `WordDecoder.locate`.

        Returns
        -------
        Detection
            Where it was.
        """
        # "computer" may be detected within "hey computer": nothing before it is left out
        several = len(self._metadata.labels[event.label].split()) > 1
        first, last = loudest_stretch(
            self._latest_levels(), self._longest, self._decibel, PHRASE_GAP if several else GAP
        )
        return self._detection(event, first, last)

    def locate_near(self, label: int, score: float, output_frame: int) -> Detection:
        """Find a wake word that was nearly detected, as one that was.

        Parameters
        ----------
        label, score, output_frame
            As for `WordDecoder.locate_near`.

        Returns
        -------
        Detection
            Where it was.
        """
        return self.locate(Event(label, score, self._levels.steps), output_frame)

    def classify(self, samples: Float32, run: Callable[[Float32], Float32]) -> Classification:
        """Name the keyword whose detection is farthest above its threshold.

        Parameters
        ----------
        samples : float32 (n,)
            The clip, at the model's sample rate.
        run : callable
            Returns the logits of samples, see `Decoder.classify`.

        Returns
        -------
        Classification
            A keyword that a stream would detect, or else ``_unknown_``; each score is the highest
            of the stream.
        """
        field = self._metadata.streaming.receptive_field
        frames = -(-len(samples) // self._front_end.hop) + field
        posteriors = sigmoid(run(self._padded(samples, frames)))
        labels, defaults = self._metadata.labels, self._metadata.detector
        window = max(1, round(defaults.smoothing / self._output_seconds))
        smoothed = np.apply_along_axis(np.convolve, 0, posteriors, np.full(window, 1 / window))
        highest = smoothed.max(axis=0)
        scores = {label: float(score) for label, score in zip(labels, highest, strict=True)}
        best = max(labels, key=lambda label: scores[label] - defaults.thresholds[label])
        if scores[best] < defaults.thresholds[best]:
            return Classification(UNKNOWN, 1 - scores[best], scores)
        return Classification(best, scores[best], scores)


class EnrolledDecoder(WakeWordDecoder):
    """Decodes enrolled phrases: the network's matcher tells when each of them began.

    Parameters
    ----------
    metadata, shape, defaults
        As for `WakeWordDecoder`.
    begun : callable
        Takes the number of an output frame of the present step and that of a label; returns how
        many output frames before it the phrase began.
    levels : Levels, optional
        As for `WakeWordDecoder`.
    """

    def __init__(
        self,
        metadata: Metadata,
        shape: StepShape,
        defaults: DetectorDefaults,
        begun: Callable[[int, int], int],
        levels: Levels | None = None,
    ) -> None:
        super().__init__(metadata, shape, defaults, levels)
        self._begun = begun

    def locate(self, event: Event, output_frame: int) -> Detection:
        """Find an enrolled phrase, see `WordDecoder.locate`.

        Parameters
        ----------
        event, output_frame
            As for `WordDecoder.locate`.

        Returns
        -------
        Detection
            Where it was.
        """
        since = self._begun(output_frame, event.label)
        after = self._shape.output_frames - output_frame  # with the one that is decided on
        frames = (since + after) * self._shape.frames_per_output + MARGIN
        levels = self._latest_levels()
        frames = min(frames, len(levels), self._longest)
        # all sound since then is the phrase, whatever the pauses within it
        first, last = loudest_stretch(levels, frames, self._decibel, frames)
        return self._detection(event, first, last)


def loudest_stretch(
    levels: Float64, longest: int, logarithms_per_decibel: float, gap: int = GAP
) -> tuple[int, int]:
    """Find the stretch of sound around the loudest of the latest frames.

    Parameters
    ----------
    levels : float64 (frames,)
        Level of each frame, natural logarithm.
    longest : int
        Most frames in the stretch.
    logarithms_per_decibel : float
        Size of a decibel in ``levels``.
    gap : int
        Frames from one that is sound to the next, at most.

    Returns
    -------
    first, last : int
        Numbers of the stretch's frames. It reaches from the loudest frame, on both sides, to where
        the level stays `RANGE` decibels below it, or near the quiet tenth of all frames, for more
        than ``gap`` frames.
    """
    window = levels[-longest:]
    first, last = find_sound(
        window,
        RANGE * logarithms_per_decibel,
        gap,
        "loudest",
        background=background_level(levels),
    )
    offset = len(levels) - len(window)
    return first + offset, last + offset
