"""Speech Commands v0.02 by its official lists: accuracy in 12 or in 35 classes.

    python benchmarks/speech_commands.py MODEL… --data FOLDER [--classes 35] [--json FILE]
    python benchmarks/speech_commands.py MODEL… --images FILE.npz --split validation --classes 35

FOLDER is the unpacked `speech_commands_test_set_v0.02` (12 folders: the test set as it was
published, 4,890 clips), or the unpacked `speech_commands_v0.02` with its `testing_list.txt`
(11,005 clips of 35 words). Of the latter, 12 classes are made as `input_data.py` of
tensorflow/tensorflow makes them: all clips of the ten words, a tenth as many of other words as
`_unknown_`, shuffled by its seed, and a tenth as many seconds of `_background_noise_`, at a random
volume, as `_silence_`. TensorFlow lists files in whatever order they come and cuts noise anew each
time: here they are sorted, and a seed decides, so these 816 clips need not be those that others
judged.

Every clip goes through what `kws classify` does. A class that the model has no label for counts as
wrong, and is named. A model of more words than the ten (`words`) judges 12 classes by these ten:
its other words count as `_unknown_`. In 35 classes `_unknown_` and `_silence_` are wrong answers;
the accuracy of a choice among the 35 words alone is said beside it. Intervals are exact 95 %
intervals (Clopper-Pearson), as if no two clips were by one speaker.

`--images` takes log-mel images of words instead (`x`, `label`, `speaker`, `set`, as for `kws
pretrain`): the network alone, without the front end, on models with the word base's front end.
"""

from __future__ import annotations

import argparse
import math
import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from support.origin import origin
from support.script import check_json, status_of

from kws.arrays import Int16
from kws.audio import load_audio
from kws.bench.result import write_result
from kws.console import quiet
from kws.errors import AudioError, KwsError
from kws.frontend import WORDS
from kws.metadata import SILENCE, UNKNOWN
from kws.modelfile import ModelFile, network_digest
from kws.network import StreamingNetwork
from kws.packaged import find_model
from kws.pcm import to_int16
from kws.posteriors import softmax
from kws_training.data.clips import read_clips
from kws_training.data.dataset import OFFICIAL_LISTS, Clip, DataError, Skipped, find_clips
from kws_training.data.images import read_images, to_frames
from kws_training.data.manifest import read_text
from kws_training.data.unlabelled import find_background
from kws_training.evaluation.evaluate import count_results, open_model
from kws_training.evaluation.results import ClipReport, ClipResult
from kws_training.progress import bar

TEN = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
#: All words of v0.02 (arXiv 1804.03209, section 5).
ALL = (
    *TEN,
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "backward",
    "bed",
    "bird",
    "cat",
    "dog",
    "follow",
    "forward",
    "happy",
    "house",
    "learn",
    "marvin",
    "sheila",
    "tree",
    "visual",
    "wow",
)
#: Clips of the whole official sets: tensorflow_datasets' page of speech_commands says 4,890 of the
#: test set in 12 classes; `testing_list.txt` has 11,005 lines, `validation_list.txt` 9,981.
OFFICIAL = {(12, "test"): 4890, (35, "test"): 11005, (35, "validation"): 9981}
#: `RANDOM_SEED`, `silence_percentage` and `unknown_percentage` of input_data.py and train.py.
SEED, PERCENT = 59185, 10
RATE = 16000
#: Frames of a second, those that its end cuts off included: as `KeywordSpotter.classify` counts.
SECOND = 100
#: Pairs of classes that are printed.
MOST_PAIRS = 10


@dataclass(frozen=True)
class Material:
    """What is judged.

    Attributes
    ----------
    what : str
        Says where it comes from.
    clips : tuple of Clip
    cuts : tuple of (Clip, int16 (n,))
        Silence, cut out of noise.
    skipped : tuple of Skipped
    missing : int
        Clips that a list names and that are not there.
    """

    what: str
    clips: tuple[Clip, ...]
    cuts: tuple[tuple[Clip, Int16], ...] = ()
    skipped: tuple[Skipped, ...] = ()
    missing: int = 0


