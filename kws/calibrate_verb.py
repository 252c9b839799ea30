"""The verb calibrate: thresholds from the user's own audio, and what they promise."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from .arguments import check_output, per_hour
from .audio import stream_audio
from .cli import Verb, note
from .errors import AudioError, ModelError
from .frontend import Float32
from .modelfile import (
    DetectorDefaults,
    Metadata,
    ModelFile,
    OperatingPoint,
    read_model,
    write_model,
)
from .verbs import quiet, recordings

if TYPE_CHECKING:
    from .calibration import Calibrated

#: Below this a threshold is mentioned: the audio then hardly excites the model.
LOW = 0.05


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", type=Path, metavar="MODEL")
    parser.add_argument(
        "--ambient",
        nargs="+",
        required=True,
        metavar="FILE",
        help="recordings, or folders of them, of the place where the device will be, in which "
        "nobody says the keyword: hours of them",
    )
    parser.add_argument(
        "--false-accepts-per-hour",
        type=per_hour,
        default=0.5,
        metavar="R",
        help="how often each keyword may be detected where nobody says it",
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
        help="write the calibrated model here; over MODEL if left out",
    )
    parser.add_argument("--json", action="store_true", help="the result as one JSON object")


def _run(options: argparse.Namespace) -> int:
    from .calibration import calibrate, trace_blocks, track
    from .spotter import KeywordSpotter

    model = read_model(options.model)
    defaults = model.metadata.detector
    if not isinstance(defaults, DetectorDefaults):
        raise ModelError(
            f"{options.model}: is a model of sounds, which have no false accepts per hour: "
            "give a model of commands or wake words"
        )
    keywords = _keywords(options.keyword, model)
    output = options.model if options.output is None else options.output
    check_output(output)
    with quiet():
        spotter = KeywordSpotter(model)
    ambient = Ambient(options.ambient, spotter.sample_rate)
    heard = trace_blocks(spotter, ambient.blocks())
    if not ambient.files:
        raise AudioError("none of the recordings could be read: nothing was calibrated")
    labels = model.metadata.labels
    found = [
        calibrate(
            [track(heard, labels, defaults, keyword)], keyword, options.false_accepts_per_hour
        )
        for keyword in keywords
    ]
    write_model(output, model.network, calibrated(model.metadata, found))
    if options.json:
        print(json.dumps(_to_dict(found, output, ambient.files), indent=1))
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


def _keywords(wanted: Sequence[str] | None, model: ModelFile) -> list[str]:
    known = model.metadata.keywords
    for keyword in wanted or ():
        if keyword not in known:
            raise ModelError(
                f"{keyword!r:.100} is no keyword of {model.path}: it has {', '.join(known)}"
            )
    return list(dict.fromkeys(wanted or known))


class Ambient:
    """Reads recordings one after the other as one stream, and tells a terminal how far it is."""

    def __init__(self, names: list[str], sample_rate: int) -> None:
        self._names = names
        self._rate = sample_rate
        self.files = 0

    def blocks(self) -> Iterator[Float32]:
        """Yield the audio; recordings that cannot be read are named, and the work goes on."""
        shown = sys.stderr is not None and sys.stderr.isatty()
        samples = 0
        for name, _ in recordings(self._names):
            try:
                for block in stream_audio(name, self._rate):
                    yield block
                    samples += len(block)
                    if shown:
                        done = f"\r{samples / self._rate / 3600:.2f} h heard, in {name[-50:]}"
                        print(f"{done:79}", end="", file=sys.stderr, flush=True)
                self.files += 1
            except AudioError as error:
                note(f"{chr(13) * shown}kws: skipped: {error}")
        if shown:
            print(f"\r{'':79}\r", end="", file=sys.stderr, flush=True)


def calibrated(metadata: Metadata, found: Sequence[Calibrated]) -> Metadata:
    """Return a model's contract with calibrated thresholds, and what they gave.

    The operating points that the file had stay true and stay in it, but for those of an earlier
    calibration of the same keywords.
    """
    detector = metadata.detector
    thresholds = {**detector.thresholds, **{one.keyword: one.threshold for one in found}}
    keywords = {one.keyword for one in found}
    kept = [p for p in metadata.operating_points if p.recordings > 0 or p.keyword not in keywords]
    points = [
        OperatingPoint(
            keyword=one.keyword,
            threshold=one.threshold,
            false_accepts_per_hour=one.false_accepts_per_hour,
            false_accepts_per_hour_interval=one.interval,
            miss_rate=None,
            miss_rate_interval=(0.0, 1.0),
            hours=one.hours,
            recordings=0,
        )
        for one in found
    ]
    return replace(
        metadata,
        detector=replace(detector, thresholds=thresholds),
        operating_points=(*kept, *points),
    )


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
