"""Which command each step runs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kws.enrolment.enroll import FEWEST, MOST
from kws.metadata import Metadata
from kws.micro_frontend import MicroConfig

from .project import ALIKE, HELD, JUDGE, LEARN, MACHINE, OTHER, Project, ProjectError

#: Times that text to speech says the phrase for people to hear, and as often what sounds like it.
HEARD = 12
#: Forms of `kws export` that the studio offers, with what each is for.
FORMS = {
    "web": "a page in a browser (WebAssembly)",
    "c": "a microcontroller (C99)",
    "esphome": "ESPHome's micro_wake_word",
    "binary": "one program, without Python",
    "library": "an app: a C library",
    "onnx": "onnxruntime, in any language",
}
#: Data sets of read speech that the page offers to fetch, by what they are for: other people read
#: in each.
FETCHED = {"learn": "librispeech-dev-clean", "judge": "librispeech-test-clean"}
#: Folder in the project that they go into.
FETCHED_FOLDER = "fetched_speech"
#: Machines that a program is made for (``--target``), with what each is.
MACHINES = {
    "aarch64-linux": "a Raspberry Pi 3 to 5, or Zero 2, with a 64-bit system",
    "arm-linux": "a Raspberry Pi 2 to 4 with a 32-bit system",
    "armv6-linux": "the first Raspberry Pi, or a Zero",
    "x86_64-linux": "a PC with Linux",
    "riscv64-linux": "a 64-bit RISC-V board with Linux",
    "x86_64-windows": "a PC with Windows",
    "aarch64-macos": "a Mac from 2020 on",
}
#: Kinds of steps of which a model comes out.
MODELS = ("quick", "good", "best")
#: Noise under recordings that a sweep tries, in decibels below them.
SNRS = "clean,20,10,0"


@dataclass(frozen=True)
class Plan:
    """A command that a step runs.

    Attributes
    ----------
    kind, title, arguments, makes
        As of `kws_studio.jobs.Job`.
    about : str
        What will happen, in a sentence.
    """

    kind: str
    title: str
    arguments: tuple[str, ...]
    about: str
    makes: str = ""


def plan(
    project: Project, kind: str, values: Mapping[str, Any], taken: Collection[str] = ()
) -> Plan:
    """Return the command of a step.

    Parameters
    ----------
    project : Project
        What it is about.
    kind : str
        hear, fetch, quick, good, best, judge, sweep, threshold, export or push.
    values : mapping of str to Any
        What the page says besides: ``part``, ``model``, ``form``, ``machine``, ``steps``,
        ``threshold``, ``repository``.
    taken : collection of str
        Files that commands will write which run, wait or can go on.

    Returns
    -------
    Plan

    Raises
    ------
    ProjectError
        If something is missing, or a value cannot be used; says what to do.
    """
    makers = {
        "hear": _hear,
        "fetch": _fetch,
        "quick": _quick,
        "good": _train,
        "best": _train,
        "judge": _judge,
        "sweep": _judge,
        "threshold": _threshold,
        "export": _export,
        "push": _push,
    }
    if kind not in makers:
        raise ProjectError(f"no step {kind!r:.40}")
    if kind in MODELS:
        return makers[kind](project, kind, {**values, "output": _output(project, kind, taken)})
    return makers[kind](project, kind, values)


def _hear(project: Project, kind: str, values: Mapping[str, Any]) -> Plan:
    phrase, language = project.phrase, project.settings().language
    count = _whole(values, "count", HEARD, 4, 2000)
    arguments = ["synthesize", phrase, "--output", f"synthesized/{phrase}"]
    arguments += ["--count", str(count), "--negatives", str(count), "--language", language]
    return Plan(
        kind,
        f"machines say {phrase!r}",
        (*arguments, "--json"),
        f"{count} machine voices say the phrase, and {count} say what sounds like it",
        f"synthesized/{phrase}",
    )


def _fetch(project: Project, kind: str, values: Mapping[str, Any]) -> Plan:
    from kws_training.data.fetching import in_bytes
    from kws_training.data.sources import SOURCES

    part = str(values.get("part", ""))
    if part not in FETCHED:
        raise ProjectError(f"part {part!r:.40}: {' or '.join(FETCHED)}")
    name = FETCHED[part]
    if fetched_speech(project, part):
        raise ProjectError(f"{name} is there already, in {FETCHED_FOLDER}/{name}")
    source = next(one for one in SOURCES if one.name == name)
    purpose = "to learn from" if part == "learn" else "to judge with"
    return Plan(
        kind,
        f"English speech {purpose}",
        ("data", "fetch", name, "--output", FETCHED_FOLDER),
        f"5.4 hours {purpose}: {in_bytes(source.archive.size)} of {source.title} "
        f"({source.licence})",
        f"{FETCHED_FOLDER}/{name}",
    )


def fetched_speech(project: Project, part: str) -> list[str]:
    """Return the folder of read speech that was fetched.

    Parameters
    ----------
    project : Project
        Where it would be.
    part : str
        Of `FETCHED`.

    Returns
    -------
    list of str
        The folder as commands name it; empty while it is not there.
    """
    name = f"{FETCHED_FOLDER}/{FETCHED[part]}"
    return [name] if (project.root / name).is_dir() else []


def _quick(project: Project, kind: str, values: Mapping[str, Any]) -> Plan:
    phrase = project.phrase
    there = len(project.recordings(LEARN))
    if there < FEWEST:
        raise ProjectError(
            f"{there} recordings, {FEWEST} are needed: record {FEWEST - there} more in Say it"
        )
    if there > MOST:
        raise ProjectError(f"{there} recordings, at most {MOST}: Good makes a better model of them")
    output = values["output"]
    arguments = ["enroll", "--positives", f"recordings/{phrase}", "--label", phrase]
    if project.recordings(OTHER):
        arguments += ["--ambient", "other_speech/learn"]
    return Plan(
        kind,
        f"a quick wake word of {there} recordings",
        (*arguments, "--output", output, "--json"),
        "seconds; knows the voices that were recorded",
        output,
    )


def _train(project: Project, kind: str, values: Mapping[str, Any]) -> Plan:
    phrase, settings = project.phrase, project.settings()
    # what machines say that sounds like it would make the network strict with people
    # (docs/wake_words.md)
    negatives = [project.shown(project.shelf(OTHER))] if project.recordings(OTHER) else []
    negatives += fetched_speech(project, "learn")
    if not negatives:
        raise ProjectError(
            "no speech without the phrase: in Say it add some (the radio, a podcast, your room: "
            "the more hours, the better), or fetch some"
        )
    ensemble = 1 if kind == "good" else 2
    output = values["output"]
    arguments = ["train", "--wake-word", phrase]
    if project.recordings(LEARN):
        arguments += ["--positives", f"recordings/{phrase}"]
    arguments += ["--negatives", *negatives]
    steps = _whole(values, "steps", 1000, 10, 20_000)
    synthesized = _whole(values, "synthesize", 300, 0, 10_000)
    arguments += ["--steps", str(steps), "--synthesize", str(synthesized)]
    arguments += ["--ensemble", str(ensemble), "--language", settings.language]
    if values.get("base"):
        arguments += ["--base", _base(project, str(values["base"]))]
    return Plan(
        kind,
        f"a {kind} wake word",
        (*arguments, "--output", output, "--json"),
        "minutes; knows voices that it never heard"
        if kind == "good"
        else "three times as long as Good, and misses fewer",
        output,
    )


def _base(project: Project, name: str) -> str:
    """Return a word base of the user's own, which lies in the project."""
    path = project.root / name
    if not path.is_file() or not path.resolve().is_relative_to(project.root):
        raise ProjectError(f"no word base {name!r:.100} in the project")
    return project.shown(path)


