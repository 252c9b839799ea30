"""A small student of wake words on microWakeWord's front end, with weights that are made up."""

from collections.abc import Callable

import numpy as np
import pytest

from kws.metadata import WAKE_WORDS, DetectorDefaults
from kws.micro_frontend import CEILING, MicroConfig
from kws.modelfile import ModelFile

#: The phrases that the student knows.
LABELS = ("hey you", "stop that")


@pytest.fixture(scope="session")
def micro_student(randomize: Callable[..., None]) -> ModelFile:
    """Two wake words, whose scores are all over the range from 0 to 1."""
    from kws_deploy.students.micro import STRIDE, MicroNetwork, MicroShape
    from kws_training.fitting.loop import set_seed
    from kws_training.networks.streaming import step_model
    from kws_training.publishing import publish

    set_seed(3)
    network = MicroNetwork(len(LABELS), MicroShape(width=12, kernels=(3, 5), pool=3))
    step = step_model(network, STRIDE, (1, 40))
    rng = np.random.default_rng(3)
    randomize(step.model, rng)
    logits = next(one for one in step.model.layers if getattr(one, "use_bias", False))
    kernel, bias = logits.get_weights()
    logits.set_weights([kernel * 4, bias * 0])
    # what speech and quiet look like to this front end: bands that rise and fall
    shape = (6, step.receptive_field + 120, 40)
    frames = rng.uniform(0, 1, shape[:2])[..., None] * rng.uniform(0, 24, shape)
    frames[-1] = 0
    frames[-1, -STRIDE, 0] = CEILING
    return publish(
        step,
        "int8",
        frames.astype(np.float32),
        task=WAKE_WORDS,
        labels=LABELS,
        front_end=MicroConfig(),
        detector=DetectorDefaults(0.15, 1.0, 1.5, {LABELS[0]: 0.71234, LABELS[1]: 0.6}),
        provenance={"options": {"language": "en"}},
    )
