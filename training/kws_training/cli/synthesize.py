"""The verb synthesize: a phrase, and what sounds like it, by the voices that are installed."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import Any

from kws.cli.arguments import names
from kws.cli.verb import Verb
from kws.console import note
from kws.errors import KwsError

from ..progress import bar
from ..synthesis.engines import INSTALL
from ..synthesis.kokoro import BLENDS
from .arguments import add_seed, add_workers, workers_of

#: Most recordings of each kind.
MOST = 100_000
#: Most blends of Kokoro's voices.
MOST_BLENDS = 1000
#: Reasons that are told when texts could not be said.
TOLD = 5


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("phrase", metavar="PHRASE", help="what the wake word will be")
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder for positives, negatives and manifest.csv; started again, the work goes on "
        "where it was",
    )
    parser.add_argument(
        "--count", type=int, default=200, metavar="N", help="recordings of the phrase"
    )
    parser.add_argument(
        "--negatives",
        type=int,
        metavar="N",
        help="recordings of what sounds like it, parts of it and its words in other orders; as "
        "many as --count if left out",
    )
    parser.add_argument(
        "--engines",
        type=names,
        metavar="A,B,…",
        help=f"text-to-speech engines, of {', '.join(INSTALL)}; all that are installed if left out",
    )
    parser.add_argument(
        "--voices",
        type=Path,
        metavar="DIR",
        help="folder of further voices: Piper's NAME.onnx and NAME.onnx.json, or Kokoro's "
        "kokoro….onnx and voices….bin",
    )
    parser.add_argument(
        "--download",
        type=names,
        default=[],
        metavar="A,B,…",
        help="voices to download first: kokoro, or Piper's of many speakers; a wrong name "
        "lists them",
    )
    parser.add_argument(
        "--blends",
        type=int,
        default=BLENDS,
        metavar="N",
        help=f"further voices of Kokoro, each blended of two or three others; {BLENDS} if left out",
    )
    parser.add_argument(
        "--language", default="en", metavar="CODE", help="what the phrase is in, as en, de, fr"
    )
    add_seed(parser)
    add_workers(parser)
    parser.add_argument("--json", action="store_true", help="what was made, as one JSON object")


def _run(options: argparse.Namespace) -> int:
    from kws.phonemes.espeak import has_espeak

    from ..synthesis.engines import chosen
    from ..synthesis.folder import check_folder, entries_of, fill
    from ..synthesis.phrases import cast_phrase, clean_phrase
    from ..synthesis.published import download_voices

    negatives = options.count if options.negatives is None else options.negatives
    for name, number, least, most in (
        ("--count", options.count, 1, MOST),
        ("--negatives", negatives, 0, MOST),
        ("--blends", options.blends, 0, MOST_BLENDS),
    ):
        if not least <= number <= most:
            raise KwsError(f"{name} {number}: must be {least} to {most}")
    phrase = clean_phrase(options.phrase)
    download_voices(options.download)
    engines = chosen(
        options.engines, options.language, options.voices, options.blends, options.seed
    )
    note(f"voices: {', '.join(f'{one.name} {len(one.voices)}' for one in engines)}")
    if negatives and not has_espeak():
        note("espeak-ng is not installed: what sounds alike is judged by letters, not by phonemes")
    cast = cast_phrase(phrase, options.count, negatives, engines, options.seed, options.language)
    entries = entries_of(phrase, *cast)
    check_folder(options.output, entries)
    with workers_of(options) as workers:
        filled = fill(options.output, entries, bar, workers)
    for error, times in Counter(str(error) for error in filled.failed).most_common(TOLD):
        note(f"left out: {error}{f' ({times} times)' if times > 1 else ''}")
    if len(filled.failed) > TOLD:
        note(f"left out: {len(filled.failed)} of {len(entries)} texts in all")
    summary = _summary(phrase, filled.entries, filled.made, len(filled.failed), engines)
    print(
        json.dumps(summary, indent=1, ensure_ascii=False)
        if options.json
        else _told(summary, options.output)
    )
    return 0


def _summary(
    phrase: str, entries: list[Any], made: int, failed: int, engines: list[Any]
) -> dict[str, Any]:
    """Return what a folder holds, and by whom it was said."""
    from ..synthesis.folder import POSITIVE

    kinds = Counter(entry.kind for entry in entries)
    said = [entry.utterance for entry in entries if entry.kind == POSITIVE]
    voices = {
        engine.name: len({one.voice for one in said if one.engine.name == engine.name})
        for engine in engines
    }
    natural = sum(voices[engine.name] for engine in engines if engine.natural)
    return {
        "phrase": phrase,
        "positives": kinds.pop(POSITIVE, 0),
        "negatives": sum(kinds.values()),
        "kinds": dict(sorted(kinds.items())),
        "texts": len({entry.utterance.text for entry in entries if entry.kind != POSITIVE}),
        "made": made,
        "left_out": failed,
        "voices": voices,
        "natural_voices": natural,
        "formant_voices": sum(voices.values()) - natural,
    }


def _told(summary: dict[str, Any], folder: Path) -> str:
    """Say a summary to a person."""
    kinds = ", ".join(f"{number} {kind}" for kind, number in summary["kinds"].items())
    voices = ", ".join(f"{name} {number}" for name, number in summary["voices"].items() if number)
    return (
        f"{summary['positives']} positives and {summary['negatives']} negatives"
        f"{f' ({kinds})' if kinds else ''} in {folder}, {summary['made']} of them new\n"
        f"distinct voices that say the phrase: {voices}\n"
        f"{summary['natural_voices']} of them are made from people's voices, "
        f"{summary['formant_voices']} are variants of one formant synthesizer: synthetic voices "
        "are few and alike, so add recordings of people if you can"
    )


SYNTHESIZE = Verb(
    "synthesize",
    "say a phrase, and what sounds like it, by text to speech",
    'kws synthesize "hey device" --output hey_device --count 200',
    _configure,
    _run,
)
