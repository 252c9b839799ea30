"""How accurate engines are side by side: the same recordings, one scoring for all.

    python benchmarks/accuracy.py --phrase "hey jarvis" --positives DIR --negatives DIR…
        --venvs FOLDER [--models NAME=FILE…] [--noise DIR --snr 10] [--json FILE]

Recordings of the phrase, with faint noise of 2 to 3 s between them, are one stream, hours without
it another, both as `kws evaluate --positives --negatives` makes them. Every engine that has a model
for the phrase, and every kws model that is named, hears both from start to end in chunks of 80 ms
and gives a score after each of its own hops: what it compares with its threshold, by its own code,
its own smoothing included. The rest is ours and the same for all: an event where the score reaches
a threshold, the next one not within a second nor before the score was below half of the threshold;
a recording is missed without an event from its start to a second after its end. Misses are stated
at the threshold that the engine ships with, and at those that give 0.1, 0.5 and 1 false accepts per
hour, read off these very recordings, for every engine alike.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from support.environments import (
    ENGINES,
    EngineError,
    Entrant,
    check_names,
    engine_names,
    named_model,
    open_environments,
    run_adapter,
)
from support.origin import origin
from support.script import check_json, status_of

from kws.bench.machine import read_machine
from kws.bench.result import write_result
from kws.calibration.scores import Trace, track
from kws.metadata import DetectorDefaults
from kws.pcm import to_int16
from kws_training.augmentation.snr import defined, definition
from kws_training.cli.arguments import add_snr_reference
from kws_training.cli.detection import SEED, noise_of
from kws_training.data.unlabelled import find_recordings
from kws_training.evaluation.blocks import FAINT
from kws_training.evaluation.conditions import RATE, Condition
from kws_training.evaluation.continuous import (
    StreamScores,
    hits,
    score_negatives,
    score_positives,
)
from kws_training.evaluation.detection import TARGETS, curve_of, read_off
from kws_training.evaluation.detection_results import Point
from kws_training.evaluation.positives import find_positives
from kws_training.progress import bar

#: Seconds after an event in which there is no other.
REFRACTORY = 1.0
#: Seconds of faint noise after a stream: what is still in an engine's windows comes out.
ENDING = 3.0
#: Seconds that an engine may take for a stream.
LONGEST_STREAM = 4 * 3600


class Recorder:
    """Writes a stream to a file, in the place of the spotter that would hear it.

    Attributes
    ----------
    path : Path
        Raw 16-bit samples, 16 kHz, mono.
    """

    sample_rate = RATE
    column_seconds = 1.0
    metadata = SimpleNamespace(exclusive=False)
    verifications = None

    def __init__(self, path: Path) -> None:
        self.path = path
        self.reset()

    @property
    def ending(self) -> np.ndarray:
        """What comes after the stream."""
        rng = np.random.default_rng(0)
        return rng.normal(0, FAINT, round(ENDING * RATE)).astype(np.float32)

    def reset(self) -> None:
        """Start anew when the next samples come; a whole stream stays where it is."""
        self._fresh = True

    def process_posteriors(self, samples: np.ndarray) -> np.ndarray:
        """Write samples, and say nothing of them."""
        with self.path.open("wb" if self._fresh else "ab") as stream:
            stream.write(to_int16(samples).tobytes())
        self._fresh = False
        return np.zeros((0, 1), np.float32)


@dataclass(frozen=True)
class Stream:
    """A stream in a file, and what is where in it."""

    path: Path
    heard: StreamScores


def record(
    path: Path, hear: Callable[..., StreamScores], recordings: Sequence[Any], condition: Condition
) -> Stream:
    """Write the stream that `kws evaluate` would make of some recordings.

    Parameters
    ----------
    path : Path
        Of the file to write.
    hear : callable
        `score_positives` or `score_negatives`.
    recordings : sequence
        What it takes.
    condition : Condition
    """
    return Stream(path, hear(Recorder(path), recordings, condition, SEED, bar))


def scored(python: Path, entrant: Entrant, stream: Stream) -> tuple[StreamScores, dict[str, Any]]:
    """Let an engine hear a stream.

    Returns
    -------
    heard : StreamScores
        With the engine's scores as its trace.
    answer : dict
        What its adapter said of it.

    Raises
    ------
    EngineError
        If it fails, or its scores are none.
    """
    path = stream.path.with_suffix(".scores")
    request = {**entrant.request, "audio": str(stream.path), "scores": str(path)}
    answer = run_adapter(python, entrant.script, request, LONGEST_STREAM)
    try:
        found = np.fromfile(path, np.float32)
        scores = aligned(found, round(answer["seconds"] / answer["hop"]))
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise EngineError(f"{entrant.name}: no scores: {error}") from None
    finally:
        path.unlink(missing_ok=True)
    trace = Trace(scores[:, None], answer["hop"], stream.heard.trace.seconds, exclusive=False)
    return replace(stream.heard, trace=trace), answer


def aligned(scores: np.ndarray, count: int) -> np.ndarray:
    """Return as many scores as a stream has hops, the last one at its end.

    Engines that fill a window first begin later, and those that begin with made-up audio have more.
    """
    if not np.isfinite(scores).all() or not len(scores):
        raise ValueError("they are not finite" if len(scores) else "there are none")
    scores = np.clip(scores[-count:], 0, 1)
    return np.concatenate([np.zeros(count - len(scores), np.float32), scores])


@dataclass(frozen=True)
class Judged:
    """What an engine's scores give.

    Attributes
    ----------
    points : tuple of Point
        That of the threshold it ships with first, then those of `TARGETS`.
    latency : float or None
        Seconds from the end of the word to the event, median over the hits of the first point.
    """

    points: tuple[Point, ...]
    latency: float | None


def judge(phrase: str, threshold: float, own: StreamScores, negatives: StreamScores) -> Judged:
    """Count misses and false accepts, as `kws evaluate` does.

    Parameters
    ----------
    phrase : str
    threshold : float
        That the engine ships with.
    own, negatives : StreamScores
        The two streams, each with the engine's scores.
    """
    detector = DetectorDefaults(0.0, REFRACTORY, 0.0, {phrase: threshold})
    spoken, silent = (track(one.trace, (phrase,), detector, phrase) for one in (own, negatives))
    hours, said = negatives.seconds / 3600, len(own.positives)
    found = hits([one.span for one in own.positives], spoken.events(threshold))
    alarms = silent.count(threshold)
    points = [Point(phrase, None, threshold, alarms, hours, found.misses, said)]
    curve = curve_of(own, spoken, [silent])
    for target in TARGETS:
        at = read_off(curve, target * hours)
        points.append(
            Point(
                phrase,
                target,
                float(curve.thresholds[at]),
                int(curve.false_accepts[at]),
                hours,
                int(curve.misses[at]),
                said,
            )
        )
    late = [
        at - one.word_end for one, at in zip(own.positives, found.times, strict=True) if at == at
    ]
    return Judged(tuple(points), float(np.median(late)) if late else None)


def entrants_of(options: argparse.Namespace) -> list[Entrant]:
    """Return who takes part: the kws models, and the engines that have a model for the phrase."""
    check_names([name for name, _ in options.models])
    models = [
        Entrant(name, "kws", {"model": file, "phrase": options.phrase})
        for name, file in options.models
    ]
    others = []
    for engine in options.engines:
        phrases = ENGINES[engine].phrases
        if phrases is None or options.phrase in phrases:
            others.append(Entrant(engine, engine, {"phrase": options.phrase}))
        else:
            print(f"left out: {engine}: no model for {options.phrase!r}", file=sys.stderr)
    return models + others


def compare(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Make the streams, let every engine hear them, and return the result as plain JSON values."""
    began = origin()
    entrants = entrants_of(options)
    if not entrants:
        raise EngineError(
            f"{options.phrase!r}: no engine has a model for it: name one of kws with "
            "--models NAME=FILE"
        )
    found, _ = find_positives(options.positives, [options.phrase])
    condition = Condition()
    if options.snr is not None:
        noise = noise_of(options.noise or [])
        condition = Condition(noise=noise, snr=options.snr, reference=options.snr_reference)
    paths = find_recordings(options.negatives)
    own = record(folder / "positives.raw", score_positives, found, condition)
    negatives = record(folder / "negatives.raw", score_negatives, paths, condition)
    for skip in (*own.heard.skipped, *negatives.heard.skipped):
        print(f"skipped: {skip.path}: {skip.reason}", file=sys.stderr)
    pythons, skipped = open_environments(entrants, options.venvs)
    entries: dict[str, dict[str, Any]] = {}
    for entrant in [entrant for entrant in entrants if entrant.engine in pythons]:
        print(f"{entrant.name} listens", file=sys.stderr, flush=True)
        try:
            python = pythons[entrant.engine]
            (spoken, answer), (silent, _) = (scored(python, entrant, s) for s in (own, negatives))
        except EngineError as error:
            skipped[entrant.name] = str(error)
            print(f"skipped: {entrant.name}: {error}", file=sys.stderr, flush=True)
            continue
        judged = judge(options.phrase, answer["threshold"], spoken, silent)
        entries[entrant.name] = {
            **{key: answer[key] for key in ("package", "version", "model_bytes", "hop")},
            "model": entrant.request.get("model"),
            "operating_points": [point.to_dict() for point in judged.points],
            "latency_after_word_end": judged.latency,
        }
    if not entries:
        raise EngineError("no engine could be judged: the lines above say why")
    return {
        **began,
        "machine": asdict(read_machine()),
        "phrase": options.phrase,
        "snr": options.snr,
        **(definition(options.snr_reference) if options.snr is not None else {}),
        "recordings": len(own.heard.positives),
        "hours": negatives.heard.seconds / 3600,
        "engines": entries,
        "skipped": skipped,
    }


