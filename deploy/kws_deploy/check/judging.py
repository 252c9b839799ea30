"""What a model, its teacher and its float form each get right in the same recordings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kws.arrays import Int16
from kws.errors import KwsError
from kws.metadata import UNKNOWN, keywords_of
from kws.modelfile import ModelFile
from kws.spotter import KeywordSpotter
from kws_training.data.dataset import Clip, Skipped
from kws_training.data.splits import hold_out_speakers
from kws_training.data.unlabelled import find_recordings
from kws_training.evaluation.compare import shared_clips
from kws_training.evaluation.evaluate import judge_clips, open_model
from kws_training.evaluation.results import ClipReport
from kws_training.progress import Progress

from .models import CheckError

#: Recordings, evenly spread over all of them, on which stream and whole clip are compared.
STREAMED = 20

#: False accepts per hour at which wake words are compared.
WAKE_RATE = 1.0

#: Seed of the gaps between recordings of wake words.
SEED = 0


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
        Recordings that were left out, with the reason.
    """

    what: str
    model: Sequence[bool]
    teacher: Sequence[bool]
    other: Sequence[bool] | None
    audio: Sequence[Int16]
    notes: tuple[str, ...]
    skipped: tuple[Skipped, ...]


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
        The model that is checked, and the one that it must keep up with.
    other : ModelFile or None
        The float form.
    clips : sequence of Clip
        Labelled by their words.
    read : callable
        `kws_training.commands.features.read_clips`, or what does the same.
    progress : callable
        Shows how far the work is: `kws_training.progress.bar`, or what does the same.

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
        The model that is checked, and the one that it must keep up with.
    other : ModelFile or None
        The float form.
    positives, negatives : sequence of Path
        As for ``kws evaluate``.
    progress : callable
        Shows how far the work is: `kws_training.progress.bar`, or what does the same.

    Raises
    ------
    CheckError
        If the models share no keyword.
    DataError
        If a folder has no recordings.
    """
    from kws.audio import load_audio
    from kws.calibration.scores import track
    from kws.pcm import to_int16
    from kws_training.evaluation.conditions import CLEAN
    from kws_training.evaluation.continuous import hits, score_negatives, score_positives
    from kws_training.evaluation.detection import curve_of, detector_of, read_off
    from kws_training.evaluation.positives import by_keyword, find_positives

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
        silent = score_negatives(spotter, quiet_paths, CLEAN, SEED, progress)
        hours = silent.seconds / 3600
        right: list[bool] = []
        for keyword, ones in by_keyword(found).items():
            own = score_positives(spotter, ones, CLEAN, SEED, progress)
            spoken, calm = (
                track(heard.trace, metadata.labels, detector_of(metadata), keyword)
                for heard in (own, silent)
            )
            curve = curve_of(own, spoken, [calm])
            threshold = float(curve.thresholds[read_off(curve, WAKE_RATE * hours)])
            found_at = hits([word.span for word in own.positives], spoken.events(threshold)).times
            right += (~np.isnan(found_at)).tolist()
            if one is model:
                skipped.extend(own.skipped)
        return right

    rights = [detected(one) for one in (model, teacher, other) if one is not None]
    audio = []
    for positive in found[:: max(1, len(found) // STREAMED)][:STREAMED]:
        try:
            audio.append(to_int16(load_audio(positive.path, model.metadata.front_end.sample_rate)))
        except KwsError:  # named by `score_positives` already
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
