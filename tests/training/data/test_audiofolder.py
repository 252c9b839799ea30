"""Folders in the layout of Hugging Face's datasets: written, read, and what is damaged in them."""

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kws.cli.main import main
from kws.wav import write_wav
from kws_training.data.audiofolder import find_listed
from kws_training.data.dataset import find_clips
from kws_training.data.manifest import ManifestError
from kws_training.data.splits import by_column

EXPORT = ("data", "export", "--to", "audiofolder")


def record(*paths):
    for number, path in enumerate(paths):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_wav(path, np.full(160, number, np.int16), 16000)


@pytest.fixture
def folder(tmp_path):
    """Two splits, one in CSV and one in JSON lines."""
    root = tmp_path / "words"
    record(root / "train" / "a.wav", root / "train" / "in" / "b.wav", root / "test" / "c.wav")
    (root / "train" / "metadata.csv").write_text(
        'file_name,label,speaker_id,snr\na.wav,"yes, please",anna,3\nin/b.wav,no,bob,\n'
    )
    row = {"file_name": "c.wav", "keyword": "no", "speaker": "eve", "snr": 2.5, "more": [1]}
    (root / "test" / "metadata.jsonl").write_text(json.dumps(row) + "\n\n")
    return root


def test_labels_speakers_splits_and_columns(folder):
    clips = find_clips([folder])
    assert [(clip.label, clip.speaker, clip.columns["split"]) for clip in clips] == [
        ("no", "eve", "test"),
        ("yes, please", "anna", "train"),
        ("no", "bob", "train"),
    ]
    assert clips[0].columns["snr"] == "2.5"
    training, _, test = by_column(clips, "split")
    assert (len(training), len(test)) == (2, 1)


def test_a_split_alone(folder):
    assert [clip.label for clip in find_clips([folder / "train"])] == ["yes, please", "no"]


def test_without_a_label_the_folder_says_it(tmp_path, capsys):
    record(tmp_path / "yes" / "a.wav", tmp_path / "no" / "b.wav", tmp_path / "no" / "left.wav")
    (tmp_path / "metadata.csv").write_text("file_name,snr\nyes/a.wav,1\nno/b.wav,2\n")
    assert [(clip.label, clip.columns["snr"]) for clip in find_clips([tmp_path])] == [
        ("yes", "1"),
        ("no", "2"),
    ]
    assert "left out 1 recordings that no metadata.csv names" in capsys.readouterr().err


def test_a_table_of_something_else_is_not_looked_at(tmp_path):
    record(tmp_path / "yes" / "a.wav", tmp_path / "no" / "b.wav")
    (tmp_path / "metadata.csv").write_text("title,year\nwords,2026\n")
    assert {clip.label for clip in find_clips([tmp_path])} == {"yes", "no"}


def test_a_table_that_is_not_read_is_named(tmp_path, capsys):
    record(tmp_path / "yes" / "a.wav", tmp_path / "no" / "b.wav")
    (tmp_path / "metadata.parquet").write_bytes(b"PAR1")
    assert len(find_clips([tmp_path])) == 2
    assert "metadata.parquet: is not read: write metadata.csv" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("metadata.csv", "file_name,label\n../a.wav,yes\n", "leaves the folder"),
        ("metadata.csv", "file_name,label\n/etc/passwd,yes\n", "is absolute"),
        ("metadata.csv", "file_name,label\na.wav,yes\na.wav,no\n", "is also in line 2"),
        ("metadata.csv", "file_name\na.wav\n", "nothing says the word of a.wav"),
        ("metadata.csv", "file_name,label\nb.wav,yes\n", "none of the 1 recordings is there"),
        ("metadata.jsonl", "{", "line 1: is not JSON"),
        ("metadata.jsonl", "[" * 100_000, "line 1: is not JSON"),
        ("metadata.jsonl", '{"file_name": "\\ud800"}', "line 1: is not JSON"),
        ("metadata.jsonl", "[]", "must be an object with the text 'file_name'"),
        ("metadata.jsonl", '{"file_name": 3}', "must be an object with the text"),
        ("metadata.jsonl", '{"file_name": "a.wav", "x": "' + "y" * 20_000 + '"}', "shorten it"),
    ],
)
def test_what_is_damaged_is_said_with_its_line(tmp_path, name, content, words):
    record(tmp_path / "a.wav")
    (tmp_path / name).write_text(content)
    with pytest.raises(ManifestError, match=words):
        find_listed(tmp_path)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=st.text(st.sampled_from('{}[]":,\n\\ua.wvfile_name0'), max_size=80))
def test_whatever_is_in_the_file_one_error_comes(tmp_path, text):
    record(tmp_path / "a.wav")
    (tmp_path / "metadata.jsonl").write_text(text)
    try:
        find_listed(tmp_path)
    except ManifestError as error:
        assert str(tmp_path) in str(error)


def test_exported_and_read_again(folder, tmp_path, capsys):
    out = tmp_path / "exported"
    arguments = [
        "data",
        "export",
        "--to",
        "audiofolder",
        "--data",
        str(folder),
        "--output",
        str(out),
    ]
    assert main(arguments) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{out / 'test'}: 1 recordings",
        f"{out / 'train'}: 2 recordings",
    ]

    def told(place):
        return sorted(
            (clip.path.read_bytes(), clip.label, clip.speaker, dict(clip.columns).get("snr"))
            for clip in find_clips([place])
        )

    assert told(out) == told(folder)
    assert main(arguments) == 2
    assert "is there already" in capsys.readouterr().err


@pytest.mark.reach
def test_datasets_reads_what_is_exported(folder, tmp_path):
    pytest.importorskip("datasets", reason="needs the extra hub-data: pip install '.[hub-data]'")
    out = tmp_path / "exported"
    arguments = [
        "data",
        "export",
        "--to",
        "audiofolder",
        "--data",
        str(folder),
        "--output",
        str(out),
    ]
    assert main(arguments) == 0
    code = (
        "import datasets, json, sys\n"
        "parts = datasets.load_dataset('audiofolder', data_dir=sys.argv[1], streaming=True)\n"
        "print(json.dumps({name: [row for table in part.with_format('arrow').iter(batch_size=1)\n"
        "    for row in table.to_pylist()] for name, part in parts.items()}))\n"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code, str(out)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env={"PATH": "/usr/bin", "HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "1"},
    ).stdout
    parts = json.loads(printed)
    assert [row["label"] for row in parts["train"]] == ["yes, please", "no"]
    assert [row["speaker"] for row in parts["test"]] == ["eve"]
    assert parts["test"][0]["audio"]["path"].endswith("/test/0.wav")
