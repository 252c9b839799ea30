"""Thresholds and refractory periods of single wake words, in place of those in the model files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ..metadata import DetectorDefaults
from ..modelfile import ModelFile


@dataclass(frozen=True)
class Tuning:
    """What the operator of a server wants other than the model files have it.

    Keys are keywords, of every model, or ``model:keyword``, of one model, which goes before.

    Attributes
    ----------
    thresholds : mapping of str to float
        Smoothed score from which a keyword is detected, 0 .. 1.
    refractory : mapping of str to float
        Seconds after a detection in which the same keyword is not detected again.
    """

    thresholds: Mapping[str, float] = field(default_factory=dict)
    refractory: Mapping[str, float] = field(default_factory=dict)

    @property
    def keys(self) -> set[str]:
        """All keys."""
        return {*self.thresholds, *self.refractory}

    def refractory_of(self, name: str, file: ModelFile) -> dict[str, float]:
        """Return the refractory periods that hold for a model, where one of them is wanted.

        Parameters
        ----------
        name : str
            Name of the model.
        file : ModelFile
            The model.

        Returns
        -------
        dict of str to float
            Seconds, of every keyword that has such a period; empty where the file's own hold.
        """
        keywords = file.metadata.keywords
        wanted = _of(self.refractory, name, keywords)
        detector = file.metadata.detector
        if wanted and isinstance(detector, DetectorDefaults):
            return {**dict.fromkeys(keywords, detector.refractory), **wanted}
        return wanted

    def apply(self, name: str, file: ModelFile) -> ModelFile:
        """Return a model with the thresholds and the shortest refractory period that are wanted.

        The detector has one refractory period for all keywords; whoever takes the detections
        holds the longer ones, see `refractory_of`.

        Parameters
        ----------
        name : str
            Name of the model.
        file : ModelFile
            The model.

        Returns
        -------
        ModelFile
        """
        detector = file.metadata.detector
        wanted = _of(self.thresholds, name, file.metadata.keywords)
        detector = replace(detector, thresholds={**detector.thresholds, **wanted})
        periods = self.refractory_of(name, file)
        if periods and isinstance(detector, DetectorDefaults):
            detector = replace(detector, refractory=min(periods.values()))
        return replace(file, metadata=replace(file.metadata, detector=detector))


def _of(values: Mapping[str, float], name: str, keywords: tuple[str, ...]) -> dict[str, float]:
    """Return the values of one model's keywords."""
    found = {}
    for keyword in keywords:
        value = values.get(f"{name}:{keyword}", values.get(keyword))
        if value is not None:
            found[keyword] = value
    return found
