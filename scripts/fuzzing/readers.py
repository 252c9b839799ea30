"""All readers, in the order in which they run."""

from __future__ import annotations

from collections.abc import Iterator

from . import archives, arrays, audio, models, names, servers, settings, tables
from .reader import Reader


def all_readers() -> Iterator[Reader]:
    """Yield every reader."""
    for module in (audio, models, tables, settings, arrays, archives, names, servers):
        yield from module.readers()
