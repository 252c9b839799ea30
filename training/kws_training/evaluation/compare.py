"""Whether a new model is worse than an old one: a paired test on the same clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from kws.arrays import Int16
from kws.metadata import SILENCE, UNKNOWN, keywords_of
from kws.spotter import KeywordSpotter

from ..data.dataset import Clip, DataError, Skipped, speakers_of
from ..progress import Progress
from .paired import PairedCounts, clips_needed, difference_interval, mcnemar, mcnemar_worse, shown_p


@dataclass(frozen=True)
class ClassChange:
    """Paired counts of the clips of one class.

    Attributes
    ----------
    label : str
        The class.
    counts : PairedCounts
        Its clips, by which of the two models got them right.
    """

    label: str
    counts: PairedCounts


@dataclass(frozen=True)
class Comparison:
    """Two models on the same clips.

    Attributes
    ----------
    counts : PairedCounts
        All clips, by which of the two models got them right.
    classes : tuple of ClassChange
        The classes that both models know and that have clips, keywords last.
    speakers : int
        Number of known speakers.
    alpha : float
        Level of the test that says "worse".
    p_value : float
        Two-sided: the chance that equally good models differ by so much.
    p_worse : float
        One-sided: the chance that an equally good model loses as many clips or more.
    difference : float
        Accuracy of the new model less that of the old one.
    interval : (float, float)
        95 % interval of the difference.
    clips_needed : int
        About how many clips it takes to see a loss of one point.
    skipped : tuple of Skipped
        Recordings that could not be read, or that one model alone has a label for.
    """

    counts: PairedCounts
    classes: tuple[ClassChange, ...]
    speakers: int
    alpha: float
    p_value: float
    p_worse: float
    difference: float
    interval: tuple[float, float]
    clips_needed: int
    skipped: tuple[Skipped, ...]

    @property
    def worse(self) -> bool:
        """Whether the new model is worse: less accurate, and not by chance."""
        return self.difference < 0 and self.p_worse < self.alpha

    @property
    def enough(self) -> bool:
        """Whether the clips are enough to see a loss of one point."""
        return self.counts.clips >= self.clips_needed

    @property
    def verdict(self) -> str:
        """The result in a line."""
        points = f"{100 * self.difference:+.1f} points"
        lost = f"{self.counts.only_old} clips lost, {self.counts.only_new} won"
        test = f"one-sided p {shown_p(self.p_worse)}, alpha {self.alpha:g}"
        if self.worse:
            return f"new is worse: {points} ({lost}; {test})"
        if self.difference < 0:
            return f"new is not shown to be worse: {points} ({lost}; {test})"
        return f"new is not worse: {points} ({lost})"

    @property
    def doubt(self) -> str:
        """In a line, whether the clips are too few; empty if they are not."""
        if self.enough:
            return ""
        return (
            f"{self.counts.clips:,} clips are too few to see a change of one point: about "
            f"{self.clips_needed:,} are needed"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison as plain JSON values.

        Returns
        -------
        dict
            The figures and the verdict by name.
        """
        return {
            "clips": self.counts.clips,
            "speakers": self.speakers,
            "old_accuracy": self.counts.old_accuracy,
            "new_accuracy": self.counts.new_accuracy,
            "difference": self.difference,
            "interval": list(self.interval),
            "only_old": self.counts.only_old,
            "only_new": self.counts.only_new,
            "p_value": self.p_value,
            "p_worse": self.p_worse,
            "alpha": self.alpha,
            "worse": self.worse,
            "verdict": self.verdict,
            "enough": self.enough,
            "clips_needed": self.clips_needed,
            "classes": {one.label: asdict(one.counts) for one in self.classes},
            "skipped": [{"file": str(s.path), "reason": s.reason} for s in self.skipped],
        }


