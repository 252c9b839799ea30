"""A network and its contract become a model file; what does not fit is refused."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kws.errors import KwsError, ModelError
from kws.modelfile import ModelFile, pack, write_model
from kws.network import interpreter_class
from kws.packaged import packaged_model
from kws_deploy.pack import PackError, _natural, _roles, digest, join, read_network, template


@pytest.fixture(scope="module")
def model() -> ModelFile:
    return packaged_model()


@pytest.fixture
def contract(model: ModelFile) -> dict:
    with zipfile.ZipFile(io.BytesIO(pack(model.network, model.metadata))) as archive:
        return json.loads(archive.read("kws.json"))


def written(folder: Path, values: object) -> Path:
    path = folder / "kws.json"
    path.write_text(json.dumps(values))
    return path


def test_a_network_and_its_contract_are_the_model(model, contract, tmp_path):
    joined = join(model.network, written(tmp_path, contract))
    assert joined.network == model.network
    assert joined.metadata == model.metadata
    assert pack(joined.network, joined.metadata) == pack(model.network, model.metadata)
    del contract["network"]  # who writes a contract by hand has no digest
    assert join(model.network, written(tmp_path, contract)).metadata == model.metadata


def test_the_arrays_lie_beside_the_contract(tmp_path):
    words = Path(__file__).resolve().parents[2] / "kws" / "models" / "words.tflite"
    with zipfile.ZipFile(words) as archive:
        archive.extractall(tmp_path)
    joined = join(read_network(words), tmp_path / "kws.json")
    output = tmp_path / "again.tflite"
    write_model(output, joined.network, joined.metadata)
    assert output.read_bytes() == words.read_bytes()
    (tmp_path / "projection.npy").unlink()
    with pytest.raises(PackError, match=r"projection\.npy: no such file"):
        join(read_network(words), tmp_path / "kws.json")


def test_the_network_of_a_model_file_and_of_another_tools(model, tmp_path):
    path = tmp_path / "model.tflite"
    write_model(path, model.network, model.metadata)
    assert read_network(path) == model.network
    path.write_bytes(model.network)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("labels.txt", "yes\nno\n")
    assert read_network(path) == model.network
    path.write_bytes(model.network)
    assert read_network(path) == model.network


def test_a_damaged_model_file_gives_no_network(model, tmp_path):
    path = tmp_path / "model.tflite"
    content = bytearray(pack(model.network, model.metadata))
    content[10000] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelError, match="digest does not match"):
        read_network(path)


def test_what_is_no_network(tmp_path):
    path = tmp_path / "a.tflite"
    with pytest.raises(PackError, match="no such file"):
        read_network(path)
    with pytest.raises(PackError, match="no such file"):
        read_network(tmp_path)
    path.write_bytes(b"RIFF....WAVE")
    with pytest.raises(PackError, match="not a TFLite network"):
        read_network(path)
    with path.open("wb") as file:
        file.truncate(65 * 2**20)
    with pytest.raises(PackError, match="at most"):
        read_network(path)


def refused(model: ModelFile, folder: Path, values: object) -> str:
    with pytest.raises(KwsError) as caught:
        join(model.network, written(folder, values))
    message = str(caught.value)
    assert "\n" not in message
    assert "kws.json" in message
    return message


def test_contracts_that_do_not_fit(model, contract, tmp_path):
    def but(**changes: object) -> str:
        return refused(model, tmp_path, {**contract, **changes})

    streaming = contract["streaming"]
    assert "another network" in but(network={"bytes": 10, "sha256": "0" * 64})
    assert "another network" in but(network="x")
    assert "schema 9 is not known" in but(schema=9)
    assert "12 labels" not in but(labels=contract["labels"][:2], operating_points=[])
    assert "8 frames of 40 bands" not in but(streaming={**streaming, "frames": 4})
    assert "kws.json says 4 frames" in but(streaming={**streaming, "frames": 4})
    assert "no tensor 'nothing'" in but(streaming={**streaming, "output": "nothing"})
    assert "8" in but(streaming={**streaming, "states": streaming["states"][:8]})
    assert "key 'task' is missing" in refused(
        model, tmp_path, {k: v for k, v in contract.items() if k != "task"}
    )
    assert "is not a JSON object" in refused(model, tmp_path, [1])
    assert "not known" in but(arrays=["../../secret.npy"])


def test_what_is_no_contract(model, tmp_path):
    path = tmp_path / "kws.json"
    with pytest.raises(PackError, match="no such file"):
        join(model.network, path)
    for text in ("{", '{"a": NaN}', "[" * 100_000, "9" * 10_000, "\udcff"):
        path.write_bytes(text.encode(errors="surrogateescape"))
        with pytest.raises(PackError, match="is not JSON"):
            join(model.network, path)
    path.write_bytes(b" " * 2**21)
    with pytest.raises(PackError, match="at most"):
        join(model.network, path)


def test_a_network_that_the_interpreter_refuses(model, contract, tmp_path):
    del contract["network"]
    with pytest.raises(ModelError, match="the network is damaged"):
        join(model.network[:2000], written(tmp_path, contract))


def test_weights_that_are_not_finite(contract, tmp_path):
    """A float network whose first bias is NaN loads, runs, and gives nothing."""
    from ai_edge_litert import schema_py_generated as schema

    from kws_deploy.quantization.dequantize import to_float
    from kws_training.networks.tflite_objects import write_flatbuffer

    network = to_float(packaged_model().network)
    changed = schema.ModelT.InitFromObj(schema.Model.GetRootAs(network, 0))
    tensors = changed.subgraphs[0].tensors
    last = changed.subgraphs[0].operators[-1]
    weights = next(
        tensors[i].buffer
        for operator in changed.subgraphs[0].operators
        for i in operator.inputs
        if operator is not last
        and changed.buffers[tensors[i].buffer].data is not None
        and tensors[i].type == schema.TensorType.FLOAT32
        and len(tensors[i].shape) == 4
    )
    size = len(changed.buffers[weights].data)
    changed.buffers[weights].data = np.frombuffer(
        np.full(size // 4, np.nan, np.float32).tobytes(), np.uint8
    )
    del contract["network"]
    with pytest.raises(ModelError, match="not finite"):
        join(write_flatbuffer(changed, size), written(tmp_path, contract))


# --- templates ---


@pytest.mark.parametrize("name", ["commands", "words"])
def test_a_template_is_the_contract_but_for_what_no_tensor_tells(name):
    from kws.modelfile import read_model

    known = read_model(Path(__file__).resolve().parents[2] / "kws" / "models" / f"{name}.tflite")
    made = template(known.network, "a.tflite")
    streaming = known.metadata.streaming
    values = made.values["streaming"]
    assert values["states"] == [list(pair) for pair in streaming.states]
    assert (values["input"], values["output"]) == ("frames", "logits")
    assert values["frames"] == streaming.frames
    # measured in whole steps: not less than the network's own, and not a second more
    assert streaming.receptive_field <= values["receptive_field"]
    assert values["receptive_field"] <= streaming.receptive_field + 2 * streaming.frames
    assert made.values["front_end"] == known.metadata.front_end.to_dict()
    assert len(made.values["labels"]) == len(known.metadata.labels)
    assert any("labels" in note for note in made.notes)


def test_a_filled_in_template_makes_a_model(model, tmp_path):
    values = template(model.network, "a.tflite").values
    joined = join(model.network, written(tmp_path, values))
    assert len(joined.metadata.keywords) == 12
    assert joined.metadata.streaming.states == model.metadata.streaming.states
    assert len(digest(joined)) == 64


def tensor(name: str, shape: tuple[int, ...] = (1, 4)) -> dict:
    """What the interpreter tells of a tensor."""
    return {"name": name, "shape": np.array(shape), "dtype": np.int8, "quantization": (0.1, 0)}


@pytest.mark.parametrize(
    ("inputs", "outputs", "message"),
    [
        ([(1, 8, 40), (1, 8, 41)], [(1, 1, 3)], "which input takes the frames cannot be told"),
        ([(1, 8)], [(1, 1, 3)], "a streaming network takes"),
        ([(1, 8, 1000)], [(1, 1, 3)], "no front end has 1000 bands"),
        ([(1, 8, 40), (1, 3)], [(1, 3), (1, 12)], r"no output is \(1, columns, labels\)"),
    ],
)
def test_no_streaming_network(inputs, outputs, message):
    with pytest.raises(PackError, match=message):
        _roles(
            [tensor(f"in{n}", shape) for n, shape in enumerate(inputs)],
            [tensor(f"out{n}", shape) for n, shape in enumerate(outputs)],
            "a.tflite",
        )


def test_a_template_of_what_the_interpreter_refuses():
    with pytest.raises(ModelError, match=r"^cut.tflite: the network .*damaged"):
        template(b"0000TFL3" + bytes(100), "cut.tflite")


def test_a_network_without_names():
    with pytest.raises(PackError, match="has no name"):
        _roles([tensor("")], [tensor("logits", (1, 1, 3))], "a.tflite")


def test_states_are_paired_by_number_and_shape():
    inputs = [tensor("in_10"), tensor("in_2"), tensor("frames", (1, 8, 4)), tensor("in_3", (1, 5))]
    outputs = [
        tensor("out_2"),
        tensor("out_3", (1, 5)),
        tensor("out_10"),
        tensor("logits", (1, 1, 3)),
    ]
    roles = _roles(inputs, outputs, "a.tflite")
    pairs = {old["name"]: new["name"] for old, new in roles.states}
    assert pairs == {"in_2": "out_2", "in_3": "out_3", "in_10": "out_10"}
    assert sorted(inputs[:2], key=_natural)[0]["name"] == "in_2"
    outputs[1]["dtype"] = np.float32
    with pytest.raises(PackError, match=r"input 'in_3' .* has no output of its shape"):
        _roles(inputs, outputs, "a.tflite")


def test_the_plain_interpreter_runs_the_packed_file(model, contract, tmp_path):
    path = tmp_path / "packed.tflite"
    joined = join(model.network, written(tmp_path, contract))
    write_model(path, joined.network, replace(joined.metadata, provenance={"by": "a test"}))
    plain = interpreter_class()(model_path=str(path))
    plain.allocate_tensors()
    plain.invoke()
    names = {tensor["name"] for tensor in plain.get_output_details()}
    assert joined.metadata.streaming.output in names
