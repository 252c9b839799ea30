"""Data sets on the Hub, through the real packages against a server with its routes."""

import json
from pathlib import Path

import numpy as np
import pytest

from kws.hub.client import HubError
from kws.wav import write_wav
from kws_training.data.hub_data import parse_address

#: Pushes folders as data sets, and a table with the recordings in it.
PUSH = """
import sys, pathlib
import datasets, huggingface_hub, pyarrow, pyarrow.parquet as parquet
folder = pathlib.Path(sys.argv[1])
api = huggingface_hub.HfApi()
audio = [{"bytes": path.read_bytes(), "path": path.name} for path in sorted(folder.rglob("*.wav"))]
features = datasets.Features({
    "audio": datasets.Audio(),
    "label": datasets.ClassLabel(names=["no", "yes"]),
    "speaker_id": datasets.Value("string"),
})
def table(place, audio, features=features):
    place.mkdir()
    columns = {"audio": pyarrow.array(audio, datasets.Audio.pa_type), "label": [0, 1] * 4,
               "speaker_id": ["anna", "bob"] * 4}
    schema = features.arrow_schema
    parquet.write_table(pyarrow.table({k: columns[k] for k in features}, schema=schema),
                        place / "train-00000-of-00001.parquet")
table(folder.parent / "table", audio)
table(folder.parent / "hostile", [{"bytes": None, "path": "/etc/passwd"}] * 8)
table(folder.parent / "unlabelled", audio, datasets.Features(
    {"audio": datasets.Audio(), "speaker_id": datasets.Value("string")}))
for name in ("words", "table", "hostile", "unlabelled"):
    api.create_repo(f"anna/{name}", repo_type="dataset")
    api.upload_folder(repo_id=f"anna/{name}", repo_type="dataset", folder_path=folder.parent / name)
"""
FIND = """
import json, sys
from pathlib import Path
from kws.errors import KwsError
from kws_training.data.dataset import find_clips
from kws_training.data.unlabelled import find_recordings
found = {}
for name in sys.argv[1:]:
    try:
        clips = find_clips([Path(name)])
        found[name] = [[c.label, c.speaker, c.columns["split"], c.path.read_bytes().hex()]
                       for c in clips]
    except KwsError as error:
        found[name] = str(error)
found["recordings"] = len(find_recordings([Path("hf://anna/unlabelled")]))
print(json.dumps(found))
"""


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("hf://anna/words", "hf://anna/words"),
        (Path("hf://anna/words:test"), "hf://anna/words:test"),
        (Path("hf://anna/words/v2@main:test"), "hf://anna/words/v2@main:test"),
        ("hf://anna/words@refs/convert/parquet", "hf://anna/words@refs/convert/parquet"),
    ],
)
def test_addresses(text, whole):
    assert str(parse_address(text)) == whole


@pytest.mark.parametrize("text", ["hf://anna", "hf://anna/../x", "hf://a/b:c:d", "hf://a b/c"])
def test_no_addresses(text):
    with pytest.raises(HubError, match="is no data set on the Hub: give hf://org/name"):
        parse_address(text)


def test_paths_are_no_addresses():
    assert parse_address(Path("hf/words")) is None


@pytest.mark.reach
def test_data_sets_are_found_as_folders_are(client, tmp_path):
    pytest.importorskip("datasets", reason="needs the extra hub-data: pip install '.[hub-data]'")
    words = tmp_path / "words"
    for number in range(8):
        path = words / ("test" if number > 5 else "train") / f"{number}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_wav(path, np.full(160, number, np.int16), 16000)
        with (path.parent / "metadata.csv").open("a") as file:
            if file.tell() == 0:
                print("file_name,label,speaker,snr", file=file)
            snr = "" if number == 2 else "3.5"
            label = "yes" if number % 2 else "no"
            print(f"{path.name},{label},speaker{number % 3},{snr}", file=file)
    client.python("-c", PUSH, words)
    names = ["hf://anna/words", "hf://anna/words:test", "hf://anna/table"]
    wrong = {
        "hf://anna/hostile": "a recording is at '/etc/passwd', not in the data set",
        "hf://anna/unlabelled": "has no column of labels",
        "hf://anna/words:nope": "Available splits",
        "hf://anna/words@nope": "no such revision",
        "hf://anna/none": "no repository on the Hub that you may read",
    }
    found = json.loads(client.python("-c", FIND, *names, *wrong, KWS_CACHE=str(tmp_path / "cache")))
    contents = [path.read_bytes().hex() for path in sorted(words.rglob("*.wav"))]
    all_splits = found["hf://anna/words"]
    assert sorted(row[3] for row in all_splits) == sorted(contents)
    assert {(row[0], row[1]) for row in all_splits} == {
        (label, f"speaker{n}") for label in ("yes", "no") for n in range(3)
    }
    assert found["hf://anna/words:test"] == [row for row in all_splits if row[2] == "test"]
    assert len(found["hf://anna/words:test"]) == 2
    assert [row[:2] for row in found["hf://anna/table"]] == [["no", "anna"], ["yes", "bob"]] * 4
    for name, words_of_it in wrong.items():
        assert words_of_it in found[name]
        assert "\n" not in found[name]
    assert found["recordings"] == 8
    assert not list((tmp_path / "cache").rglob("*.part"))
    offline = {"KWS_CACHE": str(tmp_path / "cache"), "HF_HUB_OFFLINE": "1"}
    again = json.loads(client.python("-c", FIND, names[0], **offline))
    assert again[names[0]] == all_splits