def find_material(folder: Path, classes: int, split: str) -> Material:
    """Find the clips of an official set in a folder.

    Raises
    ------
    DataError
        If the folder is neither of the two archives, or the wrong one for so many classes.
    """
    listed = folder / OFFICIAL_LISTS[split]
    if not listed.is_file():
        clips = find_clips([folder])
        if not {SILENCE, UNKNOWN} & {clip.label for clip in clips}:
            raise DataError(
                f"{folder}: neither {listed.name} nor folders _unknown_ and _silence_: give the "
                "unpacked speech_commands_v0.02, or speech_commands_test_set_v0.02"
            )
        if classes != 12 or split != "test":
            raise DataError(
                f"{folder}: no {listed.name}: this is the test set in 12 classes; give the "
                "unpacked speech_commands_v0.02"
            )
        return Material("the published test set in 12 classes", tuple(clips))
    clips = [clip for clip in find_clips([folder]) if clip.word in ALL]
    by_path = sorted(clips, key=lambda clip: (clip.word, clip.path.name))
    chosen = [clip for clip in by_path if clip.columns.get("split") == split]
    if not chosen:
        raise DataError(f"{folder}: none of the recordings is in {listed.name}: unpack it anew")
    named = sum(bool(line.strip()) for line in read_text(listed).split("\n"))
    missing = max(0, named - len(chosen))
    if classes == 35:
        return Material(listed.name, tuple(chosen), missing=missing)
    wanted = [clip for clip in chosen if clip.word in TEN]
    count = math.ceil(len(wanted) * PERCENT / 100)
    unknown = shuffled_unknown(by_path, split)[:count]
    cuts, skipped = silence_cuts(folder, count)
    what = f"{listed.name}, 12 classes made of it as input_data.py does"
    return Material(what, (*wanted, *unknown), tuple(cuts), tuple(skipped), missing)


def shuffled_unknown(clips: Sequence[Clip], split: str) -> list[Clip]:
    """Return the clips of other words of a split, in the order of input_data.py.

    It seeds once, and shuffles those of the validation set first.
    """
    rng = random.Random(SEED)
    for name in ("validation", "test"):
        others = [
            Clip(clip.path, UNKNOWN, clip.word, clip.speaker, clip.columns)
            for clip in clips
            if clip.word not in TEN and clip.columns.get("split") == name
        ]
        rng.shuffle(others)
        if name == split:
            return others
    raise ValueError(split)


def silence_cuts(folder: Path, count: int) -> tuple[list[tuple[Clip, Int16]], list[Skipped]]:
    """Cut seconds out of `_background_noise_`, each at a random volume of 0 to 1."""
    noise, skipped = [], []
    for path in find_background([folder]):
        try:
            samples = load_audio(path, RATE)
            if len(samples) <= RATE:
                raise AudioError(f"{path}: is no longer than a second")
            noise.append((path, samples))
        except AudioError as error:
            skipped.append(Skipped.because(path, error))
    if not noise:
        return [], skipped
    rng = np.random.default_rng(SEED)
    cuts = []
    for _ in range(count):
        path, samples = noise[rng.integers(len(noise))]
        start = rng.integers(len(samples) - RATE)
        cut = samples[start : start + RATE] * np.float32(rng.uniform())
        cuts.append((Clip(path, SILENCE, SILENCE, str(path)), to_int16(cut)))
    return cuts, skipped


@dataclass(frozen=True)
class Judged:
    """What a model made of it.

    Attributes
    ----------
    report : ClipReport
        Over all clips.
    among : float or None
        In 35 classes: accuracy of a choice among the 35 words alone.
    deaf : dict of str to int
        Clips of each class that the model has no label for.
    """

    report: ClipReport
    among: float | None
    deaf: dict[str, int]

    @property
    def mean_of_classes(self) -> float:
        """Mean over the classes of the share that is right, however many clips each has."""
        return float(np.mean([one.recall for one in self.report.classes if one.recall is not None]))

    @property
    def pairs(self) -> list[tuple[str, str, int, int]]:
        """What was said, what was heard, how often, and of how many: the most frequent first."""
        labels = [figures.label for figures in self.report.classes]
        found = [
            (said, heard, count, sum(row))
            for said, row in zip(labels, self.report.confusion, strict=True)
            for heard, count in zip(labels, row, strict=True)
            if count and heard != said
        ]
        return sorted(found, key=lambda pair: (-pair[2], pair[:2]))


def judge(
    answers: Iterator[tuple[Clip, dict[str, float]]],
    labels: Sequence[str],
    classes: int,
    skipped: list[Skipped],
) -> Judged:
    """Count the answers of a model.

    Parameters
    ----------
    answers : iterator of (Clip, dict)
        Each clip, and the score of each of the model's labels.
    labels : sequence of str
        Of the model.
    classes : int
    skipped : list of Skipped
        Filled while the answers come.
    """
    results, among = [], 0
    for clip, scores in answers:
        heard = max(scores, key=lambda label: scores[label])
        results.append(ClipResult(clip, heard, scores[heard]))
        words = [label for label in scores if label in ALL]
        among += max(words, key=lambda label: scores[label]) == clip.label
    if not results:
        raise DataError(f"none of the clips could be used: {skipped[0].path}: {skipped[0].reason}")
    report = count_results(results, labels, skipped)
    deaf = {
        figures.label: figures.clips for figures in report.classes if figures.label not in labels
    }
    return Judged(report, among / len(results) if classes == 35 else None, deaf)


