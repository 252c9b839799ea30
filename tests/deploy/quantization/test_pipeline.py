"""From a model file to its variants: the table, mending, operating points, provenance."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws.audio import load_audio
from kws.errors import KwsError
from kws.modelfile import ModelFile, pack, parse_model
from kws_deploy.quantization import pipeline, representative, table
from kws_deploy.quantization.dequantize import QuantizationError
from kws_deploy.quantization.pipeline import QuantizeOptions, open_source, quantize_model
from kws_deploy.quantization.representative import Representative, read_representative
from kws_deploy.quantization.table import lines
from kws_training.data.clips import read_clips
from kws_training.data.dataset import find_clips

from .conftest import DEMO
from .test_representative import quiet

#: Words of the demo recording that make the labelled clips: label, beginning, end in seconds.
WORDS_SAID = (("yes", 0.8, 1.8), ("no", 2.2, 3.2), ("up", 4.9, 5.9), ("stop", 15.6, 16.6))


@pytest.fixture(scope="module", autouse=True)
def _few_steps() -> Iterator[None]:
    """Time per step is not what these tests are about."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table, "STEPS", 5)
        yield


@pytest.fixture(scope="module")
def recordings(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("recordings")
    samples = load_audio(DEMO, 16000)
    for label, start, end in WORDS_SAID:
        (folder / label).mkdir()
        piece = samples[int(start * 16000) : int(end * 16000)]
        for number in range(2):
            soundfile.write(folder / label / f"s{number}_nohash_0.wav", piece, 16000)
    return folder


@pytest.fixture(scope="module")
def calibration(recordings: Path, model: ModelFile) -> Representative:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(representative, "EXTREME", 0.3)
        patch.setattr(representative, "LOUD", 1)
        return read_representative([recordings], model.metadata.front_end, None, 0, quiet)


@pytest.fixture(scope="module")
def labelled(recordings: Path, model: ModelFile):
    clips, audio, _ = read_clips(find_clips([recordings], model.metadata.keywords, None), quiet)
    return clips, audio


def options(**changes) -> QuantizeOptions:
    plain = QuantizeOptions(
        to=None,
        input_type=None,
        output_type=None,
        mend="none",
        layers=False,
        seed=0,
        recipe="none",
    )
    return dataclasses.replace(plain, **changes)


@pytest.fixture(scope="module")
def result(model, calibration, labelled) -> pipeline.Quantized:
    source = open_source(model)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "MOST_LOST", 0.5)  # of eight clips, one may be lost by chance
        patch.setattr(pipeline, "LAYER_SECONDS", 2.0)
        return quantize_model(
            source, calibration, *labelled, options(to="int8", layers=True, mend="auto"), quiet
        )


def test_the_table(result) -> None:
    names = [variant.name for variant in result.variants]
    assert names == ["float32", "as given", "float16", "dynamic", "int16x8", "int8"]
    by_name = {variant.name: variant for variant in result.variants}
    assert by_name["float32"].agreement == 1
    assert by_name["float32"].worst == 0
    assert all(0.9 < variant.agreement <= 1 for variant in result.variants)
    assert by_name["float16"].worst < by_name["int8"].worst < 0.5
    assert all(variant.report.clips == 8 for variant in result.variants)
    assert all(variant.step.median > 0 for variant in result.variants)
    text = lines(result.variants, {"odd": "the network cannot have it"})
    assert len({row.index("kB") for row in text if "size" in row}) == 1
    assert text[-1].startswith("odd")
    assert len(text) == 1 + len(names) + 1


def test_what_is_written_says_where_it_comes_from(result, model) -> None:
    facts = result.wanted.metadata.provenance["quantization"]
    assert facts["precision"] == "int8"
    assert facts["input_type"] == "int8"
    assert facts["dequantized_first"] is True
    assert facts["calibration"]["recordings"] == 8
    assert set(model.metadata.provenance) < set(result.wanted.metadata.provenance)
    assert result.wanted.metadata.labels == model.metadata.labels
    assert result.layers[0].snr <= result.layers[-1].snr


def test_operating_points_are_measured_again_at_the_same_thresholds(result, model) -> None:
    metadata = result.wanted.metadata
    assert metadata.detector == model.metadata.detector
    assert "measured again" in result.points
    assert {point.keyword for point in metadata.operating_points} == {"yes", "no", "up", "stop"}
    assert all(point.recordings == 2 for point in metadata.operating_points)
    thresholds = metadata.detector.thresholds
    assert all(point.threshold == thresholds[point.keyword] for point in metadata.operating_points)


