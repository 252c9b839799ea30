"""What models cost against how well they do: size, time of a step, accuracy on the same recordings.

    python benchmarks/models.py MODEL… --data DIR [--keywords A,B,…] [--held-out NAME=DIR]
        [--yamnet yamnet.tflite] [--json FILE] [--plot FILE.svg]

A MODEL is a file, a name of a model in the package, or NAME=FILE. Every model takes its turn in
each of many rounds, so that whatever else the machine does falls on all of them alike; stated are
medians over the rounds, one thread each: of the whole step, samples in, detections out, and of its
network alone. Accuracy is that of `kws evaluate --data`, over the same recordings for all but those
models that were trained on some of them: `--held-out` gives such a model recordings of its own,
which nothing was trained on; it is marked in the table and drawn hollow. `--yamnet` adds Google's
file as it is, a waveform of one window (0.975 s) in, 521 classes out, for its time alone.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from support.arguments import name_and_value
from support.origin import on_machine, origin
from support.script import status_of

from kws.bench.machine import read_machine, read_state
from kws.bench.report import duration, size
from kws.bench.result import write_result
from kws.bench.timing import Work, measure, network_work, spotter_work, warm_up
from kws.cli.arguments import names
from kws.errors import KwsError
from kws.files import whole_file
from kws.modelfile import ModelFile
from kws.network import interpreter_class
from kws.packaged import find_model, is_packaged, model_content

ROUNDS, STEPS = 20, 15
#: Samples of YAMNet's window, and the hop of its own code, in seconds.
WINDOW, HOP = 15600, 0.48
#: Inches, and points of letters: still to be read in a column of a page.
SHAPE, LETTERS = (7.0, 4.4), 11
#: Dark enough to read on white, and of different lightness.
COLOURS = ("#0b62b8", "#b84a00", "#00735a", "#8f3d78", "#444444", "#8a6d00")


class ModelsError(KwsError):
    """Models that cannot be compared."""


@dataclass(frozen=True)
class Named:
    """A model that takes part.

    Attributes
    ----------
    name : str
        In table and picture.
    model : ModelFile
    size : int
        Bytes of its file.
    """

    name: str
    model: ModelFile
    size: int


def named_model(text: str) -> Named:
    """Read a MODEL, for argparse."""
    name, file = name_and_value(text) if "=" in text else ("", text)
    try:
        model = find_model(file)
        title = name or (file if is_packaged(file) else Path(file).stem)
        return Named(title, model, len(model_content(file)))
    except KwsError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def named_folder(text: str) -> tuple[str, Path]:
    """Read ``NAME=DIR``, for argparse."""
    name, folder = name_and_value(text, "NAME=DIR: a model and a folder")
    if not Path(folder).exists():
        raise argparse.ArgumentTypeError(f"{folder}: no such folder: check the path")
    return name, Path(folder)


def whole_window(path: Path) -> Work:
    """Return one window of a plain TFLite network that takes a waveform.

    Raises
    ------
    ModelsError
        If it is none.
    """
    try:
        interpreter = interpreter_class()(model_path=str(path), num_threads=1)
        tensor = interpreter.get_input_details()[0]
        shape = [WINDOW if count <= 1 else count for count in tensor["shape"]]
        interpreter.resize_tensor_input(tensor["index"], shape)
        interpreter.allocate_tensors()
    except (OSError, ValueError, RuntimeError) as error:
        raise ModelsError(f"{path}: is not YAMNet's file: {error}") from None
    waveform = np.random.default_rng(0).normal(0, 0.025, shape).astype(np.float32)

    def window(number: int) -> None:
        interpreter.set_tensor(tensor["index"], waveform)
        interpreter.invoke()

    return window


def in_turn(works: Sequence[Work]) -> list[float]:
    """Return the median seconds of a step of each, measured in turn."""
    for work in works:
        warm_up(work)
    taken: list[list[int]] = [[] for _ in works]
    for number in range(ROUNDS):
        for times, work in zip(taken, works, strict=True):
            times.extend(measure(work, STEPS, number * STEPS).tolist())
    return [float(np.median(times)) / 1e9 for times in taken]


def accuracy_of(
    model: ModelFile, folders: Sequence[Path], keywords: Sequence[str] | None, read: Callable
) -> dict[str, Any]:
    """Judge a model as `kws evaluate --data` does.

    Parameters
    ----------
    model : ModelFile
    folders : sequence of Path
    keywords : sequence of str, optional
        Those that matter; the others count as unknown words.
    read : callable
        `kws_training.commands.features.read_clips`, or what remembers its answers.
    """
    from kws_training.data.dataset import find_clips
    from kws_training.evaluation.evaluate import judge_clips, known_clips, open_model
    from kws_training.progress import bar

    spotter = open_model(model, keywords=keywords)
    found, left_out = known_clips(find_clips(folders, spotter.keywords), spotter.metadata.labels)
    clips, audio, skipped = read(found)
    report = judge_clips(spotter, clips, audio, [*skipped, *left_out], bar)
    return {
        "accuracy": report.accuracy,
        "interval": list(report.interval),
        "clips": report.clips,
        "data": [str(folder) for folder in folders],
        "skipped": len(report.skipped),
    }


def compare(options: argparse.Namespace) -> dict[str, Any]:
    """Judge and measure all models, and return the result as plain JSON values."""
    began = origin()
    entries: dict[str, dict[str, Any]] = {}
    for one in options.models:
        hop = one.model.metadata.front_end.hop_seconds
        entries[one.name] = {
            "file": str(one.model.path),
            "size": one.size,
            "audio_seconds": one.model.metadata.streaming.frames * hop,
        }
    held_out = dict(options.held_out)
    if options.data:
        read = remembering_reader()
        for one in sorted(options.models, key=lambda one: one.name not in held_out):
            print(f"{one.name} is judged", file=sys.stderr, flush=True)
            own = one.name in held_out
            folders = [held_out[one.name]] if own else options.data
            entry = accuracy_of(one.model, folders, options.keywords, read)
            entries[one.name] |= {**entry, "held_out": own}
    machine, before = read_machine(), read_state()
    for key, work in (("step", spotter_work), ("network", network_work)):
        works = [work(one.model) for one in options.models]
        if key == "network" and options.yamnet is not None:
            works.append(whole_window(options.yamnet))
        for name, seconds in zip([*entries, "yamnet"], in_turn(works), strict=False):
            entries.setdefault(name, {})[f"{key}_seconds"] = seconds
    if options.yamnet is not None:
        size_ = options.yamnet.stat().st_size
        entries["yamnet"] |= {"file": str(options.yamnet), "size": size_, "audio_seconds": HOP}
    states = [before, read_state()]
    return {
        **began,
        **on_machine(machine, states),
        "keywords": options.keywords,
        "models": entries,
    }


def remembering_reader() -> Callable:
    """Return `read_clips`, which decodes a recording once however many models it is for."""
    from kws_training.data.clips import read_clips
    from kws_training.progress import bar

    known: dict[Path, Any] = {}

    def read(clips: Sequence[Any]) -> tuple[list[Any], list[Any], list[Any]]:
        fresh = [clip for clip in clips if clip.path not in known]
        good, audio, skipped = read_clips(fresh, bar)
        known.update(dict(zip((clip.path for clip in good), audio, strict=True)))
        there = [clip for clip in clips if clip.path in known]
        return there, [known[clip.path] for clip in there], skipped

    return read


def table(entries: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Yield the lines of a Markdown table, the fastest first."""
    yield "| model | accuracy | size | a step | of it the network | of audio |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for name, entry in sorted(entries.items(), key=lambda item: item[1]["network_seconds"]):
        accuracy = "–"
        if "accuracy" in entry:
            low, high = (100 * end for end in entry["interval"])
            mark = " held out" if entry["held_out"] else ""
            accuracy = (
                f"{100 * entry['accuracy']:.1f} % ({low:.1f} to {high:.1f}) of "
                f"{entry['clips']:,}{mark}"
            )
        cells = [
            name,
            accuracy,
            size(entry["size"]),
            duration(entry.get("step_seconds")),
            duration(entry["network_seconds"]),
            duration(entry["audio_seconds"]),
        ]
        yield f"| {' | '.join(cells)} |"


