"""The release gate: what a model must keep on its way to the device, each with its figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from kws.arrays import Int16
from kws.calibration.intervals import share_interval
from kws.cli.inspect import point_of
from kws.errors import KwsError
from kws.modelfile import UNKNOWN, ModelFile, keywords_of
from kws.spotter import KeywordSpotter
from kws_training.data.dataset import Clip, Skipped, find_recordings, hold_out_speakers
from kws_training.evaluation.compare import PairedCounts, difference_interval, shared_clips
from kws_training.evaluation.evaluate import ClipReport, judge_clips, open_model
from kws_training.progress import Progress

from .boards.cost import cost
from .offline import OfflineError, stream_against_whole

#: Shares of the accuracy that a student keeps of its teacher's, and a quantized network of its
#: float form's, at least.
KEPT_OF_TEACHER = 0.95
KEPT_OF_FLOAT = 0.997
#: Recordings, evenly spread over all of them, on which stream and whole clip are compared.
STREAMED = 20
#: Steps that are timed here.
TIMED = 500
#: False accepts per hour at which wake words are compared.
WAKE_RATE = 1.0
#: Seed of the gaps between recordings of wake words.
SEED = 0


class CheckError(KwsError):
    """A check that cannot be done with what was given."""


@dataclass(frozen=True)
class Gate:
    """One thing that must hold.

    Attributes
    ----------
    name : str
        "teacher", "float", "streaming", "budget" or "thresholds".
    passed : bool
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
class Judged:
    """What models made of the same recordings.

    Attributes
    ----------
    what : str
        "accuracy", or "detections" for wake words.
    model, teacher, other : sequence of bool
        Which recordings each got right; other is the float form, None where there is none.
    audio : sequence of int16 (n,)
        Some of the recordings, to stream.
    notes : tuple of str
        About the recordings.
    skipped : tuple of Skipped
    """

    what: str
    model: Sequence[bool]
    teacher: Sequence[bool]
    other: Sequence[bool] | None
    audio: Sequence[Int16]
    notes: tuple[str, ...]
    skipped: tuple[Skipped, ...]


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


def is_quantized(model: ModelFile) -> bool:
    """Tell whether any kernel of a model's network is not float32."""
    return cost(model.network, model.path).precision != "float32"


def float_form(model: ModelFile, named: ModelFile | None) -> tuple[ModelFile | None, str]:
    """Return what a quantized model is compared with, and where it came from.

    Parameters
    ----------
    model : ModelFile
    named : ModelFile or None
        The float model that it was made of, if it is at hand; else its own weights, dequantized.

    Raises
    ------
    CheckError
        If the named one is quantized, or of other labels.
    QuantizationError
        If the network cannot be dequantized.
    """
    if named is not None:
        if is_quantized(named):
            raise CheckError(f"{named.path}: is quantized: --float takes the float model")
        if named.metadata.labels != model.metadata.labels:
            raise CheckError(f"{named.path}: has other labels than {model.path}")
        return named, named.path
    if not is_quantized(model):
        return None, ""
    from .quantization.dequantize import to_float

    network = to_float(model.network)
    return replace(model, network=network, path=f"{model.path} as float"), (
        "its own weights dequantized, so that what rounding them lost is not seen (--float FILE)"
    )


# --- recordings ---


