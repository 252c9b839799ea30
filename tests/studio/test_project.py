"""The folder of a project: nothing outside of it is found, nothing in it is written over."""

from pathlib import Path

import pytest

from kws.errors import KwsError
from kws_studio.project import Project, ProjectError


def test_the_phrase_is_remembered_on_disk(tmp_path: Path) -> None:
    first = Project(tmp_path / "a")
    with pytest.raises(ProjectError, match="no phrase yet"):
        first.shelf("learn")
    first.change(phrase="  hey   lumos ", language="de")
    settings = Project(tmp_path / "a").settings()
    assert (settings.phrase, settings.language) == ("hey lumos", "de")
    assert first.shelf("learn") == first.root / "recordings" / "hey lumos"


@pytest.mark.parametrize("phrase", ["", "...", "../up", "a/b", "/etc"])
def test_a_phrase_that_is_no_folder_is_refused(tmp_path: Path, phrase: str) -> None:
    with pytest.raises(KwsError):
        Project(tmp_path).change(phrase=phrase)
    assert Project(tmp_path).settings().phrase == ""


def test_damaged_settings_count_as_none(project: Project) -> None:
    for text in ("{", "[]", '{"phrase": 3}', '{"phrase": "' + "a" * 300 + '"}'):
        (project.root / "studio.json").write_text(text)
        assert project.settings().phrase == ""


def test_only_plain_recordings_of_the_shelf_are_found(project: Project, tmp_path: Path) -> None:
    secret = tmp_path / "secret.wav"
    secret.write_bytes(b"secret")
    learn = project.shelf("learn")
    learn.mkdir(parents=True)
    (learn / "good.wav").write_bytes(b"x")
    (learn / "link.wav").symlink_to(secret)
    (learn / ".hidden.wav").write_bytes(b"x")
    (learn / "notes.txt").write_bytes(b"x")
    assert [path.name for path in project.recordings("learn")] == ["good.wav"]
    assert project.find("learn", "good.wav") == learn / "good.wav"
    tricks = ["../../../secret.wav", str(secret), "link.wav", ".hidden.wav", "notes.txt", "..", ""]
    for name in [*tricks, "..\\secret.wav", "good.wav\0", "a" * 5000 + ".wav"]:
        with pytest.raises(ProjectError, match="no recording"):
            project.find("learn", name)


def test_a_shelf_that_leads_out_is_refused(project: Project, tmp_path: Path) -> None:
    (project.root / "held_back").mkdir()
    (project.root / "held_back" / "computer").symlink_to(tmp_path)
    with pytest.raises(ProjectError, match="leads out of the project"):
        project.recordings("held")


def test_moving_writes_over_nothing(project: Project) -> None:
    for shelf in ("learn", "thrown"):
        project.shelf(shelf).mkdir(parents=True)
        (project.shelf(shelf) / "a.wav").write_text(shelf)
    moved = project.move("learn", "a.wav", "thrown")
    assert moved.name == "a_2.wav"
    assert moved.read_text() == "learn"
    assert (project.shelf("thrown") / "a.wav").read_text() == "thrown"
    for shelf, to in (("machine", "learn"), ("learn", "models"), ("learn", "../..")):
        with pytest.raises(ProjectError, match="nothing is moved"):
            project.move(shelf, "a.wav", to)
