"""The verbs of the device: spot, classify, listen."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from .audio import load_audio, read_stream, recordings_below
from .cli import BAD_INPUT, Verb, names, note
from .errors import AudioError
from .frontend import Float32
from .packaged import find_model
from .spotter import Detection, KeywordSpotter

#: Audio is pushed in chunks of this length, as it would come from a microphone.
CHUNK_SECONDS = 0.08
#: Seconds of a clip that comes through a pipe, at most.
LONGEST_PIPED = 60.0


def _add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model",
        type=Path,
        metavar="FILE",
        help="a model file, or one of the package's: commands (if left out), commands-small, words",
    )
    parser.add_argument(
        "--keywords",
        type=names,
        metavar="A,B,…",
        help="those of the model's keywords that matter; the others count as unknown words",
    )


def _add_rate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rate", type=int, default=16000, help="sample rate of the PCM in a pipe")


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON object per line")


@contextmanager
def quiet() -> Iterator[None]:
    """Keep off stderr what the interpreter notes there while it loads a network."""
    try:
        kept = os.dup(2)
    except OSError:  # stderr is closed
        yield
        return
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 2)
        os.close(null)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _add_threshold(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--threshold",
        type=float,
        metavar="T",
        help="0 to 1, for all keywords, instead of the model's own: higher fires less and misses "
        "more",
    )


def _spotter(options: argparse.Namespace, sample_rate: int | None) -> KeywordSpotter:
    model = find_model(options.model)
    keywords = options.keywords
    thresholds = None
    if getattr(options, "threshold", None) is not None:
        known = model.metadata.keywords if keywords is None else keywords
        thresholds = dict.fromkeys(known, options.threshold)
    with quiet():
        return KeywordSpotter(
            model, sample_rate=sample_rate, thresholds=thresholds, keywords=keywords
        )


def _print_detection(detection: Detection, file: str, *, as_json: bool, named: bool) -> None:
    if as_json:
        values = {
            "file": file,
            "keyword": detection.keyword,
            "score": round(detection.score, 4),
            "start": round(detection.start, 3),
            "end": round(detection.end, 3),
        }
        print(json.dumps(values), flush=True)
    else:
        where = f"{file}: " if named else ""
        print(
            f"{where}{detection.start:8.2f} – {detection.end:.2f} s  "
            f"{detection.keyword:<12} {detection.score:.2f}",
            flush=True,
        )


def _is_folder(name: str) -> bool:
    try:
        return name != "" and Path(name).is_dir()  # Path("") is the folder one is in
    except OSError:  # a name that is too long, or a folder above that may not be entered
        return False


def recordings(names: list[str]) -> Iterator[tuple[str, bool]]:
    """Yield each recording, and whether it was found in a folder."""
    for name in names:
        folder = Path(name)
        if name == "-" or not _is_folder(name):
            yield name, False
            continue
        found = recordings_below(folder)
        if not found:  # reading it will say what is wrong, and the work goes on
            yield name, False
        for path in found:
            yield str(path), True


def _each(names: list[str], work: Callable[[str], None]) -> int:
    """Do the work for every recording; those that cannot be read are named, and the work goes on.

    Returns 0, or 2 if a file that was named could not be read, or none in a folder could.
    """
    failed = done = 0
    for name, in_folder in recordings(names):
        try:
            work(name)
            done += 1
        except AudioError as error:
            note(f"kws: {'skipped: ' if in_folder else ''}{error}")
            failed += not in_folder
    return BAD_INPUT if failed or not done else 0


def _piped(rate: int) -> Iterator[Float32]:
    if sys.stdin is None:
        raise AudioError("-: standard input is closed: pipe 16-bit mono PCM into it")
    return read_stream(sys.stdin.buffer, CHUNK_SECONDS, rate)


def _chunks(name: str, rate: int) -> Iterator[Float32]:
    if name == "-":
        yield from _piped(rate)
        return
    samples = load_audio(name, rate)
    size = round(CHUNK_SECONDS * rate)
    for start in range(0, len(samples), size):
        yield samples[start : start + size]


def _configure_spot(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="recordings of any length, or folders of them; - reads 16-bit mono PCM from a pipe",
    )
    _add_model(parser)
    _add_json(parser)
    _add_rate(parser)
    _add_threshold(parser)


def _run_spot(options: argparse.Namespace) -> int:
    rate = options.rate if "-" in options.files else None
    spotter = _spotter(options, rate)
    named = len(options.files) > 1 or _is_folder(options.files[0])

    def spot(name: str) -> None:
        spotter.reset()
        for chunk in _chunks(name, spotter.sample_rate):
            for detection in spotter.process(chunk):
                _print_detection(detection, name, as_json=options.json, named=named)
        for detection in spotter.flush():
            _print_detection(detection, name, as_json=options.json, named=named)

    return _each(options.files, spot)


def _configure_classify(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="clips, or folders of them; - reads 16-bit mono PCM from a pipe",
    )
    _add_model(parser)
    _add_json(parser)
    _add_rate(parser)


def _whole_pipe(rate: int) -> Float32:
    """Read a clip from a pipe.

    Raises
    ------
    AudioError
        If nothing comes, or more than a clip.
    """
    pieces, seconds = [], 0.0
    for piece in _piped(rate):
        pieces.append(piece)
        seconds += len(piece) / rate
        if seconds > LONGEST_PIPED:
            raise AudioError(f"-: more than {LONGEST_PIPED:g} s is no clip: use kws spot -")
    if not pieces:
        raise AudioError("-: nothing came through the pipe: 16-bit mono PCM is needed")
    return np.concatenate(pieces)


def _run_classify(options: argparse.Namespace) -> int:
    spotter = _spotter(options, options.rate if "-" in options.files else None)
    rate = spotter.sample_rate

    def classify(name: str) -> None:
        samples = _whole_pipe(rate) if name == "-" else load_audio(name, rate)
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

    return _each(options.files, classify)


def _configure_listen(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", metavar="D", help="number or part of the name of a microphone")
    parser.add_argument("--list-devices", action="store_true", help="show the microphones and stop")
    _add_model(parser)
    _add_json(parser)
    _add_threshold(parser)


def _run_listen(options: argparse.Namespace) -> int:
    from .microphone import Microphone, input_devices

    if options.list_devices:
        for device in input_devices():
            mark = "*" if device.default else " "
            print(f"{mark} {device.index:3}  {device.name}  {device.sample_rate} Hz")
        return 0
    wanted = options.device
    source = Microphone(int(wanted) if wanted is not None and wanted.isdecimal() else wanted)
    spotter = _spotter(options, source.sample_rate)
    overflows = 0
    try:
        with source as microphone:
            note(
                f"listening on {microphone.name} at {microphone.sample_rate} Hz for "
                f"{', '.join(spotter.keywords)}; Ctrl-C stops"
            )
            for chunk in microphone:
                for detection in spotter.process(chunk):
                    _print_detection(detection, "-", as_json=options.json, named=False)
                if microphone.overflows != overflows:
                    overflows = microphone.overflows
                    note(f"kws: audio was lost ({overflows} overflows so far)")
    except KeyboardInterrupt:
        note(f"stopped; {overflows} overflows")
    return 0


SPOT = Verb(
    "spot",
    "find keywords in recordings, with times",
    "kws spot recording.wav",
    _configure_spot,
    _run_spot,
)
CLASSIFY = Verb(
    "classify", "say what each clip is", "kws classify clip.wav", _configure_classify, _run_classify
)
LISTEN = Verb(
    "listen",
    "find keywords in what the microphone hears",
    "kws listen --device 1",
    _configure_listen,
    _run_listen,
)
