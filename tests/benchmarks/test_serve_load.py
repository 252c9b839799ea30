import json

import pytest


def test_no_time_at_all_is_refused(benchmark):
    done = benchmark("serve_load.py", "--minutes", 0)
    assert done.returncode == 2
    assert done.stderr == "serve_load: 0 minutes: give 0.1 to 10000\n"


@pytest.mark.reach
def test_clients_that_behave_get_their_words_beside_those_that_do_not(benchmark, tmp_path):
    for package in ("wyoming", "aiohttp"):
        pytest.importorskip(package, reason="needs the extra serve: pip install '.[serve]'")
    out = tmp_path / "load.json"
    done = benchmark("serve_load.py", "--minutes", 0.4, "--json", out)
    assert done.returncode in (0, 1), done.stderr  # so short a time does not judge memory
    result = json.loads(out.read_text())
    assert result["failures"] == []
    assert result["alive"]
    assert set(result["clients"]) == {"fair", "fair_post", "comes_and_goes", "stalls", "lies"}
    before, after = result["files_before_and_after"]
    assert after <= before
