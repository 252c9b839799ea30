"""The user's cache folder: downloads, features, checkpoints."""

from __future__ import annotations

import os
from pathlib import Path

from kws.errors import KwsError

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

    Raises
    ------
    KwsError
        If nothing says where the user's home is, as in a container with a user of no name.
    """
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named, *parts)
    import pooch

    try:
        home = Path(pooch.os_cache("kws"))
    except RuntimeError:
        home = Path("~")
    if not home.is_absolute():
        raise KwsError(
            "no home folder is known (HOME is not set): set KWS_CACHE to a folder that can be "
            "written, for downloads and features"
        )
    return home.joinpath(*parts)
