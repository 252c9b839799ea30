"""The result of `kws bench` for people: a table, two results side by side, a page with a plot."""

from __future__ import annotations

import html
import math
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from .result import BenchError, figure, label, write_text

#: One model with one number of threads, as `kws.bench.result` describes it.
Entry = dict[str, Any]

#: The parts of a step that have times, and their names in tables.
PARTS = {
    "step": "whole step",
    "verified_step": "with a verification",
    "network": "network",
    "front_end": "front end",
    "detector": "detector",
    "real_time": "step in real time",
}


def duration(seconds: float | None) -> str:
    """Return a time with three digits and its unit.

    Parameters
    ----------
    seconds : float or None
        The time; None if it was not measured.

    Returns
    -------
    str
        A dash for None.
    """
    if seconds is None:
        return "–"
    for unit, name in ((1.0, "s"), (1e-3, "ms")):
        if seconds >= unit:
            return f"{seconds / unit:.3g} {name}"
    return f"{seconds / 1e-6:.3g} µs"


def size(count: float | None) -> str:
    """Return a number of bytes in kB or MB, of 1000 and 1,000,000.

    Parameters
    ----------
    count : float or None
        Bytes; None if they are not known.

    Returns
    -------
    str
        A dash for None.
    """
    if count is None:
        return "–"
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.2g} %"


def _start(entry: Entry) -> float | None:
    starts = entry.get("start")
    numbers = [s for s in starts if isinstance(s, int | float)] if isinstance(starts, list) else []
    return statistics.median(numbers) if numbers else None


#: What is said of an entry beside its times: name, value, and how it is written.
FIGURES: dict[str, tuple[Callable[[Entry], float | None], Callable[[float | None], str]]] = {
    "share of a core, in real time": (lambda e: figure(e, "real_time", "share_of_core"), _percent),
    "step / its audio, back to back": (lambda e: figure(e, "real_time_factor"), _percent),
    "memory with the model loaded": (lambda e: figure(e, "memory", "loaded"), size),
    "memory while streaming": (lambda e: figure(e, "memory", "steady"), size),
    "memory, peak": (lambda e: figure(e, "memory", "peak"), size),
    "start to first posterior": (_start, duration),
    "model file": (lambda e: figure(e, "file_bytes"), size),
}


def machine_lines(result: dict[str, Any]) -> list[str]:
    """Return what the figures were measured on, and what makes them doubtful.

    Parameters
    ----------
    result : dict
        A result of `kws bench`.

    Returns
    -------
    list of str
    """
    machine = result["machine"]
    frequency = figure(machine, "highest_hz")
    parts = [
        str(machine.get("model") or "unnamed machine"),
        f"{machine.get('cores')} × {machine.get('core') or 'unknown core'}",
        f"up to {frequency / 1e6:.0f} MHz" if frequency else "",
        f"governor {machine['governor']}" if machine.get("governor") else "",
        str(machine.get("architecture")),
        f"Python {machine.get('python')}",
        f"kws {machine.get('kws')}",
        str(machine.get("interpreter") or "no interpreter"),
    ]
    return [", ".join(filter(None, parts)), *(f"doubtful: {d}" for d in result.get("doubts", []))]


def state_line(entry: Entry) -> str | None:
    """Return what frequency, temperature and power did while an entry was measured.

    Parameters
    ----------
    entry : dict
        Of a result of `kws bench`.

    Returns
    -------
    str or None
        None if none of them is known.
    """
    states = [state for state in entry.get("states") or [] if isinstance(state, dict)]
    said = []
    for key, unit, name in (
        ("frequency_hz", 1e6, "MHz"),
        ("temperature", 1.0, "°C"),
        ("watts", 1.0, "W"),
    ):
        values = [v / unit for v in (figure(state, key) for state in states) if v is not None]
        if values and name == "W":  # of watts, before and while it streams is what is asked for
            said.append(" → ".join(f"{value:.2f}" for value in values) + " W")
        elif values:
            low, high = f"{min(values):.0f}", f"{max(values):.0f}"
            said.append(f"{low} {name}" if low == high else f"{low} to {high} {name}")
    return ", ".join(said) or None


