"""How far a rate or a share may be from what was counted: exact 95 % intervals, without scipy."""

from __future__ import annotations

import math
from collections.abc import Callable

#: Share of the cases in which the truth lies in an interval, or below a bound.
CONFIDENCE = 0.95
#: Terms of a series or a continued fraction, at most; sums of n terms need about 5 sqrt(n).
_MOST_TERMS = 100_000
_PRECISION = 1e-13
#: Stands for a zero denominator in Lentz's method.
_TINY = 1e-300


def rate_interval(count: int, hours: float) -> tuple[float, float]:
    """Return the exact 95 % interval of a Poisson rate, per hour.

    Parameters
    ----------
    count : int
        Events.
    hours : float
        In which they came, above 0.

    Returns
    -------
    low, high : float
        Events per hour.

    References
    ----------
    F. Garwood (1936), "Fiducial limits for the Poisson distribution", Biometrika 28.
    """
    outside = (1 - CONFIDENCE) / 2
    low = _gamma_quantile(count, outside) if count else 0.0
    return low / hours, _gamma_quantile(count + 1, 1 - outside) / hours


def rate_bound(count: int, hours: float) -> float:
    """Return what a Poisson rate is below with 95 % confidence, per hour: 3.0 / hours for none.

    The one-sided bound of Garwood (1936); see `rate_interval`.

    Parameters
    ----------
    count : int
        Events.
    hours : float
        In which they came, above 0.

    Returns
    -------
    float
        Events per hour.
    """
    return _gamma_quantile(count + 1, CONFIDENCE) / hours


def chance_of_more(count: int, limit: float, clump: float = 1.0) -> float:
    """Return how probable it is that fresh audio has more events than a limit.

    A threshold lies just above all but ``count`` of the events of some audio: so high is the next
    lower one, the ``count + 1``-th, that the events to be expected in as many fresh hours are
    distributed as a gamma of that shape. Their number is then negative binomial, of probability
    1/2, whatever the scores are distributed like.

    Parameters
    ----------
    count : int
    limit : float
        Events in as many fresh hours as the threshold was chosen on.
    clump : float
        Variance over mean of the number of events, at least 1: so many come together.

    Returns
    -------
    float
        A probability, 0 .. 1.
    """
    more = math.floor(limit + 1e-9) + 1
    return _beta_below(more / clump, count / clump + 1, 0.5)


def share_interval(count: int, total: int) -> tuple[float, float]:
    """Return the exact 95 % interval of a share; 0 to 1 of nothing.

    Parameters
    ----------
    count : int
        How many have what is counted.
    total : int
        How many there are, at least ``count``.

    Returns
    -------
    low, high : float
        Shares, 0 .. 1.

    References
    ----------
    C. J. Clopper, E. S. Pearson (1934), "The use of confidence or fiducial limits illustrated in
    the case of the binomial", Biometrika 26.
    """
    outside = (1 - CONFIDENCE) / 2
    low = _beta_quantile(count, total - count + 1, outside) if count else 0.0
    high = _beta_quantile(count + 1, total - count, 1 - outside) if count < total else 1.0
    return low, high


def _gamma_quantile(shape: float, share: float) -> float:
    """Return x at which a gamma distribution of scale 1 has a share below it."""
    high = shape + 1.0
    while _gamma_below(shape, high) < share:
        high *= 2
    return _solve(lambda x: _gamma_below(shape, x) - share, 0.0, high)


def _beta_quantile(a: float, b: float, share: float) -> float:
    """Return x at which a beta distribution has a share below it."""
    return _solve(lambda x: _beta_below(a, b, x) - share, 0.0, 1.0)


def _solve(rising: Callable[[float], float], low: float, high: float) -> float:
    """Find where a rising function is 0, by bisection to the last bits."""
    for _ in range(200):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if rising(middle) < 0:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _gamma_below(a: float, x: float) -> float:
    """Return the regularized lower incomplete gamma function P(a, x).

    By its series below a + 1 and by its continued fraction above (Press et al., Numerical
    Recipes, section 6.2).
    """
    if x <= 0:
        return 0.0
    front = math.exp(-x + a * math.log(x) - math.lgamma(a))
    if x < a + 1:
        term = total = 1 / a
        for n in range(1, _MOST_TERMS):
            term *= x / (a + n)
            total += term
            if term < total * _PRECISION:
                break
        return front * total
    b = x + 1 - a
    c, d = 1 / _TINY, 1 / b
    fraction = d
    for n in range(1, _MOST_TERMS):
        top = -n * (n - a)
        b += 2
        d = 1 / _away(top * d + b)
        c = _away(b + top / c)
        fraction *= c * d
        if abs(c * d - 1) < _PRECISION:
            break
    return 1 - front * fraction


def _beta_below(a: float, b: float, x: float) -> float:
    """Return the regularized incomplete beta function I_x(a, b).

    By its continued fraction (Press et al., Numerical Recipes, section 6.4).
    """
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):  # there the fraction of the other side converges faster
        return 1 - _beta_below(b, a, 1 - x)
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    c, d = 1.0, 1 / _away(1 - (a + b) * x / (a + 1))
    fraction = d
    for m in range(1, _MOST_TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for top in (even, odd):
            d = 1 / _away(1 + top * d)
            c = _away(1 + top / c)
            fraction *= c * d
        if abs(c * d - 1) < _PRECISION:
            break
    return front * fraction / a


def _away(value: float) -> float:
    """Return a value that can be divided by."""
    return value if abs(value) > _TINY else _TINY
