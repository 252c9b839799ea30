"""The result of `kws bench`: a JSON file, written, read, judged and compared.

Schema 1; times in seconds, sizes in bytes::

    format          "kws bench"
    schema          1
    kws, date       version, and when it began (UTC)
    seconds         asked for, for each model and number of threads
    interrupted     whether Ctrl-C ended it
    machine         the fields of kws.bench.machine.Machine
    install         bytes on disk of each package that the device install needs, and "total";
                    compiled files (.pyc) are left out
    doubts          what makes the figures doubtful, one text each
    results         one for each model and number of threads:
      name, path, sha256, network_bytes, file_bytes, step_seconds, threads, interrupted
      start           from starting Python to the first posterior: one time for each run
      states          the fields of kws.bench.machine.State: before, during (some), after
      real_time       whole steps while audio comes in real time: times, and seconds,
                      share_of_core (CPU time of the process / time), late (steps that were not
                      done when the next one's samples were there)
      step, network, front_end, detector
                      back to back: times
      verified_step   the same of whole steps in which the verifier is asked, of a model with one;
                      verifier_bytes is the size of its network
      real_time_factor  median of step / step_seconds
      memory          resident, of the process: loaded (with the model), and at the end of
                      real_time steady and peak

Times are median, p90, p99, largest, steps, and percentiles, a list of the 0th to the 100th. What
could not be measured, or was not reached before Ctrl-C, is null or missing.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..errors import KwsError
from ..files import whole_file

#: What the first field of a result says.
FORMAT = "kws bench"
#: Version of its fields.
SCHEMA = 1
#: Bytes of a file that is read, at most.
LARGEST = 16 * 2**20
#: Entries of one file, at most.
MOST_RESULTS = 1000
#: Threads of an entry, at most.
MOST_THREADS = 1024
#: Characters of a text, at most.
LONGEST_TEXT = 4096
#: Seconds that anything takes, at least and at most.
SHORTEST, LONGEST = 1e-9, 1e9
#: Fields of an entry that hold times.
TIMES = ("real_time", "step", "verified_step", "network", "front_end", "detector")


class BenchError(KwsError):
    """A measurement that failed, or a result that cannot be used."""


def write_result(path: Path, result: dict[str, Any]) -> None:
    """Write a result, all of it or nothing.

    Parameters
    ----------
    path : Path
        The file to write.
    result : dict
        As the module says.
    """
    write_text(path, json.dumps(result, indent=1) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a text file, all of it or nothing.

    Parameters
    ----------
    path : Path
        The file to write.
    text : str
        What goes into it, as UTF-8.

    Raises
    ------
    BenchError
        If it cannot be written.
    """
    try:
        with whole_file(path) as stream:
            stream.write(text.encode("utf-8"))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BenchError(f"{path}: cannot be written: {reason}") from None


def read_result(path: Path) -> dict[str, Any]:
    """Read and check a result.

    Parameters
    ----------
    path : Path
        A file that `kws bench --json` wrote.

    Returns
    -------
    dict
        As the module says.

    Raises
    ------
    BenchError
        If it is missing, no result of `kws bench`, of another schema, or damaged.
    """
    try:
        if not path.is_file():
            raise BenchError(f"{path}: no such file: give what kws bench --json wrote")
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BenchError(f"{str(path)!r}: cannot be read: {reason}") from None
    if len(content) > LARGEST:
        raise BenchError(f"{path}: is larger than {LARGEST} bytes: this is no result of kws bench")
    try:
        result = json.loads(content)
    except (ValueError, RecursionError):
        raise BenchError(f"{path}: is not JSON: give what kws bench --json wrote") from None
    if not isinstance(result, dict) or result.get("format") != FORMAT:
        raise BenchError(f"{path}: is no result of kws bench")
    if result.get("schema") != SCHEMA:
        raise BenchError(
            f"{path}: schema {result.get('schema')!r:.20} is not known (this version reads "
            f"{SCHEMA}): use the kws that wrote it, or measure again"
        )
    wrong = _wrong(result)
    if wrong:
        raise BenchError(f"{path}: {wrong}: the file is damaged")
    return result