def entry_lines(entry: Entry) -> list[str]:
    """Return the table of one entry.

    Parameters
    ----------
    entry : dict
        Of a result of `kws bench`.

    Returns
    -------
    list of str
    """
    lines = [label(entry) + (" (interrupted)" if entry.get("interrupted") else "")]
    lines.append(
        f"  {'':20}{'median':>10}{'p90':>10}{'p99':>10}{'max':>10}{'steps':>8}"
        f"   (a step is {duration(figure(entry, 'step_seconds'))} of audio)"
    )
    for key, name in PARTS.items():
        if entry.get(key):
            row = [duration(figure(entry, key, k)) for k in ("median", "p90", "p99", "largest")]
            count = figure(entry, key, "steps")
            steps = "" if count is None else f"{count:.0f}"
            lines.append(f"  {name:20}" + "".join(f"{cell:>10}" for cell in row) + f"{steps:>8}")
    for name, (value, written) in FIGURES.items():
        found = value(entry)
        if found is not None:
            lines.append(f"  {name:32}{written(found)}")
    late = figure(entry, "real_time", "late")
    if late:
        every = figure(entry, "real_time", "steps") or 0
        lines.append(f"  {'late, in real time':32}{late:.0f} of {every:.0f} steps")
    state = state_line(entry)
    return [*lines, f"  {'while measured':32}{state}"] if state else lines


def compare_lines(a: dict[str, Any], b: dict[str, Any], names: tuple[str, str]) -> list[str]:
    """Return two results side by side, with the ratio of the second to the first.

    Entries of one network, name and number of threads belong together; if there are none, those of
    one network, or else of one name; if each result has one entry, these two.

    Parameters
    ----------
    a : dict
        The first result.
    b : dict
        The second result.
    names : (str, str)
        What to call them.

    Returns
    -------
    list of str

    Raises
    ------
    BenchError
        If nothing belongs together.
    """
    pairs = _pairs(a["results"], b["results"])
    if not pairs:
        raise BenchError(f"{names[0]} and {names[1]} have no model and number of threads in common")
    lines = [f"A: {names[0]}, {a['date']}"]
    lines += [f"   {line}" for line in machine_lines(a)]
    lines.append(f"B: {names[1]}, {b['date']}")
    lines += [f"   {line}" for line in machine_lines(b)]
    for one, other in pairs:
        titles = label(one), label(other)
        lines += ["", titles[0] if titles[0] == titles[1] else " / ".join(titles)]
        lines.append(f"  {'':34}{'A':>10}{'B':>10}{'B / A':>8}")
        for key, name in PARTS.items():
            for which in ("median", "p99"):
                values = figure(one, key, which), figure(other, key, which)
                lines += _compared(f"{name}, {which}", values, duration)
        for name, (value, written) in FIGURES.items():
            lines += _compared(name, (value(one), value(other)), written)
    return lines


def _pairs(ones: Sequence[Entry], others: Sequence[Entry]) -> list[tuple[Entry, Entry]]:
    for keys in (("sha256", "name", "threads"), ("sha256", "threads"), ("name", "threads")):
        known = {tuple(entry[key] for key in keys): entry for entry in others}
        named = [(entry, tuple(entry[key] for key in keys)) for entry in ones]
        found = [(entry, known[key]) for entry, key in named if key in known]
        if found:
            return found
    return [(ones[0], others[0])] if len(ones) == len(others) == 1 else []


def _compared(
    name: str, values: tuple[float | None, float | None], written: Callable[[float | None], str]
) -> list[str]:
    one, other = values
    if one is None and other is None:
        return []
    ratio = f"{other / one:.2f}" if one and other is not None else "–"
    return [f"  {name:34}{written(one):>10}{written(other):>10}{ratio:>8}"]


