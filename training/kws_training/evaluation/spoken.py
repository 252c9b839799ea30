"""How well spoken commands are understood, and sentences written down."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from kws.arrays import Float32
from kws.audio import load_audio
from kws.command_recognizer import CommandRecognizer
from kws.errors import KwsError
from kws.intervals import share_interval
from kws.phonemes.text import words_of
from kws.texts import read_text
from kws.transcripts.transcriber import Transcriber

from ..data.manifest import read_table
from ..data.unlabelled import find_recordings
from ..progress import Progress
from .conditions import RATE, Condition
from .edits import edit_distance

#: Seconds of quiet behind each recording, in which an utterance may end.
AFTER = 1.5
#: Samples that are pushed at once: 20 ms.
CHUNK = 320
#: The loudness that ends speech, below the loudest 20 ms of a recording, in decibels.
END_BELOW = 30.0
#: Draws for the interval of a word error rate.
DRAWS = 1000
#: Columns of a manifest that begin with this are slots.
SLOT = "slot."
#: Bytes of labels in JSON, at most: some hundred thousand recordings.
LARGEST = 1 << 26


@dataclass(frozen=True)
class SpokenLabel:
    """What is said in a recording.

    Attributes
    ----------
    path : Path
        The recording.
    intent : str or None
        What it means; None where it means nothing that the grammar has.
    slots : dict of str to str
        Of the intent.
    text : str
        Its words; empty where nobody knows.
    speaker : str
        Who says it; empty where nobody knows.
    """

    path: Path
    intent: str | None = None
    slots: dict[str, str] = field(default_factory=dict)
    text: str = ""
    speaker: str = ""


@dataclass(frozen=True)
class SpokenReport:
    """How well recordings were understood or written down.

    Attributes
    ----------
    task : str
        ``understand`` or ``transcribe``.
    recordings : int
        How many.
    right : int
        Those of which everything is right: intent and every slot, or every word.
    interval : (float, float)
        Exact 95 % interval of their share (Clopper-Pearson).
    figures : dict of str to float
        Further figures by name: see docs/spoken_commands.md.
    latency_median, latency_p95 : float or None
        Seconds from the end of speech to the result; None where there was none.
    real_time : float
        Seconds of computing for each second of audio.
    groups : tuple of (str, int, int)
        Speaker, right, recordings: the worst first; empty where nobody knows who speaks.
    """

    task: str
    recordings: int
    right: int
    interval: tuple[float, float]
    figures: dict[str, float]
    latency_median: float | None
    latency_p95: float | None
    real_time: float
    groups: tuple[tuple[str, int, int], ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON values.

        Returns
        -------
        dict
            The figures by name.
        """
        found = asdict(self)
        found["share"] = self.right / self.recordings
        found["groups"] = [
            {"speaker": name, "right": right, "recordings": count}
            for name, right, count in self.groups
        ]
        return found


def read_labels(labels: Path, folders: Sequence[Path]) -> list[SpokenLabel]:
    """Read what is said in recordings.

    Parameters
    ----------
    labels : Path
        JSON: an object that has, by the name of each recording with or without its suffix,
        ``intent``, ``slots``, ``text`` and ``speaker``, each where it is known. Or CSV with the
        columns ``path``, ``intent``, ``text``, ``speaker``, and one for each slot, as in
        ``slot.size``.
    folders : sequence of Path
        Of the recordings.

    Returns
    -------
    list of SpokenLabel
        In the order of the labels.

    Raises
    ------
    KwsError
        If the labels cannot be read, or a recording of theirs is missing.
    """
    paths: dict[str, Path] = {}
    for path in find_recordings(folders):
        for name in (path.name, path.stem):
            paths.setdefault(name, path)
    rows = _csv_rows(labels) if labels.suffix.lower() == ".csv" else _json_rows(labels)
    found = []
    for name, row in rows:
        plain = Path(name).name
        where = paths.get(plain) or paths.get(Path(plain).stem)
        if where is None:
            raise KwsError(f"{labels}: {name!r:.80}: there is no such recording in --data")
        slots = {key: " ".join(str(text).split()) for key, text in row["slots"].items() if text}
        found.append(
            SpokenLabel(
                where, row["intent"] or None, slots, row["text"] or "", row["speaker"] or ""
            )
        )
    if not found:
        raise KwsError(f"{labels}: names no recordings")
    return found


