"""What `kws distill --student A,B` does: a model for each student, and one report of all.

Each is trained by as many threads, so that it has the same bytes whoever trains it, and beside
whatever else.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kws.console import note
from kws.errors import KwsError
from kws.modelfile import pack, write_model
from kws.packaged import find_model
from kws_training.cache import cache_folder
from kws_training.cli.model_jobs import ModelJob, key_of, write_report
from kws_training.data.digest import digest_of
from kws_training.spreading.workers import Workers
from kws_training.tensorflow_loading import fix_threads, import_tensorflow

from ..distillation.pipeline import Distilled, DistillOptions, distill
from ..distillation.sources import Folders

#: Part of the key of what was made. It goes up when the same recordings give another student.
VERSION = 1


@dataclass(frozen=True)
class StudentJob(ModelJob):
    """A student to train.

    Attributes
    ----------
    teachers : tuple of Path
        Model files, or names of packaged models.
    folders : Folders
        Where the recordings are.
    options : DistillOptions
        What the user decides.
    """

    teachers: tuple[Path, ...]
    folders: Folders
    options: DistillOptions


def figures_of(name: str, teachers: Sequence[Path], result: Distilled) -> dict[str, Any]:
    """Return what programs are told of a student.

    Parameters
    ----------
    name : str
        Of the student.
    teachers : sequence of Path
        Their files.
    result : Distilled
        The student.
    """
    return {
        "student": name,
        "speakers": result.judges,
        "teachers": [
            {"model": str(path), **one.summary()}
            for path, one in zip(teachers, result.teachers, strict=True)
        ],
        "distilled": result.student.summary(),
        **({} if result.alone is None else {"without_teacher": result.alone.summary()}),
        "skipped": [{"file": str(s.path), "reason": s.reason} for s in result.skipped],
    }


def run_many(
    options: argparse.Namespace,
    each: Sequence[DistillOptions],
    folders: Folders,
    workers: Workers,
) -> int:
    """Train several students; returns the exit status.

    Parameters
    ----------
    options : argparse.Namespace
        The parsed arguments of `kws distill`.
    each : sequence of DistillOptions
        What the user decides about each student.
    folders : Folders
        Where the recordings are.
    workers : Workers
        Each trains a student of its own.
    """
    folder: Path = options.output
    if options.unquantized is not None:
        raise KwsError("--float: is for one student: leave it out, or name one with --student")
    if folder.exists() and not folder.is_dir():
        raise KwsError(f"{folder}: is a file: several students are written into a folder")
    folder.mkdir(parents=True, exist_ok=True)
    jobs = []
    teachers = [find_model(path) for path in options.teachers]
    taught_by = [digest_of(pack(one.network, one.metadata)) for one in teachers]
    for one in each:
        settings = {**asdict(one), "folders": asdict(folders), "teachers": taught_by}
        features = [] if folders.features is None else [folders.features]
        paths = (folders.data, folders.test_data, folders.noise, folders.negatives)
        files = [path for some in (*paths, folders.unlabelled, features) for path in some]
        output = folder / f"{one.student.name}.tflite"
        job = StudentJob(
            output, key_of(VERSION, settings, files), tuple(options.teachers), folders, one
        )
        jobs.append(job)
    missing = [job for job in jobs if job.done() is None]
    if len(missing) < len(jobs):
        note(f"{len(jobs) - len(missing)} of {len(jobs)} students are trained already")
    for _ in workers.spread(train_student, missing, len(missing), "students"):
        pass
    results = [job.done() for job in jobs]
    report, page = {"students": results}, _page(results)
    write_report(folder, report, page)
    print(json.dumps(report, indent=1) if options.json else "\n".join(page))
    return 0


def train_student(job: StudentJob) -> None:
    """Train a student, and write what came of it beside it.

    Parameters
    ----------
    job : StudentJob
        The student. What the training says goes into a ``.log`` beside it.
    """
    import_tensorflow()
    fix_threads()
    from kws_training.fitting.loop import begin_anew

    begin_anew(job.options.seed)
    teachers = [find_model(path) for path in job.teachers]
    with job.logged():
        result = distill(teachers, job.folders, job.options, cache_folder("students"))
    write_model(job.output, result.model.network, result.model.metadata)
    job.finish(figures_of(job.options.student.name, job.teachers, result))


def _page(results: Sequence[Any]) -> list[str]:
    """Return the report for people: a table of Markdown, the smallest student first."""
    lines = [
        f"teacher {Path(one['model']).name}: {one['accuracy']:.1%} of {one['clips']} clips of "
        f"{results[0]['speakers']} speakers"
        for one in results[0]["teachers"]
    ]
    lines += [
        "",
        "| student | kB, int8 | accuracy | 95 % interval | without teacher |",
        "| --- | --- | --- | --- | --- |",
    ]
    for one in sorted(results, key=lambda one: one["bytes"]):
        low, high = one["distilled"]["interval"]
        alone = one.get("without_teacher")
        cells = (
            one["student"],
            f"{one['bytes'] / 1000:.0f}",
            f"{one['distilled']['accuracy']:.1%}",
            f"{low:.1%} to {high:.1%}",
            "not trained" if alone is None else f"{alone['accuracy']:.1%}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return lines
