"""What `kws evaluate --task understand|transcribe` takes and prints."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from ..data.dataset import DataError

if TYPE_CHECKING:  # what these import is not needed to print --help
    from ..evaluation.spoken import SpokenReport

#: The tasks that are evaluated by what is said, not by labels of clips.
SPOKEN_TASKS = ("understand", "transcribe")
#: Speakers that are printed, the worst first.
MOST_SPEAKERS = 10


def add_spoken(parser: argparse.ArgumentParser) -> None:
    """Add the arguments for spoken commands and transcripts.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Of the verb.
    """
    group = parser.add_argument_group(
        "spoken commands and transcripts",
        "recordings (--data) of which --labels says what is said; with --noise, --snr and "
        "--snr-reference in noise",
    )
    group.add_argument(
        "--task",
        choices=SPOKEN_TASKS,
        help="understand: intents and slots by --grammar; transcribe: words by --language; MODEL "
        "is a phoneme network",
    )
    group.add_argument("--grammar", type=Path, metavar="FILE", help="a Rhino context or JSGF")
    group.add_argument(
        "--language",
        type=Path,
        metavar="FILE",
        help="sentences, or an n-gram model in ARPA; common words in any order if left out",
    )
    group.add_argument(
        "--labels",
        type=Path,
        metavar="FILE",
        help="JSON: intent, slots, text and speaker of each recording by its name; or CSV with the "
        "columns path, intent, slot.NAME, text, speaker",
    )


def run_spoken(options: argparse.Namespace) -> int:
    """Evaluate spoken commands or transcripts; returns the exit status.

    Parameters
    ----------
    options : argparse.Namespace
        The parsed arguments.

    Returns
    -------
    int
        The exit status.
    """
    needed = {"--data": options.data, "--labels": options.labels}
    if options.task == "understand":
        needed["--grammar"] = options.grammar
    for name, value in needed.items():
        if not value:
            raise DataError(f"{name} is missing: --task {options.task} needs it")
    if options.noise and options.snr is None:
        raise DataError("--noise needs --snr: how far below the recordings it is, in decibels")
    if options.snr is not None and not options.noise:
        raise DataError("--snr needs --noise: recordings of noise")
    from kws.command_recognizer import CommandRecognizer
    from kws.packaged import find_model
    from kws.transcripts.transcriber import Transcriber

    from ..augmentation.snr import DEFAULT_REFERENCE
    from ..data.recordings import read_noise
    from ..data.unlabelled import find_recordings
    from ..evaluation.conditions import CLEAN, RATE, Condition
    from ..evaluation.spoken import judge_transcripts, judge_understanding, read_labels
    from ..progress import bar

    labels = read_labels(options.labels, options.data)
    condition = CLEAN
    if options.snr is not None:
        noise, _ = read_noise(find_recordings(options.noise))
        reference = options.snr_reference or DEFAULT_REFERENCE
        condition = Condition(noise=noise, snr=options.snr, reference=reference)
    model = find_model(options.model)
    if options.task == "understand":
        recognizer = CommandRecognizer(options.grammar, model=model, sample_rate=RATE)
        report = judge_understanding(recognizer, labels, condition, bar)
    else:
        transcriber = Transcriber(options.language, model=model, sample_rate=RATE)
        report = judge_transcripts(transcriber, labels, condition, bar)
    if options.json:
        ratio = condition.ratio
        print(json.dumps({**report.to_dict(), **(ratio.to_dict() if ratio else {})}, indent=1))
    else:
        print("\n".join(spoken_lines(report)))
    return 0


def spoken_lines(report: SpokenReport) -> list[str]:
    """Return a report as lines for people.

    Parameters
    ----------
    report : SpokenReport
        How well recordings were understood or written down.

    Returns
    -------
    list of str
        The share first, then what it is made of, then the speakers with the lowest.
    """
    low, high = report.interval
    done = "understood" if report.task == "understand" else "without an error"
    lines = [
        f"{done}: {report.right / report.recordings:.1%} of {report.recordings} recordings "
        f"(95 % interval {low:.1%} to {high:.1%})"
    ]
    figures = report.figures
    if report.task == "understand":
        lines.append(f"intents right: {figures['intents']:.1%}, slots: {figures['slots']:.1%}")
        if "rejected" in figures:
            lines.append(f"commands rejected: {figures['rejected']:.1%}")
        if "accepted" in figures:
            lines.append(f"others taken for commands: {figures['accepted']:.1%}")
    else:
        lines.append(
            f"word error rate: {figures['word_error_rate']:.1%} of {figures['words']:.0f} words "
            f"(95 % interval {figures['low']:.1%} to {figures['high']:.1%})"
        )
    if report.latency_median is not None and report.latency_p95 is not None:
        lines.append(
            f"from the end of speech: median {report.latency_median * 1000:.0f} ms, "
            f"95 % within {report.latency_p95 * 1000:.0f} ms"
        )
    lines.append(f"computing: {report.real_time:.3f} s for each second")
    for name, right, count in report.groups[:MOST_SPEAKERS]:
        lines.append(f"  {name}: {right} of {count}")
    return lines
