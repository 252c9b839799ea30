"""Word bases compared in minutes: frozen, under a linear head, on kinds of speech left out.

    python benchmarks/word_bases.py words taught.tflite --positives AUDIO/wake_words
        --phrases computer athena --kinds AUDIO/speech/* --leave-out community,moods
        --noise AUDIO/noise/nonspeech --test-noise AUDIO/noise/kitchen --snr 10 [--json FILE]

A wake word that is trained changes its base too, for minutes, and a few events decide about it.
What a base brings along is seen sooner and sharper with the base as it is: of each window the mean
and the highest of each feature over one second, and a linear head by least squares, on recordings
of a phrase (disturbed, several copies of each) against windows of the kinds that are not left out.
Judged are the other recordings and the kinds left out, as streams (`kinds_left_out`), clean and
with noise that nothing was trained on.

Printed are the misses at thresholds read off the kinds left out, for each base and phrase. They
are far from those of a trained wake word, and compare bases only.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from kinds_left_out import (
    MANY,
    RATES,
    Phrase,
    Setting,
    negative_stream,
    positive_stream,
    read_off,
    split_phrase,
)
from support.frames import FrameStream
from support.origin import origin
from support.script import check_json, status_of

from kws.arrays import Float32, Float64
from kws.audio import load_audio
from kws.bench.result import write_result
from kws.calibration.scores import Trace, track
from kws.errors import KwsError
from kws.frontend import WORDS, log_mel
from kws.metadata import DetectorDefaults
from kws.posteriors import sigmoid
from kws_training.augmentation.noise import NoisyWindowMaker
from kws_training.augmentation.spectra import word_extent
from kws_training.cli.detection import noise_of
from kws_training.cli.train_wake_words import folders_of
from kws_training.data.images import noise_frames
from kws_training.data.recordings import ClipSet
from kws_training.data.unlabelled import find_recordings, find_speech, without_keywords
from kws_training.evaluation.conditions import CLEAN, Condition
from kws_training.networks.streaming import whole_model
from kws_training.networks.word_base import FEATURE_STRIDE, Base, read_base
from kws_training.tensorflow_loading import import_tensorflow
from kws_training.wake_words.defaults import REFRACTORY, SMOOTHING
from kws_training.word_base.connected import AUGMENTATION

#: Frames of a training window, and of a piece of a stream.
WINDOW, PIECE = 264, 2000
#: Output frames over which features are joined: a second.
JOINED = 25
#: Output frames from one score to the next.
STEP = 2
#: Frames after the end of a phrase in its window.
AFTER = (4, 20)
#: Ridge of the least squares, relative to the mean variance of a feature.
RIDGE = 0.03
#: Windows that go through a network together.
BATCH = 64


class Features:
    """The features of a base, joined over a second: mean and highest of each.

    Parameters
    ----------
    base : Base
        The word base, which stays as it is.
    """

    def __init__(self, base: Base) -> None:
        network = base.network().features
        self._windows, self._pieces = (
            whole_model(network, frames, (1, WORDS.bands)) for frames in (WINDOW, PIECE)
        )
        # the frames that an output frame sees, less its own
        self.context = PIECE - FEATURE_STRIDE * self._pieces.output_shape[1]

    def of_windows(self, frames: Float32) -> Float32:
        """Return the features (n, 2 channels) of the last second of windows (n, 264, bands)."""
        found = []
        for start in range(0, len(frames), BATCH):
            batch = frames[start : start + BATCH, :, None]
            outputs = np.asarray(self._windows(batch, training=False))[:, -JOINED:, 0]
            found.append(np.concatenate([outputs.mean(1), outputs.max(1)], -1))
        return np.concatenate(found)

    def of_stream(self, frames: Float32) -> Float32:
        """Return the features (n, 2 channels) of every second of a stream, 80 ms apart."""
        step = PIECE - self.context
        padded = np.pad(frames, ((self.context, step), (0, 0)), constant_values=WORDS.floor)
        outputs = [
            np.asarray(self._pieces(padded[None, start : start + PIECE, None], training=False))[0]
            for start in range(0, len(padded) - PIECE + 1, step)
        ]
        values = np.concatenate(outputs)[: len(frames) // FEATURE_STRIDE, 0]
        values = np.pad(values, ((JOINED - 1, 0), (0, 0)))
        seconds = np.lib.stride_tricks.sliding_window_view(values, JOINED, axis=0)[STEP - 1 :: STEP]
        return np.concatenate([seconds.mean(-1), seconds.max(-1)], -1).astype(np.float32)


def phrase_windows(
    phrase: Phrase, behind: Float32, copies: int, rng: np.random.Generator
) -> Float32:
    """Put each training recording of a phrase at the end of windows of other speech."""
    windows = []
    for clip in phrase.training:
        frames = log_mel(load_audio(clip.path, WORDS.sample_rate), WORDS)
        (first,), (last,) = word_extent(frames[None])
        for _ in range(copies):
            after = int(rng.integers(*AFTER))
            said = frames[max(first - 4, 0) : last + 1 + after][-WINDOW:]
            at = int(rng.integers(len(behind) - WINDOW))
            window = behind[at : at + WINDOW].copy()
            window[WINDOW - len(said) :] = said
            windows.append(window)
    return np.stack(windows)


def linear_head(positives: Float32, negatives: Float32) -> tuple[Float64, float]:
    """Return weights and bias of the least squares that tell two sets of features apart."""
    both = np.concatenate([positives, negatives]).astype(np.float64)
    mean, scale = both.mean(0), both.std(0) + 1e-6
    x = (both - mean) / scale
    wanted = np.where(np.arange(len(x)) < len(positives), 1.0, -1.0)
    share = np.where(wanted > 0, 0.5 / len(positives), 0.5 / len(negatives))
    centre = share @ x
    x -= centre
    covariance = (x * share[:, None]).T @ x
    ridge = RIDGE * np.trace(covariance) / len(covariance)
    weights = np.linalg.solve(covariance + ridge * np.eye(len(covariance)), x.T @ (share * wanted))
    weights /= scale
    return weights, float(-(mean + centre * scale) @ weights)


def judge_base(
    path: Path,
    phrases: Sequence[Phrase],
    training: Float32,
    judged: dict[str, list[FrameStream]],
    own: dict[str, dict[str, FrameStream]],
    options: argparse.Namespace,
) -> list[dict[str, Any]]:
    """Judge a base; returns one entry for each condition and phrase, as plain JSON values."""
    features = Features(read_base(path))
    rng = np.random.default_rng(options.seed)
    noise = noise_frames(noise_of(options.noise), ClipSet([], [], []))
    maker = NoisyWindowMaker(noise, WORDS.floor, WORDS.ceiling, AUGMENTATION)
    starts = rng.integers(0, len(training) - WINDOW, options.windows)
    others = features.of_windows(
        _disturbed(rng, maker, training[starts[:, None] + np.arange(WINDOW)])
    )
    entries = []
    heads = []
    for phrase in phrases:
        windows = phrase_windows(phrase, training, options.copies, rng)
        heads.append(linear_head(features.of_windows(_disturbed(rng, maker, windows)), others))
    seconds = STEP * FEATURE_STRIDE * WORDS.hop_seconds
    keywords = tuple(phrase.keyword for phrase in phrases)
    detector = DetectorDefaults(SMOOTHING, REFRACTORY, 1.0, dict.fromkeys(keywords, 0.5))

    def heard(stream: FrameStream) -> Trace:
        values = features.of_stream(stream.frames)
        scores = np.stack([values @ weights + bias for weights, bias in heads], -1)
        return Trace(sigmoid(scores.astype(np.float32) * 2), seconds, stream.seconds, False)

    for condition, streams in judged.items():
        traces = [heard(stream) for stream in streams]
        for phrase in phrases:
            stream = own[condition][phrase.keyword]
            spoken = track(heard(stream), keywords, detector, phrase.keyword)
            wrong = [track(one, keywords, detector, phrase.keyword) for one in traces]
            entries.append(
                {
                    "base": str(path),
                    "condition": condition,
                    "phrase": phrase.keyword,
                    "hours": sum(one.hours for one in wrong),
                    "recordings": len(stream.spans),
                    "read_off": read_off(stream, spoken, wrong),
                }
            )
    return entries


def _disturbed(rng: np.random.Generator, maker: NoisyWindowMaker, windows: Float32) -> Float32:
    """Disturb windows in batches, so that memory stays small."""
    parts = range(0, len(windows), BATCH)
    return np.concatenate([maker.disturb(rng, windows[at : at + BATCH]) for at in parts])


def table(entries: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield the lines of the table: misses of each base, in the mean over the phrases."""
    yield "| base | condition | " + " | ".join(f"{rate:g} per hour" for rate in RATES) + " | mean |"
    yield "| --- " * (3 + len(RATES)) + "|"
    for base, condition in dict.fromkeys((one["base"], one["condition"]) for one in entries):
        its = [one for one in entries if (one["base"], one["condition"]) == (base, condition)]
        shares = [
            100 * np.mean([one["read_off"][n]["misses"] / one["recordings"] for one in its])
            for n in range(len(RATES))
        ]
        mean = np.mean(shares[-len(MANY) :])
        cells = " | ".join(f"{share:.1f} %" for share in shares)
        yield f"| {Path(base).stem} | {condition} | {cells} | {mean:.1f} % |"


