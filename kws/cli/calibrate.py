"""The verb calibrate: thresholds from the user's own audio, or as the user says."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..calibration.thresholds import calibrated
from ..console import note, quiet
from ..errors import KwsError, ModelError
from ..metadata import DetectorDefaults
from ..modelfile import ModelFile, network_digest, write_model
from ..packaged import find_model, is_file
from .ambient import Ambient
from .arguments import MODEL_HELP, check_output, per_hour
from .verb import Verb

if TYPE_CHECKING:
    from ..calibration.thresholds import Calibrated
    from ..keeping.negatives import KeptNegatives
    from ..spotter import KeywordSpotter

#: Below this a threshold is mentioned: the audio then hardly excites the model.
LOW = 0.05


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", type=Path, metavar="MODEL", help=MODEL_HELP)
    parser.add_argument(
        "--ambient",
        nargs="+",
        default=[],
        metavar="FILE",
        help="recordings, or folders of them, of the place where the device will be, in which "
        "nobody says the keyword: hours of them",
    )
    parser.add_argument(
        "--kept",
        type=Path,
        metavar="DIR",
        help="what kws listen --keep kept and kws review labelled: what the device fired on by "
        "mistake, over the hours that it listened; alone or with --ambient",
    )
    parser.add_argument(
        "--false-accepts-per-hour",
        type=per_hour,
        default=0.5,
        metavar="R",
        help="how often each keyword may be detected where nobody says it",
    )
    parser.add_argument(
        "--threshold",
        action="append",
        type=_threshold,
        default=[],
        metavar="K=T",
        help="write this threshold of a keyword, 0 to 1, in place of one from audio (may be given "
        "again): what kws evaluate showed to be right; what the file states of others stays",
    )
    parser.add_argument(
        "--keyword",
        action="append",
        metavar="K",
        help="calibrate this keyword alone (may be given again); all if left out",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="write the calibrated model here; over MODEL if left out, unless that is a model of "
        "the package",
    )
    parser.add_argument("--json", action="store_true", help="the result as one JSON object")


def _run(options: argparse.Namespace) -> int:
    from ..calibration.scores import track
    from ..calibration.thresholds import calibrate, not_below
    from ..spotter import KeywordSpotter

    by_audio = bool(options.ambient) or options.kept is not None
    if by_audio == bool(options.threshold):
        raise KwsError(
            "--threshold says what audio would tell: give it, or --ambient and --kept"
            if by_audio
            else "nothing to calibrate on: give --ambient, or --kept, or both; or --threshold"
        )
    model = find_model(options.model)
    defaults = model.metadata.detector
    if not isinstance(defaults, DetectorDefaults):
        raise ModelError(
            f"{options.model}: is a model of sounds, which have no false accepts per hour: "
            "give a model of commands or wake words"
        )
    keywords = _keywords(options.keyword, model)
    output = _output(options)
    check_output(output)
    if options.threshold:
        return _write_thresholds(options, model, defaults, output)
    with quiet():
        spotter = KeywordSpotter(model)
    heard, files, floors = [], 0, {}
    if options.ambient:
        ambient = Ambient(options.ambient)
        heard.append(ambient.trace(spotter))
        files += ambient.files
    if options.kept is not None:
        kept = _kept(options.kept, spotter, model)
        heard.append(kept.trace)
        files += kept.files
        floors = kept.floors
    labels = model.metadata.labels
    found = []
    for keyword in keywords:
        tracks = [track(one, labels, defaults, keyword) for one in heard]
        chosen = calibrate(tracks, keyword, options.false_accepts_per_hour)
        found.append(not_below(chosen, tracks, floors.get(keyword, 0.0)))
    write_model(output, model.network, calibrated(model.metadata, found))
    if options.json:
        print(json.dumps(_to_dict(found, output, files), indent=1))
    else:
        for one in found:
            _print(one, defaults.thresholds[one.keyword])
        print(f"wrote {output}")
    for one in found:
        if one.threshold < LOW:
            note(
                f"kws: {one.keyword}: the threshold is very low, since nothing in the audio comes "
                "near the keyword: is there speech in it, as there will be where the device is?"
            )
    return 0


def _write_thresholds(
    options: argparse.Namespace, model: ModelFile, defaults: DetectorDefaults, output: Path
) -> int:
    """Write the thresholds that the user says; the operating points of the file stay true."""
    said = dict(options.threshold)
    _keywords([*said], model)
    thresholds = {**defaults.thresholds, **said}
    detector = replace(defaults, thresholds=thresholds)
    write_model(output, model.network, replace(model.metadata, detector=detector))
    if options.json:
        print(json.dumps({"model": str(output), "thresholds": said}, indent=1))
        return 0
    for keyword, threshold in said.items():
        print(f"{keyword}: threshold {threshold:.6g} (was {defaults.thresholds[keyword]:.6g})")
    print(f"wrote {output}")
    return 0


def _threshold(text: str) -> tuple[str, float]:
    """Read KEYWORD=THRESHOLD."""
    keyword, _, value = text.rpartition("=")
    try:
        threshold = float(value)
    except ValueError:
        threshold = -1.0
    if not keyword or not 0 <= threshold <= 1:
        raise argparse.ArgumentTypeError(f"{text!r:.60}: give KEYWORD=THRESHOLD, 0 to 1")
    return keyword, threshold


def _kept(folder: Path, spotter: KeywordSpotter, model: ModelFile) -> KeptNegatives:
    """Hear what the device kept, and say what it does not tell."""
    from ..keeping.negatives import kept_negatives

    kept = kept_negatives(folder, spotter, network_digest(model))
    if kept.unlabelled:
        note(
            f"kws: {folder}: of {kept.unlabelled} detections nobody has said whether they were "
            "right, or their recordings are gone: they count for nothing (kws review)"
        )
    if not kept.same_model:
        note(
            f"kws: {folder}: another model listened: what this one would have fired on besides "
            "was not kept, so that it may fire more often than is said here"
        )
    return kept


def _output(options: argparse.Namespace) -> Path:
    """Return the file to write: the calibrated model itself where it is a file."""
    if options.output is not None:
        return Path(options.output)
    if not is_file(options.model):
        raise KwsError(
            f"{options.model}: is a model of the package or of the Hub, which stays as it is: name "
            "the file to write with --output"
        )
    return Path(options.model)


def _keywords(wanted: Sequence[str] | None, model: ModelFile) -> list[str]:
    known = model.metadata.keywords
    for keyword in wanted or ():
        if keyword not in known:
            raise ModelError(
                f"{keyword!r:.100} is no keyword of {model.path}: it has {', '.join(known)}"
            )
    return list(dict.fromkeys(wanted or known))


def _to_dict(found: Sequence[Calibrated], output: Path, files: int) -> dict[str, object]:
    return {
        "model": str(output),
        "files": files,
        "hours": found[0].hours,
        "keywords": [
            {
                "keyword": one.keyword,
                "threshold": one.threshold,
                "false_accepts": one.count,
                "false_accepts_per_hour": one.false_accepts_per_hour,
                "false_accepts_per_hour_interval": list(one.interval),
                "promised_interval": [0.0, one.promised],
                "hours": one.hours,
            }
            for one in found
        ],
    }


def _print(one: Calibrated, before: float) -> None:
    low, high = one.interval
    print(
        f"{one.keyword}: threshold {one.threshold:.6g} (was {before:.6g})\n"
        f"  measured: {one.count} false accepts in {one.hours:.2f} h, "
        f"{one.false_accepts_per_hour:.2f} per hour (95 % interval {low:.2f} to {high:.2f})\n"
        f"  promised: 0 to {one.promised:g} per hour, in 19 of 20 cases, over as many hours of "
        "other audio of this kind"
    )


CALIBRATE = Verb(
    "calibrate",
    "set thresholds from your own audio, for a rate of false accepts",
    "kws calibrate model.tflite --ambient living_room.wav --false-accepts-per-hour 0.5",
    _configure,
    _run,
)