def shared_clips(
    clips: Sequence[Clip], old: Sequence[str], new: Sequence[str]
) -> tuple[list[Clip], tuple[Skipped, ...]]:
    """Choose the clips that two models with different labels can be compared on.

    They are compared over the keywords that both have. A word that one model alone knows is left
    out: it is a keyword to the one and ``_unknown_`` to the other. A word that neither knows is
    ``_unknown_``, if both have that label.

    Parameters
    ----------
    clips : sequence of Clip
        Labelled by their words, as `find_clips` does without keywords.
    old, new : sequence of str
        Labels of the models.

    Returns
    -------
    shared : list of Clip
        Each with the label that both models should give.
    left_out : tuple of Skipped

    Raises
    ------
    DataError
        If the models share no keyword, or none of the clips can be used.
    """
    keywords = set(keywords_of(tuple(old))) & set(keywords_of(tuple(new)))
    if not keywords:
        raise DataError(
            f"the models share no keyword: the old one has {', '.join(keywords_of(tuple(old)))}; "
            f"the new one {', '.join(keywords_of(tuple(new)))}"
        )
    shared, left_out = [], []
    for clip in clips:
        known = clip.word in keywords or clip.word == SILENCE
        label = clip.word if known else UNKNOWN
        one_only = not known and clip.word != UNKNOWN and (clip.word in old or clip.word in new)
        if one_only:
            left_out.append(Skipped(clip.path, f"is of {clip.word!r}, which one model alone knows"))
        elif label not in old or label not in new:
            reason = f"is of {clip.word!r}, which the models have no label for"
            left_out.append(Skipped(clip.path, reason))
        else:
            shared.append(Clip(clip.path, label, clip.word, clip.speaker, clip.columns))
    if not shared:
        raise DataError(
            f"none of the recordings is of what both models know: {', '.join(sorted(keywords))}"
        )
    return shared, tuple(left_out)


def compare(
    old: KeywordSpotter,
    new: KeywordSpotter,
    clips: Sequence[Clip],
    audio: Sequence[Int16],
    skipped: Sequence[Skipped],
    alpha: float,
    progress: Progress,
) -> Comparison:
    """Let two models judge the same clips.

    Parameters
    ----------
    old : KeywordSpotter
        The model that the other one is compared with.
    new : KeywordSpotter
        The model that may be worse.
    clips : sequence of Clip
        The clips, as `shared_clips` labels them.
    audio : sequence of int16 (n,)
        The samples of each clip at 16 kHz.
    skipped : sequence of Skipped
        Recordings that were left out; they go into the result.
    alpha : float
        Level of the test that says "worse", 0 .. 1.
    progress : callable
        Shows how many clips are judged.

    Returns
    -------
    Comparison
        The counts, and the tests of them.
    """
    outcomes = []
    for number in progress(iter(range(len(clips))), len(clips), "clips"):
        label = clips[number].label
        outcomes.append(
            tuple(spotter.classify(audio[number]).label == label for spotter in (old, new))
        )
    said = [clip.label for clip in clips]
    order = [label for label in old.metadata.labels if label in said]
    counts = _count(outcomes)
    differing = (counts.only_old + counts.only_new) / max(1, counts.clips)
    return Comparison(
        counts=counts,
        classes=tuple(
            ClassChange(
                label,
                _count([one for one, s in zip(outcomes, said, strict=True) if s == label]),
            )
            for label in order
        ),
        speakers=len(speakers_of(clips)),
        alpha=alpha,
        p_value=mcnemar(counts.only_old, counts.only_new),
        p_worse=mcnemar_worse(counts.only_old, counts.only_new),
        difference=(counts.only_new - counts.only_old) / max(1, counts.clips),
        interval=difference_interval(counts),
        clips_needed=clips_needed(differing, alpha),
        skipped=tuple(skipped),
    )


def _count(outcomes: Sequence[tuple[bool, ...]]) -> PairedCounts:
    return PairedCounts(
        both=outcomes.count((True, True)),
        only_old=outcomes.count((True, False)),
        only_new=outcomes.count((False, True)),
        neither=outcomes.count((False, False)),
    )
