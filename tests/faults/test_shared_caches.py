"""One cache, used by two runs at once or deleted under a run; two runs that write one file."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from kws.files import whole_file, whole_folder
from kws_training.data.checkpoint import Checkpoint
from kws_training.fitting import store as module
from kws_training.fitting.store import STATE, Store

#: Computes features of 40 batches, and prints how many there were and whether they are right. If it
#: is to be held it waits in the middle for a line.
COMPUTE = """
import sys
from pathlib import Path
import numpy as np
from kws_training.fitting import store as module
module.RECORD_EVERY = 4
store = module.Store(Path(sys.argv[1]), "k" * 20, [(80, 50)], (80, 2), [0.0])
print(store.done, flush=True)
if not store.scales:
    store.scales = [1.0]
for batch in range(store.done, 40):
    rows = range(2 * batch, 2 * batch + 2)
    store.write(batch, rows, [np.full((2, 50), batch, np.float32)], np.full((2, 2), batch))
    if batch == 20 and sys.argv[2] == "held":
        print("half", flush=True)
        sys.stdin.readline()
features, scales, targets = store.finish()
wanted = list(range(40))
print(scales, features[0][::2, 0].tolist() == wanted, targets[::2, 1].tolist() == wanted)
"""
RIGHT = "(1.0,) True True"


def compute(cache: Path, how: str = "free") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", COMPUTE, str(cache), how],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def half(cache: Path) -> subprocess.Popen[str]:
    """Return a run that has computed half of the features, and waits."""
    process = compute(cache, "held")
    assert [process.stdout.readline() for _ in "ab"] == ["0\n", "half\n"]
    return process


def ended(process: subprocess.Popen[str]) -> tuple[list[str], str]:
    out, err = process.communicate("\n", timeout=100)
    assert process.returncode == 0, err
    return out.splitlines(), err


def test_two_runs_that_need_the_same_features(tmp_path):
    """The second waits for the first, and computes nothing."""
    first = half(tmp_path)
    second = compute(tmp_path)
    assert second.stderr.readline().endswith(
        ": another run computes these features: waiting for it\n"
    )
    assert ended(first)[0] == [RIGHT]
    assert ended(second) == (["40", RIGHT], "")


def test_a_run_goes_on_where_another_was_killed(tmp_path):
    """The lock is gone with the process that held it."""
    first = half(tmp_path)
    first.kill()
    assert first.wait() == -signal.SIGKILL
    first.communicate()
    assert ended(compute(tmp_path)) == (["20", RIGHT], "")


def test_a_cache_that_is_deleted_under_a_run(tmp_path):
    first = half(tmp_path / "cache")
    shutil.rmtree(tmp_path / "cache")
    second = compute(tmp_path / "cache")  # has no need to wait: it has a folder of its own
    assert ended(second)[0] == ["0", RIGHT]
    out, err = ended(first)
    assert out == [RIGHT]
    assert err.count("\n") == 1
    assert "the features are not kept for the next time: No such file or directory" in err
    assert ended(compute(tmp_path / "cache"))[0] == ["40", RIGHT]


def test_no_room_is_made_with_features_that_a_run_computes(tmp_path, monkeypatch):
    first = half(tmp_path)
    os.utime(tmp_path / ("k" * 20), (0, 0))  # the least recently used
    monkeypatch.setattr(module, "MAX_BYTES", 1)
    other = Store(tmp_path, "o" * 20, [(4, 3)], (4, 2), [0.0])
    other.scales = [1.0]
    other.write(0, range(4), [np.ones((4, 3), np.float32)], np.zeros((4, 2), np.int64))
    other.finish()
    assert ended(first) == ([RIGHT], "")
    assert (tmp_path / ("k" * 20) / STATE).is_file()
    Store(tmp_path, "p" * 20, [(4, 3)], (4, 2), [0.0])
    assert [path.name for path in tmp_path.iterdir()] == ["p" * 20]


def test_a_checkpoint_whose_folder_is_deleted(tmp_path):
    checkpoint = Checkpoint(tmp_path / "checkpoints" / "c.npz")
    checkpoint.write(1, [np.ones(3)])
    shutil.rmtree(tmp_path / "checkpoints")
    checkpoint.write(2, [np.ones(3)])
    assert checkpoint.read()[0] == 2
    shutil.rmtree(tmp_path / "checkpoints")
    assert checkpoint.read() is None
    checkpoint.remove()


#: Replaces a file again and again, with so many of one byte.
WRITE = """
import sys
from pathlib import Path
from kws.files import whole_file
path, letter = Path(sys.argv[1]), sys.argv[2].encode()
print(flush=True)
for _ in range(100):
    with whole_file(path) as file:
        file.write(letter * 50_000)
        file.flush()
        file.write(letter * 50_000)
