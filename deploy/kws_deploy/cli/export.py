"""The verb export: a model in another form, for another runtime."""

from __future__ import annotations

import argparse
from pathlib import Path

from kws.cli.arguments import MODEL_HELP
from kws.cli.verb import Verb
from kws.console import note
from kws.errors import KwsError
from kws.packaged import find_model

from .forms.binary import BINARY
from .forms.c import C
from .forms.esphome import ESPHOME
from .forms.form import MOST_RECORDINGS
from .forms.library import LIBRARY
from .forms.onnx import ONNX
from .forms.web import WEB

#: All forms, in the order of ``kws export --help``.
FORMS = {form.name: form for form in (C, LIBRARY, ONNX, WEB, BINARY, ESPHOME)}


def _configure_export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", type=Path, metavar="MODEL", help=MODEL_HELP)
    parser.add_argument(
        "--to",
        choices=tuple(FORMS),
        required=True,
        help="; ".join(f"{form.name}: {form.summary}" for form in FORMS.values()),
    )
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="DIR|FILE",
        help="a file or a folder, as the form is; a file is replaced; a folder is new, or an "
        "earlier export, which is replaced with what was built in it",
    )
    parser.add_argument("--json", action="store_true", help="what was written as one JSON object")
    checked = [form.name for form in FORMS.values() if form.checked]
    parser.add_argument(
        "--audio",
        type=Path,
        nargs="+",
        action="extend",
        metavar="FILE",
        help=f"for {', '.join(checked)}: recordings, or folders of them, on which the export must "
        f"give the same; {MOST_RECORDINGS} of them are heard",
    )
    for form in FORMS.values():
        form.configure(parser.add_argument_group(f"--to {form.name}"))


def _options_of(name: str) -> list[argparse.Action]:
    """Return the options that a form alone takes."""
    parser = argparse.ArgumentParser(add_help=False)
    group = parser.add_argument_group()
    FORMS[name].configure(group)
    return group._group_actions


def _run_export(options: argparse.Namespace) -> int:
    chosen = FORMS[options.to]
    if options.audio and not chosen.checked:
        raise KwsError(f"--audio does not go with --to {chosen.name}: leave it out")
    for name in [name for name in FORMS if name != chosen.name]:
        for option in _options_of(name):
            if getattr(options, option.dest) != option.default:
                raise KwsError(f"{option.option_strings[0]} goes with --to {name}: leave it out")
    model = find_model(options.model)
    if model.metadata.verifier is not None:
        note(
            f"{model.path}: no other form carries its verifier: this is its first stage alone, "
            "with the thresholds for that, of which nothing was measured"
        )
        model = model.first_stage()
    return chosen.run(options, model)


EXPORT = Verb(
    "export",
    "write a model in another form: C, ONNX, WebAssembly, a program, ESPHome",
    "kws export model.tflite --to onnx --audio recordings --output model.onnx",
    _configure_export,
    _run_export,
)
