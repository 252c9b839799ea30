"""Images of synthesized words, made once and kept in the cache."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kws.console import note
from kws.errors import KwsError

from ..data.checkpoint import write_arrays
from ..data.digest import digest_of
from ..data.images import RATE, WordImages, image_of, read_images
from ..progress import bar
from .engine import Engine
from .utterances import plan, say_all


def synthesized_images(
    words: Sequence[str], count: int, engines: Sequence[Engine], seed: int, cache: Path
) -> WordImages:
    """Synthesize words as images. What does not fit into a second is cut off.

    Parameters
    ----------
    words : sequence of str
        The words.
    count : int
        How often each is said.
    engines : sequence of Engine
        The engines, at least one.
    seed : int
        Of who says what, and how.
    cache : Path
        Folder that keeps the images for the next time.

    Returns
    -------
    WordImages
        The images; the speaker of each is its engine and voice.

    Raises
    ------
    KwsError
        If there is no engine, or nothing could be said.
    """
    if not engines:
        raise KwsError("no text-to-speech engine: install espeak-ng or flite, or --synthesize 0")
    identity = [list(words), count, [(engine.name, engine.voices) for engine in engines], seed]
    path = cache / f"{digest_of(identity)[:16]}.npz"
    if path.exists():
        return read_images(path)
    utterances = plan(words, count, engines, seed)
    images, texts, voices = [], [], []
    failed: list[KwsError] = []
    spoken = say_all(utterances)
    for number in bar(iter(range(len(utterances))), len(utterances), "synthesizing"):
        samples = next(spoken)
        if isinstance(samples, KwsError):
            failed.append(samples)
            continue
        samples = samples[:RATE]
        before = (RATE - len(samples)) // 2
        images.append(image_of(np.pad(samples, (before, RATE - len(samples) - before))))
        utterance = utterances[number]
        texts.append(utterance.text)
        voices.append(utterance.speaker)
    if failed:
        note(f"{len(failed)} of {len(utterances)} words could not be said: {failed[0]}")
    if not images:
        raise KwsError(f"nothing could be synthesized: {failed[0]}")
    write_arrays(path, x=np.stack(images), label=np.array(texts), speaker=np.array(voices))
    return read_images(path)
