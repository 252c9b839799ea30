"""No home folder, and a clock that is wrong or set back."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kws.modelfile import read_model

from .test_killed import phrases

__all__ = ["phrases"]

ROOT = Path(__file__).resolve().parents[2]
#: A user of whom the system knows nothing, as in a container.
NOBODY = 12345
HOMES = ("HOME", "XDG_CACHE_HOME", "KWS_CACHE", "HF_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")
FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)


def without_home(folder: Path, *arguments: object, **more: str) -> subprocess.CompletedProcess[str]:
    """Run Python without HOME, as a user that the system has no name for."""
    kept = {name: value for name, value in os.environ.items() if name not in HOMES}
    return subprocess.run(
        [
            *("unshare", "--user", f"--map-user={NOBODY}"),
            *(sys.executable, *map(str, arguments)),
        ],
        cwd=folder,
        env={**kept, **more},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def nobody(tmp_path: Path) -> Path:
    """An empty folder of a user of no name."""
    try:
        done = without_home(tmp_path, "-c", "import os; print(os.getuid())")
    except OSError:
        pytest.skip("no unshare: apt-get install util-linux")
    if done.stdout != f"{NOBODY}\n":
        pytest.skip("nobody may become a user of no name here")
    return tmp_path


def test_the_device_needs_no_home(nobody, phrases):
    audio = nobody / "audio.wav"
    audio.write_bytes((ROOT / "demo" / "synthesized_commands.wav").read_bytes())
    done = without_home(nobody, "-m", "kws", "spot", audio)
    assert done.returncode == 0, done.stderr
    assert done.stdout
    assert done.stderr == ""
    takes = nobody / "takes"
    takes.mkdir()
    for take in phrases.iterdir():
        (takes / take.name).write_bytes(take.read_bytes())
    enroll = ("-m", "kws", "enroll", "--positives", takes, "--label", "this")
    done = without_home(nobody, *enroll, "--output", "m.tflite")
    assert done.returncode == 0, done.stderr
    assert sorted(one.name for one in nobody.iterdir()) == ["audio.wav", "m.tflite", "takes"]


def test_a_cache_is_asked_for_where_there_is_no_home(nobody):
    ask = "from kws_training.cache import cache_folder; print(cache_folder('features'))"
    done = without_home(nobody, "-c", ask)
    assert "no home folder is known (HOME is not set): set KWS_CACHE" in done.stderr
    done = without_home(nobody, "-c", ask, KWS_CACHE="/a")
    assert done.stdout == "/a/features\n"
    pipeline = "from kws_training.networks.weights import find_yamnet; find_yamnet()"
    done = without_home(nobody, "-c", pipeline)
    assert done.stderr.splitlines()[-1].startswith("kws.errors.KwsError: no home folder is known")
    assert not list(nobody.iterdir())  # a folder that is called "~", for example


def test_the_hub_asks_for_a_cache_too(nobody):
    pytest.importorskip("huggingface_hub", reason="needs the extra hub: pip install '.[hub]'")
    done = without_home(nobody, "-m", "kws", "pull", "anna/lights", "--output", "m.tflite")
    assert done.returncode == 2
    assert done.stderr == (
        "kws: anna/lights: no home folder is known (HOME is not set): set HF_HOME to a folder "
        "that can be written, for what is downloaded\n"
    )
    assert not list(nobody.iterdir())


def at(time: str, *arguments: object, **more: str) -> subprocess.CompletedProcess[str]:
    """Run Python with another clock."""
    if FAKETIME is None:
        pytest.skip("no clock that can be set: apt-get install libfaketime")
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        env={**os.environ, "LD_PRELOAD": str(FAKETIME), "FAKETIME": time, **more},
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_enrolment_is_the_same_at_any_time(phrases, tmp_path):
    """A Raspberry Pi has no clock of its own: it begins in 1970, and a ZIP in 1980."""
    made = {}
    for year in ("1970", "2026", "2099"):
        output = tmp_path / f"{year}.tflite"
        enroll = ("-m", "kws", "enroll", "--positives", phrases, "--label", "this")
        done = at(f"{year}-01-02 00:00:00", *enroll, "--output", output)
        assert done.returncode == 0, done.stderr
        made[year] = output.read_bytes()
    assert made["1970"] == made["2026"] == made["2099"]
    assert read_model(output).metadata.keywords == ("this",)


#: Computes features and writes a checkpoint, or reads what an earlier run has left of both.
KEEP = """
import sys
from pathlib import Path
import numpy as np
from kws_training.data.checkpoint import Checkpoint
from kws_training.fitting.store import Store
folder = Path(sys.argv[1])
store = Store(folder, "k", [(4, 3)], (4, 2), [0.0])
print(store.done)
if not store.scales:
    store.scales = [1.0]
    store.write(0, range(4), [np.full((4, 3), 7, np.float32)], np.zeros((4, 2), np.int64))
print(store.finish()[0][0].tolist() == [[7, 7, 7]] * 4)
checkpoint = Checkpoint(folder / "c.npz")
found = checkpoint.read()
print(found[0] if found else None)
checkpoint.write((found[0] if found else 0) + 1, [np.ones(3)])
"""


def test_a_cache_of_the_future_is_used(tmp_path):
    """The clock was set back by a century since it was written; and forward again."""
    said = [
        at(f"{year}-01-02 00:00:00", "-c", KEEP, tmp_path).stdout.split()
        for year in ("2099", "1970", "2026")
    ]
    assert said == [["0", "True", "None"], ["1", "True", "1"], ["1", "True", "2"]]


#: Keeps recordings while the clock is set back by years between two of them.
BACK = """
import sys
from pathlib import Path
import numpy as np
from kws.keeping.keeper import _Store
store = _Store(Path(sys.argv[1]), 100_000)
for year, clock in (("2099", "20990101T000000.000Z"), ("1970", "19700101T000000.000Z")):
    for number in range(4):
        store.write(f"{clock}-{number}_fired_yes", np.zeros(16000, np.int16))
        names = [path.name for path in Path(sys.argv[1]).iterdir()]
        assert f"{clock}-{number}_fired_yes.wav" in names, names
"""


def test_what_fired_after_the_clock_was_set_back_is_kept(tmp_path):
    """The oldest recordings make room for a new one, which is not deleted for its name."""
    done = subprocess.run(
        [sys.executable, "-c", BACK, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert len(list(tmp_path.iterdir())) == 3
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 100_000
    assert np.all([path.stat().st_size > 32_000 for path in tmp_path.iterdir()])
