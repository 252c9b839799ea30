"""Where recordings come from, as their manifests say: what a model file tells of its data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from .dataset import Clip

#: What stands for a source or a licence that no manifest names.
NOT_STATED = "not stated"


def attribution(clips: Iterable[Clip]) -> list[dict[str, str | int]]:
    """Count recordings by their source and licence.

    Parameters
    ----------
    clips : iterable of Clip
        Recordings; the columns ``source`` and ``licence`` (or ``license``) of their manifests, in
        any case, say where they come from.

    Returns
    -------
    list of dict
        ``source``, ``licence`` and ``recordings``, by source.

    Examples
    --------
    >>> from pathlib import Path
    >>> attribution([Clip(Path("a.wav"), "hey", "hey", "anna", {"source": "Hall of Anna"})])
    [{'source': 'Hall of Anna', 'licence': 'not stated', 'recordings': 1}]
    """
    counts: Counter[tuple[str, str]] = Counter()
    for clip in clips:
        columns = {name.lower(): text.strip() for name, text in clip.columns.items()}
        licence = columns.get("licence") or columns.get("license")
        counts[columns.get("source") or NOT_STATED, licence or NOT_STATED] += 1
    return [
        {"source": source, "licence": licence, "recordings": count}
        for (source, licence), count in sorted(counts.items())
    ]
