import asyncio
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.reach
def test_delays_and_memory_of_a_server(benchmark_module, monkeypatch):
    pytest.importorskip("wyoming", reason="no wyoming: pip install '.[serve]'")
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    serve = benchmark_module("serve")
    whole = serve.chunks_of_demo(1)
    monkeypatch.setattr(serve, "chunks_of_demo", lambda _: whole[:24])  # real time: 2 s
    monkeypatch.setattr(serve, "WARM_UP", 2)
    server = serve.Server(3)
    try:
        delays = asyncio.run(serve.all_delays(server.uri, 3, 1))
        first, last, taken = asyncio.run(serve.growth_of(server, 5))
    finally:
        server.stop()
    assert len(delays) >= 3
    assert all(delay > 0 for delay in delays)
    assert min(first, last) > 10_000_000
    assert taken > 0


def test_what_cannot_be_measured_is_refused(benchmark):
    done = benchmark("serve.py", "--clients", 0)
    assert done.returncode == 2
    assert "a number of clients" in done.stderr
