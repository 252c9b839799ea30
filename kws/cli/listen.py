"""The verb listen: keywords in what the microphone hears."""

from __future__ import annotations

import argparse

from ..console import note
from .arguments import add_json, add_model, add_threshold
from .detections import open_spotter, print_detection
from .verb import Verb


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", metavar="D", help="number or part of the name of a microphone")
    parser.add_argument("--list-devices", action="store_true", help="show the microphones and stop")
    add_model(parser)
    add_json(parser)
    add_threshold(parser)


def _run(options: argparse.Namespace) -> int:
    from ..microphone import Microphone, input_devices

    if options.list_devices:
        for device in input_devices():
            mark = "*" if device.default else " "
            print(f"{mark} {device.index:3}  {device.name}  {device.sample_rate} Hz")
        return 0
    wanted = options.device
    source = Microphone(int(wanted) if wanted is not None and wanted.isdecimal() else wanted)
    spotter = open_spotter(options, source.sample_rate)
    overflows = 0
    try:
        with source as microphone:
            note(
                f"listening on {microphone.name} at {microphone.sample_rate} Hz for "
                f"{', '.join(spotter.keywords)}; Ctrl-C stops"
            )
            for chunk in microphone:
                for detection in spotter.process(chunk):
                    print_detection(detection, "-", as_json=options.json, named=False)
                if microphone.overflows != overflows:
                    overflows = microphone.overflows
                    note(f"kws: audio was lost ({overflows} overflows so far)")
    except KeyboardInterrupt:
        note(f"stopped; {overflows} overflows")
    return 0


LISTEN = Verb(
    "listen",
    "find keywords in what the microphone hears",
    "kws listen --device 1",
    _configure,
    _run,
)
