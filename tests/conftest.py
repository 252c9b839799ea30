"""Fixtures that several packages' tests share."""

import os
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of the recordings and weights: KWS_DATA, else ``shared`` beside the repository."""
    named = os.environ.get("KWS_DATA")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip(f"no recordings and weights in {folder}: set KWS_DATA to their folder")
    return folder


@pytest.fixture(scope="session")
def randomize():
    """Gives batch norms statistics that are not 0 and 1."""

    def change(model, rng: np.random.Generator) -> None:
        for variable in model.weights:
            if "moving_mean" in variable.path or "beta" in variable.path:
                variable.assign(rng.normal(0, 0.3, variable.shape))
            elif "moving_variance" in variable.path:
                variable.assign(rng.uniform(0.5, 2.0, variable.shape))

    return change


@pytest.fixture(scope="session")
def stream():
    """Runs a step model over frames from zero states; gives the results of all steps."""

    def run(step, frames: np.ndarray) -> np.ndarray:
        states = [np.zeros(state.shape, np.float32) for state in step.model.inputs[1:]]
        results = []
        for start in range(0, len(frames), step.frames):
            inputs = frames[None, start : start + step.frames].reshape(step.model.inputs[0].shape)
            result, *states = map(np.asarray, step.model([inputs, *states], training=False))
            results.append(result[0])
        return np.concatenate(results)

    return run
