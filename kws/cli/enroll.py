"""The verb enroll: a wake word from a few recordings, without training."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..calibration.thresholds import calibrated
from ..console import note, quiet
from ..errors import AudioError, KwsError
from ..folders import recordings_below
from ..metadata import DetectorDefaults
from ..modelfile import ModelFile, write_model
from ..packaged import find_model
from .ambient import Ambient
from .arguments import BASE_HELP, add_output, check_output, per_hour
from .verb import Verb

if TYPE_CHECKING:
    from ..enrolment.enroll import Enrolled, Positive

#: Files in folders of recordings, at most: more are a mistake in the path.
MOST_FILES = 1000


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--positives",
        type=Path,
        nargs="+",
        action="extend",
        required=True,
        metavar="DIR",
        help="folders of three to ten recordings of the phrase, or recordings",
    )
    parser.add_argument(
        "--label",
        metavar="PHRASE",
        help="the phrase; if left out, each folder of recordings is a phrase of its name",
    )
    parser.add_argument(
        "--model",
        type=Path,
        metavar="BASE",
        help=BASE_HELP,
    )
    parser.add_argument(
        "--ambient",
        nargs="+",
        default=[],
        metavar="FILE",
        help="recordings, or folders of them, in which nobody says the phrase: they set the "
        "threshold; hours of them can promise a rate",
    )
    parser.add_argument(
        "--false-accepts-per-hour",
        type=per_hour,
        default=0.5,
        metavar="R",
        help="with --ambient: how often each phrase may be detected where nobody says it",
    )
    add_output(parser)
    parser.add_argument("--json", action="store_true", help="the result as one JSON object")


def _run(options: argparse.Namespace) -> int:
    check_output(options.output)
    from ..enrolment.enroll import (
        BASIS,
        base_model,
        check_label,
        enroll,
        group,
        read_positive,
    )

    if options.label is not None:
        check_label(options.label)
    paths = _find(options.positives)
    base = base_model() if options.model is None else find_model(options.model)
    rate = base.metadata.front_end.sample_rate
    recordings: dict[str, list[Positive]] = {}
    for label, group_paths in sorted(group(paths, options.label).items()):
        good = recordings.setdefault(label, [])
        for path in group_paths:
            try:
                good.append(read_positive(path, rate))
            except AudioError as error:
                note(f"kws: left out: {error}")
    with quiet():
        enrolled = enroll(base, recordings)
    model, basis = enrolled.model, BASIS
    if options.ambient:
        model, basis = _calibrate(model, options.ambient, options.false_accepts_per_hour)
    write_model(options.output, model.network, model.metadata)
    for phrase in enrolled.phrases:
        for uneven, reason in phrase.uneven.items():
            note(f"kws: left out: {uneven}: {reason}")
        for unlike in phrase.unlike:
            note(
                f"kws: {unlike}: is little like the other recordings of {phrase.label!r} "
                f"({phrase.similarities[unlike]:.2f}, {phrase.centre:.2f} is needed): listen to "
                "it, and leave it out if it is another phrase or badly recorded"
            )
    if options.json:
        print(json.dumps(_to_dict(enrolled, model, basis, options.output), indent=1))
    else:
        for phrase in enrolled.phrases:
            alike = sorted(phrase.similarities.values())
            print(
                f"{phrase.label}: {len(alike)} recordings, likeness to each other {alike[0]:.2f} "
                f"to {alike[-1]:.2f}, {phrase.centre:.2f} is needed"
            )
        print(basis)
        print(f"wrote {options.output} ({options.output.stat().st_size / 1000:.0f} kB)")
    return 0


def _find(places: Sequence[Path]) -> list[Path]:
    """Return the recordings in folders, at any depth, and those that are named themselves."""
    found: list[Path] = []
    for place in places:
        if not place.is_dir():
            found.append(place)
            continue
        here = recordings_below(place)
        if not here:
            raise AudioError(f"{place}: no recordings in this folder: give one that holds some")
        found += here
        if len(found) > MOST_FILES:
            raise AudioError(f"{place}: more than {MOST_FILES} recordings: is it the right folder?")
    return list(dict.fromkeys(found))


def _calibrate(model: ModelFile, names: list[str], rate: float) -> tuple[ModelFile, str]:
    """Set the thresholds by ambient audio, as far as it tells; also say what they rest on."""
    from dataclasses import replace

    from ..calibration.scores import track
    from ..calibration.thresholds import calibrate, threshold_for
    from ..intervals import rate_bound
    from ..spotter import KeywordSpotter

    metadata = model.metadata
    defaults = metadata.detector
    assert isinstance(defaults, DetectorDefaults)  # enroll makes no other
    with quiet():
        spotter = KeywordSpotter(model)
    heard = Ambient(names).trace(spotter)
    hours = heard.seconds / 3600
    try:
        found = [
            calibrate([track(heard, metadata.labels, defaults, keyword)], keyword, rate)
            for keyword in metadata.keywords
        ]
    except KwsError as error:
        # too short to promise: at least not below what this audio asks for
        thresholds = {
            keyword: max(
                defaults.thresholds[keyword],
                threshold_for([heard], metadata.labels, defaults, keyword, rate),
            )
            for keyword in metadata.keywords
        }
        note(f"kws: no promise: {error}")
        metadata = replace(metadata, detector=replace(defaults, thresholds=thresholds))
        basis = f"threshold: the higher of the first guess and what {hours:.2f} h of audio ask for"
    else:
        metadata = calibrated(metadata, found)
        most = max(one.count for one in found)
        basis = (
            f"threshold: from {hours:.2f} h of your audio, {most} false accepts in it: below "
            f"{rate:g} per hour in audio like it (95 %); none in it at all would mean below "
            f"{rate_bound(0, hours):.2g}"
        )
    provenance = {**metadata.provenance, "thresholds": basis}
    return replace(model, metadata=replace(metadata, provenance=provenance)), basis


def _to_dict(enrolled: Enrolled, model: ModelFile, basis: str, output: Path) -> dict[str, object]:
    return {
        "model": str(output),
        "basis": basis,
        "keywords": [
            {
                "keyword": phrase.label,
                "threshold": model.metadata.detector.thresholds[phrase.label],
                "recordings": len(phrase.similarities),
                "similarities": {k: round(v, 4) for k, v in phrase.similarities.items()},
                "unlike": phrase.unlike,
                "left_out": phrase.uneven,
            }
            for phrase in enrolled.phrases
        ],
    }


ENROLL = Verb(
    "enroll",
    "make a wake word from three to ten recordings, without training",
    'kws enroll --positives "recordings/hey device" --output model.tflite',
    _configure,
    _run,
)
