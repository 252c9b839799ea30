"""The verb classify: one label for each clip."""

from __future__ import annotations

import argparse
import json

from ..audio import load_audio
from .arguments import add_json, add_model, add_rate
from .detections import open_spotter
from .inputs import each_recording, whole_pipe
from .verb import Verb


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="clips, or folders of them; - reads 16-bit mono PCM or WAV from a pipe",
    )
    add_model(parser)
    add_json(parser)
    add_rate(parser)


def _run(options: argparse.Namespace) -> int:
    spotter = open_spotter(options, options.rate if "-" in options.files else None)
    rate = spotter.sample_rate

    def classify(name: str) -> None:
        samples = whole_pipe(rate) if name == "-" else load_audio(name, rate)
        result = spotter.classify(samples)
        if options.json:
            values = {
                "file": name,
                "keyword": result.label,
                "score": round(result.score, 4),
                "start": 0.0,
                "end": round(len(samples) / rate, 3),
                "scores": {label: round(score, 4) for label, score in result.scores.items()},
            }
            print(json.dumps(values), flush=True)
        else:
            print(f"{name}: {result.label:<12} {result.score:.2f}", flush=True)

    return each_recording(options.files, classify)


CLASSIFY = Verb("classify", "say what each clip is", "kws classify clip.wav", _configure, _run)
