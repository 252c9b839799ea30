"""The verb listen: keywords in what the microphone hears."""

from __future__ import annotations

import argparse

import numpy as np

from ..arrays import Float32
from ..console import note
from .arguments import add_json, add_model, add_phrases, add_threshold, add_vad
from .detections import open_spotters
from .keeping import add_keeping, keeping
from .reactions import add_reactions, reactions
from .verb import Verb

#: Chunks of sound, ten seconds of them, in which lost sound is said once.
SELDOM = 125


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", metavar="D", help="number or part of the name of a microphone")
    parser.add_argument("--list-devices", action="store_true", help="show the microphones and stop")
    add_model(parser, several=True)
    add_phrases(parser)
    add_json(parser)
    add_threshold(parser)
    add_vad(parser)
    add_reactions(parser)
    add_keeping(parser)


def _run(options: argparse.Namespace) -> int:
    from ..lasting_microphone import LastingMicrophone
    from ..microphone import input_devices
    from ..sound_watch import SoundWatch

    if options.list_devices:
        devices = input_devices()
        if not devices:
            note("kws: no input device found: plug in a microphone, or pipe sound to `kws spot -`")
        for device in devices:
            mark = "*" if device.default else " "
            print(f"{mark} {device.index:3}  {device.name}  {device.sample_rate} Hz")
        return 0
    wanted = options.device
    source = LastingMicrophone(
        int(wanted) if wanted is not None and wanted.isdecimal() else wanted,
        lambda line: note(f"kws: {line}"),
    )
    spotter = open_spotters(options, source.sample_rate)
    watch = SoundWatch(source.sample_rate)
    said = overflows = interruptions = 0
    try:
        with (
            reactions(options, spotter.keywords, live=True) as report,
            keeping(options, spotter, live=True) as keeper,
            source as microphone,
        ):

            def hear(samples: Float32) -> None:
                detections = spotter.process(samples)
                for detection in detections:
                    report(detection, "-", named=False)
                keeper.push(samples, detections)

            note(
                f"listening on {microphone.name} at {microphone.sample_rate} Hz for "
                f"{', '.join(spotter.keywords)}; Ctrl-C stops"
            )
            for number, chunk in enumerate(microphone):
                if microphone.interruptions != interruptions:
                    interruptions = microphone.interruptions
                    # what was cut off is no part of what comes now
                    for part in np.array_split(spotter.ending, 4):
                        hear(part)
                hear(chunk)
                line = watch.push(chunk)
                if line is not None:
                    note(f"kws: microphone {microphone.name!r}: {line}")
                # a slow board loses sound with every chunk: once in a while is enough to say it
                if microphone.overflows != overflows and (not overflows or number - said > SELDOM):
                    said, overflows = number, microphone.overflows
                    note(f"kws: audio was lost ({overflows} overflows so far)")
    except KeyboardInterrupt:
        note(
            f"stopped; {source.overflows} overflows, {source.interruptions} interruptions "
            f"({source.missed_seconds:.1f} s without sound), {watch.faults} faults of sound"
        )
    return 0


LISTEN = Verb(
    "listen",
    "find keywords in what the microphone hears",
    "kws listen --device 1",
    _configure,
    _run,
)
