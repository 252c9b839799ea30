"""The verb review: a person hears what was kept, and says whether it was the phrase."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..audio import load_audio
from ..console import ask, note
from ..errors import AudioError
from ..keeping.labels import DELETE, LABELS, OTHER, PHRASE, UNSURE, KeptFolder, Outcome
from ..keeping.log import KeepError, KeptRecording
from ..keeping.picture import picture
from .verb import Verb

#: Rate at which recordings are played, in Hz: their own.
RATE = 16000
#: What a person types for a label.
KEYS = {"y": PHRASE, "n": OTHER, "u": UNSURE, "d": DELETE}


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="DIR", help="what --keep of kws listen named")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="FILE=LABEL",
        help=f"label a recording without asking ({', '.join(LABELS)}, or the keyword that was "
        "said); can be given several times, and changes a label, too",
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="what waits, the labels, and how often the models were right, as one JSON object",
    )


def _run(options: argparse.Namespace) -> int:
    kept = KeptFolder(options.folder)
    if kept.log.damaged:
        note(f"kws: {options.folder}: {kept.log.damaged} lines of the log are damaged: left out")
    for text in options.set:
        name, equals, label = text.rpartition("=")
        if not equals or not name or not label:
            raise KeepError(f"--set {text!r:.200}: give FILE=LABEL, such as a.wav={PHRASE}")
        kept.label(name, label)
    asked = sys.stdin is not None and sys.stdin.isatty() and not options.set and not options.json
    if asked:
        try:
            _ask_for_all(kept)
        except (KeyboardInterrupt, EOFError):
            note("")
    kept.write_lists()
    if options.json:
        print(json.dumps(_values(kept), indent=1))
    else:
        if not asked:
            for one in kept.waiting():
                print(f"{kept.place(one.file)}: {_line(one)}")
        print("\n".join(_summary(kept)))
    return 0


def _ask_for_all(kept: KeptFolder) -> None:
    """Play what waits, the oldest first, and label it as a person says."""
    waiting = kept.waiting()
    for number, one in enumerate(waiting, 1):
        path = kept.place(one.file)
        note(f"{number} of {len(waiting)}: {_line(one)}")
        try:
            samples = load_audio(path, RATE)
        except AudioError as error:
            note(f"  {error}")
            continue
        for line in picture(samples, one.start, one.end, RATE).splitlines():
            note(f"  {line}")
        note(f"  {path}")
        others = f", or the keyword ({', '.join(kept.keywords)})" if len(kept.keywords) > 1 else ""
        _play(samples)
        while True:
            question = (
                f"  Was it {one.keyword!r}? y yes, n no, u unsure, d deletes, Enter plays again, "
                f"s skips, q stops{others}: "
            )
            answer = ask(question).strip()
            if answer == "":
                _play(samples)
            elif answer == "q":
                return
            elif answer == "s":
                break
            elif answer in KEYS or answer in kept.keywords:
                kept.label(one.file, KEYS.get(answer, answer))
                break


def _play(samples: Any) -> None:
    from ..microphone import play

    try:
        play(samples, RATE)
    except AudioError as error:  # one can look at the picture, or play the file elsewhere
        note(f"  {error}")


def _line(one: KeptRecording) -> str:
    what = "detected" if one.fired else "nearly detected"
    where = "" if one.source == "-" else f", in {one.source}"
    return (
        f"{one.keyword}: {what} at {one.time[:19].replace('T', ' ')} UTC, score {one.score:.3f}, "
        f"threshold {one.threshold:.3f}{where}"
    )


def _values(kept: KeptFolder) -> dict[str, Any]:
    return {
        "waiting": [asdict(one) for one in kept.waiting()],
        "labels": kept.labels(),
        "outcomes": [
            {
                **asdict(one),
                "unknown": one.unknown,
                "false_accepts_per_hour": one.false_accepts_per_hour,
                "false_accepts_per_hour_interval": list(one.interval),
            }
            for one in kept.outcomes()
        ],
    }


def _summary(kept: KeptFolder) -> list[str]:
    """Return what is known by now, and what can be done with it, as lines for people."""
    labels = kept.labels()
    said = [keyword for keyword in kept.keywords if keyword in labels.values()]
    lines = [f"{len(kept.waiting())} recordings wait for a label, {len(labels)} have one"]
    lines += [_outcome(one) for one in kept.outcomes() if one.fired or one.near_right]
    negatives = [kept.folder / OTHER] if OTHER in labels.values() else []
    if said or negatives:
        lines.append(f"train with: {_command(kept.folder, said, negatives)}")
    return lines


def _outcome(one: Outcome) -> str:
    low, high = one.interval
    missed = ""
    if one.near_right:
        missed = (
            f"; missed at least {one.near_right} of {one.near_right + one.fired_right} times that "
            "it was said"
        )
    unknown = f", {one.unknown} without a label" if one.unknown else ""
    return (
        f"{one.keyword}: in {one.hours:.2f} h with {one.model} detected {one.fired} times, "
        f"{one.fired_right} right, {one.fired_wrong} wrong{unknown}: "
        f"{one.false_accepts_per_hour:.2f} false accepts per hour (95 % interval {low:.2f} to "
        f"{high:.2f}){missed}"
    )


def _command(folder: Path, said: Sequence[str], negatives: Sequence[Path]) -> str:
    words = ["kws", "train"]
    for keyword in said:
        words += ["--wake-word", keyword]
    if said:
        words += ["--positives", str(folder / PHRASE)]
    words += ["--negatives", *map(str, negatives)] if negatives else []
    return f"{shlex.join(words)} …, beside the recordings that the model was trained on"


REVIEW = Verb(
    "review",
    "label what kws listen --keep kept: to train anew, and to calibrate",
    "kws review kept",
    _configure,
    _run,
)
