"""Resident memory of a process, page by page: VmRSS of /proc/PID/status is only nearly right."""

from __future__ import annotations

from pathlib import Path


def resident(process: int | str = "self") -> int:
    """Return the bytes of a process that are in memory.

    Parameters
    ----------
    process : int or str
        Its number; "self" for this one.

    Raises
    ------
    OSError
        If it has ended, or this is not Linux.
    """
    text = Path(f"/proc/{process}/smaps_rollup").read_text()
    return next(int(line.split()[1]) << 10 for line in text.splitlines() if line[:4] == "Rss:")
