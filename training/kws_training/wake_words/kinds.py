"""Kinds of negatives: one collection, one microphone, one way to speak, by the folders they are in.

A network fires more often on kinds that it never heard than on others of a kind that it knows. So a
threshold is chosen for the kind on which it fires most, and a model file says what was heard.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from ..data.dataset import Clip

#: Hours of a kind from which anything can be told by itself.
MIN_KIND_HOURS = 0.1
#: The kind of recordings of which there are fewer.
OTHERS = "others"


def kinds_of(clips: Sequence[Clip], hours: Sequence[float]) -> list[str]:
    """Return the kind of each recording.

    It is the recording's folder in the deepest folder that holds them all. Such a folder is several
    kinds if all that is in it is in two sub-folders or more, each with `MIN_KIND_HOURS`: the speech
    in ``speech/orders`` and ``speech/calls``, but not single words, each in a folder of its own.
    Kinds with less are joined. Where they are together less as well, they count with the kind of
    which there is most: as a kind of its own, a minute of what sounds like the phrase would decide
    every threshold.

    Parameters
    ----------
    clips : sequence of Clip
        The recordings.
    hours : sequence of float
        Length of each.

    Returns
    -------
    list of str
        Names such as ``speech/orders``; `OTHERS` for those of which there is little.
    """
    if not clips:
        return []
    folders = [clip.path.absolute().parent for clip in clips]
    top = Path(os.path.commonpath(folders))
    parts = [folder.relative_to(top).parts for folder in folders]
    first = ["".join(one[:1]) for one in parts]
    second = ["/".join(one[:2]) for one in parts]
    inside: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for whole, part, length in zip(first, second, hours, strict=True):
        inside[whole][part] = inside[whole].get(part, 0.0) + length
    split = {
        whole: whole not in its and len(its) > 1 and min(its.values()) >= MIN_KIND_HOURS
        for whole, its in inside.items()
    }
    kinds = [part if split[whole] else whole for whole, part in zip(first, second, strict=True)]
    totals = hours_by_kind(kinds, hours)
    if len(totals) == 1:
        return [top.name] * len(clips)
    little = [kind for kind, its in totals.items() if not kind or its < MIN_KIND_HOURS]
    most = max(totals, key=totals.__getitem__)
    enough = sum(totals[kind] for kind in little) >= MIN_KIND_HOURS
    joined = OTHERS if enough or most in little else most
    return [joined if kind in little else kind for kind in kinds]


def hours_by_kind(kinds: Sequence[str], hours: Sequence[float]) -> dict[str, float]:
    """Return the hours of each kind, by its name in the order of the alphabet.

    Parameters
    ----------
    kinds : sequence of str
        The kind of each recording.
    hours : sequence of float
        Length of each.
    """
    totals = dict.fromkeys(sorted(set(kinds)), 0.0)
    for kind, length in zip(kinds, hours, strict=True):
        totals[kind] += length
    return totals
