"""The folder of a Space."""

import ast
from pathlib import Path

import pytest

from kws.cli.main import main
from kws.errors import KwsError
from kws_studio.space import FILES, export_space


def test_the_command_writes_a_folder_to_push(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "space"
    assert main(["studio", "--export-space", str(folder), "--requirement", "kws @ file:x"]) == 0
    assert {path.name for path in folder.iterdir()} == {*FILES}
    assert capsys.readouterr().out.split() == [str(folder / name) for name in sorted(FILES)]
    header = (folder / "README.md").read_text().split("---")[1]
    assert "sdk: gradio" in header
    assert "app_file: app.py" in header
    assert (folder / "requirements.txt").read_text().startswith("kws @ file:x\naiohttp")
    ast.parse((folder / "app.py").read_text())
    export_space(folder, "kws")  # over its own
    assert (folder / "requirements.txt").read_text().startswith("kws\n")


def test_a_folder_with_other_files_stays(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("x")
    with pytest.raises(KwsError, match=r"holds other files \(thesis\.txt\)"):
        export_space(tmp_path, "kws")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
    with pytest.raises(KwsError, match="is no folder"):
        export_space(tmp_path / "thesis.txt", "kws")
