"""Fixtures that several packages' tests share."""

import fcntl
import gc
import io
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from kws.cli.main import main
from kws.metadata import WAKE_WORDS, DetectorDefaults
from kws.micro_frontend import CEILING, MicroConfig
from kws.modelfile import ModelFile

from .two_stages import two_stage_model, wake_word_model


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put first what trains: of files side by side none that takes long is left for the end."""
    first = ("training", "deploy")
    tests = Path(__file__).parent

    def rank(item: pytest.Item) -> int:
        side = item.path.relative_to(tests).parts[0]
        return first.index(side) if side in first else len(first)

    items.sort(key=rank)


_frozen: set[str] = set()


def pytest_runtest_teardown() -> None:
    """Leave what big packages made at their import out of every later search for garbage.

    Of TensorFlow that is half a million objects, which are never garbage; each search through them
    takes a quarter of a second, and a training makes dozens.
    """
    imported = {"tensorflow", "librosa"} & sys.modules.keys()
    if not imported <= _frozen:
        _frozen.update(imported)
        gc.collect()
        gc.freeze()


def kws_here(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the command line in this process: what it prints, and how it ends.

    A process of its own takes five seconds of a core to import TensorFlow. What only a process can
    show (its streams, signals, what it says at its end) is tested by one.
    """
    command = [*map(str, arguments)]
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in "ab")
    with redirect_stdout(out), redirect_stderr(err):
        try:
            status = main(command)
        except SystemExit as end:  # of argparse
            status = end.code
    printed, said = (stream.buffer.getvalue().decode() for stream in (out, err))
    return subprocess.CompletedProcess(command, status, printed, said)


def kws_alone(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own, with variables of the environment changed."""
    return subprocess.run(
        [sys.executable, "-m", "kws", *map(str, arguments)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def needs_program(name: str, install: str) -> str:
    """Return the path of a program; skips the test that asks where it is not installed."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed: {install}")
    return found


@pytest.fixture(scope="session")
def espeak() -> str:
    """Path of espeak-ng, a text-to-speech engine that knows how words are pronounced."""
    return needs_program("espeak-ng", "apt-get install espeak-ng")


@pytest.fixture(scope="session")
def portaudio() -> ModuleType:
    """The package sounddevice, with the library that it loads."""
    try:
        return pytest.importorskip("sounddevice", reason="no sounddevice: pip install '.[mic]'")
    except OSError:  # the package is there, the library is not
        pytest.skip("no PortAudio: apt-get install libportaudio2")


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Makes a file that takes long for all workers of a run: one makes it, the others wait."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # each worker has a folder of its own in that of the run

    def make(name: str, write: Callable[[Path], None]) -> Path:
        path = folder / name
        with (folder / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not path.exists():
                part = folder / f"{name}.part"
                write(part)
                part.rename(path)
        return path

    return make


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of the recordings and weights: KWS_DATA, else ``shared`` beside the repository."""
    named = os.environ.get("KWS_DATA")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip(f"no recordings and weights in {folder}: set KWS_DATA to their folder")
    return folder


@pytest.fixture(scope="session")
def randomize():
    """Gives batch norms statistics that are not 0 and 1."""

    def change(model, rng: np.random.Generator) -> None:
        for variable in model.weights:
            if "moving_mean" in variable.path or "beta" in variable.path:
                variable.assign(rng.normal(0, 0.3, variable.shape))
            elif "moving_variance" in variable.path:
                variable.assign(rng.uniform(0.5, 2.0, variable.shape))

    return change


@pytest.fixture(scope="session")
def stream():
    """Runs a step model over frames from zero states; gives the results of all steps."""

    def run(step, frames: np.ndarray) -> np.ndarray:
        states = [np.zeros(state.shape, np.float32) for state in step.model.inputs[1:]]
        results = []
        for start in range(0, len(frames), step.frames):
            inputs = frames[None, start : start + step.frames].reshape(step.model.inputs[0].shape)
            result, *states = map(np.asarray, step.model([inputs, *states], training=False))
            results.append(result[0])
        return np.concatenate(results)

    return run


@pytest.fixture(scope="session")
def micro_student(randomize: Callable[..., None]) -> ModelFile:
    """Wake words on microWakeWord's front end by made-up weights: scores are all over 0 to 1."""
    labels = ("hey you", "stop that")
    from kws_deploy.students.micro import STRIDE, MicroNetwork, MicroShape
    from kws_training.fitting.loop import set_seed
    from kws_training.networks.streaming import step_model
    from kws_training.publishing import publish

    set_seed(3)
    network = MicroNetwork(len(labels), MicroShape(width=12, kernels=(3, 5), pool=3))
    step = step_model(network, STRIDE, (1, 40))
    rng = np.random.default_rng(3)
    randomize(step.model, rng)
    logits = next(one for one in step.model.layers if getattr(one, "use_bias", False))
    kernel, bias = logits.get_weights()
    logits.set_weights([kernel * 4, bias * 0])
    # what speech and quiet look like to this front end: bands that rise and fall
    shape = (3, step.receptive_field + 60, 40)
    frames = rng.uniform(0, 1, shape[:2])[..., None] * rng.uniform(0, 24, shape)
    frames[-1] = 0
    frames[-1, -STRIDE, 0] = CEILING
    return publish(
        step,
        "int8",
        frames.astype(np.float32),
        task=WAKE_WORDS,
        labels=labels,
        front_end=MicroConfig(),
        detector=DetectorDefaults(0.15, 1.0, 1.5, dict(zip(labels, (0.71234, 0.6), strict=True))),
        provenance={"options": {"language": "en"}},
    )


@pytest.fixture(scope="session")
def wake_words() -> ModelFile:
    """The word base, each of its words taken for a wake word."""
    return wake_word_model()


@pytest.fixture(scope="session")
def two_stages() -> ModelFile:
    """The same with a verifier that hears the latest 1.6 s again."""
    return two_stage_model()
