"""Students have the size that their name says, and run as streams, in int8 too."""

import numpy as np
import pytest

from kws.errors import KwsError
from kws.frontend import WORDS
from kws.metadata import DetectorDefaults, Metadata
from kws.modelfile import ModelFile
from kws.network import StreamingNetwork
from kws_deploy.students.broadcast import BroadcastShape
from kws_deploy.students.catalog import STUDENTS, Student, find_student
from kws_deploy.students.mixed import MixedShape
from kws_training.networks.convert import convert
from kws_training.networks.streaming import step_model, whole_model
from kws_training.networks.word_base import BaseShape

LABELS = ("_silence_", "_unknown_", "yes", "no")
SMALL = (
    Student("temporal", BaseShape(width=16, features=24, coarse=(5, 7))),
    Student("mixed", MixedShape(width=12, features=20, kernels=((5,), (3, 7), (3, 5, 9)))),
    Student("bc-resnet", BroadcastShape(width=8, blocks=(1, 2, 1, 1))),
)


@pytest.mark.parametrize("student", SMALL, ids=lambda one: one.name)
def test_the_stream_is_the_whole_window(student, randomize, stream):
    rng = np.random.default_rng(0)
    network = student.network(12)
    step = step_model(network, student.stride, (1, WORDS.bands))
    assert step.stride == student.stride
    length = step.receptive_field + 5 * student.stride
    whole = whole_model(network, length, (1, WORDS.bands))
    randomize(whole, rng)
    lead = -length % student.stride
    frames = rng.uniform(WORDS.floor, WORDS.ceiling, (length + lead, 40)).astype(np.float32)
    expected = np.asarray(whole(frames[None, lead:, None], training=False))[0]
    assert expected.shape == (6, 12)
    assert np.ptp(expected) > 1e-3
    assert np.abs(stream(step, frames)[-6:] - expected).max() < 1e-4 * max(1, np.ptp(expected))


@pytest.mark.parametrize("student", SMALL, ids=lambda one: one.name)
def test_int8_is_near_float(student):
    import keras

    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    step = step_model(student.network(len(LABELS)), student.stride, (1, WORDS.bands))
    frames = rng.uniform(WORDS.floor, WORDS.ceiling, (2, 40 * student.stride, 40))
    frames = np.cumsum(frames - frames.mean(), axis=1).clip(WORDS.floor, WORDS.ceiling)
    frames = frames.astype(np.float32)
    defaults = DetectorDefaults(0.24, 1.0, 1.0, {"yes": 0.5, "no": 0.5})
    found = []
    for precision in ("float32", "int8"):
        converted = convert(step, precision, frames)
        metadata = Metadata("commands", LABELS, WORDS, converted.streaming, defaults)
        network = StreamingNetwork(ModelFile("converted", converted.network, metadata))
        pieces = frames[0].reshape(-1, student.stride, WORDS.bands)
        found.append(np.concatenate([network.step(piece).copy() for piece in pieces]))
    # untrained, so that its logits hardly differ: the hardest case
    assert np.corrcoef(found[0].ravel(), found[1].ravel())[0, 1] > 0.9


@pytest.mark.parametrize("name", STUDENTS)
def test_weights_are_about_what_the_name_says(name):
    step = step_model(find_student(name).network(12), 8, (1, WORDS.bands))
    weights = sum(int(np.prod(weight.shape)) for weight in step.model.trainable_variables)
    most = 1000 * int(name.rpartition("-")[2][:-1])
    assert 0.75 * most < weights < most
    assert step.receptive_field < 180


def test_a_width_is_a_temporal_student():
    assert find_student("24").shape == BaseShape(width=24, features=24)


@pytest.mark.parametrize("name", ["", "temporal", "7", "513", "1e9", "temporal-20k"])
def test_unknown_students(name):
    with pytest.raises(KwsError, match="--student"):
        find_student(name)
