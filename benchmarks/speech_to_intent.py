"""The speech-to-intent benchmark of Picovoice: orders understood, in kitchen noise of 6 to 24 dB.

    python benchmarks/speech_to_intent.py --labels intents.json --recordings ORDERS
        --grammar coffee_maker.yaml --noise kitchen.ogg [--model phonemes.tflite]
        [--pocketsphinx PYTHON] [--first N] [--json FILE]

As Picovoice/speech-to-intent-benchmark has it: an order is understood if the intent and every slot
are right; noise is so loud that the loudest frame of 2,048 samples of an order is 6, 9, … 24 dB
above the loudest of the noise under it. Each order is streamed with a second of noise behind it,
and the first result with an intent counts: nobody says where it ends. "quiet" is without noise.

The oracle says what limits. Of each order that is not understood, all wordings with the right slots
are decoded as well, over the whole recording: where the wrong order's phonemes score higher than
all of these, the network has misheard; where they do not, the decoder has erred: it ended too early
or rejected what it had. The phoneme error rate is that of the free loop against the best of them.

PocketSphinx (``--pocketsphinx``: the Python of an environment with pocketsphinx==5.1.1) hears the
same audio with the same grammar, written as JSGF: whole recordings, its own dictionary.

Nothing is to be chosen on these orders: `command_scalars.py` chooses on text to speech.
"""

from __future__ import annotations

import argparse
import json
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from support.orders import AFTER, RATE, LabelledOrder, in_noise, jsgf_of, only, read_orders
from support.origin import origin
from support.script import check_json, status_of

from kws.arrays import Float32
from kws.audio import load_audio
from kws.bench.result import write_result
from kws.command_recognizer import CommandRecognizer, compiled
from kws.errors import KwsError
from kws.grammar.compiling import CompiledGrammar
from kws.grammar.expression import Grammar
from kws.grammar.reading import read_grammar
from kws.grammar.recognition import RecognitionConfig
from kws.intervals import share_interval
from kws.packaged import PHONEMES, find_model
from kws.phoneme_stream import PhonemeStream
from kws.phonemes.viterbi import UtteranceDecoder, relative
from kws_training.evaluation.edits import edit_distance
from kws_training.evaluation.spoken import end_of_speech
from kws_training.phonemes.evaluation import written

#: Signal-to-noise ratios of the published protocol, in decibels.
RATIOS = (6, 9, 12, 15, 18, 21, 24)
#: Samples that are pushed at once: 32 ms, as Picovoice's engines take them.
CHUNK = 512


@dataclass(frozen=True)
class Heard:
    """What an engine made of an order.

    Attributes
    ----------
    understood : bool
        Whether the intent and every slot are right.
    intent : str or None
        What it took it for.
    slots : dict of str to str
        Of that.
    latency : float or None
        Seconds from the end of speech to the result, where the engine streams.
    """

    understood: bool
    intent: str | None
    slots: dict[str, str]
    latency: float | None = None


class Kws:
    """Streams orders through a `CommandRecognizer`."""

    def __init__(self, grammar: Path, model: Path | None) -> None:
        self._recognizer = CommandRecognizer(grammar, model=find_model(model, PHONEMES))
        self.version = "this tree"
        self.seconds = self.cpu = 0.0

    def hear(self, order: LabelledOrder, audio: Float32) -> Heard:
        """Return what is understood of an order."""
        self._recognizer.reset()
        begun = time.process_time()
        found = []
        for start in range(0, len(audio), CHUNK):
            results = self._recognizer.process(audio[start : start + CHUNK])
            found += [(result, (start + CHUNK) / RATE) for result in results]
        found += [(result, len(audio) / RATE) for result in self._recognizer.flush()]
        self.cpu += time.process_time() - begun
        self.seconds += len(audio) / RATE
        some = [(result, at) for result, at in found if result.intent is not None]
        if not some:
            return Heard(order.intent is None, None, {})
        result, at = some[0]
        right = (result.intent, result.slots) == (order.intent, order.slots)
        return Heard(right, result.intent, result.slots, at - end_of_speech(order.samples))


