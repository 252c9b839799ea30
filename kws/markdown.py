"""Markdown of what nobody has checked, and figures with their intervals as text."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence

from .metadata import OperatingPoint


def code(text: str) -> str:
    """Return a text that nobody has checked as a code span, which also fits into a table.

    Parameters
    ----------
    text : str
        The text.

    Returns
    -------
    str
        Markdown.
    """
    plain = printable(text).replace("`", "'").replace("|", "\\|").strip()
    if set(plain) & set("<>&"):  # not every program that shows a card leaves code as it is
        return f"<code>{html.escape(plain)}</code>"
    return f"`{plain or ' '}`"


def printable(text: str) -> str:
    """Return a text with a mark for everything that a page could not show as it is.

    Parameters
    ----------
    text : str
        The text.

    Returns
    -------
    str
        Printable characters only.
    """
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text
    )


def share(value: float | None, interval: tuple[float, float] | None) -> str:
    """Write a share with its 95 % interval, in per cent.

    Parameters
    ----------
    value : float or None
        The share, 0 .. 1; None if it is of nothing, as the recall of a class without clips.
    interval : (float, float) or None
        Its 95 % interval.

    Returns
    -------
    str
        As in ``"97.5 % (96.1 to 98.5)"``; a dash for what does not exist.

    Examples
    --------
    >>> share(0.5, (0.25, 0.75)), share(None, None)
    ('50.0 % (25.0 to 75.0)', '–')
    """
    if value is None or interval is None:
        return "–"
    return f"{100 * value:.1f} % ({100 * interval[0]:.1f} to {100 * interval[1]:.1f})"


def rate(value: float, interval: tuple[float, float]) -> str:
    """Write a rate with its 95 % interval.

    Parameters
    ----------
    value : float
        The rate.
    interval : (float, float)
        Its interval.

    Returns
    -------
    str
        As in ``"0.50 (0.01 to 2.79)"``.
    """
    digits = 1 if value >= 10 else 2
    return f"{value:.{digits}f} ({interval[0]:.{digits}f} to {interval[1]:.{digits}f})"


def shown_threshold(threshold: float) -> str:
    """Write a threshold, or a score, with as many digits as tell it from 0 and 1.

    Parameters
    ----------
    threshold : float
        0 .. 1.

    Returns
    -------
    str
        At least two digits after the point, at most eight.
    """
    apart = min(threshold, 1 - threshold)
    if apart <= 0:
        return f"{threshold:g}"
    return f"{threshold:.{min(8, max(2, 1 - math.floor(math.log10(apart))))}f}"


def point_cells(point: OperatingPoint) -> tuple[str, str, str, str, str]:
    """Write the cells of an operating point in a table.

    Parameters
    ----------
    point : OperatingPoint
        The operating point.

    Returns
    -------
    tuple of str
        Threshold, false accepts per hour, hours, miss rate and recordings.
    """
    return (
        shown_threshold(point.threshold),
        rate(point.false_accepts_per_hour, point.false_accepts_per_hour_interval),
        f"{point.hours:.2f}",
        missed(point),
        f"{point.recordings:,}",
    )


def missed(point: OperatingPoint) -> str:
    """Write the miss rate of an operating point.

    Parameters
    ----------
    point : OperatingPoint
        The operating point.

    Returns
    -------
    str
        The share, or that it was not measured.
    """
    if point.miss_rate is None:
        return "not measured"
    return share(point.miss_rate, point.miss_rate_interval)


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table.

    Parameters
    ----------
    header : sequence of str
        The names of the columns.
    rows : iterable of sequence of str
        The cells of each row, which fit into a table as they are.

    Returns
    -------
    str
        Markdown.
    """
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
