"""The verb prune: a student with fewer channels, trained on."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from kws.cli.verb import Verb
from kws.errors import KwsError
from kws_training.cli.arguments import add_figures, add_seed
from kws_training.tensorflow_loading import import_tensorflow

from .distill import add_material, add_outputs, check_outputs, folders_of, write_student

EPOCHS = 8


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model",
        type=Path,
        metavar="MODEL",
        help="a temporal student that kws distill made, best in float32, or the name of a model in "
        "the package",
    )
    parser.add_argument(
        "--keep",
        type=float,
        required=True,
        metavar="SHARE",
        help="of the channels: about the root of the share of the weights that is kept",
    )
    add_material(parser)
    add_outputs(parser)
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="of training afterwards")
    add_seed(parser)
    add_figures(parser)


def _run(options: argparse.Namespace) -> int:
    check_outputs(options)
    if options.epochs < 1:
        raise KwsError("--epochs must be at least 1")
    folders = folders_of(options)
    import_tensorflow()
    from kws.bench.timing import network_times
    from kws.console import quiet
    from kws_training.cache import cache_folder
    from kws_training.networks.word_base import read_base

    from ..boards.cost import cost
    from ..distillation.fit import going_on_with
    from ..distillation.pipeline import DistillOptions, distill
    from ..pruning import prune

    base = read_base(options.model)
    student = prune(base, options.keep)
    result = distill(
        [base.model],
        folders,
        DistillOptions(student, None, 1, going_on_with(options.epochs, 0.0), 0, True, options.seed),
        cache_folder("checkpoints"),
    )
    write_student(options, result)
    assert result.alone is not None  # it was asked for
    lines = [f"{'':24} {'weights':>8} {'kB':>6} {'ms a step here':>15} {'accuracy':>9}"]
    figures = []
    # of one number format: what int8 saves is not pruning's
    same = result.model if cost(base.model.network).precision == "int8" else result.unquantized
    rows = (
        ("before", base.model, result.teachers[0]),
        (f"pruned, {student.name}", same, result.student),
    )
    for name, model, report in rows:
        with quiet():
            step = network_times(model).median
        weights = cost(model.network).weights
        figures.append(
            {
                "name": name,
                "weights": weights,
                "network_bytes": len(model.network),
                "step_seconds": step,
                **report.summary(),
            }
        )
        lines.append(
            f"{name:24} {weights:8,} {len(model.network) / 1e3:6.0f} "
            f"{step * 1e3:15.3f} {report.accuracy:9.1%}"
        )
    if options.json:
        found = {
            "model": str(options.output),
            "speakers": result.judges,
            "networks": figures,
            "without_teacher": result.alone.summary(),
            "skipped": [{"file": str(s.path), "reason": s.reason} for s in result.skipped],
        }
        print(json.dumps(found, indent=1))
        return 0
    print("\n".join(lines))
    print(
        f"{result.student.clips} clips of {result.judges} speakers; trained on without teacher: "
        f"{result.alone.accuracy:.1%}"
    )
    print(f"wrote {options.output}")
    return 0


PRUNE = Verb(
    "prune",
    "remove the channels of a student that carry least, and train on",
    "kws prune student.tflite --keep 0.75 --data recordings --noise noise --output pruned.tflite",
    _configure,
    _run,
)
