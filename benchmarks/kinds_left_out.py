"""Wake words judged on kinds of speech that training never heard: each kind left out in turn.

    python benchmarks/kinds_left_out.py --positives AUDIO/wake_words --phrases computer athena
        --kinds AUDIO/speech/* AUDIO/telephone --others AUDIO/speech_commands_words
        --noise AUDIO/noise/nonspeech --test-noise AUDIO/noise/kitchen --work FOLDER
        [--leave-out orders,accents community,moods] [--steps 600] [--seeds 0 1] [--json FILE]
        [--recipes shipping narrow:channels=0.2,babble=0.25] [--verifier elder] [--jobs 2]

A model is as good as its threshold where nobody measured it. So `kws train --wake-word` trains
without a kind of speech (a folder), or without several, and the model is judged on that kind at the
threshold in its file, clean and with noise that nothing was trained on under everything
(as `kws evaluate --noise --snr --snr-reference` puts it there). This is done for each kind
in turn. All phrases are in one network, trained with so many recordings each; the others are
judged.

What is printed: for each kind the false accepts per hour and phrase, the worst kind first; for each
phrase the false accepts in all kinds together and the share of recordings missed; the misses at
thresholds that were read off the very kind left out; and by how much in log-odds the threshold of
the file falls short of the one that would have kept the rate.

With --verifier two networks are in the file, and the first alone is judged too, at the thresholds
that the file has for that.

Models and what became of them are kept in --work by all that they depend on but the code: take
another folder after a change of it. What was stopped goes on where it was. With --jobs, processes
share the trainings: the figures are the same.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from support.arguments import name_and_value, number_between, whole_number_between
from support.frames import FrameStream, frame_stream, listen
from support.origin import origin
from support.script import check_json, status_of

from kws.bench.result import write_result
from kws.calibration.scores import Track, track
from kws.calibration.thresholds import lowest_threshold
from kws.console import note
from kws.errors import KwsError
from kws.files import whole_file
from kws.intervals import rate_interval, share_interval
from kws.modelfile import ModelFile, read_model
from kws_training.augmentation.snr import DEFAULT_REFERENCE, defined, definition
from kws_training.cli.arguments import add_snr_reference
from kws_training.cli.detection import noise_of
from kws_training.cli.train_wake_words import folders_of
from kws_training.data.dataset import Clip
from kws_training.data.digest import digest_of_files
from kws_training.data.splits import share_of
from kws_training.data.unlabelled import find_recordings, find_speech, without_keywords
from kws_training.evaluation.conditions import CLEAN, Condition
from kws_training.evaluation.continuous import hits, score_negatives, score_positives
from kws_training.evaluation.positives import Positive
from kws_training.spreading.workers import Workers
from kws_training.wake_words.defaults import (
    FALSE_ACCEPTS_PER_HOUR,
    STEPS,
    SYNTHESIZED,
    VERIFIERS,
    WakeWordOptions,
)
from kws_training.wake_words.recipe import SHIPPING, WakeWordRecipe

#: False accepts per hour at which misses are read off the kind left out.
RATES = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0)
#: The first of them, which a few events decide, and the others.
FEW = RATES[:3]
MANY = RATES[2:]
#: Part of the names of what is judged. It goes up when the same model is judged otherwise.
VERSION = 2


@dataclass(frozen=True)
class Phrase:
    """A phrase, the recordings that train it and those that are judged."""

    keyword: str
    training: list[Clip]
    judged: list[Clip]


@dataclass(frozen=True)
class Setting:
    """A condition by its name, and the files that it takes."""

    name: str
    condition: Condition
    paths: list[Path]


def split_phrase(keyword: str, folders: Sequence[Path], count: int) -> Phrase:
    """Choose recordings to train with: those of so many speakers as have about that number.

    Parameters
    ----------
    keyword : str
    folders : sequence of Path
        Of its recordings.
    count : int
        Recordings to train with, at most.

    Raises
    ------
    KwsError
        If none is left to judge.
    """
    clips = find_speech(folders)
    names = {
        clip.speaker: clip.path.name if str(clip.path) == clip.speaker else clip.speaker
        for clip in clips
    }
    chosen: set[str] = set()
    taken = 0
    for speaker in sorted(names, key=lambda one: share_of("kinds " + names[one])):
        of = sum(clip.speaker == speaker for clip in clips)
        if taken + of <= count:
            chosen.add(speaker)
            taken += of
    training = [clip for clip in clips if clip.speaker in chosen]
    judged = [clip for clip in clips if clip.speaker not in chosen]
    if not judged:
        raise KwsError(f"{folders[0]}: no recording is left to judge: lower --recordings {count}")
    return Phrase(keyword, training, judged)


@dataclass(frozen=True)
class Run:
    """One training: its recipe, what it leaves out, and its seed."""

    recipe: WakeWordRecipe
    left_out: tuple[str, ...]
    seed: int


def train_or_read(
    run: Run, options: argparse.Namespace, phrases: Sequence[Phrase], kinds: dict[str, list[Clip]]
) -> tuple[Path, ModelFile]:
    """Train the model of a run, or read it if it is there; returns its file too."""
    given = [clip for name, clips in kinds.items() if name not in run.left_out for clip in clips]
    # what all trainings share comes first: frames are kept by groups of recordings
    negatives, _ = without_keywords(
        [*options.other_clips, *given], [one.keyword for one in phrases]
    )
    wanted = WakeWordOptions(
        synthesized=options.synthesize,
        false_accepts_per_hour=options.false_accepts_per_hour,
        steps=options.steps,
        ensemble=options.ensemble,
        verifier=options.verifier,
        seed=run.seed,
        recipe=run.recipe,
    )
    clips = [*negatives, *options.noise_clips, *(c for one in phrases for c in one.training)]
    names = [one.keyword for one in phrases]
    base = [] if options.base is None else [options.base]
    digest = digest_of_files((wanted, names), [*base, *(clip.path for clip in clips)])[:20]
    path = options.work / f"{'+'.join(run.left_out)}-{run.seed}-{digest}.tflite"
    if not path.exists():
        from kws_training.tensorflow_loading import import_tensorflow

        import_tensorflow()
        from kws_training.wake_words.data import WakeWordRecordings, WakeWordSources
        from kws_training.wake_words.train import train

        note(f"training without {', '.join(run.left_out)}, seed {run.seed}")
        began = time.process_time()
        said = [WakeWordRecordings(one.keyword, one.training) for one in phrases]
        sources = WakeWordSources(said, negatives, options.noise_clips)
        trained = train(sources, options.base, wanted)
        note(f"trained in {time.process_time() - began:.0f} s of CPU")
        with whole_file(path) as stream:
            stream.write(trained.content)
    return path, read_model(path)


def judge(
    model: ModelFile,
    run: Run,
    settings: Sequence[Setting],
    phrases: Sequence[Phrase],
    kinds: dict[str, list[Clip]],
) -> list[dict[str, Any]]:
    """Judge a model on the kinds that it never heard; returns plain JSON values.

    One entry for each condition and phrase.
    """
    detector, labels = model.metadata.detector, model.metadata.labels
    entries = []
    for setting in settings:
        traces = {
            name: listen(model, negative_stream(kinds[name], setting)) for name in run.left_out
        }
        for phrase in phrases:
            own = positive_stream(phrase, setting)
            spoken = track(listen(model, own), labels, detector, phrase.keyword)
            wrong = {
                name: track(trace, labels, detector, phrase.keyword)
                for name, trace in traces.items()
            }
            threshold = detector.thresholds[phrase.keyword]
            entries.append(
                {
                    "condition": setting.name,
                    "phrase": phrase.keyword,
                    "threshold": threshold,
                    "kinds": {
                        name: {"hours": one.hours, "false_accepts": one.count(threshold)}
                        for name, one in wrong.items()
                    },
                    "recordings": len(own.spans),
                    "misses": missed(own, spoken, threshold),
                    "read_off": read_off(own, spoken, list(wrong.values())),
                }
            )
    return entries


def negative_stream(clips: Sequence[Clip], setting: Setting) -> FrameStream:
    """Return the stream of a kind of speech under a condition."""
    paths = [clip.path for clip in clips]
    return frame_stream(
        score_negatives, paths, [*paths, *setting.paths], setting.condition, setting.name
    )


def positive_stream(phrase: Phrase, setting: Setting) -> FrameStream:
    """Return the stream of the judged recordings of a phrase under a condition."""
    positives = [Positive(clip.path, phrase.keyword) for clip in phrase.judged]
    paths = [clip.path for clip in phrase.judged]
    return frame_stream(
        score_positives, positives, [*paths, *setting.paths], setting.condition, setting.name
    )


def missed(own: FrameStream, spoken: Track, threshold: float) -> int:
    """Count the recordings without an event."""
    spans = [(float(first), float(last)) for first, last in own.spans]
    return hits(spans, spoken.events(threshold)).misses


def read_off(own: FrameStream, spoken: Track, wrong: Sequence[Track]) -> list[dict[str, Any]]:
    """Count misses at the thresholds that keep each of `RATES` on the kinds left out."""
    hours = sum(one.hours for one in wrong)
    points = []
    for rate in RATES:
        threshold = lowest_threshold(wrong, int(rate * hours + 1e-9))
        level = 1.0 if threshold is None else threshold
        points.append({"rate": rate, "threshold": level, "misses": missed(own, spoken, level)})
    return points


def shortfall(entry: dict[str, Any]) -> float:
    """Return by how much a threshold is below that for one false accept per hour, in log-odds."""
    needed = next(point["threshold"] for point in entry["read_off"] if point["rate"] == 1)
    return _odds(needed) - _odds(entry["threshold"])


def _odds(share: float) -> float:
    share = min(max(share, 1e-7), 1 - 1e-7)
    return float(np.log(share / (1 - share)))


def judged_runs(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Train and judge all runs; returns plain JSON values."""
    keywords = options.phrases
    folders = folders_of(keywords, [[options.positives]])
    phrases = [
        split_phrase(keyword, its, options.recordings)
        for keyword, its in zip(keywords, folders, strict=True)
    ]
    # what says a phrase is no negative, neither to train nor to judge
    kinds = {
        path.name: without_keywords(find_speech([path]), keywords)[0] for path in options.kinds
    }
    options.other_clips = find_speech(options.others) if options.others else []
    options.noise_clips = find_speech(options.noise) if options.noise else []
    settings = [Setting("clean", CLEAN, [])]
    if options.snr:
        noise = noise_of(options.test_noise)
        paths = find_recordings(options.test_noise)
        reference = options.snr_reference
        # a name without the reference is that of the default: whatever was judged is found again
        by = "" if reference == DEFAULT_REFERENCE else f" by {reference}"
        settings += [
            Setting(f"{snr:g} dB{by}", Condition(noise, snr, reference), paths)
            for snr in options.snr
        ]
    runs = [
        Named(name, Run(recipe, left_out, seed))
        for (name, recipe), seed, left_out in product(
            options.recipes, options.seeds, options.leave_out
        )
    ]
    task = JudgeRun(options, phrases, kinds, settings)
    with Workers(options.jobs) as workers:
        judged = list(workers.spread(task, runs, len(runs), "trainings"))
    return [one for its in judged for one in its]


