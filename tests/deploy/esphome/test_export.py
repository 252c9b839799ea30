"""Wake words as ESPHome loads them: the network, its manifest, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kws.errors import KwsError, ModelError
from kws.micro_frontend import MicroConfig, MicroFrontEnd
from kws.modelfile import ModelFile, pack, parse_model, write_model
from kws.network import interpreter_class
from kws.packaged import packaged_model
from kws.spotter import KeywordSpotter
from kws_deploy.esphome.export import (
    SPARE,
    ExportedWakeWord,
    export_esphome,
    write_wake_words,
)
from kws_deploy.esphome.network import MOST_STATES, REGISTERED, esphome_network
from kws_training.networks.tflite import load_schema, operator_names
from tests.conftest import kws_here


def changed(model: ModelFile, **values: object) -> ModelFile:
    return parse_model(pack(model.network, replace(model.metadata, **values)), "here")


@pytest.fixture(scope="module")
def exported(micro_student: ModelFile) -> list[ExportedWakeWord]:
    return export_esphome(micro_student, "Ann")


def noise(seconds: float) -> np.ndarray:
    rng = np.random.default_rng(5)
    level = np.repeat(rng.uniform(0, 0.3, round(10 * seconds)), 1600)
    return (rng.standard_normal(len(level)) * level).astype(np.float32)


def scores_of(network: bytes, samples: np.ndarray) -> np.ndarray:
    """Scores of a network that keeps its states itself, one per step."""
    interpreter = interpreter_class()(model_content=network)
    interpreter.allocate_tensors()
    (features,), (score,) = interpreter.get_input_details(), interpreter.get_output_details()
    assert features["shape"].tolist() == [1, 3, 40]
    assert features["dtype"] == np.int8
    assert features["quantization"] == (pytest.approx(26 / 255), -128)
    assert score["shape"].tolist() == [1, 1]
    assert score["dtype"] == np.uint8
    assert score["quantization"] == (1 / 256, 0)
    frames = MicroFrontEnd(MicroConfig(), 3).push(samples)
    values = np.clip(np.rint(frames / np.float32(26 / 255)) - 128, -128, 127).astype(np.int8)
    found = []
    for step in values.reshape(-1, 1, 3, 40):
        interpreter.set_tensor(features["index"], step)
        interpreter.invoke()
        found.append(interpreter.get_tensor(score["index"])[0, 0] / 256)
    return np.array(found)


def test_scores_are_those_of_the_model_file(
    micro_student: ModelFile, exported: list[ExportedWakeWord]
) -> None:
    samples = noise(3)
    wanted = KeywordSpotter(micro_student).posteriors(samples)
    assert np.ptp(wanted) > 0.5, "the made-up student says nothing"
    for number, one in enumerate(exported):
        found = scores_of(one.network, samples)
        # half a step of 8 bits, and the last bit of a logit where kernels differ
        np.testing.assert_allclose(found, wanted[: len(found), number], atol=0.02)
        assert np.abs(found - wanted[: len(found), number]).mean() < 0.004


def test_only_registered_operators_and_a_graph_that_begins(
    micro_student: ModelFile, exported: list[ExportedWakeWord]
) -> None:
    schema, names = load_schema(), operator_names()
    model = schema.Model.GetRootAs(exported[0].network, 0)
    kinds = {
        names[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
        for code in map(model.OperatorCodes, range(model.OperatorCodesLength()))
    }
    assert kinds <= REGISTERED
    assert {"CALL_ONCE", "VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE"} <= kinds
    assert model.SubgraphsLength() == 2
    assert model.Subgraphs(1).OperatorsLength() == 2 * len(micro_student.metadata.streaming.states)


def test_manifests(exported: list[ExportedWakeWord], tmp_path: Path) -> None:
    files = write_wake_words(exported, tmp_path / "words")
    assert [path.name for path in files] == [
        "hey_you.tflite",
        "hey_you.json",
        "stop_that.tflite",
        "stop_that.json",
    ]
    manifest = json.loads((tmp_path / "words" / "hey_you.json").read_text())
    arena = manifest["micro"].pop("tensor_arena_size")
    assert 2 * SPARE < arena < 40_000
    assert manifest == {
        "type": "micro",
        "wake_word": "hey you",
        "author": "Ann",
        "model": "hey_you.tflite",
        "trained_languages": ["en"],
        "version": 2,
        "micro": {
            "probability_cutoff": 0.7123,
            "feature_step_size": 10,
            "sliding_window_size": 5,
            "minimum_esphome_version": "2024.7.0",
        },
    }
    assert (tmp_path / "words" / "stop_that.tflite").read_bytes() == exported[1].network


def test_other_files_of_the_folder_stay(exported: list[ExportedWakeWord], tmp_path: Path) -> None:
    (tmp_path / "okay_nabu.json").write_text("{}")
    (tmp_path / "hey_you.json").write_text("old")
    write_wake_words(exported, tmp_path)
    assert (tmp_path / "okay_nabu.json").read_text() == "{}"
    assert json.loads((tmp_path / "hey_you.json").read_text())["author"] == "Ann"
    with pytest.raises(KwsError, match="is no folder"):
        write_wake_words(exported, tmp_path / "hey_you.json")
    with pytest.raises(KwsError, match="cannot be written"):
        write_wake_words(exported, tmp_path / "nowhere" / "words")


@pytest.mark.parametrize("name", ["commands-small", "words"])
def test_models_of_other_tasks_are_refused(name: str) -> None:
    with pytest.raises(ModelError, match=r"its task is commands.*kws train --wake-word"):
        export_esphome(packaged_model(name), "me")


def test_what_esphome_cannot_run_is_refused(micro_student: ModelFile) -> None:
    front_end = packaged_model("words").metadata.front_end
    with pytest.raises(ModelError, match="front end is not that of microWakeWord"):
        export_esphome(changed(micro_student, front_end=front_end), "me")
    detector = replace(
        micro_student.metadata.detector, thresholds={"hey you": 0.995, "stop that": 1}
    )
    with pytest.raises(ModelError, match=r"threshold of 'hey you' is 0.995.*kws calibrate"):
        export_esphome(changed(micro_student, detector=detector), "me")


def test_networks_of_other_inputs_and_too_many_states_are_refused(micro_student: ModelFile) -> None:
    small, streaming = packaged_model("commands-small"), micro_student.metadata.streaming
    theirs = small.metadata.streaming
    with pytest.raises(ModelError, match="its input has scale"):
        esphome_network(small.network, theirs.input, theirs.output, [], 0)
    states = [(*streaming.states[0], np.zeros((1, 2, 1, 40), np.int8))] * (MOST_STATES + 1)
    with pytest.raises(ModelError, match="21 states"):
        esphome_network(micro_student.network, streaming.input, streaming.output, states, 0)


def test_the_verb(micro_student: ModelFile, tmp_path: Path) -> None:
    model = tmp_path / "student.tflite"
    write_model(model, micro_student.network, micro_student.metadata)
    output = tmp_path / "words"
    done = kws_here(
        "export", model, "--to", "esphome", "--output", output, "--author", "Ann", "--json"
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert [Path(name).name for name in figures["files"]][::2] == [
        "hey_you.tflite",
        "stop_that.tflite",
    ]
    assert figures["wake_words"][0]["sliding_window_size"] == 5
    assert json.loads((output / "hey_you.json").read_text())["author"] == "Ann"
    done = kws_here("export", model, "--to", "esphome", "--output", output, "--author", "Ann")
    assert done.returncode == 0, done.stderr
    assert "hey you: detected above 0.7123 over 5 scores" in done.stdout
    assert sorted(path.suffix for path in output.iterdir()) == [".json", ".json"] + 2 * [".tflite"]
    done = kws_here("export", "commands", "--to", "esphome", "--output", output)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
