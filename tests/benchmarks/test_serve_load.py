import json

import pytest


def test_no_time_at_all_is_refused(benchmark):
    done = benchmark("serve_load.py", "--minutes", 0)
    assert done.returncode == 2
    assert done.stderr == "serve_load: 0 minutes: give 0.1 to 10000\n"


#: Bytes after each of twelve rounds: it rises at first, and differs by half a megabyte after that.
STEADY = [
    *(114_000_000, 116_500_000, 117_300_000, 117_000_000, 117_300_000, 118_000_000),
    *(117_600_000, 117_900_000, 117_600_000, 117_100_000, 117_900_000, 117_200_000),
]


def test_memory_that_differs_from_round_to_round_does_not_grow(benchmark_module):
    module = benchmark_module("serve_load")
    assert abs(module.growth_of(STEADY)) <= module.MOST_GROWTH
    one_more = [*STEADY[:-1], STEADY[-1] + 10_000_000]
    assert abs(module.growth_of(one_more)) <= module.MOST_GROWTH


def test_what_each_round_keeps_is_growth(benchmark_module):
    module = benchmark_module("serve_load")
    kept = [value + 250_000 * number for number, value in enumerate(STEADY)]
    assert module.growth_of(kept) > module.MOST_GROWTH
    later = [value + 2_000_000 * (number >= 9) for number, value in enumerate(STEADY)]
    assert module.growth_of(later) > module.MOST_GROWTH


def test_a_few_rounds_tell_nothing_of_growth(benchmark_module):
    assert benchmark_module("serve_load").growth_of([1, 10**9, 2 * 10**9]) == 0


@pytest.mark.reach
def test_clients_that_behave_get_their_words_beside_those_that_do_not(benchmark, tmp_path):
    for package in ("wyoming", "aiohttp"):
        pytest.importorskip(package, reason="needs the extra serve: pip install '.[serve]'")
    out = tmp_path / "load.json"
    done = benchmark("serve_load.py", "--minutes", 0.4, "--json", out)
    assert done.returncode == 0, done.stderr  # so short a time does not judge memory
    result = json.loads(out.read_text())
    assert result["failures"] == []
    assert result["alive"]
    kinds = {"fair", "fair_post", "comes_and_goes", "stalls", "lies", "crowd"}
    assert set(result["clients"]) == kinds
    assert result["clients"]["crowd"] == 64
    before, after = result["files_before_and_after"]
    assert after <= before
