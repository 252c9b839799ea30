"""Full disks and folders that are not to be written to: one line says so, and nothing is half."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from kws.errors import KwsError
from kws.files import whole_file, whole_folder
from kws.modelfile import read_model
from kws_training.data.checkpoint import Checkpoint
from kws_training.fitting.store import Store

from ..training.archives import site
from .conftest import Case, content, is_mounted
from .test_killed import fetch_case, phrases

__all__ = ["fetch_case", "phrases", "site"]

ROOT = Path(__file__).resolve().parents[2]


def fill(disk: Path, left: int) -> Path:
    """Fill a disk but for some bytes."""
    path = disk / "filling"
    free = os.statvfs(disk)
    path.write_bytes(bytes(max(0, free.f_bavail * free.f_frsize - left)))
    return path


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Path]:
    """A folder with a file in it that is not to be written to."""
    folder = tmp_path / "closed"
    folder.mkdir()
    mounted = is_mounted("tmpfs", folder, "1m")
    if not mounted and os.geteuid() == 0:
        pytest.skip("root writes everywhere, and may not mount a file system here")
    (folder / "old").write_bytes(b"one")
    if mounted:
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
    else:
        folder.chmod(0o555)
    yield folder
    if mounted:
        subprocess.run(["umount", "-l", str(folder)], check=True)
    else:
        folder.chmod(0o755)


def test_a_file_on_a_full_disk(small_disk):
    path = small_disk / "a"
    path.write_bytes(b"one")
    filling = fill(small_disk, 8192)
    with pytest.raises(OSError, match="No space left"), whole_file(path) as file:
        file.write(bytes(100_000))
    assert path.read_bytes() == b"one"
    assert sorted(small_disk.iterdir()) == [path, filling]


def test_a_folder_on_a_full_disk(small_disk):
    folder = small_disk / "report"
    with whole_folder(folder) as part:
        (part / "index.html").write_bytes(b"one")
    filling = fill(small_disk, 8192)
    with pytest.raises(OSError, match="No space left"), whole_folder(folder) as part:
        (part / "index.html").write_bytes(bytes(100_000))
    assert content(folder) == {"index.html": b"one"}
    assert sorted(small_disk.iterdir()) == [filling, folder]


def test_a_checkpoint_on_a_full_disk(small_disk):
    checkpoint = Checkpoint(small_disk / "checkpoints" / "c.npz")
    checkpoint.write(1, [np.ones(1000, np.float32)])
    filling = fill(small_disk, 8192)
    with pytest.raises(KwsError, match=r"No space left on device\): make room") as error:
        checkpoint.write(2, [np.ones(100_000, np.float32)])
    assert "\n" not in str(error.value)
    found = checkpoint.read()
    assert found is not None
    assert found[0] == 1
    filling.unlink()
    checkpoint.write(2, [np.ones(100_000, np.float32)])
    assert checkpoint.read()[0] == 2


def test_features_on_a_full_disk(small_disk):
    with pytest.raises(KwsError, match=r"no room for 4\.0 MB of features") as error:
        Store(small_disk, "k", [(4, 1000, 1000)], (4, 2), [0.0])
    assert "\n" not in str(error.value)
    assert not list(small_disk.iterdir())
    # it becomes full after they have their room: they are made, and how far is not recorded
    store = Store(small_disk, "k", [(64, 1000)], (64, 2), [0.0])
    store.scales = [1.0]
    fill(small_disk, 0)
    values = np.arange(64000, dtype=np.float32).reshape(64, 1000) % 255
    store.write(0, range(64), [values], np.zeros((64, 2), np.int64))
    features, _, _ = store.finish()
    assert (features[0] == values).all()


@pytest.mark.parametrize("verb", ["enroll", "data fetch"])
def test_a_verb_on_a_full_disk(runner, phrases, fetch_case, small_disk, tmp_path, verb):
    commands = {
        "enroll": ("enroll", "--positives", phrases, "--label", "this"),
        "data fetch": ("data", "fetch", "musan"),
    }
    output = small_disk / ("model.tflite" if verb == "enroll" else "data")
    case = Case((*commands[verb], "--output", output), fetch_case.environment, fetch_case.more)
    filling = fill(small_disk, 16384)
    ended = runner.run(case, tmp_path)
    assert ended.status == 2
    last = ended.err.splitlines()[-1]
    assert any(words in last for words in ("No space left", "the disk is full", "are needed to"))
    assert "Traceback" not in ended.err
    assert not output.is_file()
    assert not list(small_disk.glob("data/musan"))
    filling.unlink()


def test_files_that_may_not_grow(runner, phrases, fetch_case, tmp_path):
    """What any user can try: a limit of the system on the size of files."""
    enroll = ("enroll", "--positives", phrases, "--label", "this", "--output", "out/m.tflite")
    for case, limit in ((Case(enroll), 4096), (fetch_case, 1000)):
        folder = tmp_path / case.command[0]
        ended = runner.run(case, folder, bytes=limit, full=True)
        assert ended.status == 2, ended
        assert "File too large" in ended.err.splitlines()[-1]
        assert not [*folder.glob("out/*.tflite"), *folder.glob("out/musan")]
        assert runner.run(case, folder).status == 0
    model = read_model(tmp_path / "enroll" / "out" / "m.tflite")
    assert model.metadata.keywords == ("this",)


def test_output_that_nobody_takes(runner):
    """A full disk behind ``kws … > file``."""
    for verb in (("models",), ("inspect", "commands", "--json")):
        with Path("/dev/full").open("w") as full:
            ended = subprocess.run(
                [sys.executable, "-m", "kws", *verb],
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
            )
        assert ended.returncode == 2
        assert ended.stderr == "kws: output: No space left on device\n"


def test_a_closed_folder_is_not_written_to(runner, phrases, fetch_case, closed, tmp_path):
    before = content(closed)
    for case in (
        Case(
            ("enroll", "--positives", phrases, "--label", "this", "--output", closed / "m.tflite")
        ),
        Case(("data", "fetch", "musan", "--output", closed), {}, fetch_case.more),
    ):
        ended = runner.run(case, tmp_path)
        assert ended.status == 2, ended
        assert str(closed) in ended.err
        assert ended.err.splitlines()[-1].startswith("kws: ")
        assert "Traceback" not in ended.err
        assert content(closed) == before


def test_a_closed_cache(runner, closed, tmp_path):
    """What is in it is used; what is not is made without it, or one line says what to set."""
    with pytest.raises(KwsError, match=r"features cannot be written to it .*KWS_CACHE"):
        Store(closed / "features", "k", [(10, 10)], (10, 3), [0.0])
    with pytest.raises(KwsError, match=r"cannot be written .*KWS_CACHE"):
        Checkpoint(closed / "c.npz").write(1, [np.ones(3, np.float32)])
    audio = ROOT / "demo" / "synthesized_commands.wav"
    ended = runner.run(Case(("spot", audio), {"KWS_CACHE": str(closed)}), tmp_path)
    assert ended.status == 0
    assert ended.err == ""
