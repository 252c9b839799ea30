"""Several models in one group: each finds what it finds alone, to the last bit."""

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kws import Detection, KeywordSpotter, ModelError, ModelFile, SpotterGroup
from kws.enrolment.enroll import base_model, enroll
from kws.frontend import LogMel
from kws.metadata import DetectorDefaults, SegmenterDefaults
from kws.modelfile import pack, parse_model, write_model
from kws.network import StreamingNetwork
from kws.packaged import packaged_model
from kws.resample import resample
from kws.warping import WarpingMatcher

from .conftest import RATE, Demo
from .enrolment.test_enroll import takes_of


@pytest.fixture(scope="module")
def enrolled(demo: Demo) -> list[ModelFile]:
    """Files of one phrase and of two, of one word base and with receptive fields of their own."""
    base, words = base_model(), demo.words
    made = []
    for some in ([words[0]], [words[1], words[2]], [words[8]]):
        model = enroll(base, {word.keyword: takes_of(demo, word) for word in some}).model
        made.append(replace(model, path=f"{some[0].keyword}.tflite"))
    assert len({model.metadata.streaming.receptive_field for model in made}) > 1
    return made


def wake_words(name: str, smoothing: float, refractory: float) -> ModelFile:
    """The word base, each of its words taken for a wake word."""
    model = packaged_model("words")
    labels = tuple(label.strip("_") for label in model.metadata.labels)
    defaults = DetectorDefaults(smoothing, refractory, 1.2, dict.fromkeys(labels, 0.5))
    metadata = replace(
        model.metadata, task="wake-words", labels=labels, detector=defaults, operating_points=()
    )
    return parse_model(pack(model.network, metadata), name)


def sounds(name: str) -> ModelFile:
    """The word base, each of its words taken for a sound."""
    model = packaged_model("words")
    defaults = SegmenterDefaults(0.16, 0.5, 0.0, 0.2, dict.fromkeys(model.metadata.keywords, 0.5))
    metadata = replace(model.metadata, task="sounds", detector=defaults, operating_points=())
    return parse_model(pack(model.network, metadata), name)


@pytest.fixture(scope="module")
def mixed(enrolled: list[ModelFile]) -> list[ModelFile]:
    """Models of all tasks: some decided alike, one by an average that is too long to be shared."""
    return [
        packaged_model("commands"),
        *enrolled,
        sounds("sounds.tflite"),
        wake_words("a.tflite", 0.16, 1.0),
        wake_words("b.tflite", 0.16, 1.0),
        wake_words("slow.tflite", 0.8, 1.0),
        packaged_model("commands-small"),
    ]


Run = Callable[[KeywordSpotter | SpotterGroup], list[Detection]]


def in_chunks(samples: np.ndarray, sizes: list[int]) -> Run:
    def run(spotter: KeywordSpotter | SpotterGroup) -> list[Detection]:
        found, at, turn = [], 0, 0
        while at < len(samples):
            size = sizes[turn % len(sizes)]
            found += spotter.process(samples[at : at + size])
            at, turn = at + size, turn + 1
        return found + spotter.flush()

    return run


def check_as_alone(models: list[ModelFile], group: SpotterGroup, run: Run, **options: int) -> None:
    found = run(group)
    names = [model.path for model in models]
    for model in models:
        own = [replace(one, model="") for one in found if one.model == model.path]
        assert own == run(KeywordSpotter(model, **options))
    assert {one.model for one in found} <= set(names)
    assert len(found) >= len(models)


def test_each_model_finds_what_it_finds_alone(mixed: list[ModelFile], demo: Demo):
    group = SpotterGroup(mixed)
    group.process(demo.samples[:RATE])
    group.reset()
    check_as_alone(mixed, group, in_chunks(demo.samples[: 6 * RATE], [1777, 3, 4001]))


def test_at_another_rate(mixed: list[ModelFile], demo: Demo):
    rate = 44100
    samples = resample(demo.samples[: 4 * RATE], RATE, rate)
    models = [*mixed[:2], *mixed[4:6]]
    group = SpotterGroup(models, sample_rate=rate)
    assert group.sample_rate == rate
    check_as_alone(models, group, in_chunks(samples, [1000, 4410]), sample_rate=rate)


@settings(max_examples=3, deadline=None)
@given(sizes=st.lists(st.integers(1, 20000), min_size=1, max_size=5))
def test_the_sizes_of_chunks_change_nothing(
    enrolled: list[ModelFile], demo: Demo, sizes: list[int]
):
    samples = demo.samples[: 3 * RATE]
    if min(sizes) < 100:
        sizes = [*sizes, 5000]  # a stream of single samples takes long
    models = [packaged_model("commands"), enrolled[0]]
    found = in_chunks(samples, sizes)(SpotterGroup(models))
    assert found == in_chunks(samples, [len(samples)])(SpotterGroup(models))
    assert found


