"""The verb `record`: a person says a phrase some times, and a folder of recordings comes of it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from ..arrays import Float32
from ..audio import read_stream
from ..console import ask, note
from ..enrolment.record import RATE, Folder, RecordError, Session, Take, pieces
from ..errors import AudioError
from .arguments import RATE_HELP
from .verb import BAD_INPUT, Verb

#: Seconds that a microphone needs after it was opened.
SETTLING = 0.3
#: Recordings that one run makes, at most.
MOST = 10000
#: Seconds of a recording, at most: a phrase is shorter.
LONGEST = 10.0
#: Seconds of a recording, at least: a phrase does not fit into less.
SHORTEST = 0.5


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--label", required=True, metavar="PHRASE", help="what will be said")
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="DIR",
        help="the recordings go to DIR/PHRASE; those that are there are kept",
    )
    parser.add_argument("--count", type=int, default=20, metavar="N", help="recordings to make")
    parser.add_argument("--seconds", type=float, default=2.5, help="length of each recording")
    parser.add_argument(
        "--speaker",
        metavar="NAME",
        help="who speaks: goes into the names of the files, so that training knows voices apart",
    )
    parser.add_argument("--device", metavar="D", help="number or part of the name of a microphone")
    parser.add_argument(
        "--stdin",
        action="store_true",
        help="take 16-bit mono PCM or WAV from a pipe, one recording after the other, and keep the "
        "good",
    )
    parser.add_argument("--rate", type=int, default=RATE, help=RATE_HELP)


def _run(options: argparse.Namespace) -> int:
    if not 1 <= options.count <= MOST:
        raise RecordError(f"--count {options.count}: must be 1 to {MOST}")
    if not SHORTEST <= options.seconds <= LONGEST:
        raise RecordError(f"--seconds {options.seconds:g}: must be {SHORTEST:g} to {LONGEST:g}")
    folder = Folder(options.output, options.label, options.speaker)
    if there := folder.existing():
        note(f"{folder.path}: {there} recordings are there and will be kept")
    return _from_pipe(options, folder) if options.stdin else _from_microphone(options, folder)


def _from_pipe(options: argparse.Namespace, folder: Folder) -> int:
    if sys.stdin is None or sys.stdin.isatty():
        raise AudioError("-: no pipe: with --stdin, pipe 16-bit mono PCM or WAV into it")
    if not RATE // 4 <= options.rate <= 192000:
        raise RecordError(f"--rate {options.rate}: must be {RATE // 4} to 192000")
    kept = number = 0
    try:
        chunks = read_stream(sys.stdin.buffer, sample_rate=options.rate)
        for number, samples in enumerate(pieces(chunks, options.rate, options.seconds), 1):
            take = Take.of(samples, options.rate)
            if take.problems:
                note(f"left out: recording {number}: {'; '.join(take.problems)}")
                continue
            path = folder.save(take)
            kept += 1
            print(f"{path}: {take.describe()}", flush=True)
            if kept == options.count:
                break
    except KeyboardInterrupt:
        pass
    if not number:
        raise AudioError(f"-: less than {options.seconds:g} s came through the pipe: nothing kept")
    return _summary(folder, kept, options.count)


def _from_microphone(options: argparse.Namespace, folder: Folder) -> int:
    if sys.stdin is None or not sys.stdin.isatty():
        raise RecordError(
            "record asks before each recording, and there is no terminal: run it in one, "
            "or pipe PCM into it with --stdin"
        )
    from ..microphone import Microphone

    wanted = options.device
    source = Microphone(int(wanted) if wanted is not None and wanted.isdecimal() else wanted)
    kept = folder.existing()

    def listen() -> Take:
        with source as microphone:
            rate = microphone.sample_rate
            for _ in pieces(microphone, rate, SETTLING):
                break
            note(f"  speak now: {options.label}")
            for samples in pieces(_counted(microphone), rate, options.seconds):
                return Take.of(samples, rate)
        raise AudioError(f"microphone {source.name!r}: stopped before the recording was whole")

    def _counted(microphone: Microphone) -> Iterator[Float32]:
        for chunk in microphone:
            yield chunk
            if microphone.overflows:
                raise AudioError(
                    f"microphone {source.name!r}: audio was lost: close programs that keep the "
                    "computer busy"
                )

    def play(take: Take) -> None:
        from ..microphone import play as play_samples

        try:
            play_samples(take.samples, RATE)
        except AudioError as error:  # without a loudspeaker one can still record
            note(f"  {error}")

    note(f"{options.count} recordings of {options.label!r} with {source.name}; Ctrl-C stops")
    try:
        Session(folder, options.count, listen, ask, note, play).run()
    except (KeyboardInterrupt, EOFError):
        note("")
    return _summary(folder, folder.existing() - kept, options.count)


def _summary(folder: Folder, kept: int, wanted: int) -> int:
    note(f"{folder.path}: {kept} of {wanted} recordings kept, {folder.existing()} in all")
    return 0 if kept else BAD_INPUT


RECORD = Verb(
    "record",
    "record a phrase some times, to train or enroll it",
    'kws record --label "hey device" --output recordings --count 20',
    _configure,
    _run,
)
