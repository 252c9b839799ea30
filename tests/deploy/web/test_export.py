"""The folder for browsers: whole or nothing, small, the same bytes every time."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from kws.errors import KwsError
from kws.installing import install_extra
from kws.packaged import packaged_model
from kws_deploy.native.compiler import package_sources
from kws_deploy.web.export import export_web, web_files

#: Bytes that the package of the ten commands may take.
MOST = 250_000


def test_a_missing_compiler_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kws_deploy.native.compiler.find_spec", lambda name: None)
    with pytest.raises(KwsError, match="compiler is not installed: ") as caught:
        export_web(packaged_model(), tmp_path / "site")
    assert str(caught.value).endswith(install_extra("native"))
    assert list(tmp_path.iterdir()) == []


def test_other_files_are_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(KwsError, match=r"notes\.txt"):
        export_web(packaged_model(), tmp_path)
    (tmp_path / "notes.txt").unlink()
    (tmp_path / "index.html").write_text("my page")
    with pytest.raises(KwsError, match=r"index\.html: was changed"):
        export_web(packaged_model(), tmp_path)


def test_the_example_is_forty_lines_of_its_own() -> None:
    page = package_sources("kws_deploy.web", "sources")["index.html"].decode()
    assert len(page.splitlines()) <= 45
    assert not re.search(r"https?://", page)


@pytest.mark.reach
def test_the_same_model_gives_the_same_small_package(web: Path) -> None:
    files = {path.name: path.read_bytes() for path in web.iterdir()}
    assert sum(map(len, files.values())) < MOST
    assert files == web_files(packaged_model())
    assert str(Path.home()).encode() not in files["kws.wasm"]
    package = json.loads(files["package.json"])
    assert {*package["files"], "package.json"} == {*files}
    export_web(packaged_model(), web)  # an earlier export is replaced
