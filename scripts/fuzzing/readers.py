"""All readers, in the order in which they run."""

from __future__ import annotations

from collections.abc import Iterator

from . import (
    archives,
    arrays,
    audio,
    grammars,
    models,
    names,
    packing,
    servers,
    settings,
    tables,
    weights,
)
from .reader import Reader

_MODULES = (
    *(audio, models, tables, settings, arrays, archives, names, grammars, servers),
    *(weights, packing),
)


def all_readers() -> Iterator[Reader]:
    """Yield every reader."""
    for module in _MODULES:
        yield from module.readers()