"""


def writers(path: Path) -> list[subprocess.Popen[str]]:
    found = [
        subprocess.Popen(
            [sys.executable, "-c", WRITE, str(path), letter],
            stdout=subprocess.PIPE,
            text=True,
        )
        for letter in "xyz"
    ]
    for one in found:
        one.stdout.readline()
    return found


def test_three_that_write_one_file(tmp_path):
    """Whoever reads meanwhile reads the whole of what one of them wrote."""
    path = tmp_path / "model"
    path.write_bytes(b"o" * 100_000)
    processes = writers(path)
    seen = set()
    while any(one.poll() is None for one in processes):
        content = path.read_bytes()
        assert len(content) == 100_000
        assert len(set(content)) == 1
        seen.add(content[:1])
    assert [one.wait() for one in processes] == [0, 0, 0]
    assert list(tmp_path.iterdir()) == [path]
    assert len(seen) > 1
    for one in processes:
        one.stdout.close()


def test_writers_that_are_killed_leave_one_file_at_most(tmp_path):
    """The next one writes it over, so that there is nothing beside the file at the end."""
    path = tmp_path / "model"
    for number in range(3):
        processes = writers(path)
        time.sleep(0.02 * number)
        for one in processes:
            one.kill()
            one.communicate()
        if path.exists():
            assert len(set(path.read_bytes())) == 1
            assert path.stat().st_size == 100_000
    with whole_file(path) as file:
        file.write(b"last")
    assert path.read_bytes() == b"last"
    left = [one for one in tmp_path.iterdir() if one != path]
    # a second and a third at once have names of their own, which nobody looks for
    assert all(one.name.startswith(".kws-") for one in left)
    assert len(left) <= 3 * 2


#: Replaces a folder of two files by another, and is killed before a change of files, unless all
#: are made; prints how many there were.
REPLACE = """
import os, signal, sys
from pathlib import Path
from kws.files import whole_folder
from moments import watch
folder, kill_at, count = Path(sys.argv[1]), int(sys.argv[2]), 0
def told():
    global count
    count += 1
    if count == kill_at:
        os.kill(os.getpid(), signal.SIGKILL)
watch([str(folder.parent)], told)
with whole_folder(folder) as part:
    for name in "ab":
        (part / name).write_bytes(b"new")
print(count)
"""


def replace(folder: Path, kill_at: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", REPLACE, str(folder), str(kill_at)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_folder_is_whole_wherever_the_run_that_replaced_it_was_killed(tmp_path):
    """Also between the two names that are given: the next run puts back what was there."""
    seen = set()
    moments = int(replace(tmp_path / "report", 0).stdout)
    for kill_at in range(1, 100):
        place = tmp_path / str(kill_at)
        folder = place / "report"
        folder.mkdir(parents=True)
        for name in "ab":
            (folder / name).write_bytes(b"old")
        done = replace(folder, kill_at)
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
        away = not folder.exists()
        with pytest.raises(KeyboardInterrupt), whole_folder(folder):
            raise KeyboardInterrupt
        found = {path.name: path.read_bytes() for path in folder.iterdir()}
        assert found in ({"a": b"old", "b": b"old"}, {"a": b"new", "b": b"new"})
        seen.add((away, found["a"]))
        assert replace(folder, 0).returncode == 0
        assert list(place.iterdir()) == [folder]
        assert {path.read_bytes() for path in folder.iterdir()} == {b"new"}
    assert kill_at > moments > 3
    assert seen == {(False, b"old"), (True, b"old"), (False, b"new")}


def test_a_part_that_is_a_link_or_another_users_is_not_written_to(tmp_path):
    path, secret = tmp_path / "model", tmp_path / "secret"
    secret.write_bytes(b"mine")
    with whole_file(path) as file:
        part = next(tmp_path.glob(".kws-*.part"))
        file.write(b"one")
    part.symlink_to(secret)
    with whole_file(path) as file:
        file.write(b"two")
    assert (path.read_bytes(), secret.read_bytes()) == (b"two", b"mine")
    part.unlink()
    part.hardlink_to(secret)
    with whole_file(path) as file:
        file.write(b"three")
    assert (path.read_bytes(), secret.read_bytes()) == (b"three", b"mine")
