"""The card of a model: what the Hub reads in it, and what hostile labels do not do to it."""

import pytest

from kws.hub.card import CardDetails, hub_card
from kws.hub.client import HubError
from kws.metadata import OperatingPoint
from kws.modelfile import ModelFile
from kws.packaged import packaged_content, packaged_model

pytestmark = pytest.mark.reach

DETAILS = CardDetails("apache-2.0", ["en"], ["google/speech_commands"])
HOSTILE = "<script>alert('`|\"')</script>"


@pytest.fixture
def hub():
    return pytest.importorskip("huggingface_hub", reason="needs the extra hub")


def card_of(hub, model: ModelFile, text: str | None = None) -> str:
    return hub_card(hub, model, packaged_content(), "anna/lights", DETAILS, text)


def relabelled(labels: dict[str, str]) -> ModelFile:
    """The model of the package with other names for some labels."""
    from dataclasses import replace

    model = packaged_model()
    old = model.metadata
    thresholds = {labels.get(k, k): t for k, t in old.detector.thresholds.items()}
    metadata = replace(
        old,
        labels=tuple(labels.get(label, label) for label in old.labels),
        detector=replace(old.detector, thresholds=thresholds),
        operating_points=tuple(
            replace(point, keyword=labels.get(point.keyword, point.keyword))
            for point in old.operating_points
        ),
    )
    return replace(model, metadata=metadata)


def test_the_hub_reads_every_operating_point(hub) -> None:
    card = hub.ModelCard(card_of(hub, packaged_model()))
    data = card.data
    assert (data.library_name, data.pipeline_tag) == ("kws", "audio-classification")
    assert {"keyword-spotting", "wake-word"} <= set(data.tags)
    assert (data.license, data.language, data.datasets) == (
        "apache-2.0",
        ["en"],
        ["google/speech_commands"],
    )
    points = packaged_model().metadata.operating_points
    found = {
        (one.dataset_config, one.metric_type): (one.metric_value, one.metric_args)
        for one in data.eval_results
    }
    assert len(found) == 2 * len(points) == len(data.eval_results)
    for point in points:
        value, more = found[point.keyword, "miss_rate"]
        assert value == point.miss_rate
        assert more["interval_95"] == [*point.miss_rate_interval]
        value, more = found[point.keyword, "false_accepts_per_hour"]
        assert value == point.false_accepts_per_hour
        assert more["interval_95"] == [*point.false_accepts_per_hour_interval]
        assert (more["threshold"], more["hours"]) == (point.threshold, point.hours)


def test_labels_that_are_markup_stay_text(hub) -> None:
    text = card_of(hub, relabelled({"yes": HOSTILE, "no": "---", "up": "{x: *y}", "go": "$name"}))
    assert "<script" not in text
    assert "`$name`" in text
    configs = {one.dataset_config for one in hub.ModelCard(text).data.eval_results}
    assert {"---", "{x: *y}", "$name"} <= configs


def test_a_point_without_recordings_has_no_miss_rate(hub) -> None:
    from dataclasses import replace

    model = packaged_model()
    point = OperatingPoint.measured("stop", 0.85, 1, 2.0)
    model = replace(model, metadata=replace(model.metadata, operating_points=(point,)))
    text = card_of(hub, model)
    assert [one.metric_type for one in hub.ModelCard(text).data.eval_results] == [
        "false_accepts_per_hour"
    ]
    assert "| not measured |" in text
    assert "How often it fires by itself was not measured: `down`" in text


def test_a_model_of_which_nothing_was_measured(hub) -> None:
    text = card_of(hub, packaged_model("words"))
    assert "Nothing was measured of them." in text
    assert hub.ModelCard(text).data.eval_results is None


def test_a_card_of_ones_own_is_kept(hub) -> None:
    own = "---\nlicense: mit\nbase_model: a/b\n---\n# Mine\n"
    card = hub.ModelCard(card_of(hub, packaged_model(), own))
    assert (card.data.license, card.data.base_model) == ("mit", "a/b")
    assert card.data.library_name == "kws"
    assert len(card.data.eval_results) == 20
    assert card.text.strip() == "# Mine"
    assert "# Mine" in card_of(hub, packaged_model(), "# Mine")
    with pytest.raises(HubError, match="metadata cannot be read: mend it"):
        card_of(hub, packaged_model(), "---\na: [\n---\n# Mine\n")
    odd = "---\nmodel-index:\n- name: x\n  results:\n  - metrics: [{value: 1}]\n---\n# Mine\n"
    with pytest.raises(HubError, match="metadata cannot be read: mend it"):
        card_of(hub, packaged_model(), odd)
