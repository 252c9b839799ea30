"""Work on a Ray cluster of two nodes of this machine: the results of one process."""

import importlib.util
import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from kws.errors import KwsError
from kws_training.spreading.workers import Workers

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path.insert(0, str(HERE))

import helpers_of_workers as tasks  # noqa: E402

pytestmark = [pytest.mark.reach, pytest.mark.slow]


@pytest.fixture(scope="module")
def nodes():
    """A cluster of two nodes with two cores each."""
    pytest.importorskip("ray", reason="no Ray: pip install '.[cluster]'")
    path = ROOT / "benchmarks" / "support" / "cluster.py"
    spec = importlib.util.spec_from_file_location("cluster_of_the_benchmarks", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    with module.two_nodes([HERE, ROOT, ROOT / "training", ROOT / "deploy"]) as started:
        yield started


def test_as_with_one_process(nodes, tmp_path):
    task = tasks.Noise(tmp_path)
    expected = list(Workers().spread(task, range(50)))
    with Workers(ray=nodes.address) as workers:
        assert list(workers.spread(task, range(50), 50, "noise")) == expected
        assert list(workers.spread(task, range(50), at_once=7)) == expected
        deadly = tasks.Noise(tmp_path, (3, 30))
        assert list(workers.spread(deadly, range(50))) == expected
    assert sorted(path.name for path in tmp_path.iterdir()) == ["3", "30"]


def test_what_a_task_raises_is_as_in_this_process(nodes):
    with Workers(ray=nodes.address) as workers, pytest.raises(KwsError) as caught:
        list(workers.spread(tasks.refuses_three, range(6)))
    assert str(caught.value) == "three.wav: is damaged: record it again"


def test_paths_begin_where_the_command_runs(nodes, tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    with Workers(ray=nodes.address) as workers:
        monkeypatch.chdir(tmp_path)
        assert set(workers.spread(tasks.present_folder, range(6))) == {str(tmp_path)}
        monkeypatch.chdir(gone)
        items = (gone.rmdir() or number for number in range(1))  # after the task was sent
        with pytest.raises(KwsError, match=r"gone: is not on .*: with --ray, paths have to"):
            list(workers.spread(tasks.present_folder, items))


def test_no_cluster_there():
    pytest.importorskip("ray", reason="no Ray: pip install '.[cluster]'")
    with (
        Workers(ray="127.0.0.1:1") as workers,
        pytest.raises(KwsError, match=r"--ray 127.0.0.1:1: no cluster there.*ray start --head"),
    ):
        list(workers.spread(abs, range(3)))


def test_a_node_that_dies_changes_no_byte(nodes, tmp_path, capsys):
    """Last: the second node is gone afterwards. What Ray says of it is no result."""
    address, second = nodes.address, nodes.second
    task = tasks.SlowNoise(tmp_path)
    expected = [tasks.much_noise(number) for number in range(120)]
    with Workers(ray=address) as workers:
        results = []
        for result in workers.spread(task, range(120)):
            results.append(result)
            if len(results) == 20:
                threading.Thread(target=os.killpg, args=(second.pid, signal.SIGKILL)).start()
                print("twenty")
    said = capsys.readouterr()
    assert said.out == "twenty\n"
    assert "(raylet)" in said.err
    assert second.wait() != 0
    assert results == expected
    seen = {path.read_text() for path in tmp_path.glob("*.node")}
    assert len(seen) == 2  # both nodes had work
