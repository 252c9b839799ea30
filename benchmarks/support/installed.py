"""What the packages of a virtual environment take on disk: one rule for all that is counted.

Counted are the files below `site-packages`, but for compiled ones, which Python makes as it goes,
and what `python -m venv` brings itself.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path

#: What `python -m venv` brings itself.
BROUGHT = ("pip", "setuptools", "pkg_resources", "_distutils_hack", "distutils-precedence")


def installed_bytes(python: Path) -> int:
    """Return the bytes of all packages of an environment.

    Parameters
    ----------
    python : Path
        The Python of the environment.
    """
    total = 0
    for site in (python.parents[1] / "lib").glob("python*/site-packages"):
        for entry in site.iterdir():
            total += sum(_counted([entry] if entry.is_file() else entry.rglob("*"), site))
    return total


def distribution_bytes(site: Path) -> dict[str, int]:
    """Return the bytes of each installed distribution, by its record.

    Scripts outside the folder are left out, which its record names too.

    Parameters
    ----------
    site : Path
        The folder `site-packages`.

    Returns
    -------
    dict of str to int
        By the distribution's name. The packages of kws are listed as ``kws: NAME`` too, beside
        their sum, ``kws``.
    """
    found: dict[str, int] = {}
    for record in sorted(site.glob("*.dist-info/RECORD")):
        name = record.parent.name.partition("-")[0]
        with record.open(newline="") as lines:
            files = [row[0] for row in csv.reader(lines) if row]
        for file in files:
            if file.startswith(("../", "/")):
                continue
            for count in _counted([site / file], site):
                found[name] = found.get(name, 0) + count
                if name == "kws":
                    part = f"kws: {file.partition('/')[0]}"
                    found[part] = found.get(part, 0) + count
    return found


def _counted(paths: Iterable[Path], site: Path) -> Iterator[int]:
    """Yield the bytes of those files that count."""
    for path in paths:
        brought = path.relative_to(site).parts[0].startswith(BROUGHT)
        if not brought and path.suffix != ".pyc" and path.is_file():
            yield path.stat().st_size
