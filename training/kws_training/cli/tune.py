"""The verb tune: a search for the head, the recipe and the data mix of a wake word."""

from __future__ import annotations

import argparse
import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kws.cli.arguments import BASE_HELP
from kws.cli.verb import Verb
from kws.console import note
from kws.errors import KwsError
from kws.installing import install_extra

from ..data.unlabelled import find_speech, without_keywords
from ..spreading.workers import Workers
from ..wake_words.defaults import SYNTHESIZED, WakeWordOptions
from .arguments import add_figures, add_seed, add_workers, workers_of

#: Training steps of a network in a trial: fewer than for the model, so that more is tried.
STEPS = 400
#: Trials that are told.
BEST = 3
#: Trials that are judged on all kinds before any is given up early.
WHOLE_TRIALS = 4


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--wake-word", required=True, metavar="PHRASE", help="the phrase as it is written"
    )
    for name, what in (
        ("positives", "recordings of the phrase: some speakers train, the others judge"),
        ("negatives", "recordings without it, two kinds or more in folders of their own"),
    ):
        parser.add_argument(
            f"--{name}",
            type=Path,
            nargs="+",
            action="extend",
            required=True,
            metavar="DIR",
            help=what,
        )
    parser.add_argument(
        "--noise",
        type=Path,
        nargs="+",
        action="extend",
        default=[],
        metavar="DIR",
        help="recordings of background noise",
    )
    parser.add_argument(
        "--study",
        type=Path,
        required=True,
        metavar="FILE",
        help="keeps all trials: a search that was stopped goes on there",
    )
    parser.add_argument(
        "--trials", type=int, default=20, metavar="N", help="those of earlier runs included"
    )
    parser.add_argument(
        "--steps", type=int, default=STEPS, metavar="N", help="training steps of each network"
    )
    parser.add_argument(
        "--synthesize",
        type=int,
        default=SYNTHESIZED,
        metavar="N",
        help="times that text to speech says the phrase",
    )
    parser.add_argument("--language", default="en", metavar="CODE", help="of the phrase")
    parser.add_argument("--base", type=Path, metavar="FILE", help=BASE_HELP)
    add_seed(parser)
    add_workers(parser)
    add_figures(parser)


def _run(options: argparse.Namespace) -> int:
    try:
        import optuna
    except ModuleNotFoundError:
        raise KwsError(f"optuna is missing: {install_extra('tune')}") from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with workers_of(options) as workers:
        study = _search(optuna, options, workers)
    done = study.get_trials(states=[optuna.trial.TrialState.COMPLETE])
    best = sorted(done, key=lambda trial: trial.value)[:BEST]
    figures = [
        {
            "trial": trial.number,
            "missed": trial.value,
            "kinds": trial.user_attrs["kinds"],
            "values": trial.params,
            "command": _command(options, trial.params),
        }
        for trial in best
    ]
    if options.json:
        print(json.dumps({"trials": len(study.trials), "best": figures}, indent=1))
        return 0
    pruned = len(study.get_trials(states=[optuna.trial.TrialState.PRUNED]))
    print(f"{len(done)} trials judged on all kinds, {pruned} given up early; the best:")
    for one in figures:
        print(
            f"\ntrial {one['trial']}: {one['missed']:.1%} missed, the mean of all kinds and rates"
        )
        for kind in one["kinds"]:
            shares = ", ".join(
                f"{miss / kind['recordings']:.1%} at {rate}/h"
                for rate, miss in kind["misses"].items()
            )
            print(f"  without {kind['kind']} ({kind['hours']:.2f} h): {shares}")
        print(f"  {one['command']}")
    return 0


