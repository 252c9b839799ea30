"""Columns of features: made once, found again by content, gone on with after a stop."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from kws.frontend import WORDS, log_mel
from kws.metadata import SILENCE, UNKNOWN
from kws_training.augmentation.augment import Augmentation
from kws_training.augmentation.windows import WindowShape
from kws_training.commands import features
from kws_training.commands.data import running_speech
from kws_training.commands.features import WindowSource, compute, plan_copies
from kws_training.commands.fit import head_model
from kws_training.data.dataset import Clip
from kws_training.data.recordings import NEGATIVE, ClipSet
from kws_training.fitting import store
from kws_training.networks.extractors import Extractor, words_branch, yamnet_branch
from kws_training.networks.head import ConvolutionalHead, HeadShape
from kws_training.networks.streaming import Whole, step_model, whole_model
from kws_training.networks.word_base import read_base
from kws_training.networks.yamnet_file import read_yamnet

LABELS = (SILENCE, UNKNOWN, "fall", "rise")


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch):
    monkeypatch.setattr(features, "BATCH", 4)
    monkeypatch.setattr(store, "RECORD_EVERY", 2)


@pytest.fixture(scope="module")
def recordings(make_word):
    rng = np.random.default_rng(0)
    kinds = [kind for kind in ("rise", "fall", "shake") for _ in range(3)]
    labels = [UNKNOWN if kind == "shake" else kind for kind in kinds]
    clips = [
        Clip(f"{n}.wav", label, kind, f"speaker{n % 3}")
        for n, (kind, label) in enumerate(zip(kinds, labels, strict=True))
    ]
    return clips, [(make_word(kind, rng) * 32767).astype(np.int16) for kind in kinds]


@pytest.fixture(scope="module")
def words(tiny_base):
    return Extractor([words_branch(read_base(tiny_base))])


@pytest.fixture(scope="module")
def noise():
    return [np.random.default_rng(1).normal(0, 0.05, 20000).astype(np.float32)]


@pytest.fixture
def source(recordings, noise, words):
    shape = WindowShape(100, 8, 2)
    return WindowSource(*recordings, LABELS, shape, noise, [], words.front_end, 3)


class Counting:
    """A progress that counts what is done, and stops the work if told to."""

    def __init__(self, stop: int | None = None) -> None:
        self.done, self.stop = 0, stop

    def __call__(self, numbers, total, what):
        for number in numbers:
            if self.done == self.stop:
                raise KeyboardInterrupt
            yield number
            self.done += 1


def made(source, words, cache, progress=None, copies=2, augmentation=None):
    return compute(
        source, words, copies, augmentation or Augmentation(), cache, progress or Counting()
    )


def content(cache):
    (folder,) = cache.iterdir()
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_windows_of_every_clip(source, words, tmp_path):
    examples = made(source, words, tmp_path)
    assert len(examples) == 18 + 1  # two copies of nine clips, and silence
    assert sorted(examples.clips.tolist()) == sorted([*range(9), *range(9), -1])
    assert examples.targets.shape == (19, 2)
    assert (examples.targets[-1] == 0).all()
    (features,) = examples.features
    assert isinstance(features, np.memmap)
    assert features.dtype == np.uint8
    assert features.shape[0] == 19
    assert 50 < features.max() <= 255
    for row, clip in enumerate(examples.clips):
        wanted = {LABELS.index(source.clips[clip].label)} if clip >= 0 else {0}
        assert set(examples.targets[row].tolist()) <= wanted | {-1, 0, 1}
    some = examples.where(examples.clips == 4)
    assert len(some) == 2
    (all_rows,) = examples.rows(np.flatnonzero(examples.clips == 4))
    assert (some.rows(slice(0, 2))[0] == all_rows).all()


def test_windows_of_running_speech_are_full_of_it(words, noise):
    """Two seconds of a recording are more than a window: every result is an unknown word."""
    rng = np.random.default_rng(0)
    seconds = [rng.normal(0, 3000, 16_000).astype(np.int16) for _ in range(3)]
    clips = [Clip(name, UNKNOWN, NEGATIVE, name) for name in ("a.wav", "a.wav", "b.wav")]
    part = running_speech(ClipSet(clips, seconds, []))
    assert [len(one) for one in part.audio] == [32_000, 16_000, 16_000]
    np.testing.assert_array_equal(part.audio[0], np.concatenate(seconds[:2]))
    shape = WindowShape(100, 8, 2)
    source = WindowSource(part.clips, part.audio, LABELS, shape, noise, [], words.front_end, 3)
    drawn = [source.window(0, copy, None) for copy in range(8)]
    for window, targets in drawn:
        assert targets.tolist() == [1, 1]
        assert (np.abs(window.reshape(-1, 800)).max(axis=1) > 0.05).all()
    assert len({window.tobytes() for window, _ in drawn}) == 8


def test_features_are_the_extractors_to_half_a_step(source, words, tmp_path):
    examples = made(source, words, tmp_path, copies=1)
    for number in range(9):
        window, targets = source.window(number, 0, None)
        frames = log_mel(window, words.front_end)[None, :, None]
        expected = np.asarray(words.output_frames(0, frames, Whole()))[0]
        found = examples.rows(np.array([number]))[0][0]
        scale = examples.scales[0]
        inside = expected < 255 * scale
        assert inside.mean() > 0.95
        assert np.abs(found - expected)[inside].max() <= 0.51 * scale
        assert (examples.targets[number] == targets).all()


def test_a_second_time_they_are_only_read(source, words, tmp_path):
    first, second = Counting(), Counting()
    examples = made(source, words, tmp_path, first)
    assert first.done == 5
    kept = content(tmp_path)
    (folder,) = tmp_path.iterdir()
    times = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    again = made(source, words, tmp_path, second)
    assert second.done == 0
    assert content(tmp_path) == kept
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == times
    assert (again.features[0] == examples.features[0]).all()
    assert again.scales == examples.scales
    assert (again.targets == examples.targets).all()
    assert (again.clips == examples.clips).all()


@pytest.mark.parametrize("stop", [0, 1, 2, 3, 4])
def test_an_interrupted_run_goes_on_and_ends_the_same(source, words, tmp_path, stop):
    made(source, words, tmp_path / "at once")
    with pytest.raises(KeyboardInterrupt):
        made(source, words, tmp_path / "stopped", Counting(stop))
    rest = Counting()
    made(source, words, tmp_path / "stopped", rest)
    assert rest.done == 5 - stop // 2 * 2  # a note after every second batch
    assert content(tmp_path / "stopped") == content(tmp_path / "at once")


def test_damaged_ones_are_made_again(source, words, tmp_path):
    made(source, words, tmp_path)
    expected = content(tmp_path)
    (folder,) = tmp_path.iterdir()
    for name, size in (("state.json", 7), ("features_0.npy", 900)):
        (folder / name).write_bytes(expected[name][:size])
        progress = Counting()
        made(source, words, tmp_path, progress)
        assert progress.done == 5
        assert content(tmp_path) == expected


def test_every_input_gives_another_key(source, words, recordings, noise, made_yamnet):
    clips, audio = recordings

    def key(
        clips=clips,
        audio=audio,
        labels=LABELS,
        shape=source.shape,
        noise=noise,
        responses=(),
        seed=3,
        extractor=words,
        copies=2,
        augmentation=Augmentation(),  # noqa: B008
    ):
        one = WindowSource(clips, audio, labels, shape, noise, responses, WORDS, seed)
        return features._digest(one, extractor, copies, augmentation)

    changed = [one.copy() for one in audio]
    changed[4][9000] ^= 1
    keys = [
        key(),
        key(audio=changed),
        key(audio=[*audio[1:], audio[0]]),
        key(audio=[audio[0][:-1], *audio[1:]]),
        key(clips=[replace(clips[0], label="fall"), *clips[1:]]),
        key(clips=[replace(clips[0], word="other"), *clips[1:]]),
        key(labels=(SILENCE, UNKNOWN, "rise", "fall")),
        key(shape=WindowShape(104, 8, 2)),
        key(noise=[noise[0][:-1]]),
        key(noise=[]),
        key(noise=[], responses=noise),
        key(responses=[np.ones(5, np.float32)]),
        key(seed=4),
        key(copies=3),
        key(extractor=Extractor([yamnet_branch(read_yamnet(made_yamnet), 5)])),
        key(extractor=Extractor([yamnet_branch(read_yamnet(made_yamnet), 6)])),
        key(augmentation=replace(Augmentation(), speed=0.11)),
    ]
    assert len(set(keys)) == len(keys)
    assert key() == keys[0]
    # who speaks and where the file lies does not matter
    assert key(clips=[replace(clips[0], path="b.wav", speaker="b"), *clips[1:]]) == keys[0]


def test_rare_words_get_more_windows(recordings):
    clips = [Clip("", "a", "a", "")] * 90 + [Clip("", "b", "b", "")] * 10
    plan = plan_copies(clips, 4)
    of = [sum(number == clip for clip, _ in plan) for number in range(100)]
    assert len(set(of[:90])) == len(set(of[90:])) == 1
    assert 2 < of[95] / of[0] <= 4
    assert 300 < len(plan) < 500
    assert [copy for clip, copy in plan if clip == 95] == list(range(of[95]))


@pytest.mark.parametrize("choice", ["yamnet", "words", "both"])
def test_head_on_features_is_the_head_on_frames(
    recordings, noise, words, made_yamnet, randomize, tmp_path, choice
):
    """What was trained on cached features is what is converted, but for 8 bits per feature."""
    paths = list(words.branches) if choice != "yamnet" else []
    if choice != "words":
        paths.insert(0, yamnet_branch(read_yamnet(made_yamnet), 6))
    extractor = Extractor(paths)
    head = ConvolutionalHead(4, extractor, HeadShape(squeeze=8, width=8, pool=24, pool_words=16))

    def network(x, time):
        return head.on(extractor, x, time)

    step = step_model(network, 8, extractor.shape)
    shape = WindowShape(step.result_field, step.stride, 3)
    source = WindowSource(*recordings, LABELS, shape, noise, [], extractor.front_end, 3)
    examples = made(source, extractor, tmp_path, copies=1)
    on_features = head_model(head, examples)
    on_frames = whole_model(network, shape.frames, extractor.shape)
    randomize(on_features, np.random.default_rng(0))
    windows = [source.window(number, 0, None)[0] for number in range(9)]
    frames = np.stack([log_mel(window, extractor.front_end) for window in windows])
    expected = np.asarray(
        on_frames(frames.reshape(9, shape.frames, *extractor.shape), training=False)
    )
    found = np.asarray(on_features(examples.rows(slice(0, 9)), training=False))
    assert found.shape == expected.shape == (9, 3, 4)
    assert np.ptp(expected) > 0.1
    # a column is off by half a step of 1/255 of its range; sums of many even out
    assert np.abs(found - expected).max() < 0.03 * np.ptp(expected)
    shutil.rmtree(tmp_path)
