"""From logits to scores and detections in ONNX operators: what `kws.detector` does."""

from __future__ import annotations

import math

import numpy as np

from kws.metadata import DetectorDefaults
from kws.posteriors import HIGHEST_LOGIT

from .nodes import Nodes, StateVector

#: Names of the scores and of the detections.
SCORES, DETECTED = "scores", "detected"
#: A threshold that no score reaches: of labels that are no keywords.
NEVER = 2.0


def add_decoding(
    nodes: Nodes,
    state: StateVector,
    logits: str,
    rows: int,
    labels: tuple[str, ...],
    defaults: DetectorDefaults,
    row_seconds: float,
    exclusive: bool,
) -> None:
    """Add the nodes that give `SCORES`, float32 (rows, labels), and `DETECTED`, uint8 as large.

    Scores are posteriors, averaged over the smoothing window. A keyword is detected when its score
    passes its threshold, not within the refractory period, and not again before its score has
    fallen below half of the threshold.

    Parameters
    ----------
    nodes : Nodes
        Where the nodes go.
    state : StateVector
        Carries the posteriors before, and which keywords were just detected.
    logits : str
        Name of the network's result, float32 (rows, labels).
    rows : int
        Output frames of a step.
    labels : tuple of str
        In the order of the logits.
    defaults : DetectorDefaults
        Smoothing, refractory period, thresholds.
    row_seconds : float
        Seconds from one output frame to the next.
    exclusive : bool
        Whether labels compete.
    """
    count = len(labels)
    if exclusive:
        posteriors = nodes.add("Softmax", logits, axis=1)
    else:
        posteriors = nodes.add("Sigmoid", nodes.add("Min", logits, nodes.constant(HIGHEST_LOGIT)))
    window = max(1, round(defaults.smoothing / row_seconds))
    if window > 1:
        before = state.take(np.zeros((window - 1, count), np.float32))
        posteriors = nodes.add("Concat", before, posteriors, axis=0)
        latest = np.arange(rows, rows + window - 1)
        state.put(before, nodes.add("Gather", posteriors, nodes.constant(latest, np.int32), axis=0))
    # one row per output frame: the mean of as many posteriors as the window has
    mean = sum(np.eye(rows, rows + window - 1, at) for at in range(window)) / window
    nodes.add("MatMul", nodes.constant(mean), posteriors, output=SCORES)

    thresholds = np.array([defaults.thresholds.get(label, NEVER) for label in labels], np.float32)
    refractory = math.ceil(round(defaults.refractory / row_seconds, 6))
    blocked_before, spent_before = (state.take(np.zeros(count, np.float32)) for _ in "ab")
    blocked, spent = blocked_before, spent_before  # rows to go; 1 until the score has fallen
    zero, one, half = (nodes.constant(value) for value in (0, 1, 0.5))
    passes, falls = nodes.constant(thresholds), nodes.constant(0.5 * thresholds)
    detected = []
    for row in range(rows):
        score = nodes.add("Gather", SCORES, nodes.constant(row, np.int64), axis=0)
        blocked = nodes.add("Relu", nodes.add("Sub", blocked, one))
        spent = nodes.add("Where", nodes.add("Less", score, falls), zero, spent)
        found = nodes.add("GreaterOrEqual", score, passes)
        free = nodes.add("Less", nodes.add("Add", blocked, spent), half)
        found = nodes.add("And", found, free)
        if exclusive:
            best = nodes.add("ArgMax", score, axis=0, keepdims=1)
            is_best = nodes.add("Equal", nodes.constant(np.arange(count), np.int64), best)
            found = nodes.add("And", found, is_best)
        blocked = nodes.add("Where", found, nodes.constant(refractory), blocked)
        spent = nodes.add("Where", found, one, spent)
        detected.append(nodes.reshape(nodes.add("Cast", found, to=2), (1, count)))  # UINT8
    state.put(blocked_before, blocked)
    state.put(spent_before, spent)
    nodes.add("Concat", *detected, axis=0, output=DETECTED)
