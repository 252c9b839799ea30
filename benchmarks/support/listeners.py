"""Engines that hear the stream of the wake-word benchmark, and what their thresholds give.

An engine gives either a score for every moment, from which the events of every threshold follow, or
the events of a threshold, for which it hears the stream anew.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from accuracy import REFRACTORY, aligned

from kws.arrays import Float64
from kws.calibration.scores import Trace, Track, trace_blocks, track
from kws.calibration.thresholds import lowest_useful, thresholds_grid
from kws.errors import KwsError
from kws.metadata import DetectorDefaults
from kws.modelfile import ModelFile, network_digest
from kws.packaged import find_model
from kws_training.data.spelling import plain
from kws_training.evaluation.continuous import hits
from kws_training.evaluation.detection import detector_of
from kws_training.evaluation.detection_results import Point
from kws_training.evaluation.evaluate import open_model
from kws_training.progress import bar
from support.environments import ADAPTERS, ONE_THREAD, EngineError, environment, run_adapter
from support.mixture import Measured, Mixture

#: False accepts per hour that thresholds are read off for; the first is the benchmark's.
TARGETS = (0.1, 0.5, 1.0)
#: PocketSphinx's thresholds, from strict to loose: the benchmark's 10^21 to 10^-15 in steps of 10^3
#: (`Engine.sensitivity_info`), and looser ones, which its own documentation advises.
LIKELIHOODS = tuple(10.0**-exponent for exponent in range(-21, 40, 3))
#: Words that its dictionary spells otherwise, as the benchmark gives them to it.
SPELLED = {"snowboy": "snow boy"}
POCKETSPHINX = "pocketsphinx"


@dataclass(frozen=True)
class Engine:
    """An engine that has heard a stream, or will.

    Attributes
    ----------
    name : str
    thresholds : float64 (n,)
        From strict to loose.
    events : callable
        Takes a threshold, gives the seconds (n,) of its events, in the order of time.
    cheap : bool
        Whether all thresholds are tried, or as few as bisection needs, which assumes that a
        looser one has no fewer false accepts.
    own : float or None
        The threshold that the engine has by itself.
    about : dict
        Digest or version.
    """

    name: str
    thresholds: Float64
    events: Callable[[float], Float64]
    cheap: bool
    own: float | None
    about: dict[str, str]


def keyword_of(model: ModelFile, word: str) -> str:
    """Return the keyword of a model that a word is; its only one, whatever it is called.

    Raises
    ------
    KwsError
        If it has several and the word is none of them, or is a model of sounds.
    """
    detector_of(model.metadata)
    keywords = model.metadata.keywords
    for keyword in keywords:
        if plain(keyword) == word or len(keywords) == 1:
            return keyword
    raise KwsError(f"{model.path}: has no keyword {word!r}: it has {', '.join(keywords)[:200]}")


def hear_model(path: Path, word: str, mixture: Mixture) -> Engine:
    """Run the stream through a kws model once.

    Raises
    ------
    KwsError
        If the model cannot be used, or has several keywords and the word is none of them.
    """
    model = find_model(path)
    keyword = keyword_of(model, word)
    spotter = open_model(model)
    defaults = detector_of(spotter.metadata)
    heard = track(
        trace_blocks(spotter, mixture.blocks(bar, f"{word}: kws")),
        spotter.metadata.labels,
        defaults,
        keyword,
    )
    about = {
        "model": str(path),
        "keyword": keyword,
        "network_sha256": network_digest(model),
    }
    return Engine("kws", _useful(heard), heard.events, True, defaults.thresholds[keyword], about)


def hear_pocketsphinx(python: Path, word: str, mixture: Mixture) -> Engine:
    """Return PocketSphinx, which hears the stream when a threshold is tried."""
    about = {"phrase": SPELLED.get(word, word)}

    def events(threshold: float) -> Float64:
        request = {"phrase": about["phrase"], "thresholds": [threshold]}
        what = f"{word}: {POCKETSPHINX} at {threshold:g}"
        answer = listen(python, ADAPTERS / "stream_pocketsphinx.py", request, mixture, what)
        about["version"] = str(answer["version"])
        return np.asarray(answer["times"][0], np.float64)

    return Engine(POCKETSPHINX, np.array(LIKELIHOODS), events, False, None, about)


def hear_scores(
    name: str, python: Path, script: Path, word: str, mixture: Mixture, longest: float
) -> Engine:
    """Run the stream once through an engine whose adapter gives scores (`engines/protocol.py`).

    What `accuracy.py` does with them: an event where the score reaches a threshold, the next one
    not within a second, nor before the score was below half of the threshold.

    Parameters
    ----------
    name : str
    python, script : Path
        Of the engine's environment, and its adapter.
    word : str
    mixture : Mixture
        Its audio lies in the folder for temporary files meanwhile, 115 MB for each hour.
    longest : float
        Seconds that the engine may take.

    Raises
    ------
    EngineError
        If it fails, or gives no scores.
    """
    with tempfile.TemporaryDirectory() as folder:
        audio, scores = Path(folder) / "audio.raw", Path(folder) / "scores"
        try:
            with audio.open("wb") as stream:
                for block in mixture.blocks(bar, f"{word}: writing for {name}"):
                    stream.write(block.astype("<i2").tobytes())
            request = {"phrase": word, "audio": str(audio), "scores": str(scores)}
            answer = run_adapter(python, script, request, longest)
            found = np.fromfile(scores, np.float32)
            columns = aligned(found, round(answer["seconds"] / answer["hop"]))[:, None]
            own = float(answer["threshold"])
            about = {key: str(answer[key]) for key in ("package", "version")}
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise EngineError(f"{name}: no scores: {error}") from None
    trace = Trace(columns, answer["hop"], answer["seconds"], exclusive=False)
    heard = track(trace, (word,), DetectorDefaults(0.0, REFRACTORY, 0.0, {word: own}), word)
    return Engine(name, _useful(heard), heard.events, True, own, about)


def _useful(heard: Track) -> Float64:
    """Return the thresholds that are tried, those left out at which it would rarely be armed."""
    thresholds = thresholds_grid()[::-1]
    return thresholds[thresholds > lowest_useful([heard])]


def listen(
    python: Path, script: Path, request: dict[str, Any], mixture: Mixture, what: str
) -> dict[str, Any]:
    """Give the stream to an adapter as raw 16-bit samples; return its answer.

    Raises
    ------
    EngineError
        If it cannot be started, fails, or gives no answer.
    """
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    with tempfile.TemporaryFile() as errors:
        try:
            process = subprocess.Popen(
                [str(python), str(script), json.dumps(request)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={**kept, **dict.fromkeys(ONE_THREAD, "1")},
            )
        except OSError as error:
            raise EngineError(f"{python}: cannot be started: {error.strerror}") from None
        with process:
            assert process.stdin is not None
            try:
                for block in mixture.blocks(bar, what):
                    process.stdin.write(block.astype("<i2").tobytes())
            except BrokenPipeError:  # it has ended, and says why
                pass
            except BaseException:
                process.kill()
                raise
            output, _ = process.communicate()
        if process.returncode != 0:
            errors.seek(0)
            lines = errors.read()[-2000:].decode(errors="replace").strip().splitlines()
            raise EngineError(f"{script.name}: {(lines or ['failed, and said nothing'])[-1]}")
    try:
        return dict(json.loads(output.splitlines()[-1]))
    except (IndexError, TypeError, ValueError):
        raise EngineError(f"{script.name}: gave no answer") from None


def points_of(engine: Engine, measured: Measured, word: str) -> tuple[Point, ...]:
    """Read the thresholds of `TARGETS` off the stream, and judge the engine's own.

    Where the audio is too short for the lowest rate, the lowest that it can show is added: one
    false accept in all of it.
    """

    @cache
    def counts(threshold: float) -> tuple[int, int]:
        found = hits(measured.spans, engine.events(threshold))
        return found.misses, len(found.others)

    def point(threshold: float, target: float | None) -> Point:
        misses, alarms = counts(threshold)
        return Point(word, target, threshold, alarms, measured.hours, misses, len(measured.said))

    points = [] if engine.own is None else [point(engine.own, None)]
    targets = list(TARGETS)
    if targets[0] * measured.hours < 1:
        targets = sorted({*targets, 1 / measured.hours})
    thresholds = [float(one) for one in engine.thresholds]
    for target in targets:
        most = int(np.floor(target * measured.hours + 1e-9))
        place = lowest(lambda one: counts(one)[1] <= most, thresholds, engine.cheap)  # noqa: B023
        points.append(point(thresholds[max(0, place)], target))
    return tuple(points)


def lowest(keeps: Callable[[float], bool], thresholds: Sequence[float], all_: bool) -> int:
    """Return the place of the last threshold that keeps a rate, as all before it do; -1 for none.

    Parameters
    ----------
    keeps : callable
        Whether a threshold keeps the rate.
    thresholds : sequence of float
        From strict to loose.
    all_ : bool
        Try one after the other; else by bisection.
    """
    if all_:
        return next((n for n, one in enumerate(thresholds) if not keeps(one)), len(thresholds)) - 1
    good, bad = -1, len(thresholds)
    while bad - good > 1:
        middle = (good + bad) // 2
        if keeps(thresholds[middle]):
            good = middle
        else:
            bad = middle
    return good


def find_python(name: str, venvs: Path | None) -> Path:
    """Return the Python that has an engine: this one, or that of an environment of its own.

    Raises
    ------
    EngineError
        If neither has it.
    """
    if importlib.util.find_spec(name.replace("-", "_")) is not None:
        return Path(sys.executable)
    if venvs is None:
        raise EngineError(
            f"{name} is not installed in this Python: give --venvs FOLDER, where an environment "
            f"of its own is made, or pip install {name}"
        )
    return environment(name, venvs)