def judge_labelled(
    model: ModelFile,
    teacher: ModelFile,
    other: ModelFile | None,
    clips: Sequence[Clip],
    read: Any,
    progress: Progress,
) -> Judged:
    """Classify clips by all models, over the keywords that model and teacher share.

    Parameters
    ----------
    model, teacher : ModelFile
    other : ModelFile or None
        The float form.
    clips : sequence of Clip
        Labelled by their words.
    read : callable
        `kws_training.commands.features.read_clips`, or what does the same.
    progress : callable

    Raises
    ------
    CheckError
        If the models share no keyword, or none of the clips can be read.
    DataError
        If none of the clips is of what both models know.
    """
    common = set(model.metadata.keywords) & set(teacher.metadata.keywords)
    if not common:
        own, others = (", ".join(one.metadata.keywords)[:200] for one in (model, teacher))
        raise CheckError(f"{model.path} and {teacher.path} share no keyword: {own}; {others}")

    def opened(one: ModelFile) -> KeywordSpotter:
        labels = one.metadata.labels
        if UNKNOWN in labels and set(keywords_of(labels)) != common:
            return open_model(one, keywords=[label for label in labels if label in common])
        return open_model(one)

    spotters = [opened(one) for one in (model, teacher)]
    found, left_out = shared_clips(clips, *(one.metadata.labels for one in reversed(spotters)))
    good, audio, skipped = read(found, progress)
    if not good:
        raise CheckError(f"none of the {len(found)} recordings could be read: {skipped[0].reason}")
    if other is not None:
        spotters.append(opened(other))
    reports: list[ClipReport] = [
        judge_clips(spotter, good, audio, skipped, progress) for spotter in spotters
    ]
    rights = [[result.right for result in report.results] for report in reports]
    notes = _people(good, (model, teacher))
    only = sorted((set(model.metadata.keywords) | set(teacher.metadata.keywords)) - common)
    if only:
        notes.append(f"judged over the {len(common)} keywords of both; without {', '.join(only)}")
    return Judged(
        "accuracy",
        rights[0],
        rights[1],
        rights[2] if other is not None else None,
        _spread(audio),
        tuple(notes),
        (*skipped, *left_out),
    )


