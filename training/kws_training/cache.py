"""The user's cache folder: downloads, features, checkpoints."""

from __future__ import annotations

import os
from pathlib import Path

#: Names another cache folder than the user's.
VARIABLE = "KWS_CACHE"


def cache_folder(*parts: str) -> Path:
    """Return a folder in the user's cache.

    Parameters
    ----------
    *parts : str
        Names of folders below the cache.

    Returns
    -------
    Path
        On Linux ``~/.cache/kws/…``, or below what `VARIABLE` names; it may not exist yet.
    """
    import pooch

    return Path(os.environ.get(VARIABLE) or pooch.os_cache("kws"), *parts)