def known_words(model: ModelFile, classes: int) -> list[str]:
    """Return the words of the data set that are keywords of a model.

    Raises
    ------
    KwsError
        If there are none.
    """
    known = [word for word in model.metadata.keywords if word in (TEN if classes == 12 else ALL)]
    if not known:
        raise KwsError(
            f"{model.path}: has none of the words: it has "
            f"{', '.join(model.metadata.keywords)[:200]}"
        )
    return known


def hear_recordings(model: ModelFile, material: Material, classes: int) -> Judged:
    """Classify the clips as `kws classify` does.

    Raises
    ------
    KwsError
        If the model has none of the words, or none of the clips can be used.
    """
    known = known_words(model, classes)
    # other words of the model count as unknown, and where there are none it stays as it is
    more = model.metadata.exclusive and len(known) < len(model.metadata.keywords)
    spotter = open_model(model, keywords=known if more else None)
    skipped = [*material.skipped]

    def answers() -> Iterator[tuple[Clip, dict[str, float]]]:
        total = len(material.clips) + len(material.cuts)
        for number in bar(iter(range(total)), total, "clips"):
            if number < len(material.clips):
                clips, audio, bad = read_clips([material.clips[number]], lambda n, *_: n)
                skipped.extend(bad)
                pairs = list(zip(clips, audio, strict=True))
            else:
                pairs = [material.cuts[number - len(material.clips)]]
            for clip, samples in pairs:
                yield clip, scores_of(spotter.classify(samples))

    labels = spotter.metadata.labels
    if not model.metadata.exclusive:  # none of the wake words is an answer too
        labels = (*labels, UNKNOWN)
    return judge(answers(), labels, classes, skipped)


def scores_of(found: Any) -> dict[str, float]:
    """Return the scores of a classification, the label that it chose the highest.

    Of wake words `_unknown_` has no score of its own.
    """
    scores = dict(found.scores)
    if max(scores, key=lambda label: scores[label]) != found.label:
        scores[found.label] = max(found.score, math.nextafter(max(scores.values()), math.inf))
    return scores


