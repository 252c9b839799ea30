"""Spoken orders with what they mean, the noise under them, and what the grammar says of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from kws.arrays import Float32
from kws.audio import load_audio
from kws.errors import KwsError
from kws.grammar.expression import (
    Choice,
    Expression,
    Grammar,
    Intent,
    Repeat,
    Slot,
    Value,
    Word,
    children,
    parts_of,
)
from kws.grammar.expression import Sequence as PartSequence
from kws_training.augmentation.snr import loudness

RATE = 16000
#: Samples of the frames by which the published protocol measures speech and noise.
FRAME = 2048
#: Seconds of silence behind each order: what a microphone hears before somebody says "it is ready".
AFTER = 1.0


@dataclass(frozen=True)
class LabelledOrder:
    """A recording, and what it means.

    Attributes
    ----------
    name : str
        Of the file, without suffix.
    samples : float32 (n,)
        At 16 kHz.
    intent : str or None
        Name of the intent; None for what is no order.
    slots : dict of str to str
        Without stray blanks.
    """

    name: str
    samples: Float32
    intent: str | None
    slots: dict[str, str]


def read_orders(labels: Path, folder: Path) -> Iterator[LabelledOrder]:
    """Read recordings with their intents.

    Parameters
    ----------
    labels : Path
        JSON: by the name of a recording without suffix, ``intent`` and ``slots``.
    folder : Path
        Of the recordings.

    Yields
    ------
    LabelledOrder
        In the order of their names.
    """
    rows = json.loads(labels.read_text("utf-8"))
    files = {path.stem: path for path in sorted(folder.iterdir())}
    missing = sorted(set(rows) - set(files))
    if missing:
        raise KwsError(f"{folder}: lacks {len(missing)} recordings, such as {missing[0]}")
    for name in sorted(rows):
        slots = {key: " ".join(text.split()) for key, text in rows[name]["slots"].items()}
        yield LabelledOrder(name, load_audio(files[name], RATE), rows[name]["intent"], slots)


def in_noise(
    samples: Float32, noise: Float32 | None, snr: float, rng: np.random.Generator
) -> Float32:
    """Return a recording with silence behind it and noise under both.

    Parameters
    ----------
    samples : float32 (n,)
        The recording.
    noise : float32 (m,) or None
        Of which a stretch is drawn; repeated where it is too short.
    snr : float
        Decibels of the loudest frame of the recording over the loudest of that stretch.
    rng : numpy.random.Generator
        Draws the stretch.

    Returns
    -------
    float32 (k,)
        Not above full scale.
    """
    whole = np.concatenate([samples, np.zeros(round(AFTER * RATE), np.float32)])
    if noise is None:
        return whole
    repeats = -(-(len(whole) + 1) // len(noise))
    under = np.tile(noise, repeats) if repeats > 1 else noise
    start = int(rng.integers(len(under) - len(whole) + 1))
    under = under[start : start + len(whole)]
    ratio = loudness(samples, FRAME) / max(loudness(under, FRAME), 1e-12)
    mixed = whole + under * np.float32(np.sqrt(ratio / 10 ** (snr / 10)))
    return np.asarray(mixed / max(1.0, float(np.abs(mixed).max())), np.float32)


def only(grammar: Grammar, slots: dict[str, str]) -> Grammar | None:
    """Return what the grammar has for some slots: every wording, and nothing else.

    Parameters
    ----------
    grammar : Grammar
        Whose intents are choices of expressions, each with its slots.
    slots : dict of str to str
        What is said for each.

    Returns
    -------
    Grammar or None
        None where the grammar has nothing with these slots alone.
    """
    intents = []
    for intent in grammar.intents:
        parts = intent.expression.parts if isinstance(intent.expression, Choice) else ()
        fitting = tuple(
            _filled(part, slots)
            for part in parts
            if {one.name for one in parts_of(part) if isinstance(one, Slot)} == set(slots)
        )
        if fitting:
            intents.append(Intent(intent.name, Choice(fitting)))
    return replace(grammar, intents=tuple(intents)) if intents else None


def _filled(part: Expression, slots: dict[str, str]) -> Expression:
    if isinstance(part, Slot):
        words: Sequence[str] = slots[part.name].split()
        return Slot(part.name, PartSequence(tuple(Word(word) for word in words)))
    if isinstance(part, PartSequence):
        return PartSequence(tuple(_filled(one, slots) for one in part.parts))
    if isinstance(part, Choice):
        return Choice(tuple(_filled(one, slots) for one in part.parts))
    if isinstance(part, Repeat):
        return Repeat(_filled(part.part, slots), part.least, part.most)
    return part


def jsgf_of(grammar: Grammar) -> str:
    """Write a grammar in JSGF, without its slots: for engines that give words alone.

    Parameters
    ----------
    grammar : Grammar
        What may be said.

    Returns
    -------
    str
        With one public rule, and one rule for what each slot may be.
    """
    rules: dict[int, str] = {}
    bodies: list[str] = []

    def written(part: Expression) -> str:
        if isinstance(part, Word):
            return part.text.lower()
        if isinstance(part, PartSequence):
            return " ".join(written(one) for one in part.parts) or "<NULL>"
        if isinstance(part, Choice):
            return f"({' | '.join(written(one) for one in part.parts)})" if part.parts else "<VOID>"
        if isinstance(part, Repeat):
            return f"[{written(part.part)}]" if part.most == 1 else written(part.part)
        if isinstance(part, Value):
            return written(part.part)
        (inner,) = children(part)
        if id(inner) not in rules:
            rules[id(inner)] = f"<s{len(rules)}>"
            bodies.append(f"{rules[id(inner)]} = {written(inner)};")
        return rules[id(inner)]

    said = " | ".join(written(intent.expression) for intent in grammar.intents)
    head = ["#JSGF V1.0;", "grammar orders;"]
    return "\n".join([*head, *bodies, f"public <order> = {said};"]) + "\n"