def draw(path: Path, entries: dict[str, dict[str, Any]]) -> None:
    """Draw accuracy over the time of a step, each model with its size.

    Parameters
    ----------
    path : Path
        Its suffix says how: ``.svg`` or ``.png``.
    entries : dict
        The models of a result that have an accuracy.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    settings: Any = {
        "font.size": LETTERS,
        "text.parse_math": False,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "svg.hashsalt": "kws",
    }
    with mpl.rc_context(), io.BytesIO() as drawn:
        mpl.rcdefaults()
        mpl.rcParams.update(settings)
        figure = Figure(figsize=SHAPE, dpi=144, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots()
        x = {name: 1e3 * entry["step_seconds"] for name, entry in entries.items()}
        for number, (name, entry) in enumerate(entries.items()):
            colour = COLOURS[number % len(COLOURS)]
            share, bounds = 100 * entry["accuracy"], 100 * np.array(entry["interval"])
            axes.errorbar(
                x[name],
                share,
                np.abs(bounds - share)[:, None],
                marker="o",
                capsize=4,
                markersize=9,
                color=colour,
                elinewidth=1.5,
                markerfacecolor="white" if entry["held_out"] else colour,
            )
        axes.set_xlim(0, 1.35 * max(x.values()))
        axes.margins(y=0.15)
        axes.set_xlabel("a step of 80 ms of audio, one thread: median, ms")
        axes.set_ylabel("accuracy, %, with 95 % intervals")
        axes.grid(color="#d5d9dd", linewidth=0.7)
        axes.set_axisbelow(True)
        figure.draw_without_rendering()
        _label(axes, entries, x)
        figure.savefig(drawn, format=path.suffix[1:], metadata=_DATELESS.get(path.suffix))
        with whole_file(path) as stream:
            stream.write(drawn.getvalue())


#: The same figures give the same bytes.
_DATELESS = {".svg": {"Date": None}}
#: Pixels around a label that are kept free.
PADDING = 6
#: Points from a marker to its label, and which side of the label is there.
_PLACES = [
    (9, 9),
    (9, -9),
    (-9, 9),
    (-9, -9),
    (9, 24),
    (9, -24),
    (-9, 24),
    (-9, -24),
    (9, 40),
    (9, -40),
]


def _label(axes: Any, entries: dict[str, dict[str, Any]], x: dict[str, float]) -> None:
    """Write name and size beside each point, where nothing else is."""
    from matplotlib.transforms import Bbox

    taken = []
    for name, entry in entries.items():
        low, high = axes.transData.transform([(x[name], 100 * end) for end in entry["interval"]])
        taken.append(Bbox([low - 8, high + 8]))
    inside = axes.get_window_extent()
    for number, (name, entry) in enumerate(entries.items()):
        text, colour = f"{name}\n{size(entry['size'])}", COLOURS[number % len(COLOURS)]
        if entry["held_out"]:
            text += f", {entry['clips']:,} others"
        best = None
        for right, up in _PLACES:
            label = axes.annotate(
                text,
                (x[name], 100 * entry["accuracy"]),
                (right, up),
                textcoords="offset points",
                fontsize=LETTERS - 1,
                linespacing=1.15,
                color=colour,
                ha="left" if right > 0 else "right",
                va="bottom" if up > 0 else "top",
            )
            label.set_in_layout(False)  # or the axes would move, and the other labels with them
            box = label.get_window_extent().padded(PADDING)
            cost = sum(_shared(box, other) for other in taken)
            cost += box.width * box.height - _shared(box, inside)
            if best is None or cost < best[0]:
                if best is not None:
                    best[1].remove()
                best = cost, label, box
            else:
                label.remove()
        taken.append(best[2])


def _shared(one: Any, other: Any) -> float:
    """Return the area that two boxes share."""
    width = min(one.x1, other.x1) - max(one.x0, other.x0)
    height = min(one.y1, other.y1) - max(one.y0, other.y0)
    return max(0.0, width) * max(0.0, height)


def run(options: argparse.Namespace) -> int:
    """Compare the models, print one row each, and draw them; returns the exit status."""
    check(options)
    result = compare(options)
    print(
        f"medians of {ROUNDS * STEPS} steps, models in turn, one thread, "
        f"{result['machine']['core']}, commit {result['commit']}"
    )
    for line in table(result["models"]):
        print(line)
    for doubt in result["doubts"]:
        print(f"doubtful: {doubt}")
    if options.json is not None:
        write_result(options.json, result)
    if options.plot is not None:
        judged = {n: e for n, e in result["models"].items() if "accuracy" in e}
        draw(options.plot, judged)
    return 0


def main() -> int:
    """Judge and measure, print one row per model; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("models", type=named_model, nargs="+", metavar="MODEL")
    add(
        "--data",
        type=Path,
        nargs="+",
        action="extend",
        metavar="DIR",
        help="labelled recordings; without them, sizes and times alone",
    )
    add(
        "--keywords",
        type=names,
        metavar="A,B,…",
        help="those that matter; the models' others count as unknown words",
    )
    add(
        "--held-out",
        type=named_folder,
        action="append",
        default=[],
        metavar="NAME=DIR",
        help="recordings (or a .csv) for a model that was trained on some of --data",
    )
    add("--yamnet", type=Path, metavar="FILE", help="Google's yamnet.tflite, for its time")
    add("--json", type=Path, metavar="FILE", help="write the result as JSON")
    add("--plot", type=Path, metavar="FILE", help="draw accuracy over time: .svg or .png")
    options = parser.parse_args()
    return status_of("models", lambda: run(options))


def check(options: argparse.Namespace) -> None:
    """Refuse what would fail after the work.

    Raises
    ------
    ModelsError
        If arguments do not fit together.
    """
    called = [one.name for one in options.models]
    for name in called:
        if called.count(name) > 1 or name == "yamnet":
            raise ModelsError(f"{name}: two models of that name: give NAME=FILE")
    for name, _ in options.held_out:
        if name not in called:
            raise ModelsError(f"--held-out {name}: no such model: there is {', '.join(called)}")
    if not options.data and (options.plot or options.held_out or options.keywords):
        raise ModelsError("--plot, --held-out and --keywords need recordings: give --data DIR")
    if options.plot is not None and options.plot.suffix not in (".svg", ".png"):
        raise ModelsError(f"{options.plot}: give a name that ends in .svg or .png")
    for path in (options.json, options.plot):
        if path is not None and not path.resolve().parent.is_dir():
            raise ModelsError(f"{path.parent}: no such folder: make it first")


if __name__ == "__main__":
    sys.exit(main())