def judge_wake_words(
    model: ModelFile,
    teacher: ModelFile,
    other: ModelFile | None,
    positives: Sequence[Path],
    negatives: Sequence[Path],
    progress: Progress,
) -> Judged:
    """Detect wake words by all models, each at `WAKE_RATE` false accepts per hour.

    Each model's threshold is read off the negatives, so that no one detects more by firing more.

    Parameters
    ----------
    model, teacher : ModelFile
    other : ModelFile or None
    positives, negatives : sequence of Path
        As for ``kws evaluate``.
    progress : callable

    Raises
    ------
    CheckError
        If the models share no keyword.
    DataError
        If a folder has no recordings.
    """
    from kws.audio import load_audio
    from kws.calibration.thresholds import track
    from kws_training.data.clips import to_int16
    from kws_training.evaluation.continuous import (
        CLEAN,
        by_keyword,
        find_positives,
        hear_negatives,
        hear_positives,
        hits,
    )
    from kws_training.evaluation.detection import curve_of, detector_of, read_off

    common = [one for one in model.metadata.keywords if one in teacher.metadata.keywords]
    if not common:
        raise CheckError(f"{model.path} and {teacher.path} share no keyword")
    found, left_out = find_positives(positives, common)
    quiet_paths = find_recordings(negatives)
    skipped = list(left_out)
    hours = 0.0

    def detected(one: ModelFile) -> list[bool]:
        nonlocal hours
        spotter = open_model(one, keywords=common)
        metadata = spotter.metadata
        silent = hear_negatives(spotter, quiet_paths, CLEAN, SEED, progress)
        hours = silent.seconds / 3600
        right: list[bool] = []
        for keyword, ones in by_keyword(found).items():
            own = hear_positives(spotter, ones, CLEAN, SEED, progress)
            spoken, calm = (
                track(heard.trace, metadata.labels, detector_of(metadata), keyword)
                for heard in (own, silent)
            )
            curve = curve_of(own, spoken, [calm])
            threshold = float(curve.thresholds[read_off(curve, WAKE_RATE * hours)])
            found_at = hits([word.span for word in own.said], spoken.events(threshold)).times
            right += (~np.isnan(found_at)).tolist()
            if one is model:
                skipped.extend(own.skipped)
        return right

    rights = [detected(one) for one in (model, teacher, other) if one is not None]
    audio = []
    for positive in found[:: max(1, len(found) // STREAMED)][:STREAMED]:
        try:
            audio.append(to_int16(load_audio(positive.path, model.metadata.front_end.sample_rate)))
        except KwsError:  # named by `hear_positives` already
            continue
    note = f"detected at {WAKE_RATE:g} false accept per hour, over {hours:.2f} h without keyword"
    if hours * WAKE_RATE < 1:
        note += ", which are too few for one"
    return Judged(
        "detections",
        rights[0],
        rights[1],
        rights[2] if other is not None else None,
        audio,
        (note,),
        tuple(skipped),
    )


def _spread(audio: Sequence[Int16]) -> list[Int16]:
    """Return at most `STREAMED` recordings from all over."""
    rows = np.unique(np.linspace(0, len(audio) - 1, STREAMED).round().astype(int))
    return [audio[row] for row in rows]


def _people(clips: Sequence[Clip], models: Sequence[ModelFile]) -> list[str]:
    """Say who speaks, and who of them may have been trained on as far as provenance tells."""
    speakers = {clip.speaker for clip in clips if not clip.alone}
    if not speakers:
        return [f"{len(clips)} recordings, of whom nobody knows who speaks"]
    lines = [f"{len(clips)} recordings of {len(speakers)} speakers"]
    for name, model in zip(("model", "teacher"), models, strict=True):
        options = model.metadata.provenance.get("options")
        share = options.get("hold_out") if isinstance(options, dict) else None
        good = isinstance(share, int | float) and not isinstance(share, bool) and 0 <= share <= 0.9
        if not good:
            lines.append(f"{name}: whether these speakers were trained on, its file does not tell")
            continue
        seen = len(speakers - hold_out_speakers(speakers, float(share)))  # type: ignore[arg-type]
        lines.append(
            f"{name}: held out {share:.0%} of its speakers; if these recordings are of its "
            f"training's folders, it may have seen {seen} of {len(speakers)} of them"
        )
    return lines


# --- gates ---


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
    judged : Judged
    before : sequence of bool
        What the other model got right.
    least : float
        Share of its accuracy that must be kept.
    source : str
        What the other model is.
    doubts : tuple of str

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
    """Check that the stream equals one invocation over all frames; see `stream_against_whole`."""
    recordings = [one.astype(np.float32) / 32768 for one in audio]
    try:
        found = stream_against_whole(model, recordings, is_quantized(model))
    except OfflineError as error:
        return Gate("streaming", False, f"not shown to equal the whole clip: {error}", {})
    unit = "" if found.steps is None else f" ({found.steps:.2f} quantization steps)"
    text = (
        f"differs from the whole clip by {found.largest:.3g}{unit} at most, {found.tolerance:.3g} "
        f"allowed: {found.columns} results of {found.recordings} recordings"
    )
    if found.freed:
        text += ", shapes of a single step freed"
    figures = {
        "largest": found.largest,
        "tolerance": found.tolerance,
        "quantization_steps": found.steps,
        "recordings": found.recordings,
        "results": found.columns,
    }
    return Gate("streaming", found.equal, text, figures)


def budget_gate(model: ModelFile, budget: Budget) -> Gate:
    """Check that the network's step is within the budget: measured here, or as on a board.

    Raises
    ------
    KwsError
        If there is no such board, or it has no figure for this network.
    """
    metadata = model.metadata
    length = 1000 * metadata.streaming.frames * metadata.front_end.hop_seconds
    most = length if budget.milliseconds is None else budget.milliseconds
    asked = f"{most:g} ms" + (" (the step's own length)" if budget.milliseconds is None else "")
    if budget.board is None:
        from kws.bench.timing import network_times
        from kws.console import quiet

        with quiet():
            times = network_times(model, TIMED)
        p99 = 1000 * times.p99
        text = (
            f"the network's step takes {1000 * times.median:.3g} ms here, {p99:.3g} ms in the 99th "
            f"percentile of {times.steps} steps on one thread; budget {asked}"
        )
        figures = {
            "budget_ms": most,
            "board": None,
            "measured": True,
            "median_ms": 1000 * times.median,
            "p99_ms": p99,
            "steps": times.steps,
        }
        return Gate("budget", p99 <= most, text, figures)
    from .boards.board import estimate, read_board

    board = read_board(budget.board)
    spent = cost(model.network, model.path)
    found = estimate(board, spent, spent.precision)
    middle, low, high = (1000 * one for one in (found.seconds, found.low, found.high))
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
    """Check that every threshold has a measured operating point behind it."""
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
    other, source
        As `float_form` gives them.
    judged : Judged
        Of these models.
    budget : Budget
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