def test_what_is_the_same_is_computed_once(
    mixed: list[ModelFile], enrolled: list[ModelFile], monkeypatch: pytest.MonkeyPatch
):
    opened: list[object] = []
    for kind in (StreamingNetwork, LogMel):
        begin = kind.__init__

        def count(self: object, *args: object, _begin=begin, **kw: object) -> None:
            opened.append(type(self))
            _begin(self, *args, **kw)

        monkeypatch.setattr(kind, "__init__", count)
    SpotterGroup(enrolled)
    assert opened.count(StreamingNetwork) == opened.count(LogMel) == 1
    opened.clear()
    SpotterGroup(mixed)
    # both commands; the word base for what was enrolled, once for sounds and wake words together
    assert opened.count(StreamingNetwork) == 4
    front_ends = {model.metadata.front_end for model in mixed}
    assert opened.count(LogMel) == len(front_ends)


def test_thresholds_and_keywords_of_each_model(mixed: list[ModelFile], demo: Demo):
    names = [model.path for model in mixed]
    keywords = {names[0]: ["yes", "go"], names[2]: ["up"], names[5]: ["stop", "yes"]}
    thresholds = {names[0]: {"yes": 1.0}, names[5]: {"stop": 0.9}}
    group = SpotterGroup(mixed, keywords=keywords, thresholds=thresholds)
    run = in_chunks(demo.samples[: 4 * RATE], [1280])
    found = run(group)
    for model in mixed:
        if model.path not in keywords:
            continue
        own = KeywordSpotter(
            model, keywords=keywords.get(model.path), thresholds=thresholds.get(model.path)
        )
        assert [replace(d, model="") for d in found if d.model == model.path] == run(own)
    assert group.metadata[names[0]].keywords == ("go", "yes")
    assert "yes" in group.keywords
    assert len(set(group.keywords)) == len(group.keywords)


def test_detections_are_in_the_order_of_their_decision(mixed: list[ModelFile], demo: Demo):
    samples = demo.samples[: 4 * RATE]
    at_once = SpotterGroup(mixed).process(samples)
    group = SpotterGroup(mixed)
    parts = np.array_split(samples, 100)
    assert [one for part in parts for one in group.process(part)] == at_once


def test_networks_in_another_state_after_silence_are_not_shared(
    enrolled: list[ModelFile], demo: Demo
):
    """A file that says too short a receptive field finds what it finds alone."""
    first = enrolled[0]
    short = replace(first.metadata.streaming, receptive_field=8)
    hostile = replace(first, path="short.tflite", metadata=replace(first.metadata, streaming=short))
    models = [enrolled[1], hostile]
    check_as_alone(models, SpotterGroup(models), in_chunks(demo.samples[: 4 * RATE], [1280]))


def test_a_list_of_paths_is_a_group(enrolled: list[ModelFile], demo: Demo, tmp_path: Path):
    paths = []
    for model in enrolled:
        paths.append(tmp_path / model.path)
        write_model(paths[-1], model.network, model.metadata)
    group = KeywordSpotter.load(paths, sample_rate=RATE)
    assert isinstance(group, SpotterGroup)
    assert list(group.metadata) == [str(path) for path in paths]
    assert len(group.ending) > RATE
    alone = KeywordSpotter.load([str(paths[0])])
    found = alone.process(demo.samples[: 4 * RATE])
    assert {one.model for one in found} == {str(paths[0])}


def test_refusals(enrolled: list[ModelFile]):
    with pytest.raises(ModelError, match="no model is given"):
        SpotterGroup([])
    with pytest.raises(ModelError, match="given twice"):
        SpotterGroup([enrolled[0], enrolled[0]])
    with pytest.raises(ModelError, match="at most 1000"):
        SpotterGroup([replace(enrolled[0], path=str(number)) for number in range(1001)])
    with pytest.raises(ModelError, match="no model of the group"):
        SpotterGroup(enrolled, thresholds={"other.tflite": {"yes": 0.5}})
    with pytest.raises(ModelError, match="no keyword"):
        SpotterGroup(enrolled, thresholds={enrolled[0].path: {"left": 0.5}})
    with pytest.raises(TypeError, match="cannot be copied"):
        copy.copy(SpotterGroup(enrolled))


def test_joined_matchers_give_the_logits_of_each(enrolled: list[ModelFile]):
    def matchers() -> list[WarpingMatcher]:
        return [WarpingMatcher(model, 160) for model in enrolled]

    rng = np.random.default_rng(0)
    alone, joined = matchers(), WarpingMatcher.joined(matchers())
    for _ in range(40):
        features = np.abs(rng.normal(size=(2, 160))).astype(np.float32)
        wanted = np.concatenate([matcher.push(features) for matcher in alone], axis=1)
        np.testing.assert_array_equal(joined.push(features), wanted)
    begun = [one.begun(1, 0) for one in alone]
    assert [joined.begun(1, number) for number in (0, 1, 3)] == begun
