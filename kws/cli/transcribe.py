"""The verb transcribe: the words of recordings, best in a closed domain."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from ..console import note, quiet
from ..transcripts.arpa import read_language
from ..transcripts.transcriber import Transcriber, Transcript
from .arguments import add_json, add_rate, add_recordings
from .inputs import chunks, each_recording, is_folder
from .understand import PHONEME_MODEL_HELP
from .verb import Verb

#: Words that a note names, of those that cannot be pronounced.
MOST_NAMED = 8


def _configure(parser: argparse.ArgumentParser) -> None:
    add_recordings(parser)
    parser.add_argument(
        "--language",
        type=Path,
        metavar="FILE",
        help="what is likely to be said: sentences, one per line, or an n-gram model in the ARPA "
        "format; its words are the only ones that are written down. Without it, 4,000 common "
        "English words in any order: many will be wrong",
    )
    parser.add_argument(
        "--order",
        type=int,
        default=3,
        metavar="N",
        help="of sentences: words that one word depends on, itself included",
    )
    parser.add_argument("--model", type=Path, metavar="FILE", help=PHONEME_MODEL_HELP)
    parser.add_argument(
        "--partial", action="store_true", help="print also what is not final yet, as it comes"
    )
    add_json(parser)
    add_rate(parser)


def _run(options: argparse.Namespace) -> int:
    language = None
    if options.language is not None:
        language = read_language(options.language, options.order)
    else:
        note(
            "kws: without --language any of 4,000 common words may follow any other, and many will "
            "be wrong: give sentences of what is likely to be said"
        )
    with quiet():
        transcriber = Transcriber(
            language,
            model=options.model,
            sample_rate=options.rate if "-" in options.files else None,
        )
    if transcriber.unknown:
        some = ", ".join(transcriber.unknown[:MOST_NAMED])
        more = ", …" if len(transcriber.unknown) > MOST_NAMED else ""
        note(
            f"kws: {len(transcriber.unknown)} words cannot be pronounced and are never written "
            f"down ({some}{more}): install espeak-ng"
        )
    named = len(options.files) > 1 or is_folder(options.files[0])

    def transcribe(name: str) -> None:
        def tell(found: list[Transcript]) -> None:
            for transcript in found:
                if transcript.final or options.partial:
                    _print(transcript, name, as_json=options.json, named=named)

        transcriber.reset()
        for chunk in chunks(name, transcriber.sample_rate):
            tell(transcriber.process(chunk))
        tell(transcriber.flush())

    return each_recording(options.files, transcribe)


def transcript_values(transcript: Transcript, file: str) -> dict[str, object]:
    """Return a transcript as plain JSON values.

    Parameters
    ----------
    transcript : Transcript
        The words of an utterance.
    file : str
        The recording, as it was named; ``-`` for a pipe.

    Returns
    -------
    dict of str to object
        ``file``, ``words`` (each with ``word``, ``start``, ``end``, ``confidence``) and ``final``.
    """
    return {
        "file": file,
        "words": [
            {
                "word": word.word,
                "start": round(word.start, 3),
                "end": round(word.end, 3),
                "confidence": round(word.confidence, 4),
            }
            for word in transcript.words
        ],
        "final": transcript.final,
    }


def _print(transcript: Transcript, file: str, *, as_json: bool, named: bool) -> None:
    if as_json:
        print(json.dumps(transcript_values(transcript, file)), flush=True)
        return
    where = f"{file}: " if named else ""
    times = f"{transcript.words[0].start:8.2f} – {transcript.words[-1].end:.2f} s"
    print(
        f"{where}{times}  {transcript.text}{'' if transcript.final else ' …'}",
        flush=True,
    )


TRANSCRIBE = Verb(
    "transcribe",
    "write down what is said, best in the words of a closed domain",
    "kws transcribe --language sentences.txt recording.wav",
    _configure,
    _run,
)
