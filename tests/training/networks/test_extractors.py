"""Heads on tapped YAMNet, on the word base, on both: what is trained is what runs as a stream."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from kws.frontend import DC_FRAMES, WORDS, YAMNET, JoinedConfig
from kws_training.commands.defaults import PARTS
from kws_training.networks.extractors import Extractor, speech_branch, words_branch, yamnet_branch
from kws_training.networks.head import ConvolutionalHead, HeadShape
from kws_training.networks.speech_file import read_speech_embedding
from kws_training.networks.streaming import Whole, look_back, step_model, whole_model
from kws_training.networks.word_base import read_base
from kws_training.networks.yamnet_file import read_yamnet

SHAPE = HeadShape(squeeze=8, width=8, pool=24, pool_words=16)
CASES = [
    ("yamnet", 1),
    ("yamnet", 6),
    ("yamnet", 14),
    ("words", 0),
    ("both", 3),
    ("both", 6),
    ("both", 12),
    ("speech", 0),
    ("speech-words", 0),
]


@pytest.fixture(scope="module")
def build(made_yamnet, tiny_base, made_speech_embedding):
    """Extractor, head and its streaming form of a choice and tap."""
    weights, base = read_yamnet(made_yamnet), read_base(tiny_base)
    embedding = read_speech_embedding(made_speech_embedding)

    def make(choice, tap):
        branches = {
            "yamnet": lambda: yamnet_branch(weights, tap),
            "speech": lambda: speech_branch(embedding),
            "words": lambda: words_branch(base),
        }
        paths = [branches[part]() for part in PARTS[choice]]
        extractor = Extractor(paths)
        head = ConvolutionalHead(5, extractor, SHAPE)

        def network(x, time):
            return head.on(extractor, x, time)

        return extractor, head, network, step_model(network, max(8, head.stride), extractor.shape)

    return make


def frames_of(extractor, count, rng):
    return rng.uniform(-6, 2, (count, *extractor.shape)).astype(np.float32)


@pytest.mark.parametrize(("choice", "tap"), CASES)
def test_stream_equals_whole_window(build, stream, randomize, choice, tap):
    rng = np.random.default_rng(tap)
    extractor, _, network, step = build(choice, tap)
    length = step.result_field + 4 * step.frames
    whole = whole_model(network, length, extractor.shape)
    randomize(whole, rng)
    frames = frames_of(extractor, length + -length % step.frames + step.frames, rng)
    expected = np.asarray(whole(frames[None, -length:], training=False))[0]
    found = stream(step, frames)[-len(expected) :]
    assert len(expected) == 4 * step.frames // step.stride + 1
    assert np.ptp(expected, axis=0).max() > 0.01  # it says something
    assert np.abs(found - expected).max() < 1e-4 * max(1, np.abs(expected).max())


@pytest.mark.parametrize(
    ("choice", "tap"), [("yamnet", 6), ("words", 0), ("both", 6), ("speech-words", 0)]
)
def test_receptive_field_is_what_a_step_depends_on(build, stream, randomize, choice, tap):
    import keras

    keras.utils.set_random_seed(1)  # not the weights that other tests leave to it
    rng = np.random.default_rng(1)
    extractor, _, network, step = build(choice, tap)
    randomize(whole_model(network, step.receptive_field, extractor.shape), rng)
    count = (step.receptive_field // step.frames + 2) * step.frames
    frames = frames_of(extractor, count, rng)
    results = step.frames // step.stride
    before = stream(step, frames)[-results:]
    older = frames.copy()
    older[: count - step.receptive_field] = 5.0
    assert (stream(step, older)[-results:] == before).all()

    def differs(frame: np.ndarray) -> bool:
        oldest = frames.copy()
        oldest[count - step.receptive_field] = frame
        return bool((stream(step, oldest)[-results:] != before).any())

    # the oldest frame goes through the first tap of every layer: what comes of it may lie below
    # the resolution of float32, or behind a ReLU or a maximum, so louder ones of other signs follow
    louder = (rng.normal(0, level, extractor.shape) for level in (5, 500, 5e4, 5e6) for _ in "123")
    assert any(differs(frame) for frame in louder)


def test_parts_of_the_joined_frames_go_to_their_paths(build):
    extractor, *_ = build("both", 6)
    assert extractor.front_end == JoinedConfig((replace(YAMNET, dc_frames=DC_FRAMES), WORDS))
    assert extractor.shape == (1, 104)
    frames = frames_of(extractor, 120, np.random.default_rng(0))
    for number, (choice, part) in enumerate((("yamnet", slice(0, 64)), ("words", slice(64, 104)))):
        single, *_ = build(choice, 6)
        alone = frames[None, :, :, part].reshape(1, 120, *single.shape)
        # the joined one leaves out what does not fill the longest stride
        together = np.asarray(extractor.output_frames(number, frames[None], Whole()))
        expected = np.asarray(
            single.branches[0].network(alone[:, (120 - extractor.contexts[number]) % 8 :], Whole())
        )
        assert together.shape == expected.shape
        assert (together == expected).all()


def test_what_an_extractor_is(build):
    found = [
        build(choice, tap)[0]
        for choice, tap in (("yamnet", 5), ("yamnet", 6), ("words", 0), ("both", 6))
    ]
    assert len({one.digest for one in found}) == 4
    assert "YAMNet, tap 6 and word base" in found[-1].name
    yamnet, words = found[-1].branches
    assert (yamnet.stride, words.stride) == (8, 4)
    assert yamnet.ceiling == 6.0 or yamnet.ceiling is None
    assert (yamnet.hears_words, words.hears_words) == (False, True)


def test_look_back_is_the_step_models(build):
    extractor, *_ = build("both", 6)
    for path in extractor.branches:
        steps = [step_model(path.network, n * path.stride, path.shape) for n in (1, 2)]
        contexts = [step.receptive_field - step.frames for step in steps]
        assert contexts == [look_back(path.network, path.stride, path.shape)] * 2


def test_joined_results_end_together(build):
    """A sound at the very end of a window reaches the last result through both paths."""
    _, _, network, step = build("both", 6)
    extractor = build("both", 6)[0]
    rng = np.random.default_rng(2)
    lengths = [step.result_field + n * step.stride for n in range(3)]
    counts = []
    for length in lengths:
        whole = whole_model(network, length, extractor.shape)
        frames = frames_of(extractor, length, rng)
        quiet = np.asarray(whole(frames[None], training=False))[0]
        for part in (slice(0, 64), slice(64, 104)):
            changed = frames.copy()
            changed[-1, :, part] += 3.0
            loud = np.asarray(whole(changed[None], training=False))[0]
            assert (loud[-1] != quiet[-1]).any()
            assert (loud[:-1] == quiet[:-1]).all()
        counts.append(len(quiet))
    assert all(b == a + 1 for a, b in pairwise(counts))


def test_head_counts_no_path_twice(build):
    for choice in ("yamnet", "words"):
        _, head, _, step = build(choice, 6)
        assert head.stride == {"yamnet": 8, "words": 4}[choice]
        assert step.stride == head.stride