def _judge(project: Project, kind: str, values: Mapping[str, Any]) -> Plan:
    model = _model(project, values)
    positives, seen = _positives(project)
    negatives, about = _other_speech(project)
    arguments = ["evaluate" if kind == "judge" else "sweep", model]
    arguments += ["--positives", *positives, "--negatives", *negatives]
    if kind == "sweep":
        arguments += ["--snr", SNRS]
    else:
        arguments += ["--by-kind", "--group-by", "voice"]
    where = " in noise" if kind == "sweep" else ""
    return Plan(
        kind,
        f"judging {Path(model).stem}{where}",
        (*arguments, "--json"),
        f"judged on {seen}, and on {about}",
    )


def _threshold(project: Project, kind: str, values: Mapping[str, Any]) -> Plan:
    model, value = _model(project, values), values.get("threshold")
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ProjectError(f"threshold {value!r:.40}: give a number from 0 to 1")
    arguments = ["calibrate", model, "--threshold", f"{project.phrase}={float(value)!r}"]
    name = Path(model).stem
    return Plan(
        kind,
        f"the threshold {value:.3f} into {name}",
        (*arguments, "--json"),
        "the file then has it, wherever it is taken",
    )


def _positives(project: Project) -> tuple[list[str], str]:
    """Return the folders that judge, and what they are."""
    phrase = project.phrase
    if project.recordings(HELD):
        return [f"held_back/{phrase}"], "recordings that were held back"
    if project.recordings(MACHINE):
        return [f"synthesized/{phrase}/positives"], "machine voices, as no recording was held back"
    if project.recordings(LEARN):
        return (
            [f"recordings/{phrase}"],
            "the very recordings that it learned from, so that it looks better than it is: hold "
            "some back",
        )
    raise ProjectError("no recordings of the phrase: record some in Say it")