def test_without_labels_operating_points_are_taken_out(model, calibration) -> None:
    source = open_source(model)
    made = quantize_model(source, calibration, [], [], options(to="float16"), quiet)
    assert made.wanted.metadata.operating_points == ()
    assert made.wanted.metadata.detector == model.metadata.detector
    assert "taken out" in made.points
    assert all(variant.report is None for variant in made.variants)


def test_one_short_recording_is_enough(model, calibration) -> None:
    short = dataclasses.replace(calibration, plain=calibration.plain[:30])
    made = quantize_model(
        open_source(model), short, [], [], options(mend="equalise", layers=True), quiet
    )
    assert len(made.attempts) == 2
    assert made.layers


def test_dequantized_float_says_so(model, calibration) -> None:
    made = quantize_model(open_source(model), calibration, [], [], options(to="float32"), quiet)
    facts = made.wanted.metadata.provenance["quantization"]
    assert facts["precision"] == "float32"
    assert facts["dequantized_first"] is True
    assert made.wanted.metadata.operating_points == ()


def test_float_to_float_keeps_operating_points(model, calibration, real) -> None:
    whole = parse_model(pack(real, model.metadata), "float")
    source = open_source(whole)
    assert not source.dequantized
    made = quantize_model(source, calibration, [], [], options(to="float32"), quiet)
    assert made.wanted.metadata == model.metadata
    assert [variant.name for variant in made.variants][:2] == ["float32", "float16"]


def test_mending_on_request(model, calibration) -> None:
    source = open_source(model)
    made = quantize_model(source, calibration, [], [], options(to="int8", mend="equalise"), quiet)
    plain, equalised = made.attempts
    assert plain.way == "plain"
    assert plain.accuracy is None
    assert equalised.details == {"equalised_pairs": 9}
    best = max(made.attempts, key=lambda one: one.snr)
    assert made.kept == best.way
    mended = made.wanted.metadata.provenance["quantization"].get("mended")
    assert (mended is not None) == bool(best.details)


def test_mending_by_itself_where_int8_loses(model, calibration, labelled, monkeypatch) -> None:
    """With a limit that int8 cannot hold, both ways are tried, one after the other."""
    monkeypatch.setattr(pipeline, "MOST_LOST", -1.0)
    monkeypatch.setattr(pipeline, "MOST_SEGMENTS", 1)
    monkeypatch.setattr(pipeline, "LAYER_SECONDS", 2.0)
    source = open_source(model)
    made = quantize_model(source, calibration, *labelled, options(mend="auto"), quiet)
    ways = [one.way for one in made.attempts]
    assert ways[:2] == ["plain", "equalised 9 pairs of layers"]
    assert len(ways) > 2
    assert all("16 bits" in way for way in ways[2:])
    assert made.variants[-1].name == "int8 mended" or made.kept == "plain"
    assert made.wanted is None


def test_no_mending_where_int8_holds(result) -> None:
    assert result.attempts == ()


def test_types_are_refused_before_the_work(model, calibration) -> None:
    source = open_source(model)
    with pytest.raises(QuantizationError, match="--input-type"):
        quantize_model(source, calibration, [], [], options(to="float16", input_type="int8"), quiet)


def test_a_damaged_network_is_named(model) -> None:
    broken = dataclasses.replace(model, path="my.tflite", network=model.network[:3000])
    with pytest.raises(KwsError, match=r"^my\.tflite: "):
        open_source(broken)


@pytest.mark.slow
def test_real_recordings(shared: Path, model, monkeypatch) -> None:
    """Int8 keeps what float hears in real speech."""
    monkeypatch.setattr(representative, "MOST_RECORDINGS", 30)
    folder = shared / "audio" / "speech_commands"
    found = find_clips([folder], model.metadata.keywords, None)
    rng = np.random.default_rng(0)
    chosen = [found[n] for n in rng.choice(len(found), 40, replace=False)]
    clips, audio, _ = read_clips(chosen, quiet)
    speech = read_representative([folder / "go"], model.metadata.front_end, None, 0, quiet)
    made = quantize_model(open_source(model), speech, clips, audio, options(), quiet)
    right = {one.name: one.report.accuracy for one in made.variants}
    assert right["float32"] > 0.85
    assert abs(right["int8"] - right["float32"]) <= 2 / 40
    for name in ("int16x8", "float16"):
        assert abs(right[name] - right["float32"]) < 2 / 40
