"""The verb spot: keywords in recordings, with times."""

from __future__ import annotations

import argparse

from .arguments import (
    add_json,
    add_model,
    add_phrases,
    add_rate,
    add_recordings,
    add_threshold,
    add_vad,
)
from .detections import open_spotters
from .inputs import chunks, each_recording, is_folder
from .keeping import add_keeping, keeping
from .reactions import add_reactions, reactions
from .verb import Verb


def _configure(parser: argparse.ArgumentParser) -> None:
    add_recordings(parser)
    add_model(parser, several=True)
    add_phrases(parser)
    add_json(parser)
    add_rate(parser)
    add_threshold(parser)
    add_vad(parser)
    add_reactions(parser)
    add_keeping(parser)


def _run(options: argparse.Namespace) -> int:
    rate = options.rate if "-" in options.files else None
    spotter = open_spotters(options, rate)
    named = len(options.files) > 1 or is_folder(options.files[0])

    live = "-" in options.files
    with (
        reactions(options, spotter.keywords, live=live) as report,
        keeping(options, spotter, live=live) as keeper,
    ):

        def spot(name: str) -> None:
            spotter.reset()
            keeper.start(name)
            for chunk in chunks(name, spotter.sample_rate):
                detections = spotter.process(chunk)
                for detection in detections:
                    report(detection, name, named=named)
                keeper.push(chunk, detections)
            detections = spotter.flush()
            for detection in detections:
                report(detection, name, named=named)
            keeper.finish(detections)

        return each_recording(options.files, spot)


SPOT = Verb(
    "spot",
    "find keywords in recordings, with times",
    "kws spot recording.wav",
    _configure,
    _run,
)