def table(result: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of a Markdown table, the fewest misses at 0.5 per hour first."""
    heads = [f"at {target:g} per hour" for target in TARGETS]
    yield (
        "| engine | missed at its own threshold | false accepts per hour there | "
        f"missed {' | '.join(heads)} | from the end of the word |"
    )
    yield "| --- " * (4 + len(TARGETS)) + "|"
    entries = result["engines"]
    for name in sorted(entries, key=lambda name: entries[name]["operating_points"][2]["miss_rate"]):
        entry = entries[name]
        package = f"{entry['package']} {entry['version']}"
        label = package if name == entry["package"] else f"{name} ({package})"
        points = entry["operating_points"]
        low, high = points[0]["false_accepts_per_hour_interval"]
        rate = f"{points[0]['false_accepts_per_hour']:.2f} ({low:.2f} to {high:.2f})"
        late = entry["latency_after_word_end"]
        cells = [
            label,
            _missed(points[0]),
            rate,
            *map(_missed, points[1:]),
            "–" if late is None else f"{late:+.2f} s",
        ]
        yield f"| {' | '.join(cells)} |"


def _missed(point: dict[str, Any]) -> str:
    low, high = (100 * share for share in point["miss_rate_interval"])
    mark = "" if point["supported"] else " *"
    return f"{100 * point['miss_rate']:.1f} % ({low:.1f} to {high:.1f}){mark}"


def run(options: argparse.Namespace) -> int:
    """Compare the engines and print one row each; returns the exit status."""
    check_json(options.json, EngineError)
    with tempfile.TemporaryDirectory() as folder:
        result = compare(options, Path(folder))
    print(
        f"{result['recordings']} recordings of {result['phrase']!r}, "
        f"{result['hours']:.2f} h without it, commit {result['commit']}"
    )
    if options.snr is not None:
        print(f"SNR {options.snr:g} dB: {defined(options.snr_reference)}")
    for line in table(result):
        print(line)
    print(
        f"In brackets: 95 % intervals. *: {result['hours']:.2f} h are too few for a single "
        "false accept at this rate: misses without any."
    )
    if options.json is not None:
        write_result(options.json, result)
    return 0


def main() -> int:
    """Judge and print one row per engine; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--phrase", required=True, help="what to find, as the engines call it: hey jarvis")
    add(
        "--positives",
        type=Path,
        required=True,
        nargs="+",
        metavar="DIR",
        help="recordings of the phrase",
    )
    add(
        "--negatives",
        type=Path,
        required=True,
        nargs="+",
        metavar="DIR",
        help="hours without it, which no engine was trained on",
    )
    add(
        "--venvs",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="of the engines' virtual environments; made where they are missing",
    )
    add(
        "--models",
        type=named_model,
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME=FILE",
        help="models for kws that know the phrase",
    )
    others = [name for name in ENGINES if name not in ("kws", "yamnet", "porcupine")]
    add(
        "--engines",
        type=engine_names,
        metavar="A,B",
        default=others,
        help=f"of {', '.join(others)}; all unless said",
    )
    add(
        "--noise",
        type=Path,
        nargs="+",
        action="extend",
        metavar="DIR",
        help="recordings of noise, with --snr; made-up noise if left out",
    )
    add("--snr", type=float, metavar="DB", help="put noise under all recordings")
    add_snr_reference(parser)
    add("--json", type=Path, metavar="FILE", help="write the result as JSON")
    options = parser.parse_args()
    options.phrase = " ".join(options.phrase.lower().replace("_", " ").split())
    for engine in options.engines:
        if engine not in others:
            parser.error(f"{engine}: gives no scores: there is {', '.join(others)}")
    if options.noise and options.snr is None:
        parser.error("--noise needs --snr: how far below the recordings it is, in decibels")
    return status_of("accuracy", lambda: run(options))


if __name__ == "__main__":
    sys.exit(main())
