"""The verb pretrain: a word base from many words by many voices."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from kws.arrays import Float32
from kws.cli.arguments import add_output, check_output, names
from kws.cli.verb import Verb
from kws.errors import KwsError
from kws.frontend import WORDS
from kws.modelfile import ModelFile

from ..data.dataset import Skipped
from ..tensorflow_loading import import_tensorflow
from .arguments import add_figures, add_seed, add_speaker_rule, add_speech_embedding, share

#: Recordings of a folder of speech that are heard, at most: evenly spread over it.
MOST_SPEECH = 400
#: Voices that say each common word.
VOICES = 10
#: Voices that say each word, and sentences, at most.
MOST_VOICES = 1000
MOST_SENTENCES = 1_000_000


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--task",
        choices=("words", "phonemes"),
        default="words",
        help="words: a word base, the default; phonemes: a network that writes down the sounds of "
        "English, for phrases that are typed",
    )
    parser.add_argument(
        "--data",
        type=Path,
        nargs="+",
        action="extend",
        default=[],
        metavar="DIR",
        help="folders of recordings, one sub-folder per word",
    )
    parser.add_argument(
        "--features",
        type=Path,
        metavar="FILE.npz",
        help="log-mel images of words (x, label, speaker)",
    )
    parser.add_argument(
        "--noise",
        type=Path,
        nargs="+",
        action="extend",
        required=True,
        metavar="DIR",
        help="folders of background noise",
    )
    parser.add_argument(
        "--negatives",
        type=Path,
        nargs="+",
        action="extend",
        default=[],
        metavar="DIR",
        help="folders of ordinary speech: pieces of it are unknown words",
    )
    parser.add_argument(
        "--synthesize",
        type=int,
        metavar="N",
        help="voices that say each of 1,500 common words (10), or, for phonemes, sentences "
        "(15000), by the text-to-speech engines that are installed; 0 for none",
    )
    parser.add_argument(
        "--grammar",
        type=Path,
        metavar="FILE",
        help="orders that kws understand is to know well: half of the sentences are said by it; "
        "for phonemes, best with --start",
    )
    parser.add_argument(
        "--leave-out",
        type=names,
        default=[],
        metavar="A,B,…",
        help="words to keep out, so that the base can be judged by them",
    )
    parser.add_argument(
        "--keywords",
        type=names,
        metavar="A,B,…",
        help="the words to tell apart, every other one becomes _unknown_; all words if left out",
    )
    parser.add_argument(
        "--start",
        type=Path,
        metavar="FILE",
        help="a word base to go on from, gently, a file or words, the one in the package: its own "
        "words again, or other --keywords; a phoneme network, for phonemes",
    )
    parser.add_argument(
        "--teacher",
        choices=("speech",),
        help="Google's speech embedding, which hears --teacher-data clean: the base learns to say "
        "in noise what it says there",
    )
    parser.add_argument(
        "--teacher-data",
        type=Path,
        nargs="+",
        action="extend",
        default=[],
        metavar="DIR",
        help="folders of recordings of any speech, as clean as there is, for --teacher",
    )
    add_speech_embedding(parser)
    parser.add_argument(
        "--speech",
        type=Path,
        nargs="+",
        action="extend",
        default=[],
        metavar="DIR",
        help="folders of words or sentences, by which the base is made ready for kws enroll; at "
        f"most {MOST_SPEECH} recordings of each",
    )
    parser.add_argument(
        "--enrolment-only",
        action="store_true",
        help="train nothing: make the base of --start ready for kws enroll, by --speech",
    )
    add_speaker_rule(parser)
    parser.add_argument(
        "--validation",
        type=share,
        default=0.05,
        metavar="SHARE",
        help="of the speakers, to watch the training by; images that say which set they are of "
        "are taken by that",
    )
    parser.add_argument("--epochs", type=int, help="24; 8 with --start; 17 for phonemes")
    add_seed(parser)
    add_figures(parser)
    add_output(parser)


def _run(options: argparse.Namespace) -> int:
    check_output(options.output)
    most = MOST_VOICES if options.task == "words" else MOST_SENTENCES
    few = options.epochs is not None and options.epochs < 1
    if few or not 0 <= (options.synthesize or 0) <= most:
        raise KwsError(f"--epochs must be at least 1, and --synthesize 0 to {most}")
    if options.task == "phonemes":
        from .pretrain_phonemes import run_phonemes

        return run_phonemes(options)
    if options.grammar is not None:
        raise KwsError("--grammar: is for --task phonemes, not words")
    if options.synthesize is None:
        options.synthesize = VOICES
    if options.enrolment_only:
        if options.start is None or not options.speech:
            raise KwsError("--enrolment-only: give --start, the word base, and --speech")
    elif not options.data and options.features is None:
        raise KwsError("no words: give --features, --data or both")
    if bool(options.teacher) != bool(options.teacher_data):
        raise KwsError("--teacher and --teacher-data: give both, or neither")
    from kws.console import note
    from kws.modelfile import write_model
    from kws.packaged import find_model

    from ..data.recordings import read_noise
    from ..data.unlabelled import find_recordings
    from ..word_base.projection import with_enrolment

    model = find_model(options.start) if options.enrolment_only else None
    if options.speech:
        import pyroomacoustics  # noqa: F401  (missing: said before the work, not after it)
    noise, skipped = read_noise(find_recordings(options.noise))
    if not noise:
        raise KwsError(f"{options.noise[0]}: no recording of noise could be read")
    speech, damaged = _read_speech(options.speech)
    skipped += damaged
    validation: dict[str, Any] | None = None
    if model is None:
        model, validation = _train(options, noise, skipped)
    network, metadata = model.network, model.metadata
    if speech:
        network, metadata = with_enrolment(model, speech, noise, options.seed)
    else:
        note("kws enroll cannot start from this base: --speech would make it ready for that")
    write_model(options.output, network, metadata)
    for skip in skipped:
        note(f"skipped: {skip.path}: {skip.reason}")
    size = options.output.stat().st_size
    if options.json:
        figures = {
            "model": str(options.output),
            "bytes": size,
            "words": list(metadata.keywords),
            "validation": validation,
            "skipped": [{"file": str(s.path), "reason": s.reason} for s in skipped],
        }
        print(json.dumps(figures, indent=1))
    else:
        print(f"wrote {options.output} ({size / 1000:.0f} kB)")
    return 0


def _read_speech(folders: Sequence[Path]) -> tuple[list[Float32], list[Skipped]]:
    """Read the beginnings of some recordings of each folder."""
    from ..data.recordings import read_noise
    from ..data.unlabelled import find_recordings
    from ..word_base.projection import LONGEST

    speech: list[Float32] = []
    skipped: list[Skipped] = []
    for folder in folders:
        paths = find_recordings([folder])
        found, damaged = read_noise(paths[:: -(-len(paths) // MOST_SPEECH)])
        speech += [samples[: round(LONGEST * WORDS.sample_rate)].copy() for samples in found]
        skipped += damaged
    if folders and not speech:
        raise KwsError(f"{folders[0]}: no recording of speech could be read")
    return speech, skipped


def _train(
    options: argparse.Namespace, noise: Sequence[Float32], skipped: list[Skipped]
) -> tuple[ModelFile, dict[str, Any] | None]:
    """Train a word base as the options say; adds what is skipped to the list.

    Returns
    -------
    model : ModelFile
    validation : dict or None
        Accuracy on images of speakers that nothing was trained on; None if there are none.
    """
    from kws.console import note

    from ..cache import cache_folder
    from ..data.dataset import find_clips
    from ..data.images import noise_frames, read_images, recorded_images
    from ..data.recordings import ClipSet, Negatives, read_speech
    from ..data.unlabelled import find_recordings
    from ..networks.speech_file import read_speech_embedding
    from ..networks.weights import find_speech_embedding
    from ..networks.word_base import read_base
    from ..synthesis.engines import fast_engines
    from ..synthesis.utterances import common_words
    from ..synthesis.word_images import synthesized_images

    start = None if options.start is None else read_base(options.start)
    parts = [] if options.features is None else [read_images(options.features)]
    if options.data:
        recordings = ClipSet.read(find_clips(options.data, None, options.speaker_rule))
        skipped += recordings.skipped
        parts.append(recorded_images(recordings))
    if options.negatives:
        negatives = Negatives.read(find_recordings(options.negatives))
        skipped += negatives.skipped
        parts.append(recorded_images(negatives.training))
    words = parts[0]
    for part in parts[1:]:
        words = words + part
    synthesized = None
    if options.synthesize:
        engines = fast_engines()
        note(f"text-to-speech engines: {', '.join(engine.name for engine in engines) or 'none'}")
        said = sorted(set(words.words.tolist()) | set(common_words()))
        synthesized = synthesized_images(
            [word for word in said if word.isalpha()],
            options.synthesize,
            engines,
            options.seed,
            cache_folder("synthesized"),
        )
    known = set(words.words.tolist())
    if synthesized is not None:
        known |= set(synthesized.words.tolist())
    for word in options.leave_out:
        if word not in known:
            raise KwsError(f"--leave-out {word}: there is no such word to leave out")
    frames = noise_frames(noise, ClipSet([], [], []))
    if not len(frames):
        raise KwsError(f"{options.noise[0]}: the recordings of noise are too short")
    # a foreign file is refused before TensorFlow is loaded
    teacher = None
    if options.teacher:
        teacher = read_speech_embedding(find_speech_embedding(options.speech_embedding))
    import_tensorflow()
    from ..word_base.data import WordBaseSources
    from ..word_base.defaults import CONTINUED, NARROWED, TAUGHT, FitConfig, WordBaseOptions
    from ..word_base.taught import taught_speech
    from ..word_base.train import train

    taught = None
    if teacher is not None:
        heard = [
            audio
            for _, audio in read_speech(find_recordings(options.teacher_data), "speech", skipped)
        ]
        taught = taught_speech(heard, teacher, options.seed, cache_folder("taught"))
        note(f"the teacher heard {taught.hours:.1f} hours")

    further = CONTINUED if taught is None else TAUGHT
    continued = NARROWED if options.keywords else further
    config = FitConfig() if start is None else continued
    if options.epochs is not None:
        config = replace(config, epochs=options.epochs)
    result = train(
        WordBaseSources(words, synthesized, frames, taught),
        WordBaseOptions(
            left_out=tuple(options.leave_out),
            validation=options.validation,
            keywords=options.keywords and tuple(options.keywords),
            fit=config,
            seed=options.seed,
        ),
        cache_folder("checkpoints"),
        start,
    )
    validation = None
    if result.images:
        validation = {"accuracy": result.accuracy, "images": result.images}
        if not options.json:
            print(f"validation: {result.accuracy:.1%} of {result.images} images of other speakers")
    return result.model, validation


PRETRAIN = Verb(
    "pretrain",
    "train a word base from many words by many voices",
    "kws pretrain --features images.npz --noise noise --speech speech --output base.tflite",
    _configure,
    _run,
)
