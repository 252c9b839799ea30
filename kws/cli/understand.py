"""The verb understand: spoken commands in recordings, by a grammar."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from ..command_recognizer import CommandRecognizer
from ..console import note, quiet
from ..grammar.recognition import CommandResult
from .arguments import add_json, add_rate, add_recordings
from .inputs import chunks, each_recording, is_folder
from .verb import Verb

#: What an argument for the phoneme network says.
PHONEME_MODEL_HELP = (
    "a phoneme network: a model file that kws pretrain --task phonemes wrote, or "
    "org/name[@revision] on the Hugging Face Hub; that of the package if left out"
)


def _configure(parser: argparse.ArgumentParser) -> None:
    add_recordings(parser)
    said = parser.add_mutually_exclusive_group(required=True)
    said.add_argument(
        "--grammar", type=Path, metavar="FILE", help="what may be said: a Rhino context or JSGF"
    )
    said.add_argument(
        "--phrase",
        action="append",
        metavar="TEXT",
        help="in place of a grammar: what may be said, which is the intent; may be given again",
    )
    parser.add_argument("--model", type=Path, metavar="FILE", help=PHONEME_MODEL_HELP)
    parser.add_argument(
        "--threshold",
        type=float,
        metavar="T",
        help="confidence, 0 to 1, from which something is understood: higher rejects more",
    )
    add_json(parser)
    add_rate(parser)


def _run(options: argparse.Namespace) -> int:
    with quiet():
        recognizer = CommandRecognizer(
            options.grammar,
            options.phrase,
            model=options.model,
            sample_rate=options.rate if "-" in options.files else None,
            threshold=options.threshold,
        )
    for line in recognizer.grammar.notes:
        note(f"kws: {line}")
    named = len(options.files) > 1 or is_folder(options.files[0])

    def understand(name: str) -> None:
        recognizer.reset()
        for chunk in chunks(name, recognizer.sample_rate):
            for result in recognizer.process(chunk):
                _print(result, name, as_json=options.json, named=named)
        for result in recognizer.flush():
            _print(result, name, as_json=options.json, named=named)

    return each_recording(options.files, understand)


def result_values(result: CommandResult, file: str) -> dict[str, object]:
    """Return what was said as plain JSON values.

    Parameters
    ----------
    result : CommandResult
        What was said in an utterance.
    file : str
        The recording, as it was named; ``-`` for a pipe.

    Returns
    -------
    dict of str to object
        ``file``, ``intent`` (null: none of the grammar's), ``slots``, ``confidence`` (0 .. 1),
        ``start`` and ``end`` (seconds).
    """
    return {
        "file": file,
        "intent": result.intent,
        "slots": result.slots,
        "confidence": round(result.confidence, 4),
        "start": round(result.start, 3),
        "end": round(result.end, 3),
    }


def _print(result: CommandResult, file: str, *, as_json: bool, named: bool) -> None:
    if as_json:
        print(json.dumps(result_values(result, file)), flush=True)
        return
    where = f"{file}: " if named else ""
    intent = "(none of it)" if result.intent is None else result.intent
    slots = "".join(f"  {name}: {text}" for name, text in result.slots.items())
    times = f"{result.start:8.2f} – {result.end:.2f} s"
    print(f"{where}{times}  {intent}  {result.confidence:.2f}{slots}", flush=True)


UNDERSTAND = Verb(
    "understand",
    "understand spoken commands by a grammar: intents and slots",
    "kws understand --grammar lights.yaml recording.wav",
    _configure,
    _run,
)