def hear_images(model: ModelFile, path: Path, split: str) -> tuple[Judged, int]:
    """Judge a network by images of words, each in the middle of silence, 35 classes.

    As `KeywordSpotter.classify` does it, from the front end's frames on: the mean of the logits of
    the columns that saw all of the word. Returns the number of images too.

    Raises
    ------
    KwsError
        If the file has no images of that set, or the model another front end.
    """
    if model.metadata.front_end != WORDS or not model.metadata.exclusive:
        raise KwsError(
            f"{model.path}: images are only for models of words with the word base's front end"
        )
    known_words(model, 35)
    images = read_images(path)
    chosen = images.where((images.sets == split) & np.isin(images.words, ALL))
    if not len(chosen.images):
        there = {name: int((images.sets == name).sum()) for name in ("train", "validation", "test")}
        raise KwsError(
            f"{path}: no images of the {split} set: it has "
            f"{', '.join(f'{count} of {name}' for name, count in there.items())}; name one with "
            "--split"
        )
    with quiet():
        network = StreamingNetwork(model)
    streaming = model.metadata.streaming
    labels = model.metadata.labels
    per_column = network.frames // network.columns
    first = -(-SECOND // per_column) - 1
    last = max(first + 1, streaming.receptive_field // per_column)
    steps = -(-last // network.columns)

    def answers() -> Iterator[tuple[Clip, dict[str, float]]]:
        total = len(chosen.images)
        for number in bar(iter(range(total)), total, "images"):
            frames = np.full((steps * network.frames, WORDS.bands), WORDS.silence, np.float32)
            image = to_frames(chosen.images[number])
            frames[: len(image)] = image[: len(frames)]
            network.reset()
            logits = np.concatenate(
                [network.step(one).copy() for one in frames.reshape(steps, network.frames, -1)]
            )
            scores = softmax(logits[first:last].mean(axis=0))
            word = str(chosen.words[number])
            clip = Clip(path / f"{number}", word, word, str(chosen.speakers[number]))
            yield clip, dict(zip(labels, map(float, scores), strict=True))

    return judge(answers(), labels, 35, []), len(chosen.images)


def print_judged(judged: Judged, classes: int, head: str) -> None:
    """Print accuracy, classes, and the pairs that are confused most."""
    report = judged.report
    low, high = report.interval
    speakers = {r.clip.speaker for r in report.results if r.clip.label != SILENCE}
    print(head)
    print(
        f"accuracy {100 * report.accuracy:.2f} % of {report.clips} clips, {classes} classes, "
        f"{len(speakers)} speakers (95 % interval {100 * low:.1f} to {100 * high:.1f} %)"
    )
    print(f"mean of the classes, however many clips each has: {100 * judged.mean_of_classes:.2f} %")
    if judged.among is not None:
        print(f"as a choice among the 35 words alone: {100 * judged.among:.2f} %")
    width = max(len(figures.label) for figures in report.classes)
    print(f"\n{'':{width}}  clips   right  95 % interval   of what it heard as such, right")
    for figures in report.classes:
        if figures.recall is not None and figures.recall_interval is not None:
            low, high = figures.recall_interval
            precision = "–" if figures.precision is None else f"{100 * figures.precision:.1f} %"
            print(
                f"{figures.label:{width}}  {figures.clips:5}  {100 * figures.recall:4.1f} %  "
                f"{f'{100 * low:.1f} to {100 * high:.1f} %':14}  {precision:>7}"
            )
    if judged.pairs:
        print("\nconfused most:")
    for said, heard, count, of in judged.pairs[:MOST_PAIRS]:
        print(f"  {said} heard as {heard}: {count} of {of} ({100 * count / of:.1f} %)")
    for label, count in judged.deaf.items():
        print(f"the model has no label for {label}: its {count} clips count as wrong")
    for skip in report.skipped:
        print(f"skipped: {skip.path}: {skip.reason}")


def run(options: argparse.Namespace) -> int:
    """Judge all models, print and write; returns the exit status."""
    if options.images is not None and options.classes != 35:
        raise KwsError("--images has no silence: it goes with --classes 35")
    if options.classes == 12 and options.split != "test":
        raise KwsError("12 classes are judged by the test set: leave out --split")
    check_json(options.json, KwsError)
    models = [find_model(path) for path in options.models]
    whole = OFFICIAL[options.classes, options.split]
    material = None
    if options.data is not None:
        material = find_material(options.data, options.classes, options.split)
        count, what = len(material.clips) + len(material.cuts), material.what
    results = []
    for number, model in enumerate(models):
        if material is None:
            judged, count = hear_images(model, options.images, options.split)
            what = f"log-mel images of the {options.split} set, not recordings"
        else:
            judged = hear_recordings(model, material, options.classes)
        part = "" if count == whole else f", {count} of the official {whole} clips"
        print("" if number == 0 else "\n", end="")
        print_judged(judged, options.classes, f"{model.path}: {what}{part}")
        results.append(
            {
                "model": str(model.path),
                "network_sha256": network_digest(model),
                **judged.report.to_dict(),
                "accuracy_interval": list(judged.report.interval),
                "accuracy_among_words": judged.among,
                "mean_of_classes": judged.mean_of_classes,
                "confused": [
                    {"said": said, "heard": heard, "count": n, "of": of}
                    for said, heard, n, of in judged.pairs
                ],
                "no_label_for": judged.deaf,
            }
        )
    if material is not None and material.missing:
        print(f"{material.missing} clips that the list names are not there")
    if options.classes == 12 and material is not None:
        said = {clip.label for clip in material.clips} | ({SILENCE} if material.cuts else set())
        absent = [label for label in (*TEN, UNKNOWN, SILENCE) if label not in said]
        if absent:
            print(f"no clips of {', '.join(absent)}: these are not the official 12 classes")
    if options.json is not None:
        write_result(
            options.json,
            {
                **origin(),
                "classes": options.classes,
                "split": options.split,
                "source": what,
                "images": material is None,
                "clips": count,
                "official_clips": whole,
                "models": results,
            },
        )
    return 0


def main() -> int:
    """Judge and print; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("models", nargs="+", metavar="MODEL", help="model files, or the package's by name")
    given = parser.add_mutually_exclusive_group(required=True)
    given.add_argument("--data", type=Path, metavar="FOLDER", help="an unpacked archive")
    given.add_argument("--images", type=Path, metavar="FILE.npz", help="log-mel images of words")
    add("--classes", type=int, choices=(12, 35), default=12)
    add("--split", choices=("test", "validation"), default="test", help="in 35 classes (test)")
    add("--json", type=Path, metavar="FILE", help="write the result as JSON")
    options = parser.parse_args()
    return status_of("speech_commands", lambda: run(options))


if __name__ == "__main__":
    sys.exit(main())