class PocketSphinx:
    """Gives whole orders to PocketSphinx in an environment of its own."""

    def __init__(self, grammar: Grammar, python: Path) -> None:
        # its words mean what they mean by our grammar: each word as one sign
        self._signs = {word: [(number + 1,)] for number, word in enumerate(grammar.words())}
        self._grammar = grammar
        self._folder = tempfile.TemporaryDirectory()
        jsgf = Path(self._folder.name) / "orders.jsgf"
        jsgf.write_text(jsgf_of(grammar))
        script = Path(__file__).parent / "engines" / "understand_pocketsphinx.py"
        self._process = subprocess.Popen(
            [python, script, jsgf], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.version = str(self._read()["version"])
        self.seconds = self.cpu = 0.0

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise KwsError("PocketSphinx has ended: pip install pocketsphinx==5.1.1 there")
        found: dict[str, Any] = json.loads(line)
        return found

    def hear(self, order: LabelledOrder, audio: Float32) -> Heard:
        """Return what is understood of an order."""
        from kws.grammar.parsing import parse

        assert self._process.stdin is not None
        samples = np.clip(audio * 32767, -32768, 32767).astype("<i2")
        self._process.stdin.write(struct.pack("<i", len(samples)) + samples.tobytes())
        self._process.stdin.flush()
        answer = self._read()
        self.cpu += answer["cpu"]
        self.seconds += len(audio) / RATE
        lower = {word.lower(): signs[0][0] for word, signs in self._signs.items()}
        signs = [lower.get(word, -1) for word in answer["words"].split()]
        found = parse(self._grammar, self._signs, signs) if signs else None
        if found is None:
            return Heard(order.intent is None, None, {})
        right = (found.intent, found.slots) == (order.intent, order.slots)
        return Heard(right, found.intent, found.slots)

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._folder.cleanup()


class Oracle:
    """Says whether the network or the decoder has erred."""

    def __init__(self, grammar: Grammar, model: Path | None, config: RecognitionConfig) -> None:
        self._stream = PhonemeStream(find_model(model, PHONEMES))
        self._grammar = grammar
        self._whole = compiled(grammar)
        self._config = config
        self.edits = self.phonemes = 0

    def misheard(self, order: LabelledOrder, audio: Float32) -> str:
        """Return what limits: "network", "decoder", or "grammar" where it lacks the slots."""
        right = only(self._grammar, order.slots)
        if right is None:
            return "grammar"
        self._stream.reset()
        logits = np.concatenate([self._stream.push(audio), self._stream.push(self._stream.ending)])
        scores = relative(logits, self._config.blank)
        truth = compiled(right)
        best, found = (self._best(one, scores) for one in (truth, self._whole))
        if best is None:
            return "network"
        self._count(logits, best[1])
        return "decoder" if found is None or best[0] >= found[0] - 1e-3 else "network"

    def _best(self, one: CompiledGrammar, scores: Float32) -> tuple[float, list[int]] | None:
        decoder = UtteranceDecoder(one.graph, len(scores), self._config.outside)
        decoder.push(scores)
        path = decoder.best()
        return None if path is None else (path.score, path.labels.tolist())

    def _count(self, logits: Float32, said: Sequence[int]) -> None:
        """Count the phonemes that the free loop has otherwise than the right order."""
        # labels of a path are one more than the places of its phonemes
        self.edits += edit_distance(written(logits), [label - 1 for label in said])
        self.phonemes += len(said)


def percentiles(values: list[float]) -> tuple[float, float] | None:
    """Return the median and what 95 % are within; None of nothing."""
    if not values:
        return None
    return float(np.percentile(values, 50)), float(np.percentile(values, 95))


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Hear all orders at all ratios with all engines."""
    grammar = read_grammar(options.grammar)
    orders = list(read_orders(options.labels, options.recordings))[: options.first]
    noise = load_audio(options.noise, RATE)
    engines: dict[str, Kws | PocketSphinx] = {"kws": Kws(options.grammar, options.model)}
    if options.pocketsphinx is not None:
        engines["pocketsphinx"] = PocketSphinx(grammar, options.pocketsphinx)
    oracle = Oracle(grammar, options.model, RecognitionConfig())
    rows = []
    every: list[float] = []
    limits: dict[str, int] = {}
    for ratio in (*options.ratios, None):
        rng = np.random.default_rng(0)  # the same stretches at each ratio
        right = dict.fromkeys(engines, 0)
        rejected = dict.fromkeys(engines, 0)
        latencies: list[float] = []
        for order in orders:
            audio = in_noise(order.samples, None if ratio is None else noise, ratio or 0.0, rng)
            for name, engine in engines.items():
                heard = engine.hear(order, audio)
                right[name] += heard.understood
                rejected[name] += heard.intent is None
                if name != "kws":
                    continue
                if heard.latency is not None and heard.understood:
                    latencies.append(heard.latency)
                if not heard.understood:
                    limit = oracle.misheard(order, audio)
                    limits[limit] = limits.get(limit, 0) + 1
        every += latencies
        for name in engines:
            low, high = share_interval(right[name], len(orders))
            at = "quiet" if ratio is None else f"{ratio} dB"
            rows.append(
                {
                    "engine": name,
                    "snr": ratio,
                    "understood": right[name],
                    "orders": len(orders),
                    "share": right[name] / len(orders),
                    "interval": [low, high],
                    "rejected": rejected[name],
                    "latency": percentiles(latencies) if name == "kws" else None,
                }
            )
            print(
                f"{name:<13} {at:>6}  {right[name] / len(orders):6.1%} of {len(orders)} "
                f"({low:.1%} to {high:.1%}), {rejected[name]} rejected",
                flush=True,
            )
    means = {
        name: float(
            np.mean([row["share"] for row in rows if row["engine"] == name and row["snr"]] or [0])
        )
        for name in engines
    }
    cost = {name: engine.cpu / engine.seconds for name, engine in engines.items()}
    for engine in engines.values():
        if isinstance(engine, PocketSphinx):
            engine.close()
    median, late = percentiles(every) or (float("nan"), float("nan"))
    errors = oracle.edits / max(1, oracle.phonemes)
    for name, mean in means.items():
        print(f"{name:<13} mean of the ratios {mean:.1%}, {cost[name]:.4f} CPU seconds per second")
    print(
        f"latency from the end of speech: median {median * 1000:.0f} ms, p95 {late * 1000:.0f} ms"
    )
    print(f"what limits the others: {limits}; phoneme error rate of these {errors:.1%}")
    return {
        "engines": {name: engine.version for name, engine in engines.items()},
        "rows": rows,
        "mean": means,
        "cpu_per_second": cost,
        "latency": {"median": median, "p95": late, "orders": len(every)},
        "limits": limits,
        "phoneme_error_rate_of_errors": errors,
        "silence_after": AFTER,
    }


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description="Orders understood, in kitchen noise.")
    parser.add_argument("--labels", type=Path, required=True, metavar="FILE")
    parser.add_argument("--recordings", type=Path, required=True, metavar="DIR")
    parser.add_argument("--grammar", type=Path, required=True, metavar="FILE")
    parser.add_argument("--noise", type=Path, required=True, metavar="FILE")
    parser.add_argument("--model", type=Path, metavar="FILE", help="a phoneme network")
    parser.add_argument("--pocketsphinx", type=Path, metavar="PYTHON")
    parser.add_argument("--ratios", type=int, nargs="*", default=list(RATIOS), metavar="DB")
    parser.add_argument("--first", type=int, metavar="N", help="of the orders")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()

    def work() -> int:
        check_json(options.json, KwsError)
        found = measure(options)
        if options.json is not None:
            write_result(options.json, {**origin(), **found})
        return 0

    return status_of("speech_to_intent", work)


if __name__ == "__main__":
    sys.exit(main())
