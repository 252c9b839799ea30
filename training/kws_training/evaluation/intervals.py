"""How far a share or a rate may be from what was counted: exact 95 % intervals."""

from __future__ import annotations


def rate_interval(events: int, hours: float) -> tuple[float, float]:
    """Return the exact 95 % interval of a Poisson rate (Garwood 1936), per hour."""
    from scipy.special import gammaincinv  # a fifth of scipy.stats' time to import

    low = gammaincinv(events, 0.025) if events else 0.0
    return float(low / hours), float(gammaincinv(events + 1, 0.975) / hours)


def share_interval(events: int, of: int) -> tuple[float, float]:
    """Return the exact 95 % interval of a share (Clopper and Pearson 1934); 0 to 1 of nothing."""
    from scipy.special import betaincinv

    low = float(betaincinv(events, of - events + 1, 0.025)) if events else 0.0
    high = float(betaincinv(events + 1, of - events, 0.975)) if events < of else 1.0
    return low, high
