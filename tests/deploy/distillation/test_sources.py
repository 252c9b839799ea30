"""Nobody who judges is trained on, whatever folder the recordings come from."""

from dataclasses import replace
from importlib import resources

import numpy as np
import pytest
import soundfile

from kws.errors import KwsError
from kws.modelfile import read_model
from kws_deploy.distillation.sources import Folders, gather

PEOPLE = ("ann", "bob", "cid", "dan", *(f"s{n}" for n in range(12)))
TEACHER = read_model(str(resources.files("kws") / "models" / "commands.tflite"))


def write(path, rng):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, rng.normal(0, 0.05, 16000), 16000)


@pytest.fixture
def root(tmp_path):
    rng = np.random.default_rng(0)
    for speaker in PEOPLE:
        write(tmp_path / "data" / "yes" / f"{speaker}_nohash_0.wav", rng)
    write(tmp_path / "data" / "yes" / "plain.wav", rng)
    write(tmp_path / "judge" / "yes" / "ann_nohash_7.wav", rng)
    write(tmp_path / "judge" / "yes" / "plain.wav", rng)  # a namesake, another recording
    for name in ("ann_nohash_1.wav", "eve_nohash_1.wav"):
        write(tmp_path / "talk" / name, rng)
    write(tmp_path / "noise" / "hiss.wav", rng)
    return tmp_path


def told(**options):
    return replace(TEACHER, metadata=replace(TEACHER.metadata, provenance={"options": options}))


def folders(root, **others):
    given = {
        "data": [root / "data"],
        "speaker_rule": None,
        "features": None,
        "test_data": [],
        "noise": [root / "noise"],
        "negatives": [],
        "unlabelled": [],
    }
    return Folders(**{**given, **others})


def names(part):
    return sorted(clip.path.name for clip in part.clips)


def test_judges_are_left_out_of_everything(root):
    found = gather(
        told(hold_out=0.0, validation=0.5),
        ["yes"],
        folders(
            root,
            test_data=[root / "judge"],
            negatives=[root / "talk"],
            unlabelled=[root / "talk", root / "judge"],
        ),
    )
    assert names(found.validation) == ["ann_nohash_7.wav", "plain.wav"]
    everything = names(found.training) + names(found.unlabelled)
    assert "plain.wav" in names(found.training)
    assert not any(name.startswith("ann") for name in everything)
    assert "plain.wav" not in names(found.unlabelled)  # that of the judges
    assert "eve_nohash_1.wav" in everything
    assert found.judges == "judging"


def test_a_folder_that_judges_may_lie_in_the_data(root):
    judge = root / "data" / "more"
    write(judge / "yes" / "zoe_nohash_0.wav", np.random.default_rng(1))
    found = gather(told(), ["yes"], folders(root, data=[root / "data", judge], test_data=[judge]))
    assert names(found.validation) == ["zoe_nohash_0.wav"]
    assert "zoe_nohash_0.wav" not in names(found.training)


def test_whom_the_teacher_held_out_stays_out(root):
    speakers = {*PEOPLE, "yes/plain.wav"}
    found = gather(told(hold_out=0.5, validation=0.3), ["yes"], folders(root))
    assert found.judges == "held-out"
    assert found.teacher_split == {"hold_out": 0.5, "validation": 0.3}
    parts = [
        {clip.speaker for clip in part.clips}
        for part in (found.training, found.validation, found.held_out)
    ]
    assert set.union(*parts) == speakers
    assert sum(map(len, parts)) == len(speakers)
    judged = gather(told(hold_out=0.5), ["yes"], folders(root, test_data=[root / "judge"]))
    assert not parts[2] & {clip.speaker for clip in judged.training.clips}


@pytest.mark.parametrize("share", [-1, 2, "all"])
def test_a_file_that_tells_nonsense(root, share):
    with pytest.raises(KwsError, match="hold_out"):
        gather(told(hold_out=share), ["yes"], folders(root))
