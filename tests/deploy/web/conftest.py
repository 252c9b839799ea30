"""A model as WebAssembly, once for all tests here, and what runs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from kws.packaged import packaged_model

from ...conftest import needs_program


@pytest.fixture(scope="session")
def web(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the default model, exported for browsers."""
    pytest.importorskip("ziglang", reason="no compiler: pip install '.[native]'")
    from kws_deploy.web.export import export_web

    folder = tmp_path_factory.mktemp("web") / "site"
    export_web(packaged_model(), folder)
    return folder


@pytest.fixture(scope="session")
def node() -> str:
    """Path of Node."""
    return needs_program("node", "apt-get install nodejs")