def run(options: argparse.Namespace) -> int:
    """Judge the bases, print and write; returns the exit status."""
    check_json(options.json, KwsError)
    began = origin()
    folders = folders_of(options.phrases, [[options.positives]])
    phrases = [
        split_phrase(keyword, its, options.recordings)
        for keyword, its in zip(options.phrases, folders, strict=True)
    ]
    # what says a phrase is no negative, neither to train nor to judge
    kinds = {
        path.name: without_keywords(find_speech([path]), options.phrases)[0]
        for path in options.kinds
    }
    left_out = [name for name in options.leave_out.split(",") if name]
    heard = [name for name in kinds if name not in left_out]
    if not left_out or not heard or not set(left_out) <= set(kinds):
        raise KwsError(f"--leave-out {options.leave_out}: some, not all, of {', '.join(kinds)}")
    settings = [Setting("clean", CLEAN, [])]
    if options.snr is not None:
        condition = Condition(noise=noise_of(options.test_noise), snr=options.snr)
        paths = find_recordings(options.test_noise)
        settings.append(Setting(f"{options.snr:g} dB", condition, paths))
    training = np.concatenate([negative_stream(kinds[one], settings[0]).frames for one in heard])
    judged = {one.name: [negative_stream(kinds[n], one) for n in left_out] for one in settings}
    own = {
        one.name: {phrase.keyword: positive_stream(phrase, one) for phrase in phrases}
        for one in settings
    }
    import_tensorflow()
    entries = []
    for base in options.bases:
        entries += judge_base(base, phrases, training, judged, own, options)
    for line in table(entries):
        print(line)
    if options.json is not None:
        write_result(options.json, {**began, "bases": entries})
    return 0