def _search(optuna: Any, options: argparse.Namespace, workers: Workers) -> Any:
    """Try what is to be tried; returns the study."""
    from ..tensorflow_loading import import_tensorflow

    import_tensorflow()
    from ..cache import cache_folder
    from ..data.frames import read_frames
    from ..wake_words.tuning import JudgeFold, left_out_kinds, split_recordings

    training, judged = split_recordings(find_speech(options.positives))
    clips, _ = without_keywords(find_speech(options.negatives), [options.wake_word])
    negatives = read_frames(clips, cache_folder("frames"), "negatives", workers)
    kinds, left_out = left_out_kinds(negatives)
    note(
        f"{len(training)} recordings to train, {len(judged)} to judge; left out in turn: "
        f"{', '.join(left_out)}"
    )
    noise = find_speech(options.noise) if options.noise else []
    task = JudgeFold(options.wake_word, training, judged, negatives, kinds, noise, options.base)
    shared = WakeWordOptions(
        synthesized=options.synthesize,
        language=options.language,
        hold_out=0.0,
        steps=options.steps,
        ensemble=1,
        seed=options.seed,
    )
    study = _study(optuna, options)
    while (begun := len(_counted(optuna, study))) < options.trials:
        # the draws of a run that goes on are not those of its beginning
        study.sampler = optuna.samplers.TPESampler(seed=options.seed + begun)
        _try(optuna, study, task, shared, left_out, workers)
    return study


def _counted(optuna: Any, study: Any) -> list[Any]:
    state = optuna.trial.TrialState
    found: list[Any] = study.get_trials(states=[state.COMPLETE, state.PRUNED])
    return found


def _study(optuna: Any, options: argparse.Namespace) -> Any:
    """Open the study; trials that were under way when it was stopped are tried again."""
    storage = optuna.storages
    journal = storage.journal.JournalFileBackend(str(options.study))
    study = optuna.create_study(
        study_name=options.wake_word,
        storage=storage.JournalStorage(journal),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=WHOLE_TRIALS),
        load_if_exists=True,
    )
    for trial in study.get_trials(states=[optuna.trial.TrialState.RUNNING]):
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
        study.enqueue_trial(trial.params)
    return study


def _try(
    optuna: Any,
    study: Any,
    task: Any,
    shared: WakeWordOptions,
    left_out: Sequence[str],
    workers: Workers,
) -> None:
    """Judge a trial kind by kind; it is given up where its mean is above those before it."""
    from ..wake_words.tuning import RATES, SPACE, Fold, options_with

    trial = study.ask()
    values = {name: trial.suggest_categorical(name, choices) for name, choices in SPACE.items()}
    options = options_with(shared, values)
    folds = [Fold(options, kind) for kind in left_out]
    found = []
    scores: list[float] = []
    for judged in workers.spread(task, folds, len(folds), f"trial {trial.number}"):
        scores.append(judged.score)
        found.append(
            {
                "kind": judged.kind,
                "hours": judged.hours,
                "recordings": judged.recordings,
                "misses": dict(zip(map(str, RATES), judged.misses, strict=True)),
            }
        )
        mean = sum(scores) / len(scores)
        trial.report(mean, len(scores))
        if len(scores) < len(folds) and trial.should_prune():
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
            note(f"trial {trial.number}: {mean:.1%} missed after {len(scores)} kinds: given up")
            workers.close()  # what is under way is of no use
            return
    trial.set_user_attr("kinds", found)
    study.tell(trial, mean)
    note(f"trial {trial.number}: {mean:.1%} missed")


def _command(options: argparse.Namespace, values: Mapping[str, Any]) -> str:
    """Return the command that trains a model as a trial was."""
    from ..wake_words.tuning import settings_of

    words = ["kws", "train", "--wake-word", options.wake_word]
    for name in ("positives", "negatives", "noise"):
        folders = getattr(options, name)
        if folders:
            words += [f"--{name}", *map(str, folders)]
    if options.synthesize != SYNTHESIZED:
        words += ["--synthesize", str(options.synthesize)]
    if options.language != "en":
        words += ["--language", options.language]
    if options.base is not None:
        words += ["--base", str(options.base)]
    for setting in settings_of(values):
        words += ["--set", setting]
    words += ["--crossings", f"{values['crossings']:g}"]
    if values["rare_voices"]:
        words.append("--rare-voices")
    if options.seed:
        words += ["--seed", str(options.seed)]
    return shlex.join([*words, "--output", "model.tflite"])


TUNE = Verb(
    "tune",
    "search for the head, recipe and data mix of a wake word",
    'kws tune --wake-word "hey device" --positives said --negatives speech --study tune.journal',
    _configure,
    _run,
)
