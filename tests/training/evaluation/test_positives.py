"""Which recordings say a keyword, by folder and by manifest."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_training.data.dataset import DataError
from kws_training.evaluation.conditions import RATE
from kws_training.evaluation.positives import find_positives


def write(path: Path, seconds: float = 1.0, level: float = 0.1) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(int(10 * seconds))
    soundfile.write(path, rng.normal(0, level, round(seconds * RATE)), RATE)
    return path


def test_one_keyword_in_a_flat_folder(tmp_path):
    for name in ("anna/1.wav", "anna/2.wav", "3.wav"):
        write(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no recording")
    found, skipped = find_positives([tmp_path], ["hey device"])
    assert [one.keyword for one in found] == ["hey device"] * 3
    assert not skipped
    with pytest.raises(DataError, match="sub-folder named after each keyword"):
        find_positives([tmp_path], ["hey device", "stop"])


def test_keywords_by_folder_and_by_manifest(tmp_path):
    for name in ("Hey_Device/anna/1.wav", "stop/2.wav", "go/3.wav", "mixed/4.wav", "mixed/5.wav"):
        write(tmp_path / name)
    rows = ["path,label,start,end", "mixed/4.wav,stop,0.25,0.75", "stop/2.wav,,x,0.5"]
    (tmp_path / "manifest.csv").write_text("\n".join(rows))
    found, skipped = find_positives([tmp_path], ["hey device", "stop"])
    assert {one.path.name: one.keyword for one in found} == {
        "1.wav": "hey device",
        "2.wav": "stop",
        "4.wav": "stop",
    }
    times = {one.path.name: (one.start, one.end) for one in found}
    assert times == {"1.wav": (None, None), "2.wav": (None, 0.5), "4.wav": (0.25, 0.75)}
    assert [skip.path.name for skip in skipped] == ["3.wav", "5.wav"]
    # of one keyword, what is named after something else is not taken for it
    found, skipped = find_positives([tmp_path], ["stop"])
    assert len(found) == 2
    assert len(skipped) == 3


def test_folders_that_are_not_there(tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        find_positives([tmp_path / "missing"], ["stop"])
    with pytest.raises(DataError, match="no recordings"):
        find_positives([tmp_path], ["stop"])
