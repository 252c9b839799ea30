"""The release gate: what a model must keep on its way to the device, each with its figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kws.arrays import Int16
from kws.intervals import share_interval
from kws.metadata import point_of
from kws.modelfile import VERIFIER_NAME, ModelFile
from kws.pcm import to_float32
from kws_training.evaluation.paired import PairedCounts, difference_interval

from ..boards.cost import cost
from ..offline import OfflineError, stream_against_whole
from .judging import Judged
from .models import CheckError, is_quantized

#: Shares of the accuracy that a student keeps of its teacher's, and a quantized network of its
#: float form's, at least.
KEPT_OF_TEACHER = 0.95
KEPT_OF_FLOAT = 0.997
#: Steps that are timed here.
TIMED = 500


@dataclass(frozen=True)
class Gate:
    """One thing that must hold.

    Attributes
    ----------
    name : str
        "teacher", "float", "streaming", "budget" or "thresholds".
    passed : bool
        Whether it holds.
    text : str
        What was found, in one line; the reason where it was not passed.
    figures : dict
        The same for programs.
    doubts : tuple of str
        What the figures do not say.
    """

    name: str
    passed: bool
    text: str
    figures: dict[str, Any]
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Budget:
    """How long a step may take.

    Attributes
    ----------
    milliseconds : float or None
        None asks for real time: no longer than the audio of the step.
    board : str or None
        Name or file of a board; None measures here.
    """

    milliseconds: float | None = None
    board: str | None = None


def kept_gate(
    name: str,
    judged: Judged,
    before: Sequence[bool],
    least: float,
    source: str,
    doubts: tuple[str, ...] = (),
) -> Gate:
    """Check that a model keeps a share of what another one gets right.

    Parameters
    ----------
    name : str
        Name of the gate.
    judged : Judged
        What the models got right.
    before : sequence of bool
        What the other model got right.
    least : float
        Share of its accuracy that must be kept.
    source : str
        What the other model is.
    doubts : tuple of str
        What the figures of the other model do not say.

    Raises
    ------
    CheckError
        If the other model gets nothing right.
    """
    after, total = judged.model, len(judged.model)
    old, new = sum(before), sum(after)
    if not old:
        raise CheckError(
            f"{source} gets none of {total} recordings right: check that their folders are named "
            "after its labels"
        )
    kept = new / old
    pairs = list(zip(before, after, strict=True))
    counts = PairedCounts(*(pairs.count(one) for one in _OUTCOMES))
    low, high = (1 + bound * total / old for bound in difference_interval(counts))
    own, others = share_interval(new, total), share_interval(old, total)
    text = (
        f"keeps {kept:.1%} of the {judged.what} of {source} ({least:.1%} needed; 95 % interval "
        f"{low:.1%} to {high:.1%}): {_share(new, total, own)}, was {_share(old, total, others)}"
    )
    if low < least <= high:
        side = "below" if kept >= least else "above"
        doubts = (*doubts, f"the interval reaches {side} the bar: more recordings would decide")
    figures = {
        "kept": kept,
        "kept_interval": [low, high],
        "needed": least,
        "recordings": total,
        "right": new,
        "interval": list(own),
        "right_before": old,
        "interval_before": list(others),
        "lost": counts.only_old,
        "won": counts.only_new,
        "against": source,
    }
    return Gate(name, kept >= least, text, figures, doubts)


#: (before, after) in the order of `PairedCounts`: both, only old, only new, neither.
_OUTCOMES = ((True, True), (True, False), (False, True), (False, False))


def _share(right: int, total: int, interval: tuple[float, float]) -> str:
    low, high = interval
    return f"{right} of {total} ({right / total:.1%}, {low:.1%} to {high:.1%})"


def streaming_gate(model: ModelFile, audio: Sequence[Int16]) -> Gate:
    """Check that the stream equals one invocation over all frames; see `stream_against_whole`.

    A verifier hears a window at once, and has no stream: the first stage alone is checked.

    Parameters
    ----------
    model : ModelFile
        The model that is checked.
    audio : sequence of int16 (n,)
        Recordings in its sample rate.
    """
    recordings = [to_float32(one) for one in audio]
    first = model.first_stage()
    try:
        found = stream_against_whole(first, recordings, is_quantized(first))
    except OfflineError as error:
        return Gate("streaming", False, f"not shown to equal the whole clip: {error}", {})
    unit = "" if found.steps is None else f" ({found.steps:.2f} quantization steps)"
    text = (
        f"differs from the whole clip by {found.largest:.3g}{unit} at most, {found.tolerance:.3g} "
        f"allowed: {found.output_frames} results of {found.recordings} recordings"
    )
    if found.freed:
        text += ", shapes of a single step freed"
    figures = {
        "largest": found.largest,
        "tolerance": found.tolerance,
        "quantization_steps": found.steps,
        "recordings": found.recordings,
        "results": found.output_frames,
    }
    return Gate("streaming", found.equal, text, figures)


def budget_gate(model: ModelFile, budget: Budget) -> Gate:
    """Check that the network's step is within the budget: measured here, or as on a board.

    Of a model with a verifier, so must be a step in which it is asked.

    Parameters
    ----------
    model : ModelFile
        The model that is checked.
    budget : Budget
        How long its step may take, and where.

    Raises
    ------
    KwsError
        If there is no such board, or it has no figure for this network.
    """
    metadata = model.metadata
    length = 1000 * metadata.streaming.frames * metadata.front_end.hop_seconds
    verifier = metadata.verifier
    most = length if budget.milliseconds is None else budget.milliseconds
    asked = f"{most:g} ms" + (" (the step's own length)" if budget.milliseconds is None else "")
    if budget.board is None:
        from kws.bench.timing import always_asked, network_times
        from kws.console import quiet

        with quiet():
            times = network_times(model, TIMED)
            verified = network_times(always_asked(model), TIMED) if verifier else None
        p99 = 1000 * times.p99
        text = (
            f"the network's step takes {1000 * times.median:.3g} ms here, {p99:.3g} ms in the 99th "
            f"percentile of {times.steps} steps on one thread"
        )
        if verified is not None:
            longest = 1000 * verified.p99
            text += f", {longest:.3g} ms in that of steps with a verification"
        else:
            longest = p99
        text += f"; budget {asked}"
        figures: dict[str, Any] = {
            "budget_ms": most,
            "board": None,
            "measured": True,
            "median_ms": 1000 * times.median,
            "p99_ms": p99,
            "verified_p99_ms": None if verified is None else longest,
            "steps": times.steps,
        }
        return Gate("budget", max(p99, longest) <= most, text, figures)
    from ..boards.board import estimate, read_board

    board = read_board(budget.board)
    spent = cost(model.network, model.path)
    found = estimate(board, spent, spent.precision)
    middle, low, high = (1000 * one for one in (found.seconds, found.low, found.high))
    more: tuple[str, ...] = ()
    if verifier is not None:
        again = cost(verifier.network, f"{model.path}: {VERIFIER_NAME}")
        second = estimate(board, again, again.precision)
        middle += 1000 * second.seconds
        low, high = low + 1000 * second.low, high + 1000 * second.high
        more = ("the step is one with a verification; memory is that of the first stage alone",)
    how = "measured" if found.measured else "estimated"
    text = (
        f"the network's step takes {middle:.3g} ms on {board.title} ({how}, {low:.3g} to "
        f"{high:.3g}); budget {asked}"
    )
    if found.memory:
        text += f"; {found.memory}"
    doubts: tuple[str, ...] = (f"{board.name}: {found.source}",)
    if middle <= most < high:
        doubts = ("its slowest estimate counts: measure on the board (kws bench)", *doubts)
    doubts += more
    figures = {
        "budget_ms": most,
        "board": board.name,
        "measured": found.measured,
        "estimate_ms": middle,
        "low_ms": low,
        "high_ms": high,
        "source": found.source,
        "fits_memory": found.fits,
    }
    return Gate("budget", high <= most and found.fits, text, figures, doubts)


def thresholds_gate(model: ModelFile) -> Gate:
    """Check that every threshold has a measured operating point behind it.

    Parameters
    ----------
    model : ModelFile
        The model that is checked.
    """
    metadata = model.metadata
    missing: dict[str, list[str]] = {}
    hours = []
    for keyword in metadata.keywords:
        point = point_of(metadata, keyword)
        if point is not None:
            hours.append(point.hours)
            continue
        own = [one for one in metadata.operating_points if one.keyword == keyword]
        threshold = metadata.detector.thresholds[keyword]
        if not own:
            why = "nothing was measured"
        elif all(one.hours == 0 for one in own):
            why = "measured on zero hours"
        else:
            at = ", ".join(f"{one.threshold:g}" for one in own[:3])
            why = f"measured at {at}, but the file says {threshold:g}"
        missing.setdefault(why, []).append(keyword)
    total = len(metadata.keywords)
    figures = {
        "keywords": total,
        "unmeasured": {one: why for why, keywords in missing.items() for one in keywords},
        "least_hours": min(hours, default=0.0),
    }
    if missing:
        text = "no operating point behind the threshold of " + "; of ".join(
            f"{', '.join(keywords)} ({why})" for why, keywords in missing.items()
        )
        return Gate("thresholds", False, text, figures)
    text = f"all {total} were measured, on {min(hours):.2f} h or more without the keyword"
    return Gate("thresholds", True, text, figures)


def check(
    model: ModelFile,
    teacher: ModelFile,
    other: ModelFile | None,
    source: str,
    judged: Judged,
    budget: Budget,
) -> tuple[Gate, ...]:
    """Run all gates.

    Parameters
    ----------
    model, teacher : ModelFile
        The model that is checked, and the one that it must keep up with.
    other, source
        As `float_form` gives them.
    judged : Judged
        Of these models.
    budget : Budget
        How long its step may take, and where.
    """
    gates = [kept_gate("teacher", judged, judged.teacher, KEPT_OF_TEACHER, teacher.path)]
    if judged.other is None or other is None:
        gates.append(Gate("float", True, "is not quantized: nothing to lose", {}))
    else:
        named = other.path == source
        name, doubts = (source, ()) if named else ("its float form", (f"float: {source}",))
        gates.append(kept_gate("float", judged, judged.other, KEPT_OF_FLOAT, name, doubts))
    return (
        *gates,
        streaming_gate(model, judged.audio),
        budget_gate(model, budget),
        thresholds_gate(model),
    )