def _json_rows(labels: Path) -> list[tuple[str, dict[str, Any]]]:
    text = read_text(labels, LARGEST, "split it")
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise KwsError(f"{labels}: cannot be read ({error})") from None
    if not isinstance(values, dict) or not all(isinstance(v, dict) for v in values.values()):
        raise KwsError(f"{labels}: is no object of objects: the name of each recording, and what")
    rows = []
    for name, value in values.items():
        slots = value.get("slots") or {}
        if not isinstance(slots, dict):
            raise KwsError(f"{labels}: {name!r:.80}: slots is no object")
        kept = {key: value.get(key) for key in ("intent", "text", "speaker")}
        if not all(one is None or isinstance(one, str) for one in kept.values()):
            raise KwsError(f"{labels}: {name!r:.80}: intent, text and speaker are texts")
        rows.append((name, {**kept, "slots": slots}))
    return rows


def _csv_rows(labels: Path) -> list[tuple[str, dict[str, Any]]]:
    rows = []
    for _, row in read_table(labels, ("path",)):
        slots = {key[len(SLOT) :]: row[key] for key in row if key.startswith(SLOT)}
        kept = {key: row.get(key) for key in ("intent", "text", "speaker")}
        rows.append((row["path"], {**kept, "slots": slots}))
    return rows


def judge_understanding(
    recognizer: CommandRecognizer,
    labels: Sequence[SpokenLabel],
    condition: Condition,
    progress: Progress,
) -> SpokenReport:
    """Stream recordings through a recognizer, each for itself; its first intent counts.

    Parameters
    ----------
    recognizer : CommandRecognizer
        Of audio at 16 kHz.
    labels : sequence of SpokenLabel
        The recordings.
    condition : Condition
        What is between them and the microphone.
    progress : callable
        Shows how far the work is, as `kws_training.progress.bar`.

    Returns
    -------
    SpokenReport
        With the figures ``intents`` (share with the right intent), ``slots`` (share of the slots
        that are right), ``rejected`` (share of the commands of which nothing is understood) and
        ``accepted`` (share of what is no command that is taken for one).
    """
    run = _Run(condition)
    right, intents, slots, slot_count = [], 0, 0, 0
    rejected = accepted = commands = 0
    for number in progress(iter(range(len(labels))), len(labels), "recordings"):
        label = labels[number]
        results = run.stream(label, recognizer, lambda result: result.intent is not None)
        intent = results[0].intent if results else None
        given = results[0].slots if results else {}
        right.append(intent == label.intent and given == label.slots)
        intents += intent == label.intent
        slots += sum(given.get(key) == text for key, text in label.slots.items())
        slot_count += len(label.slots)
        commands += label.intent is not None
        rejected += label.intent is not None and intent is None
        accepted += label.intent is None and intent is not None
    others = len(labels) - commands
    figures = {"intents": intents / len(labels), "slots": slots / max(1, slot_count)}
    if commands:
        figures["rejected"] = rejected / commands
    if others:
        figures["accepted"] = accepted / others
    return run.report("understand", labels, right, figures)


