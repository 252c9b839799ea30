"""Which command each step runs: one that `kws` takes."""

from pathlib import Path
from typing import Any

import pytest

from kws.modelfile import ModelFile
from kws.packaged import packaged_model
from kws_studio.plans import FETCHED, FORMS, MACHINES, forms_of, plan
from kws_studio.project import Project, ProjectError

from ..training.archives import site
from .conftest import understood

__all__ = ["site"]


def put(project: Project, shelf: str, count: int) -> None:
    project.shelf(shelf).mkdir(parents=True, exist_ok=True)
    for number in range(count):
        (project.shelf(shelf) / f"{number}.wav").write_bytes(b"x")


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("hear", {}),
        ("fetch", {"part": "learn"}),
        ("fetch", {"part": "judge"}),
        ("quick", {}),
        ("good", {"steps": 50, "synthesize": 0}),
        ("best", {}),
        ("judge", {"model": "m"}),
        ("sweep", {"model": "m.tflite"}),
        *(("export", {"model": "m", "form": form}) for form in FORMS),
        ("threshold", {"model": "m", "threshold": 0.75}),
        ("push", {"model": "m", "repository": "anna/lumos"}),
    ],
)
def test_every_step_is_a_command_that_kws_takes(
    project: Project, kind: str, values: dict[str, Any]
) -> None:
    put(project, "learn", 3)
    put(project, "other", 1)
    put(project, "judge", 1)
    (project.root / "models").mkdir()
    (project.root / "models" / "m.tflite").write_bytes(b"x")
    found = plan(project, kind, values)
    understood(found.arguments)
    if kind == "export":
        assert found.makes == f"exports/m/{values['form']}" or found.makes.startswith(
            f"exports/m/{values['form']}/m"
        )
    assert not [one for one in found.arguments if one.startswith("/") or ".." in one]


def test_what_is_missing_is_said(project: Project) -> None:
    with pytest.raises(ProjectError, match="record 3 more"):
        plan(project, "quick", {})
    with pytest.raises(ProjectError, match="no speech without the phrase"):
        plan(project, "good", {})
    with pytest.raises(ProjectError, match="no step"):
        plan(project, "rm", {})
    put(project, "other", 1)
    for values in ({"steps": 1}, {"steps": "9"}, {"steps": True}, {"base": "../../etc/passwd"}):
        with pytest.raises(ProjectError):
            plan(project, "good", values)
    (project.root / "models").mkdir(exist_ok=True)
    (project.root / "models" / "m.tflite").write_bytes(b"x")
    for threshold in (None, "0.5", True, 1.1, -0.1, float("nan")):
        with pytest.raises(ProjectError, match="give a number from 0 to 1"):
            plan(project, "threshold", {"model": "m", "threshold": threshold})
    for model in ("../../x", "--output", ""):
        with pytest.raises(ProjectError, match="no model"):
            plan(project, "export", {"model": model, "form": "c"})


def test_recordings_that_were_held_back_judge_first(project: Project) -> None:
    (project.root / "models").mkdir()
    (project.root / "models" / "m.tflite").write_bytes(b"x")
    put(project, "learn", 3)
    put(project, "judge", 1)
    assert "it learned from" in plan(project, "judge", {"model": "m"}).about
    put(project, "held", 1)
    found = plan(project, "judge", {"model": "m"})
    assert "held_back/computer" in found.arguments
    assert "recordings/computer" not in found.arguments


def test_speech_that_was_fetched_is_learned_from_and_judges(
    project: Project, site: Any, tmp_path: Path
) -> None:
    fetching = pytest.importorskip("kws_training.data.fetching")
    put(project, "learn", 3)
    put(project, "judge", 1)
    (project.root / "models").mkdir()
    (project.root / "models" / "m.tflite").write_bytes(b"x")
    folders = {}
    for part in FETCHED:
        found = plan(project, "fetch", {"part": part})
        assert " MB of LibriSpeech" in found.about
        named = understood(found.arguments)
        folder = fetching.fetch_data(site.offer(named.name), project.root / named.output)
        assert folder == project.root / found.makes
        with pytest.raises(ProjectError, match="is there already"):
            plan(project, "fetch", {"part": part})
        folders[part] = found.makes
    good = understood(plan(project, "good", {}).arguments)
    assert [str(one) for one in good.negatives] == [folders["learn"]]
    judged = understood(plan(project, "judge", {"model": "m"}).arguments)
    assert [str(one) for one in judged.negatives] == ["other_speech/judge", folders["judge"]]
    with pytest.raises(ProjectError, match="learn or judge"):
        plan(project, "fetch", {"part": "../.."})


def test_no_model_is_written_over(project: Project, tmp_path: Path) -> None:
    put(project, "learn", 3)
    first = plan(project, "quick", {}).makes
    (project.root / "models").mkdir()
    (project.root / first).write_bytes(b"x")
    second = plan(project, "quick", {}).makes
    assert second != first
    # nor what another command is about to write
    assert plan(project, "quick", {}, {second}).makes not in (first, second)


def test_exports_say_what_the_command_needs(project: Project) -> None:
    """A program is for a machine, and ONNX is checked on recordings."""
    (project.root / "models").mkdir()
    (project.root / "models" / "m.tflite").write_bytes(b"x")
    with pytest.raises(ProjectError, match="no recordings"):
        plan(project, "export", {"model": "m", "form": "onnx"})
    put(project, "learn", 1)
    put(project, "other", 1)
    arguments = plan(project, "export", {"model": "m", "form": "onnx"}).arguments
    assert understood(arguments).audio == [Path("recordings/computer"), Path("other_speech/learn")]
    makes = set()
    for machine in MACHINES:
        found = plan(project, "export", {"model": "m", "form": "binary", "machine": machine})
        assert understood(found.arguments).target == machine
        makes.add(found.makes)
    assert len(makes) == len(MACHINES)
    assert "exports/m/binary/m-x86_64-windows.exe" in makes
    with pytest.raises(ProjectError, match="no machine"):
        plan(project, "export", {"model": "m", "form": "binary", "machine": "--output"})


def test_all_machines_are_offered() -> None:
    compiler = pytest.importorskip("kws_deploy.native.compiler", reason="no side deploy")
    assert set(MACHINES) == set(compiler.TARGETS)


def test_each_form_is_offered_of_what_it_can_be_made_of(micro_student: ModelFile) -> None:
    computer = packaged_model("computer").metadata
    assert forms_of(computer) == [one for one in FORMS if one != "esphome"]
    assert forms_of(micro_student.metadata) == ["esphome"]