def write_page(folder: Path, result: dict[str, Any]) -> Path:
    """Write ``index.html``: the tables, and how the times of a step are distributed.

    Parameters
    ----------
    folder : Path
        Where the page goes; made if it is not there.
    result : dict
        A result of `kws bench`.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    BenchError
        If it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BenchError(f"{folder}: cannot be made: {reason}") from None
    text = "\n\n".join("\n".join(entry_lines(entry)) for entry in result["results"])
    head = "\n".join([*machine_lines(result), f"measured {result['date']}"])
    page = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>kws bench</title>'
        "<style>body{font:16px sans-serif;margin:2em;max-width:60em}pre{overflow:auto}</style>"
        f"<h1>kws bench</h1><pre>{html.escape(head)}</pre>"
        f"<h2>How long a step takes</h2>{_plot(result['results'])}"
        f"<h2>Figures</h2><pre>{html.escape(text)}</pre></html>\n"
    )
    path = folder / "index.html"
    write_text(path, page)
    return path


#: Colours that people with colour blindness can tell apart (Okabe and Ito, 2008).
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
#: Size of the plot and its margins, in pixels of the page.
_WIDTH = 640
_HEIGHT = 320
_LEFT = 50
_TOP = 28
#: Distributions in the plot: key of the result, how the line is drawn, what it is called.
_KINDS = (
    ("step", "", "back to back"),
    ("real_time", ' stroke-dasharray="6 4"', "in real time, with pauses"),
)


def _plot(entries: Sequence[Entry]) -> str:
    """Return the distributions as an SVG; the time is logarithmic."""
    curves = [
        (number, dash, values)
        for number, entry in enumerate(entries)
        for part, dash, _ in _KINDS
        if (values := _percentiles(entry.get(part)))
    ]
    if not curves:
        return "<p>Nothing was measured.</p>"
    low = math.floor(math.log10(min(values[0] for *_, values in curves)))
    high = max(low + 1, math.ceil(math.log10(max(values[-1] for *_, values in curves))))

    def x(seconds: float) -> float:
        return _LEFT + _WIDTH * (math.log10(seconds) - low) / (high - low)

    def y(share: float) -> float:
        return _TOP + _HEIGHT * (1 - share)

    marks = []
    for power in range(low, high + 1):
        at = x(10.0**power)
        marks.append(
            f'<path d="M{at:.1f} {y(0):.1f}V{y(1):.1f}" stroke="#ccc"/><text x="{at:.1f}" '
            f'y="{y(0) + 18:.1f}" text-anchor="middle">{duration(10.0**power)}</text>'
        )
    for share in (0.0, 0.5, 0.9, 0.99):
        at = y(share)
        marks.append(
            f'<path d="M{x(10.0**low):.1f} {at:.1f}H{x(10.0**high):.1f}" stroke="#eee"/>'
            f'<text x="{_LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{share:.0%}</text>'
        )
    for number, dash, values in curves:
        points = " ".join(f"{x(v):.1f},{y(n / 100):.1f}" for n, v in enumerate(values))
        colour = _COLOURS[number % len(_COLOURS)]
        marks.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>'
        )
    for number, entry in enumerate(entries):  # named at the lower right, where no curve goes
        at = _TOP + _HEIGHT - 12 - 18 * (len(entries) - 1 - number)
        marks.append(
            f'<text x="{_LEFT + _WIDTH - 10}" y="{at}" text-anchor="end" '
            f'fill="{_COLOURS[number % len(_COLOURS)]}">{html.escape(label(entry))}</text>'
        )
    bottom = _TOP + _HEIGHT + 38
    marks.append(
        f'<text x="{_LEFT}" y="{_TOP - 8}">share of the steps that take at most so long</text>'
        f'<text x="{_LEFT + _WIDTH / 2}" y="{bottom}" text-anchor="middle">'
        "time of a step of audio (logarithmic)</text>"
    )
    above = _TOP + _HEIGHT - 12 - 18 * (len(entries) + len(_KINDS))
    for row, (_, dash, name) in enumerate(_KINDS):
        at = above + 18 * row
        marks.append(
            f'<path d="M{_LEFT + _WIDTH - 225} {at - 4}h30" stroke="#444" stroke-width="2"{dash}/>'
            f'<text x="{_LEFT + _WIDTH - 10}" y="{at}" text-anchor="end">{name}</text>'
        )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_LEFT + _WIDTH + 30} '
        f'{bottom + 10}" font-size="13" role="img" '
        f'aria-label="distribution of the time of a step">{"".join(marks)}</svg>'
    )


def _percentiles(times: Any) -> list[float]:
    """Return the percentiles of times, empty if they are no rising positive numbers."""
    values = times.get("percentiles") if isinstance(times, dict) else None
    if not isinstance(values, list) or len(values) != 101:
        return []
    numbers = [figure({"value": value}, "value") for value in values]
    known = [number for number in numbers if number is not None and number > 0]
    return known if len(known) == 101 and known == sorted(known) else []
