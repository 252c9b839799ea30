"""Statistics of two models on the same clips: McNemar's test, intervals, sample sizes."""

from __future__ import annotations

import math
from dataclasses import dataclass

#: The loss of accuracy that a comparison should be able to see: one point.
CHANGE = 0.01
#: How surely it should see such a loss; a power of 80 % is usual.
POWER = 0.8
#: Quantile of the normal distribution for an interval of 95 %.
QUANTILE = 1.959964


@dataclass(frozen=True)
class PairedCounts:
    """Clips by which of two models got them right.

    Attributes
    ----------
    both : int
        Clips that both models got right.
    only_old : int
        Clips that the old model alone got right.
    only_new : int
        Clips that the new model alone got right.
    neither : int
        Clips that both got wrong.
    """

    both: int
    only_old: int
    only_new: int
    neither: int

    @property
    def clips(self) -> int:
        """All clips."""
        return self.both + self.only_old + self.only_new + self.neither

    @property
    def old_accuracy(self) -> float:
        """Accuracy of the old model."""
        return (self.both + self.only_old) / max(1, self.clips)

    @property
    def new_accuracy(self) -> float:
        """Accuracy of the new model."""
        return (self.both + self.only_new) / max(1, self.clips)


def mcnemar(only_old: int, only_new: int) -> float:
    """Return the p-value of McNemar's exact test (McNemar 1947), two-sided.

    Of two equally good models, each is as likely as the other to win a clip that one alone gets
    right, so the number of these is binomial. Clips that both or neither get right say nothing.

    Parameters
    ----------
    only_old : int
        Clips that the old model alone got right.
    only_new : int
        Clips that the new model alone got right.

    Returns
    -------
    float
        The chance of so large a difference between equally good models.
    """
    # of two halves the binomial is symmetric: both sides are as likely
    return min(1.0, 2 * mcnemar_worse(max(only_old, only_new), min(only_old, only_new)))


def mcnemar_worse(only_old: int, only_new: int) -> float:
    """Return the one-sided p-value of McNemar's exact test.

    Parameters
    ----------
    only_old : int
        Clips that the old model alone got right.
    only_new : int
        Clips that the new model alone got right.

    Returns
    -------
    float
        The chance that an equally good model loses as many clips or more.
    """
    from scipy.special import bdtrc

    return float(bdtrc(only_old - 1, only_old + only_new, 0.5)) if only_old else 1.0


def difference_interval(counts: PairedCounts) -> tuple[float, float]:
    """Return the 95 % interval of the difference of two paired shares.

    Wald's with the adjustment of Bonett and Price (2012), one clip more won and one more lost,
    as recommended by Fagerland, Lydersen and Laake (2014), "Recommended tests and confidence
    intervals for paired binomial proportions", Statistics in Medicine 33(16).

    Parameters
    ----------
    counts : PairedCounts
        The clips, by which model got them right.

    Returns
    -------
    (float, float)
        Bounds of the accuracy of the new model less that of the old one.
    """
    total = counts.clips + 2
    lost, won = (counts.only_old + 1) / total, (counts.only_new + 1) / total
    error = QUANTILE * math.sqrt((won + lost - (won - lost) ** 2) / total)
    return max(-1.0, won - lost - error), min(1.0, won - lost + error)


def clips_needed(differing: float, alpha: float) -> int:
    """Return how many clips it takes to see a loss of `CHANGE` with the one-sided test.

    After Connor (1987), "Sample size for testing differences in proportions for the
    paired-sample design", Biometrics 43(1).

    Parameters
    ----------
    differing : float
        Share of the clips that one model alone gets right, 0 .. 1; at least `CHANGE` is taken.
    alpha : float
        Level of the test, 0 .. 1.

    Returns
    -------
    int
        Number of clips, for a power of `POWER`.
    """
    from scipy.special import ndtri

    differing = max(differing, CHANGE)
    level = ndtri(1 - alpha) * math.sqrt(differing)
    power = ndtri(POWER) * math.sqrt(differing - CHANGE**2)
    return math.ceil(float((level + power) / CHANGE) ** 2)


def shown_p(value: float) -> str:
    """Write a p-value for people.

    Parameters
    ----------
    value : float
        The p-value.

    Returns
    -------
    str
        Three digits, or that it is below 0.001.
    """
    return f"{value:.3f}" if value >= 0.001 else "< 0.001"
