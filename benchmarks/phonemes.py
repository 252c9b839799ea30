"""How many phonemes a phoneme network writes down wrongly, by who speaks, in quiet and in noise.

    python benchmarks/phonemes.py phonemes other.tflite --features images.npz
        --sentences 100 --noise AUDIO/noise/kitchen --snr 10 [--json FILE]

Judged are words of people (of a features file those whose set is "validation", or all where no set
is named) and sentences by text to speech of a seed of their own, which nothing was trained on:
other sentences, the same voices. Each goes through the model file as a stream, step by step, and
the best path, frame by frame, without repetitions and blanks, is what was written down. The phoneme
error rate is the number of replacements, deletions and insertions over the number of phonemes.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from support.origin import origin
from support.script import check_json, status_of

from kws.arrays import Float32
from kws.bench.result import write_result
from kws.errors import KwsError
from kws.frontend import WORDS
from kws.network import StreamingNetwork
from kws.packaged import find_model
from kws.phonemes.symbols import PHONEME_TASK
from kws_training.augmentation.noise import NoisyWindowMaker
from kws_training.augmentation.spectra import SpectralAugmentation
from kws_training.cache import cache_folder
from kws_training.data.images import noise_frames, read_images, to_frames
from kws_training.data.recordings import ClipSet, read_noise
from kws_training.data.unlabelled import find_recordings
from kws_training.evaluation.edits import edit_distance
from kws_training.phonemes.evaluation import written
from kws_training.phonemes.sentences import say_sentences
from kws_training.phonemes.speech import PeoplesWords
from kws_training.phonemes.texts import CommonWords
from kws_training.synthesis.engines import installed
from kws_training.synthesis.utterances import SYNTHETIC

#: Who says the words of a features file.
PEOPLE = "people, single words"
#: Frames of quiet before and after what is judged.
QUIET = (20, 40)
#: Seed of the sentences: no training has it unless it is told to.
SEED = 1_000_003


@dataclass(frozen=True, eq=False)
class Spoken:
    """What is judged.

    Attributes
    ----------
    who : str
        Engine, or `PEOPLE`.
    frames : float32 (frames, bands)
        ln(power).
    phonemes : list of int
        What is said, as indices in `kws.phonemes.symbols.PHONEMES`.
    """

    who: str
    frames: Float32
    phonemes: list[int]


def spoken_words(features: Path, count: int, rng: np.random.Generator) -> list[Spoken]:
    """Return words of people, in quiet.

    Parameters
    ----------
    features : Path
        Log-mel images of words.
    count : int
        Words, drawn at random.
    rng : numpy.random.Generator
        Draws them.
    """
    images = read_images(features)
    validates = images.sets == "validation"
    words = PeoplesWords.of(images.where(validates) if validates.any() else images)
    rows = rng.permutation(len(words))[:count]
    return [Spoken(PEOPLE, in_quiet(to_frames(words.clip(n))), words.phonemes[n]) for n in rows]


def spoken_sentences(count: int, names: Sequence[str] | None) -> list[Spoken]:
    """Return sentences of the engines that are installed, in quiet.

    Parameters
    ----------
    count : int
        Sentences of each engine.
    names : sequence of str or None
        The engines; all if None.
    """
    engines = [one for one in installed() if names is None or one.name in names]
    said = say_sentences(
        CommonWords(),
        engines,
        {one.name: count for one in engines},
        SEED,
        cache_folder("phonemes"),
    )
    found: dict[str, list[Spoken]] = {}
    for image, phonemes, speaker in zip(said.images, said.phonemes, said.speakers, strict=True):
        who = speaker.removeprefix(SYNTHETIC).split(" ")[0]
        found.setdefault(who, []).append(Spoken(who, in_quiet(to_frames(image)), phonemes.tolist()))
    return [one for several in found.values() for one in several[:count]]


def in_quiet(frames: Float32) -> Float32:
    """Put quiet around frames, float32 (frames, bands)."""
    return np.pad(frames, (QUIET, (0, 0)), constant_values=WORDS.floor)


def in_noise(spoken: Sequence[Spoken], noise: Float32, snr: float) -> list[Spoken]:
    """Add noise at a ratio to the loudest frames (`WindowMaker.disturb`).

    Parameters
    ----------
    spoken : sequence of Spoken
        What is judged.
    noise : float32 (frames, bands)
        ln(power) of recorded noise.
    snr : float
        Decibels.
    """
    alone = SpectralAugmentation(
        gain=(0.0, 0.0), equalisation=0.0, snr=(snr, snr), noise=1.0, reverberation=0.0, masks=0.0
    )
    maker = NoisyWindowMaker(noise, WORDS.floor, WORDS.ceiling, alone)
    rng = np.random.default_rng(SEED)
    return [Spoken(s.who, maker.disturb(rng, s.frames[None])[0], s.phonemes) for s in spoken]


def judge(model: Path, spoken: Sequence[Spoken]) -> dict[str, tuple[int, int]]:
    """Return wrong phonemes and all phonemes by who speaks.

    Parameters
    ----------
    model : Path
        A model file, or the name of one in the package.
    spoken : sequence of Spoken
        What is judged.

    Raises
    ------
    KwsError
        If the model is no phoneme network.
    """
    file = find_model(model)
    if file.metadata.task != PHONEME_TASK:
        raise KwsError(
            f"{file.path}: is no phoneme network: kws pretrain --task phonemes makes one"
        )
    network = StreamingNetwork(file)
    counts: dict[str, tuple[int, int]] = {}
    for one in spoken:
        network.reset()
        steps = len(one.frames) // network.frames
        logits = [
            network.step(one.frames[n * network.frames : (n + 1) * network.frames]).copy()
            for n in range(steps)
        ]
        wrong, total = counts.get(one.who, (0, 0))
        wrong += edit_distance(one.phonemes, written(np.concatenate(logits)))
        counts[one.who] = wrong, total + len(one.phonemes)
    return counts


def table(results: dict[str, dict[str, dict[str, tuple[int, int]]]]) -> list[str]:
    """Return the error rates as a table, one line for each model and condition.

    Parameters
    ----------
    results : dict
        Of each model, of each condition, by who speaks: wrong phonemes and all.
    """
    first = next(iter(next(iter(results.values())).values()))
    lines = [
        f"| model | condition | {' | '.join(first)} | all |",
        "| --- " * (len(first) + 3) + "|",
    ]
    for model, conditions in results.items():
        for condition, counts in conditions.items():
            rates = [f"{wrong / max(total, 1):.1%}" for wrong, total in counts.values()]
            wrong, total = (sum(column) for column in zip(*counts.values(), strict=True))
            lines.append(
                f"| {model} | {condition} | {' | '.join(rates)} | {wrong / max(total, 1):.1%} |"
            )
    return lines


def run(options: argparse.Namespace) -> int:
    """Judge the models and print the table; returns the exit status."""
    check_json(options.json, KwsError)
    began = origin()
    spoken: list[Spoken] = []
    if options.features is not None:
        spoken += spoken_words(options.features, options.words, np.random.default_rng(SEED))
    if options.sentences:
        spoken += spoken_sentences(options.sentences, options.engines)
    if not spoken:
        raise KwsError("nothing to judge: give --features, or --sentences")
    conditions = {"quiet": spoken}
    if options.snr is not None:
        noise, _ = read_noise(find_recordings(options.noise))
        if not noise:
            raise KwsError("--snr: give recordings of noise with --noise")
        frames = noise_frames(noise, ClipSet([], [], []))
        conditions[f"{options.snr:g} dB"] = in_noise(spoken, frames, options.snr)
    results = {
        str(model): {name: judge(model, one) for name, one in conditions.items()}
        for model in options.models
    }
    for line in table(results):
        print(line)
    if options.json is not None:
        rows: dict[str, Any] = {
            model: {
                name: {who: {"wrong": w, "phonemes": n} for who, (w, n) in counts.items()}
                for name, counts in several.items()
            }
            for model, several in results.items()
        }
        write_result(options.json, {**began, "models": rows})
    return 0


def main() -> int:
    """Judge phoneme networks; returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    add = parser.add_argument
    add("models", type=Path, nargs="+", metavar="MODEL", help="files, or names of the package's")
    add("--features", type=Path, metavar="FILE.npz", help="log-mel images of words of people")
    add("--words", type=int, default=1000, metavar="N", help="of them that are judged (1000)")
    add("--sentences", type=int, default=100, metavar="N", help="of each engine (100; 0: none)")
    add("--engines", nargs="+", metavar="NAME", help="that say them; all that are installed")
    add("--noise", type=Path, nargs="+", default=[], metavar="DIR", help="for --snr")
    add("--snr", type=float, metavar="DB", help="judge in noise as well")
    add("--json", type=Path, metavar="FILE", help="write the result as JSON")
    options = parser.parse_args()
    return status_of("phonemes", lambda: run(options))


if __name__ == "__main__":
    raise SystemExit(main())
