"""Variants of a model side by side: size, accuracy, disagreement with float, time per step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kws.arrays import Float32, Int16
from kws.bench.timing import StepTimes, network_times
from kws.console import quiet
from kws.modelfile import ModelFile, pack
from kws.network import StreamingNetwork
from kws.posteriors import sigmoid, softmax
from kws_training.data.dataset import Clip
from kws_training.evaluation.evaluate import judge_clips, open_model
from kws_training.evaluation.results import ClipReport
from kws_training.progress import Progress

#: Steps whose time is measured.
STEPS = 300
#: Where labels do not compete, two networks agree on an output frame if they agree on which of them
#: reach this posterior.
HEARD = 0.5


@dataclass(frozen=True)
class Variant:
    """One form of a model, and how it does.

    Attributes
    ----------
    name : str
        Its precision, or "as given".
    model : ModelFile
        The model in this form.
    size : int
        Bytes of the whole file.
    agreement : float
        Share of the calibration recordings' output frames at which its highest label is the float
        network's.
    worst : float
        Largest difference of any posterior from the float network's, 0 .. 1.
    report : ClipReport or None
        What it makes of labelled recordings, where there are some.
    step : StepTimes
        The network alone, on this machine.
    """

    name: str
    model: ModelFile
    size: int
    agreement: float
    worst: float
    report: ClipReport | None
    step: StepTimes

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as plain JSON values."""
        figures: dict[str, Any] = {
            "name": self.name,
            "bytes": self.size,
            "agreement": self.agreement,
            "worst_disagreement": self.worst,
            "step": vars(self.step),
        }
        if self.report is not None:
            figures["accuracy"] = self.report.accuracy
            figures["accuracy_interval"] = list(self.report.interval)
            figures["clips"] = self.report.clips
        return figures


@dataclass(frozen=True)
class VariantData:
    """What variants are judged on.

    Attributes
    ----------
    frames : float32 (frames, bands)
        Recordings as one stream, without labels.
    posteriors : float32 (output frames, labels)
        What the float network makes of them.
    clips, audio
        Labelled recordings as `read_clips` gives them; empty if there are none.
    """

    frames: Float32
    posteriors: Float32
    clips: Sequence[Clip] = ()
    audio: Sequence[Int16] = ()


def posteriors(model: ModelFile, frames: Float32) -> Float32:
    """Run a model over a stream as a device does.

    Parameters
    ----------
    model : ModelFile
        The model that is run.
    frames : float32 (frames, bands)
        Front-end frames of one stream.

    Returns
    -------
    float32 (output frames, labels)
    """
    with quiet():
        network = StreamingNetwork(model)
    size = network.frames
    logits = [
        network.step(np.ascontiguousarray(frames[start : start + size])).copy()
        for start in range(0, len(frames) - size + 1, size)
    ]
    scores = softmax if model.metadata.exclusive else sigmoid
    return scores(np.concatenate(logits))


def judge(name: str, model: ModelFile, data: VariantData, progress: Progress) -> Variant:
    """Measure one variant.

    Parameters
    ----------
    name : str
        Its precision, or "as given".
    model : ModelFile
        The variant.
    data : VariantData
        What it is judged on.
    progress : callable
        Shows how far the work is: `kws_training.progress.bar`, or what does the same.
    """
    found = posteriors(model, data.frames)
    if model.metadata.exclusive:
        same = found.argmax(axis=1) == data.posteriors.argmax(axis=1)
    else:
        same = ((found >= HEARD) == (data.posteriors >= HEARD)).all(axis=1)
    report = None
    if data.clips:
        report = judge_clips(open_model(model), data.clips, data.audio, [], progress)
    with quiet():
        step = network_times(model, STEPS)
    return Variant(
        name=name,
        model=model,
        size=len(pack(model.network, model.metadata)),
        agreement=float(same.mean()),
        worst=float(np.abs(found - data.posteriors).max()),
        report=report,
        step=step,
    )


def lines(variants: Sequence[Variant], reasons: dict[str, str]) -> list[str]:
    """Return the table as text.

    Parameters
    ----------
    variants : sequence of Variant
        One row each, in this order.
    reasons : dict of str to str
        Why a precision is missing.
    """
    judged = any(variant.report is not None for variant in variants)
    width = max(len(name) for name in (*(one.name for one in variants), *reasons, "variant"))
    accuracy = "  accuracy" if judged else ""
    rows = [f"{'variant':{width}}  size (kB){accuracy}  same label  worst diff.  step (us), p99"]
    for one in variants:
        percent = f"  {one.report.accuracy:8.2%}" if one.report is not None else ""
        rows.append(
            f"{one.name:{width}}  {one.size / 1000:9.1f}{percent}  {one.agreement:10.2%}  "
            f"{one.worst:11.3f}  {one.step.median * 1e6:9.0f}, {one.step.p99 * 1e6:.0f}"
        )
    rows += [f"{name:{width}}  {reason}" for name, reason in reasons.items()]
    return rows