def _other_speech(project: Project) -> tuple[list[str], str]:
    """Return the folders without the phrase that judge, and what they are."""
    kept = [project.shown(project.shelf(JUDGE))] if project.recordings(JUDGE) else []
    if folders := [*kept, *fetched_speech(project, "judge")]:
        return folders, "speech that was kept apart"
    if project.recordings(ALIKE):
        return (
            [project.shown(project.shelf(ALIKE))],
            "what machines say that sounds like it, which is harder than ordinary speech",
        )
    raise ProjectError(
        "nothing without the phrase to judge by: in Say it add or fetch speech, or hear what the "
        "machines say that sounds like it"
    )


def _export(project: Project, kind: str, values: Mapping[str, Any]) -> Plan:
    model, form = _model(project, values), str(values.get("form", ""))
    if form not in FORMS:
        raise ProjectError(f"no form {form!r:.40}: there are {', '.join(FORMS)}")
    name = Path(model).stem
    folder = f"exports/{name}/{form}"
    output, own, about = folder, [], FORMS[form]
    if form == "binary":
        machine = str(values.get("machine") or next(iter(MACHINES)))
        if machine not in MACHINES:
            raise ProjectError(f"no machine {machine!r:.40}: there are {', '.join(MACHINES)}")
        output = f"{folder}/{name}-{machine}{'.exe' if 'windows' in machine else ''}"
        own, about = ["--target", machine], f"{about}, on {MACHINES[machine]}"
    elif form == "onnx":
        output = f"{folder}/{name}.onnx"
        own = ["--with-front-end", "--audio", *_heard_by_both(project)]
    arguments = ["export", model, "--to", form, *own, "--output", output]
    return Plan(kind, f"{name} for {about}", (*arguments, "--json"), about, output)


def forms_of(metadata: Metadata) -> list[str]:
    """Return the forms that a model can be exported in.

    Parameters
    ----------
    metadata : Metadata
        Of the model.

    Returns
    -------
    list of str
        Of `FORMS`. What was enrolled runs in Python alone; devices of ESPHome have a front end of
        their own, on which nothing else runs.
    """
    if metadata.enrolled:
        return []
    micro = isinstance(metadata.front_end, MicroConfig)
    return [one for one in FORMS if (one == "esphome") == micro]


def _heard_by_both(project: Project) -> list[str]:
    """Return folders of recordings on which an export must give what the model gives."""
    kinds = ((HELD, LEARN, MACHINE), (JUDGE, OTHER, ALIKE))
    found = [next((one for one in kind if project.recordings(one)), None) for kind in kinds]
    folders = [project.shown(project.shelf(one)) for one in found if one is not None]
    if not folders:
        raise ProjectError(
            "no recordings, on which the file is checked: record the phrase in Say it, or add "
            "speech there"
        )
    return folders


def _push(project: Project, kind: str, values: Mapping[str, Any]) -> Plan:
    settings = project.settings()
    repository = str(values.get("repository", ""))
    if repository.count("/") != 1 or repository.startswith("-"):
        raise ProjectError(f"{repository!r:.100}: give ORG/NAME, as huggingface.co shows it")
    model = _model(project, values)
    arguments = ["push", model, repository, "--language", settings.language]
    arguments += ["--license", str(values.get("license") or "apache-2.0")]
    if values.get("private", True):
        arguments.append("--private")
    return Plan(
        kind,
        f"{Path(model).stem} to the Hub",
        (*arguments, "--json"),
        "puts the model and its card on the Hugging Face Hub",
    )


def _model(project: Project, values: Mapping[str, Any]) -> str:
    return project.shown(project.model(str(values.get("model", ""))))


def _output(project: Project, kind: str, taken: Collection[str]) -> str:
    """Return the next free name of a model."""
    stem = "_".join(project.phrase.lower().split())
    number = 1
    while (output := f"models/{stem}_{kind}_{number}.tflite") in taken or (
        project.root / output
    ).exists():
        number += 1
    return output


def _whole(values: Mapping[str, Any], name: str, usual: int, least: int, most: int) -> int:
    value = values.get(name, usual)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ProjectError(f"{name} {value!r:.40}: give a whole number from {least} to {most}")
    return value
