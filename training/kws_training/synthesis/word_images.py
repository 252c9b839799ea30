"""Images of synthesized words, made once and cached."""

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
    """Have each word said ``count`` times; what does not fit into a second is cut.

    Parameters
    ----------
    words : sequence of str
    count : int
    engines : sequence of Engine
    seed : int
    cache : Path
        Folder that keeps the images for the next time.

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
