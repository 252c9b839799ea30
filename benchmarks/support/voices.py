"""Words by many speakers, cut out of their recordings: a half to choose on, a half to judge on."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kws.activity import find_sound
from kws.arrays import Float32
from kws.enrolment.utterance import levels
from kws.pcm import to_float32
from kws_training.data.clips import read_clips
from kws_training.data.dataset import Skipped, find_clips
from kws_training.data.splits import share_of
from kws_training.progress import bar

RATE = 16000
#: Decibels; sound this far below the loudest belongs to no word.
RANGE = 25.0
#: Frames of 10 ms from one that is sound to the next, at most, within a word.
GAP = 15
#: Frames of 10 ms that are kept before and after a word.
MARGIN = 2
#: Samples over which a word that is cut out begins and ends: it would click.
FADE = 80
#: Which speakers a run takes.
SETS = ("development", "test", "all")


@dataclass(frozen=True)
class Word:
    """A word, cut out of its recording.

    Attributes
    ----------
    label : str
        The word that was said.
    speaker : str
        Who said it.
    samples : float32 (n,)
        The word with a little around it, at `RATE`; it begins and ends with zero.
    """

    label: str
    speaker: str
    samples: Float32


def add_set(parser: argparse.ArgumentParser) -> None:
    """Add the argument ``--set`` to a script's parser."""
    parser.add_argument(
        "--set",
        choices=SETS,
        default="test",
        help="speakers: the half that figures are stated on, by a hash of the speaker's name, the "
        "half that may be looked at while something is changed, or all (test)",
    )


def in_set(speaker: str, chosen: str) -> bool:
    """Return whether a speaker belongs to one of `SETS`.

    Parameters
    ----------
    speaker : str
        The speaker's name.
    chosen : str
        One of `SETS`.
    """
    if chosen == "all":
        return True
    half = "development" if share_of("voices " + speaker) < 0.5 else "test"
    return half == chosen


def read_words(
    folders: Sequence[Path], labels: Sequence[str] | None, chosen: str, seed: int
) -> tuple[dict[str, list[Word]], list[Skipped]]:
    """Read recordings of words, and cut the words out.

    Parameters
    ----------
    folders : sequence of Path
        Each with a sub-folder for each word, or a manifest, as for ``kws train``.
    labels : sequence of str or None
        The words to take; None for all.
    chosen : str
        The speakers, one of `SETS`.
    seed : int
        Of the order.

    Returns
    -------
    words : dict of str to list of Word
        By label, in an order that the seed gives.
    skipped : list of Skipped
        Recordings that could not be read.
    """
    clips = [
        clip
        for clip in find_clips(folders)
        if (labels is None or clip.word in labels)
        and not clip.word.startswith("_")
        and in_set(clip.speaker, chosen)
    ]
    clips, audio, skipped = read_clips(clips, bar)
    words: dict[str, list[Word]] = {}
    for number in np.random.default_rng(seed).permutation(len(clips)):
        clip = clips[number]
        samples = cut_out(to_float32(audio[number]))
        words.setdefault(clip.word, []).append(Word(clip.word, clip.speaker, samples))
    return words, skipped


def cut_out(samples: Float32) -> Float32:
    """Cut the word out of a recording: the stretch of sound that has most of it.

    Parameters
    ----------
    samples : float32 (n,)
        The recording at `RATE`.

    Returns
    -------
    float32 (m,)
        The word, with `MARGIN` around it; it rises from zero and falls to it.
    """
    size = RATE // 100
    first, last = find_sound(levels(samples, RATE), RANGE, GAP, "most")
    word = samples[max(0, first - MARGIN) * size : (last + 1 + MARGIN) * size].copy()
    fade = min(FADE, len(word) // 2)
    ramp = np.linspace(0, 1, fade, dtype=np.float32)
    word[:fade] *= ramp
    word[len(word) - fade :] *= ramp[::-1]
    return word
