"""The folder of a Space."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kws.cli.main import main
from kws.errors import KwsError
from kws_studio.space import FILES, PORT, export_space

from ..test_packaging import built_wheel, tree  # noqa: F401  (a fixture)
from .conftest import Client


def test_the_command_writes_a_folder_to_push(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "space"
    assert main(["studio", "--export-space", str(folder), "--requirement", "kws @ file:x"]) == 0
    assert {path.name for path in folder.iterdir()} == {*FILES}
    assert capsys.readouterr().out.split() == [str(folder / name) for name in sorted(FILES)]
    header = (folder / "README.md").read_text().split("---")[1]
    # what Spaces read of it: our pages are no Gradio app
    assert "sdk: docker" in header
    assert f"app_port: {PORT}" in header
    dockerfile = (folder / "Dockerfile").read_text()
    assert f"EXPOSE {PORT}" in dockerfile
    assert [line.split()[-2] for line in dockerfile.splitlines() if line.startswith("COPY")] == [
        "requirements.txt",
        "app.py",
    ]
    assert (folder / "requirements.txt").read_text().startswith("kws @ file:x\naiohttp")
    ast.parse((folder / "app.py").read_text())
    export_space(folder, "kws")  # over its own
    assert (folder / "requirements.txt").read_text().startswith("kws\n")


def own_python(folder: Path, wheel: Path) -> Path:
    """Python of an environment that has kws as it is installed, and the packages that are here."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    (site,) = folder.glob("lib/python*/site-packages")
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index"]
    subprocess.run([*command, "--target", str(site), str(wheel)], check=True)
    others = [path for path in sys.path if Path(path).is_dir()]
    (site / "others.pth").write_text("\n".join(others))
    return folder / "bin" / "python"


@pytest.mark.reach
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_space_starts_and_makes_a_wake_word(
    tmp_path: Path,
    tree: Path,  # noqa: F811
    spoken: Callable[[int], bytes],
) -> None:
    """What the Dockerfile starts, installed beside this tree, asked as the Hub's proxy asks."""
    for package in ("aiohttp", "PIL", "segno"):
        pytest.importorskip(package, reason=f"no {package}: pip install '.[studio]'")
    folder = tmp_path / "space"
    export_space(folder, "kws[studio]")
    python = own_python(tmp_path / "env", built_wheel(tree, tmp_path / "wheel", device=False))
    where = "import kws_studio; print(kws_studio.__file__)"
    command = [str(python), "-c", where]
    found = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    assert Path(found.stdout.strip()).is_relative_to(tmp_path / "env")
    (start,) = [
        json.loads(line.removeprefix("CMD "))
        for line in (folder / "Dockerfile").read_text().splitlines()
        if line.startswith("CMD ")
    ]
    environment = {**os.environ, "PORT": "0", "HOST": "127.0.0.1"}
    with subprocess.Popen(
        [str(python), *start[1:]], cwd=folder, env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stderr is not None
            line = next(one for one in process.stderr if "studio: http" in one)
            proxy = {"Host": "anna-studio.hf.space", "X-Forwarded-Proto": "https"}
            client = Client(int(line.split("/")[2].rpartition(":")[2]))
            status, headers, content = client.ask("GET", "/", headers=proxy)
            assert (status, b"<title>kws studio" in content) == (200, True)
            assert "https://huggingface.co" in headers["Content-Security-Policy"]
            assert "SameSite=None" in headers["Set-Cookie"]
            client.cookie = headers["Set-Cookie"].partition(";")[0]
            client.values("POST", "/api/phrase", {"phrase": "computer"})
            for number in range(3):
                client.values("POST", "/api/recordings/learn", spoken(number))
            client.values("POST", "/api/jobs", {"kind": "quick"}, 201)
            job = {"state": "waiting"}
            while job["state"] in ("waiting", "running"):
                time.sleep(0.2)
                job = client.values("GET", "/api/jobs/1")
            assert job["state"] == "done", job
            assert len(client.values("GET", "/api/models")["models"]) == 1
        finally:
            process.terminate()
            process.wait(30)


def test_a_folder_with_other_files_stays(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("x")
    with pytest.raises(KwsError, match=r"holds other files \(thesis\.txt\)"):
        export_space(tmp_path, "kws")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
    with pytest.raises(KwsError, match="is no folder"):
        export_space(tmp_path / "thesis.txt", "kws")
