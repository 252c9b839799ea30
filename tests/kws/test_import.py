"""What an import brings along."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import kws

ROOT = Path(__file__).resolve().parents[2]

#: What importing the interpreter brings: its own package, and what its wheels depend on.
INTERPRETER = {"ai_edge_litert", "tflite_runtime", "flatbuffers", "backports"}
#: Namespaces that C extensions of these packages enter into sys.modules by themselves.
HEAVY = {
    "tensorflow",
    "keras",
    "librosa",
    "matplotlib",
    "scipy",
    "sklearn",
    "soundfile",
    "soxr",
    "sounddevice",
    "h5py",
    "huggingface_hub",
    "tqdm",
    "pooch",
    "requests",
    "kws_training",
    "kws_deploy",
    "jax",
}


def brought_by(code: str) -> set[str]:
    """Top-level names of the modules that the code imports, the standard library left out."""
    # what .pth files of the environment import before any code is none of ours
    script = f"""
import sys
before = {{name.partition(".")[0] for name in sys.modules}}
{code}
after = {{name.partition(".")[0] for name in sys.modules}}
import json
print(json.dumps(sorted(after - before - set(sys.stdlib_module_names))))
"""
    # -P: a folder of the name kws where this is run is not the package
    done = subprocess.run(
        [sys.executable, "-P", "-c", script], capture_output=True, check=True, timeout=60, cwd="/"
    )
    names = set(json.loads(done.stdout))
    return {name for name in names if not name.startswith("_")}


def test_import_brings_numpy_alone() -> None:
    assert brought_by("import kws") <= {"kws", "numpy"}


def test_a_spotter_loads_nothing_of_commands_and_transcripts() -> None:
    script = """
import json, sys
from kws import KeywordSpotter
spotter = KeywordSpotter.default()
loaded = [name for name in sys.modules if name.startswith("kws.")]
import kws
assert set(kws.__all__) <= set(dir(kws))
from kws import *
assert Transcriber is kws.Transcriber and CommandRecognizer.__name__ == "CommandRecognizer"
print(json.dumps(loaded))
"""
    done = subprocess.run(
        [sys.executable, "-P", "-c", script], capture_output=True, check=True, timeout=60, cwd="/"
    )
    later = ("kws.grammar", "kws.transcripts", "kws.command_recognizer", "kws.phoneme_stream")
    assert not [name for name in json.loads(done.stdout) if name.startswith(later)]
    with pytest.raises(AttributeError, match="no attribute 'absent'"):
        getattr(kws, "absent")  # noqa: B009


def test_no_module_brings_more_than_numpy() -> None:
    paths = sorted((ROOT / "kws").rglob("[a-z]*.py"))
    modules = [".".join(p.relative_to(ROOT).with_suffix("").parts) for p in paths]
    assert "kws.cli.spot" in modules, "the walk must reach the packages inside kws"
    assert brought_by(f"import {', '.join(modules)}") <= {"kws", "numpy"}


def test_the_model_brings_the_interpreter_alone() -> None:
    found = brought_by("import kws; kws.KeywordSpotter.default()")
    assert found - INTERPRETER <= {"kws", "numpy"}
    assert found & INTERPRETER
    assert not found & HEAVY


def test_the_command_line_brings_the_interpreter_alone() -> None:
    code = (
        "from kws.cli.main import main\ntry: main(['spot', 'absent.wav'])\nexcept SystemExit: pass"
    )
    assert brought_by(code) - INTERPRETER <= {"kws", "numpy"}


def test_import_needs_no_interpreter() -> None:
    """A front end or a model file can be used where there is none; running one says what to do."""
    script = """
import sys
class None_:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("ai_edge_litert", "tflite_runtime"):
            raise ModuleNotFoundError(name=name)
sys.meta_path.insert(0, None_())
import kws, kws.frontend, kws.modelfile
try:
    kws.KeywordSpotter.default()
except kws.KwsError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True, timeout=60
    )
    assert b"pip install ai-edge-litert" in done.stdout