@dataclass(frozen=True)
class Named:
    """A training, and the name of its recipe."""

    name: str
    run: Run


@dataclass(frozen=True, eq=False)
class JudgeRun:
    """The task of a worker: trains without a kind, and judges on it."""

    options: argparse.Namespace
    phrases: Sequence[Phrase]
    kinds: dict[str, list[Clip]]
    settings: Sequence[Setting]

    def __call__(self, named: Named) -> list[dict[str, Any]]:
        """Train and judge; what is there already is read. Returns plain JSON values."""
        run = named.run
        path, model = train_or_read(run, self.options, self.phrases, self.kinds)
        results = []
        conditions = "_".join(one.name for one in self.settings)
        for stages, one in stages_of(model).items():
            kept = path.with_suffix(f".{conditions}.{stages}{VERSION}.json")
            if not kept.exists():
                note(f"judging {stages} on {', '.join(run.left_out)}")
                entries = judge(one, run, self.settings, self.phrases, self.kinds)
                with whole_file(kept) as stream:
                    stream.write(json.dumps(entries).encode())
            results.append(
                {
                    "recipe": named.name,
                    "left_out": run.left_out,
                    "seed": run.seed,
                    "model": str(path),
                    "stages": stages,
                    "judged": json.loads(kept.read_text()),
                }
            )
        return results