def judge_transcripts(
    transcriber: Transcriber,
    labels: Sequence[SpokenLabel],
    condition: Condition,
    progress: Progress,
) -> SpokenReport:
    """Stream recordings through a transcriber, each for itself; all its words count.

    Parameters
    ----------
    transcriber : Transcriber
        Of audio at 16 kHz.
    labels : sequence of SpokenLabel
        The recordings, with their texts.
    condition : Condition
        What is between them and the microphone.
    progress : callable
        Shows how far the work is, as `kws_training.progress.bar`.

    Returns
    -------
    SpokenReport
        With the figures ``word_error_rate`` (words too many, too few or others, for each word that
        is said), ``low`` and ``high`` (95 % interval by drawing recordings anew) and ``words``.

    Raises
    ------
    KwsError
        If a recording has no text.
    """
    run = _Run(condition)
    right, errors, counts = [], [], []
    for number in progress(iter(range(len(labels))), len(labels), "recordings"):
        label = labels[number]
        said = words_of(label.text)
        if not said:
            raise KwsError(f"{label.path}: has no text: word errors need what is said")
        results = run.stream(label, transcriber, lambda result: result.final)
        heard = [word.word for result in results for word in result.words]
        errors.append(edit_distance(said, heard))
        counts.append(len(said))
        right.append(errors[-1] == 0)
    wrong, words = np.array(errors), np.array(counts)
    drawn = np.random.default_rng(0).integers(len(words), size=(DRAWS, len(words)))
    rates = wrong[drawn].sum(axis=1) / words[drawn].sum(axis=1)
    low, high = np.percentile(rates, [2.5, 97.5])
    figures = {
        "word_error_rate": float(wrong.sum() / words.sum()),
        "low": float(low),
        "high": float(high),
        "words": float(words.sum()),
    }
    return run.report("transcribe", labels, right, figures)


def end_of_speech(samples: Float32) -> float:
    """Find where speech without noise ends, by its loudness.

    Parameters
    ----------
    samples : float32 (n,)
        A recording at 16 kHz.

    Returns
    -------
    float
        Seconds.
    """
    size = RATE // 50
    pieces = samples[: len(samples) // size * size].reshape(-1, size)
    if not len(pieces):
        return len(samples) / RATE
    powers = np.square(pieces).mean(axis=1)
    loud = np.flatnonzero(powers > powers.max() / 10 ** (END_BELOW / 10))
    return float((loud[-1] + 1) * size / RATE) if len(loud) else len(samples) / RATE


class _Run:
    """Streams recordings, and measures how long it takes."""

    def __init__(self, condition: Condition) -> None:
        self._condition = condition
        self._rng = np.random.default_rng(0)
        self._latencies: list[float] = []
        self._seconds = self._computing = 0.0

    def stream(self, label: SpokenLabel, one: Any, counts: Callable[[Any], bool]) -> list[Any]:
        """Stream a recording through either; return the results that count."""
        samples = load_audio(label.path, RATE)
        whole = np.concatenate([samples, np.zeros(round(AFTER * RATE), np.float32)])
        audio = self._condition.apply(self._rng, whole)
        begun = time.process_time()
        one.reset()
        found = []
        for start in range(0, len(audio), CHUNK):
            at = (start + CHUNK) / RATE
            found += [(at, result) for result in one.process(audio[start : start + CHUNK])]
        found += [(len(audio) / RATE, result) for result in one.flush()]
        self._computing += time.process_time() - begun
        self._seconds += len(audio) / RATE
        kept = [(at, result) for at, result in found if counts(result)]
        if kept:
            self._latencies.append(kept[-1][0] - end_of_speech(samples))
        return [result for _, result in kept]

    def report(
        self,
        task: str,
        labels: Sequence[SpokenLabel],
        right: Sequence[bool],
        figures: dict[str, float],
    ) -> SpokenReport:
        """Return what all recordings came to."""
        groups: dict[str, list[bool]] = {}
        if all(label.speaker for label in labels):
            for label, good in zip(labels, right, strict=True):
                groups.setdefault(label.speaker, []).append(good)
        rows = sorted(
            (sum(row) / len(row), name, sum(row), len(row)) for name, row in groups.items()
        )
        median, late = (
            (float(np.percentile(self._latencies, q)) for q in (50, 95))
            if self._latencies
            else (None, None)
        )
        return SpokenReport(
            task=task,
            recordings=len(labels),
            right=sum(right),
            interval=share_interval(sum(right), len(labels)),
            figures=figures,
            latency_median=median,
            latency_p95=late,
            real_time=self._computing / self._seconds,
            groups=tuple((name, good, count) for _, name, good, count in rows),
        )
