import json

import pytest

from ..conftest import needs_program


def test_a_missing_browser_is_named(benchmark):
    done = benchmark("browser.py", "--chromium", "", "--json", "/nowhere/at/all.json")
    assert done.returncode == 2
    assert done.stderr.startswith("browser: ")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.reach
def test_a_step_is_timed(benchmark, tmp_path):
    pytest.importorskip("ziglang", reason="no compiler: pip install '.[native]'")
    pytest.importorskip("playwright", reason="pip install '.[test-reach]'")
    needs_program("chromium", "apt-get install chromium")
    done = benchmark("browser.py", "--json", tmp_path / "browser.json")
    assert done.returncode in (0, 1), done.stderr
    assert "16000 Hz: a step of 80 ms takes" in done.stdout
    values = json.loads((tmp_path / "browser.json").read_text())
    assert [one["rate"] for one in values["steps"]] == [16000, 48000]
