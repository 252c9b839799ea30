"""Chooses the scalars of `kws understand` on orders by text to speech, never on people's.

    python benchmarks/command_scalars.py --grammar coffee_maker.yaml --noise kitchen.ogg
        [--background SOUNDS…] [--model phonemes.tflite] [--engines flite,espeak-ng] [--count 40]
        [--keep FOLDER]

Every engine says `--count` orders of the grammar and half as many sentences that mean nothing, each
in quiet and with noise at 9 dB (frames of 2,048 samples, loudest over loudest). Printed are: the
share of orders whose every slot is right for each value of ``blank`` and ``outside``, over whole
recordings; then, with the best of both, the scores of what is right, of what is wrong, of the
sentences and of recordings of noise (``--background``); for each value of ``worst`` the centre at
which at most 5 % of the sentences are taken for orders, with the share of the right orders that are
kept; and for each value of ``heard_most`` the shares that are kept. They are the fields of
`kws.grammar.recognition.RecognitionConfig`. ``--keep`` keeps the recordings for the next run.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from support.orders import RATE, in_noise
from support.script import status_of

from kws.arrays import Float32, Float64
from kws.audio import load_audio
from kws.command_recognizer import compiled
from kws.console import note
from kws.folders import recordings_below
from kws.grammar.compiling import CompiledGrammar
from kws.grammar.expression import Grammar
from kws.grammar.hearing import Hearing, heard_frames
from kws.grammar.reading import read_grammar
from kws.grammar.recognition import RecognitionConfig
from kws.packaged import PHONEMES, find_model
from kws.phoneme_stream import PhonemeStream
from kws.phonemes.symbols import VOICE_INDEX
from kws.phonemes.viterbi import UtteranceDecoder, relative
from kws.posteriors import sigmoid
from kws_training.data.clips import to_int16
from kws_training.synthesis.casting import cast
from kws_training.synthesis.engines import chosen
from kws_training.synthesis.orders import orders_of
from kws_training.synthesis.sentences import sentence_texts
from kws_training.synthesis.utterances import say_all

BLANKS = (0.0, 1.0, 1.5, 2.0, 2.5, 3.0)
OUTSIDES = (2.0, 1000.0)
WORSTS = (0.0, 0.2, 0.3, 0.5)
HEARD = (-1.0, -1.3, -1.6, -1.9, -2.2)
#: Seconds of a recording of noise, at most: an utterance that nobody says is about as long.
NOISE_SECONDS = 5
#: Decibels of the noisy half.
SNR = 9.0
#: Share of the sentences that may be taken for orders.
FALSE = 0.05


@dataclass(frozen=True)
class Said:
    """What an engine said, or a noise, as the network hears it."""

    kind: str  # "order", "sentence" or "noise"
    slots: dict[str, str] | None
    logits: Float32


def say(
    options: argparse.Namespace, grammar: Grammar
) -> list[tuple[dict[str, str] | None, Float32]]:
    """Return orders and sentences by text to speech; slots are None of the latter."""
    engines = chosen(options.engines)
    found: list[tuple[dict[str, str] | None, Float32]] = []
    for number, engine in enumerate(engines):
        kept = None if options.keep is None else options.keep / f"{engine.name}.npz"
        if kept is not None and kept.is_file():
            with np.load(kept, allow_pickle=False) as archive:
                rows = json.loads(str(archive["slots"]))
                found += [(row, archive[str(i)] / np.float32(32768)) for i, row in enumerate(rows)]
            continue
        orders = orders_of(grammar, options.count, 100 + number)
        others = sentence_texts((), options.count // 2, 900 + number)
        texts = [order.text for order in orders] + list(others)
        slots = [order.slots for order in orders] + [None] * len(others)
        said = list(say_all(cast(texts, len(texts), [engine], 7 + number)))
        some = [
            (row, one) for row, one in zip(slots, said, strict=True) if isinstance(one, np.ndarray)
        ]
        note(f"{engine.name}: {len(some)} of {len(texts)}")
        found += some
        if kept is not None:
            kept.parent.mkdir(parents=True, exist_ok=True)
            arrays = {str(i): to_int16(one) for i, (_, one) in enumerate(some)}
            np.savez(kept, slots=json.dumps([row for row, _ in some]), **arrays)  # type: ignore[arg-type]
    return found


def hear(options: argparse.Namespace, grammar: Grammar) -> list[Said]:
    """Run the network over all of it, in quiet and in noise."""
    stream = PhonemeStream(find_model(options.model, PHONEMES))
    noise = load_audio(options.noise, RATE)
    rng = np.random.default_rng(0)
    heard = []
    for slots, samples in say(options, grammar):
        for under in (None, noise):
            audio = in_noise(samples, under, SNR, rng)
            stream.reset()
            logits = [stream.push(audio), stream.push(stream.ending)]
            kind = "sentence" if slots is None else "order"
            heard.append(Said(kind, slots, np.concatenate(logits)))
    for path in [path for folder in options.background for path in recordings_below(folder)]:
        stream.reset()
        samples = load_audio(path, RATE)[: NOISE_SECONDS * RATE]
        logits = [stream.push(samples), stream.push(stream.ending)]
        heard.append(Said("noise", None, np.concatenate(logits)))
    return heard


@dataclass(frozen=True)
class Score:
    """The best that the grammar has for something."""

    kind: str
    right: bool
    score: float
    worst: float
    heard: float
    phonemes: int


def scores(one: CompiledGrammar, heard: list[Said], blank: float, outside: float) -> list[Score]:
    """Return the score of each, where the grammar has anything that fits in."""
    found = []
    for said in heard:
        decoder = UtteranceDecoder(one.graph, len(said.logits), outside)
        decoder.push(relative(said.logits, blank))
        path = decoder.best()
        parse = None if path is None else one.parse(path.labels.tolist())
        if path is None or parse is None:
            continue
        hearing = Hearing(len(said.logits))
        hearing.push(heard_frames(said.logits, sigmoid(said.logits[:, VOICE_INDEX])))
        heard_well = float(hearing.scores(path).mean())
        worst = min(float(path.scores[word.first : word.end].mean()) for word in parse.words)
        right = said.slots is not None and parse.slots == said.slots
        score = path.score / len(path.labels)
        found.append(Score(said.kind, right, score, worst, heard_well, len(path.labels)))
    return found


def choose(options: argparse.Namespace) -> int:
    """Print what each value gives."""
    grammar = read_grammar(options.grammar)
    one = compiled(grammar)
    heard = hear(options, grammar)
    orders = [said for said in heard if said.kind == "order"]

    def share_right(blank: float, outside: float) -> float:
        share = float(np.mean([score.right for score in scores(one, orders, blank, outside)]))
        print(f"blank {blank}, outside {outside:g}: {share:.1%} of {len(orders)} right", flush=True)
        return share

    blank = max(BLANKS, key=lambda value: share_right(value, OUTSIDES[0]))
    outside = max(OUTSIDES, key=lambda value: share_right(blank, value))
    groups: dict[str, list[Score]] = {"right": [], "wrong": [], "sentence": [], "noise": []}
    for score in scores(one, heard, blank, outside):
        name = score.kind if score.kind != "order" else "right" if score.right else "wrong"
        groups[name].append(score)
    for name, some in groups.items():
        for what, values in (
            ("scores", [one.score for one in some]),
            ("heard", [one.heard for one in some]),
        ):
            if some:
                told = np.percentile(values, (5, 25, 50, 75, 95)).round(2).tolist()
                print(f"{name}: {len(some)}, {what} at 5, 25, 50, 75, 95 %: {told}")
    for share in WORSTS:
        joined = {
            name: np.array([min(one.score, share * one.worst) for one in some], np.float64)
            for name, some in groups.items()
        }
        centre = float(np.quantile(joined["sentence"], 1 - FALSE))
        print(
            f"worst {share}: centre {centre:.2f} keeps {above(joined['right'], centre):.1%} of the "
            f"right, {above(joined['wrong'], centre):.1%} of the wrong"
        )
    for most in HEARD:
        config = replace(RecognitionConfig(), heard_most=most)
        shares = []
        for name, some in groups.items():
            ahead = np.array([one.heard - config.heard_centre(one.phonemes) for one in some])
            shares.append(f"{above(ahead, 0.0):.1%} of {len(some)} {name}")
        print(f"heard_most {most}: keeps {', '.join(shares)}")
    return 0


def above(values: Float64, least: float) -> float:
    """Return the share of values above one, 0 if there are none."""
    return float((values > least).mean()) if len(values) else 0.0


def main() -> int:
    """Run the script."""
    parser = argparse.ArgumentParser(description="Scalars of kws understand, by text to speech.")
    parser.add_argument("--grammar", type=Path, required=True, metavar="FILE")
    parser.add_argument("--noise", type=Path, required=True, metavar="FILE")
    parser.add_argument(
        "--background", type=Path, nargs="+", default=[], metavar="DIR", help="recordings of noise"
    )
    parser.add_argument("--model", type=Path, metavar="FILE", help="a phoneme network")
    parser.add_argument("--engines", type=lambda text: text.split(","), metavar="A,B,…")
    parser.add_argument("--count", type=int, default=40, metavar="N", help="orders of each engine")
    parser.add_argument("--keep", type=Path, metavar="DIR")
    options = parser.parse_args()
    return status_of("command_scalars", lambda: choose(options))


if __name__ == "__main__":
    sys.exit(main())
