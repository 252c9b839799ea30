"""A head on a base that stayed as it is: alone in its file, or beside others on one base."""

import hashlib
import io
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from kws import KeywordSpotter, ModelFile, SpotterGroup
from kws.errors import ModelError
from kws.frontend import WORDS
from kws.metadata import WAKE_WORDS, DetectorDefaults
from kws.modelfile import pack, parse_model
from kws.network import StreamingNetwork
from kws_training.networks.convert import ConversionError
from kws_training.networks.join import with_input_scale
from kws_training.networks.streaming import step_model
from kws_training.networks.word_base import Base, read_base
from kws_training.publishing import publish_converted
from kws_training.wake_words.behind_base import check_base, convert_behind_base
from kws_training.wake_words.defaults import STRIDE
from kws_training.wake_words.network import WakeNetwork, WakeShape

RATE = 16000


def made(base: Base, name: str, labels: tuple[str, ...], seed: int, streams) -> ModelFile:
    """A model with a random head on a base."""
    import keras

    keras.utils.set_random_seed(seed)
    network = WakeNetwork(base.network(), len(labels), WakeShape(width=8, fine=(3,), coarse=(3,)))
    step = step_model(network, STRIDE, (1, WORDS.bands))
    converted, head = convert_behind_base(network, base, step, streams)
    return publish_converted(
        converted,
        head=head,
        task=WAKE_WORDS,
        labels=labels,
        front_end=WORDS,
        detector=DetectorDefaults(0.16, 0.3, 1.0, dict.fromkeys(labels, 0.05)),
        provenance={},
        name=name,
    )


@pytest.fixture(scope="module")
def base() -> Base:
    return read_base()


@pytest.fixture(scope="module")
def models(base) -> list[ModelFile]:
    rng = np.random.default_rng(0)
    streams = rng.uniform(WORDS.floor, WORDS.ceiling, (2, 240, WORDS.bands)).astype(np.float32)
    labels = (("rise",), ("fall", "shake"))
    return [made(base, f"{n}.tflite", one, n, streams) for n, one in enumerate(labels)]


@pytest.fixture(scope="module")
def sound(make_word) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.concatenate([make_word(kind, rng) for kind in ("rise", "fall", "shake", "rise")])


def high_scores(model: ModelFile, sound: np.ndarray) -> dict[str, float]:
    scores = np.percentile(KeywordSpotter(model).posteriors(sound), 90, axis=0)
    return {label: float(score) for label, score in zip(model.metadata.labels, scores, strict=True)}


def test_models_on_one_base_find_what_each_finds_alone(models, sound, monkeypatch):
    opened = []
    begin = StreamingNetwork.__init__

    def count(self, model, *args, **options):
        opened.append(model.path)
        begin(self, model, *args, **options)

    monkeypatch.setattr(StreamingNetwork, "__init__", count)
    # a random head scores all alike: the tenth of the scores that is highest counts
    thresholds = {model.path: high_scores(model, sound) for model in models}
    opened.clear()
    group = SpotterGroup(models, thresholds=thresholds)
    assert opened == ["words.tflite"]
    for _ in range(2):
        found = [one for at in range(0, len(sound), 999) for one in group.process(sound[at:][:999])]
        found += group.flush()
        for model in models:
            alone = KeywordSpotter(model, thresholds=thresholds[model.path])
            own = alone.process(sound) + alone.flush()
            assert [replace(one, model="") for one in found if one.model == model.path] == own
            assert own
        group.reset()


def test_the_base_in_the_file_is_the_base(models, base):
    for model in models:
        head = model.metadata.head
        assert head.base_sha256 == hashlib.sha256(base.model.network).hexdigest()
        assert head.whole_sha256 == hashlib.sha256(model.network).hexdigest()
        assert len(model.network) < len(base.model.network) + len(head.network)


def test_a_head_on_a_base_that_is_not_here_runs_whole(models, sound):
    head = replace(models[0].metadata.head, base_sha256="0" * 64)
    other = replace(models[0], metadata=replace(models[0].metadata, head=head))
    found = SpotterGroup([other, models[1]]).process(sound)
    own = KeywordSpotter(models[0]).process(sound)
    assert [replace(one, model="") for one in found if one.model == other.path] == own


def test_a_head_that_does_not_fit_its_base_is_refused(models):
    head = replace(models[0].metadata.head, network=models[1].metadata.head.network)
    mixed_up = replace(models[0], metadata=replace(models[0].metadata, head=head))
    with pytest.raises(ModelError, match=r"head\.tflite: the network gives"):
        SpotterGroup([mixed_up, models[1]])


def test_the_head_stays_with_its_network_alone(models, base):
    first, second = models
    points = replace(first.metadata, provenance={"calibrated": True})
    assert parse_model(pack(first.network, points), "a").metadata.head == first.metadata.head
    assert parse_model(pack(second.network, points), "a").metadata.head is None


def test_network_and_contract_apart_are_packed_again(models, tmp_path):
    from kws_deploy.pack import join

    content = pack(models[0].network, models[0].metadata)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        archive.extractall(tmp_path)
    found = join(models[0].network, tmp_path / "kws.json")
    assert pack(found.network, found.metadata) == content


def test_scales_that_differ_are_refused(models):
    head = models[0].metadata.head
    with pytest.raises(ModelError, match="but the word base gives them"):
        with_input_scale(head.network, head.streaming, 0.5, -128)


def test_a_base_in_float_is_refused(base):
    with pytest.raises(ConversionError, match="is in float32"):
        check_base(replace(base, ceiling=None))
