"""What a user decides about a model: which keywords matter, and by which thresholds."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from .arrays import Float32
from .errors import ModelError
from .metadata import UNKNOWN, Metadata, keywords_of
from .modelfile import ModelFile


class Selection:
    """Maps the logits of all labels to those of the selected keywords and of what is no keyword.

    ``_unknown_`` becomes the mean of the likelihoods of ``_unknown_`` and of every word that is
    not selected: one word of many is as probable as each selected keyword, not as all together.
    Wake words do not compete: those that are not selected are left out.

    Parameters
    ----------
    labels : tuple of str
        Of the model.
    keywords : sequence of str
        Those to keep.
    exclusive : bool
        Whether the labels compete.

    Attributes
    ----------
    labels : tuple of str
        What is left, in the model's order.

    Raises
    ------
    ModelError
        If a keyword is none of the model's, none is given, or labels that compete have no
        ``_unknown_``.
    """

    def __init__(self, labels: tuple[str, ...], keywords: Sequence[str], exclusive: bool) -> None:
        there = keywords_of(labels)
        for keyword in keywords:
            if keyword not in there:
                raise ModelError(
                    f"{keyword!r:.100} is no keyword of the model: it has {', '.join(there)}"
                )
        if not keywords:
            raise ModelError("no keyword is selected: name one at least")
        self._exclusive = exclusive
        if exclusive and UNKNOWN not in labels:
            raise ModelError(f"the model has no {UNKNOWN}: its keywords cannot be told apart")
        self.labels = tuple(one for one in labels if one in keywords or one not in there)
        self._kept = np.array([labels.index(one) for one in self.labels])
        if not exclusive:
            return
        self._unknown = self.labels.index(UNKNOWN)
        other = [n for n, one in enumerate(labels) if one == UNKNOWN or one not in self.labels]
        self._others = np.array(other)

    def number(self, label: int) -> int:
        """Return the number that a label has in the model.

        Parameters
        ----------
        label : int
            Its number among those that are left.

        Returns
        -------
        int
            Its number among all labels of the model.
        """
        return int(self._kept[label])

    def __call__(self, logits: Float32) -> Float32:
        """Return logits (output frames, selected labels) of logits (output frames, labels)."""
        out = logits[:, self._kept]
        if not self._exclusive:
            return out
        others = logits[:, self._others]
        most = others.max(axis=1)
        mean = np.exp(others - most[:, None]).mean(axis=1)
        out[:, self._unknown] = most + np.log(mean)
        return out


def choose(
    model: ModelFile, thresholds: Mapping[str, float] | None, keywords: Sequence[str] | None
) -> tuple[Metadata, Selection | None]:
    """Return a model's contract with what its user decides.

    Parameters
    ----------
    model : ModelFile
        A checked model file.
    thresholds : mapping of str to float or None
        Thresholds, 0 .. 1, instead of the model's, for some keywords or all.
    keywords : sequence of str or None
        Those of the model's keywords that matter; None for all.

    Returns
    -------
    Metadata, Selection or None
        The contract, and what maps the logits to those of the keywords that matter; None where all
        do.

    Raises
    ------
    ModelError
        If a threshold is none, or for a word that is no keyword.
    """
    metadata, selection = model.metadata, None
    if keywords is not None:
        selection = Selection(metadata.labels, keywords, metadata.exclusive)
        metadata = metadata.only(selection.labels)
    for keyword, threshold in (thresholds or {}).items():
        if keyword not in metadata.keywords:
            raise ModelError(
                f"{keyword!r:.100} is no keyword of {model.path}: "
                f"it has {', '.join(metadata.keywords)}"
            )
        if not 0 <= threshold <= 1:
            raise ModelError(f"threshold {threshold} of {keyword!r}: must be 0 to 1")
    detector = metadata.detector
    detector = replace(detector, thresholds={**detector.thresholds, **(thresholds or {})})
    return replace(metadata, detector=detector), selection


def identity(model: ModelFile, metadata: Metadata, sample_rate: int) -> str:
    """Return what tells a stream of one model, as it is used, from those of all others.

    Parameters
    ----------
    model : ModelFile
        The model.
    metadata : Metadata
        Its contract, with what its user decides: keywords and thresholds.
    sample_rate : int
        Of the audio that is pushed, in Hz.

    Returns
    -------
    str
        A digest.
    """
    told = hashlib.sha256(model.network)
    for _, array in sorted(metadata.arrays.items()):
        told.update(array.tobytes())
    if metadata.verifier is not None:
        told.update(metadata.verifier.network)
    if metadata.phrases is not None:
        told.update(repr(metadata.phrases).encode())
    told.update(
        repr(
            (
                sample_rate,
                metadata.labels,
                model.metadata.front_end,
                metadata.streaming,
                metadata.detector,
                metadata.prototypes,
                metadata.warping,
                metadata.verifier,
            )
        ).encode()
    )
    return told.hexdigest()