def main() -> int:
    """Compare word bases; returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    add = parser.add_argument
    add("bases", type=Path, nargs="+", metavar="BASE", help="files, or names of the package's")
    add("--positives", type=Path, required=True, metavar="DIR", help="folder of the phrases")
    add("--phrases", nargs="+", required=True, metavar="PHRASE", help="as the sub-folders")
    add("--kinds", type=Path, nargs="+", required=True, metavar="DIR", help="folders of speech")
    add("--leave-out", required=True, metavar="A,B,…", help="kinds to judge on")
    add("--noise", type=Path, nargs="+", required=True, metavar="DIR", help="to train with")
    add("--test-noise", type=Path, nargs="+", default=[], metavar="DIR", help="to judge with")
    add("--snr", type=float, metavar="DB", help="of the noise to judge with")
    add("--recordings", type=int, default=40, metavar="N", help="of each phrase to train with (40)")
    add("--copies", type=int, default=12, metavar="N", help="windows of each recording (12)")
    add(
        "--windows",
        type=int,
        default=8000,
        metavar="N",
        help="of other speech to train with (8000)",
    )
    add("--seed", type=int, default=0, metavar="N", help="of all that is drawn (0)")
    add("--json", type=Path, metavar="FILE", help="write the result as JSON")
    options = parser.parse_args()
    return status_of("word_bases", lambda: run(options))


if __name__ == "__main__":
    raise SystemExit(main())