def stages_of(model: ModelFile) -> dict[str, ModelFile]:
    """Return what is judged of a model: it, and its first stage alone where it has two."""
    if model.metadata.verifier is None:
        return {"": model}
    alone = model.first_stage()
    return {"first stage alone": alone, "both stages": model}


def tables(runs: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield the lines of the tables: by kind, by phrase, and at thresholds read off."""
    entries = [(run, entry) for run in runs for entry in run["judged"]]
    conditions = list(dict.fromkeys(entry["condition"] for _, entry in entries))
    yield (
        "| kind left out | hours | "
        + " | ".join(f"{one}: false accepts per hour and phrase" for one in conditions)
        + " |"
    )
    yield "| --- " * (2 + len(conditions)) + "|"
    names = list(dict.fromkeys(name for run in runs for name in run["left_out"]))
    rows = []
    for name in names:
        counts, hours, real = [], [], 0.0
        for condition in conditions:
            its = [
                entry["kinds"][name]
                for _, entry in entries
                if entry["condition"] == condition and name in entry["kinds"]
            ]
            counts.append(sum(one["false_accepts"] for one in its))
            hours.append(sum(one["hours"] for one in its))
            real = its[0]["hours"]
        rows.append((sum(counts) / sum(hours), name, real, counts, hours))
    for _, name, real, counts, hours in sorted(rows, reverse=True):
        cells = [_rate(count, time) for count, time in zip(counts, hours, strict=True)]
        yield f"| {name} | {real:.2f} | {' | '.join(cells)} |"
    yield ""
    yield (
        "| phrase, all kinds | "
        + " | ".join(f"{one}: false accepts per hour | missed" for one in conditions)
        + " |"
    )
    yield "| --- " * (1 + 2 * len(conditions)) + "|"
    for phrase in dict.fromkeys(entry["phrase"] for _, entry in entries):
        cells = []
        for condition in conditions:
            its = [e for _, e in entries if (e["condition"], e["phrase"]) == (condition, phrase)]
            kinds = [kind for entry in its for kind in entry["kinds"].values()]
            cells.append(
                _rate(sum(k["false_accepts"] for k in kinds), sum(k["hours"] for k in kinds))
            )
            cells.append(_share(sum(e["misses"] for e in its), sum(e["recordings"] for e in its)))
        yield f"| {phrase} | {' | '.join(cells)} |"
    yield ""
    yield (
        "| condition | missed at 1, 2, 5 per hour (mean) | at 5, 10, 20, 50 per hour (mean) | "
        "threshold short of that for 1 per hour by (median, highest; log-odds) |"
    )
    yield "| --- " * 4 + "|"
    for condition in conditions:
        its = [entry for _, entry in entries if entry["condition"] == condition]
        means = [
            np.mean(
                [
                    point["misses"] / entry["recordings"]
                    for entry in its
                    for point in entry["read_off"]
                    if point["rate"] in rates
                ]
            )
            for rates in (FEW, MANY)
        ]
        short = [shortfall(entry) for entry in its]
        yield (
            f"| {condition} | {100 * means[0]:.2f} % | {100 * means[1]:.2f} % | "
            f"{np.median(short):+.1f}, {max(short):+.1f} |"
        )


def _rate(count: int, hours: float) -> str:
    low, high = rate_interval(count, hours)
    return f"{count / hours:.2f} ({low:.2f} to {high:.2f})"


def _share(count: int, total: int) -> str:
    low, high = (100 * bound for bound in share_interval(count, total))
    return f"{100 * count / total:.1f} % ({low:.1f} to {high:.1f})"


def run(options: argparse.Namespace) -> int:
    """Train, judge, print and write; returns the exit status."""
    check_json(options.json, KwsError)
    began = origin()
    names = [path.name for path in options.kinds]
    if len(set(names)) < len(names):
        raise KwsError(f"--kinds: two folders of one name: {', '.join(sorted(names))[:200]}")
    options.leave_out = options.leave_out or [(name,) for name in names]
    for name in [name for group in options.leave_out for name in group]:
        if name not in names:
            raise KwsError(f"--leave-out {name!r:.60}: --kinds has {', '.join(names)[:200]}")
    if options.snr and not options.test_noise:
        raise KwsError("--snr: give --test-noise, recordings of noise that nothing is trained on")
    options.work.mkdir(parents=True, exist_ok=True)
    results = judged_runs(options)
    groups = "; ".join(", ".join(group) for group in options.leave_out)
    print(
        f"{', '.join(options.phrases)} in one network, {options.recordings} recordings each and "
        f"{options.synthesize} by text to speech; {options.steps} steps, ensemble of "
        f"{options.ensemble}, seeds {', '.join(map(str, options.seeds))}; left out in turn: "
        f"{groups}; asked: {options.false_accepts_per_hour:g} per hour\n"
    )
    for name, recipe in options.recipes:
        print(f"{name}: {recipe}\n")
        its = [one for one in results if one["recipe"] == name]
        for stages in dict.fromkeys(one["stages"] for one in its):
            print(f"{stages}\n" if stages else "", end="")
            for line in tables([one for one in its if one["stages"] == stages]):
                print(line)
            print()
    if options.snr:
        print(f"SNR: {defined(options.snr_reference)}")
    if options.json is not None:
        recipes = {name: asdict(recipe) for name, recipe in options.recipes}
        about = {**began, **definition(options.snr_reference), "recipes": recipes}
        write_result(options.json, {**about, "runs": results})
    return 0


def _group(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in text.split(",") if name))


def _recipe(text: str) -> tuple[str, WakeWordRecipe]:
    name, _, changes = text.partition(":")
    recipe = SHIPPING
    for change in [one for one in changes.split(",") if one]:
        field, value = name_and_value(change, "NAME:FIELD=NUMBER,…")
        if field not in {one.name for one in fields(recipe)}:
            there = ", ".join(one.name for one in fields(recipe))
            raise argparse.ArgumentTypeError(f"{field!r:.60}: a recipe has {there}")
        recipe = replace(recipe, **{field: number_between(-100, 100)(value)})
    return name, recipe


def main() -> int:
    """Judge by kinds left out; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    many: dict[str, Any] = {"type": Path, "nargs": "+", "metavar": "DIR"}
    add(
        "--positives",
        type=Path,
        required=True,
        metavar="DIR",
        help="a sub-folder of recordings for each phrase",
    )
    add("--phrases", nargs="+", required=True, metavar="PHRASE", help="as the sub-folders")
    add("--kinds", **many, required=True, help="folders of speech, each a kind")
    add(
        "--leave-out",
        type=_group,
        nargs="+",
        metavar="A,B",
        default=[],
        help="kinds that are left out together, for each training; each alone unless said",
    )
    add("--others", **many, default=[], help="further negatives, trained on always")
    add("--noise", **many, default=[], help="recordings of noise to train with")
    add("--test-noise", **many, default=[], help="recordings of noise to judge with")
    add(
        "--snr",
        type=float,
        nargs="*",
        default=[10.0, 5.0],
        metavar="DB",
        help="of the noise under everything (10 5)",
    )
    add_snr_reference(parser)
    add("--recordings", type=int, default=40, metavar="N", help="of each phrase to train with (40)")
    add(
        "--synthesize",
        type=int,
        default=SYNTHESIZED,
        metavar="N",
        help=f"times that text to speech says each phrase ({SYNTHESIZED})",
    )
    add("--steps", type=int, default=STEPS, metavar="N", help=f"of each network ({STEPS})")
    add("--ensemble", type=int, default=1, metavar="N", help="networks of each training (1)")
    add("--verifier", choices=VERIFIERS, help="train a second network too, and judge both")
    add(
        "--recipes",
        type=_recipe,
        nargs="+",
        default=[("shipping", SHIPPING)],
        metavar="NAME[:FIELD=NUMBER,…]",
        help="to compare: that of kws train, with changes",
    )
    add("--seeds", type=int, nargs="+", default=[0], metavar="N", help="(0)")
    add(
        "--false-accepts-per-hour",
        type=number_between(0.01, 1000),
        metavar="RATE",
        default=FALSE_ACCEPTS_PER_HOUR,
        help=f"asked for ({FALSE_ACCEPTS_PER_HOUR})",
    )
    add("--jobs", type=whole_number_between(1, 1000), default=1, metavar="N", help="processes (1)")
    add("--base", type=Path, metavar="FILE", help="a word base; that of the package unless said")
    add("--work", type=Path, required=True, metavar="DIR", help="keeps models and results")
    add("--json", type=Path, metavar="FILE", help="write the result as JSON")
    options = parser.parse_args()
    return status_of("kinds_left_out", lambda: run(options))


if __name__ == "__main__":
    raise SystemExit(main())