def _wrong(result: dict[str, Any]) -> str | None:
    """Return what does not hold of what others rely on."""
    if not isinstance(result.get("machine"), dict) or not isinstance(result.get("date"), str):
        return "has no machine or no date"
    if not re.fullmatch(r"[0-9]{4}[0-9T:+.Z-]{0,40}", result["date"]):
        return "has no date"
    if not _texts(result["machine"].values()):
        return "machine holds more than texts and numbers"
    if not isinstance(result.get("doubts", []), list) or not _texts(result.get("doubts", [])):
        return "doubts are no texts"
    entries = result.get("results")
    if not isinstance(entries, list) or not 0 < len(entries) <= MOST_RESULTS:
        return f"must have 1 to {MOST_RESULTS} results"
    for number, entry in enumerate(entries):
        where = f"results[{number}]"
        if not isinstance(entry, dict):
            return f"{where} is no object"
        if not all(isinstance(entry.get(key), str) for key in ("name", "path", "sha256")):
            return f"{where} has no name, path or sha256"
        if not _texts(entry[key] for key in ("name", "path", "sha256")):
            return f"{where}: name, path or sha256 is no short text"
        if type(entry.get("threads")) is not int or not 0 < entry["threads"] <= MOST_THREADS:
            return f"{where} has no threads"
        if not _positive(entry.get("step_seconds")):
            return f"{where} has no step_seconds"
        if not isinstance(entry.get("states") or [], list):
            return f"{where}: states are no list"
        for part in TIMES:
            values = entry.get(part)
            if values is not None and not (
                isinstance(values, dict)
                and all(_positive(values.get(k)) for k in ("median", "p90", "p99", "largest"))
            ):
                return f"{where}: {part} holds no times"
    return None


def _positive(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and SHORTEST <= value <= LONGEST


def _texts(values: Iterable[Any]) -> bool:
    """Return whether values are short texts that can be shown, or what is none."""
    return all(
        (len(value) <= LONGEST_TEXT and value.isprintable())
        if isinstance(value, str)
        else isinstance(value, int | float | None)
        for value in values
    )


def figure(entry: dict[str, Any], *keys: str) -> float | None:
    """Return a number within a result's entry.

    Parameters
    ----------
    entry : dict
        Of a result of `kws bench`.
    *keys : str
        The names that lead to it, from outside to inside.

    Returns
    -------
    float or None
        None if it is not there, or no finite number.
    """
    value: Any = entry
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    known = isinstance(value, int | float) and not isinstance(value, bool)
    largest = sys.float_info.max  # an integer of JSON may be beyond
    return float(value) if known and -largest <= value <= largest else None


def over_budget(entry: dict[str, Any], budget: float) -> str | None:
    """Say which p99 of a whole step is over a budget in seconds; None if none is.

    All count: what was measured back to back, there also with a verification, and while audio came
    in real time.

    Parameters
    ----------
    entry : dict
        Of a result of `kws bench`.
    budget : float
        Seconds that a step may take.

    Returns
    -------
    str or None
        A sentence about the worst one.
    """
    ways = {
        "back to back": "step",
        "with a verification": "verified_step",
        "in real time": "real_time",
    }
    found = {how: figure(entry, key, "p99") for how, key in ways.items()}
    over = {how: p99 for how, p99 in found.items() if p99 is not None and p99 > budget}
    if not over:
        return None
    how = max(over, key=lambda one: over[one])
    return (
        f"{label(entry)}: p99 of a step {how} is {over[how] * 1e3:.3g} ms, over the budget of "
        f"{budget * 1e3:g} ms"
    )


def label(entry: dict[str, Any]) -> str:
    """Return the name of an entry: the model and the number of threads.

    Parameters
    ----------
    entry : dict
        Of a result of `kws bench`.

    Returns
    -------
    str
    """
    return f"{entry['name']}, {entry['threads']} thread{'s' if entry['threads'] > 1 else ''}"
