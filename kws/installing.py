"""What messages tell people to install: the extras of kws, and packages of others."""

from __future__ import annotations

from pathlib import Path

#: The folder that holds the package: of a checkout, its root.
ROOT = Path(__file__).resolve().parents[1]


def install_extra(extra: str) -> str:
    """Return what to do for an extra of kws, as the end of a message.

    No package index has kws, so that a user has a checkout, from which pip can install it, or a
    wheel. Of what is installed only the user knows where it came from.

    Parameters
    ----------
    extra : str
        One of the extras in `pyproject.toml`, such as ``mic``.

    Returns
    -------
    str

    Examples
    --------
    >>> "pip install '.[mic]'" in install_extra("mic")
    True
    """
    if _from_checkout():
        return f"pip install '.[{extra}]'"
    return f"install the extra \"{extra}\" of kws: in its checkout, pip install '.[{extra}]'"


def install_packages(*packages: str, upgrade: bool = False) -> str:
    """Return what to do for packages that package indexes have, as the end of a message.

    Parameters
    ----------
    *packages : str
        Names of distributions, such as ``ai-edge-litert``.
    upgrade : bool
        Whether they are there, but too old.

    Returns
    -------
    str

    Examples
    --------
    >>> install_packages("soundfile", upgrade=True)
    'pip install --upgrade soundfile'
    """
    return " ".join(["pip install", *["--upgrade"] * upgrade, *packages])


def _from_checkout() -> bool:
    """Tell whether the package runs from a checkout, and not from where a wheel was installed."""
    return (ROOT / "pyproject.toml").is_file()
