"""The form esphome: manifests and networks for microWakeWord's runtimes."""

from __future__ import annotations

import argparse
import json

from kws.console import quiet
from kws.modelfile import ModelFile

from .form import Form

#: The author that a manifest names where nobody says another.
AUTHOR = "kws"


def _configure(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--author",
        default=AUTHOR,
        metavar="NAME",
        help="who made the model, for the manifest",
    )


def _run(options: argparse.Namespace, model: ModelFile) -> int:
    from ...esphome.export import export_esphome, write_wake_words

    with quiet():  # the interpreter's notes
        exported = export_esphome(model, options.author)
        files = write_wake_words(exported, options.output)
    if options.json:
        values = {
            "to": "esphome",
            "files": [str(path) for path in files],
            "wake_words": [
                {
                    "wake_word": one.manifest.wake_word,
                    "bytes": len(one.network),
                    "tensor_arena_size": one.manifest.arena,
                    "arena": one.arena,
                    "probability_cutoff": one.manifest.cutoff,
                    "sliding_window_size": one.manifest.window,
                }
                for one in exported
            ],
        }
        print(json.dumps(values, indent=1))
        return 0
    print(f"wrote {len(files)} files to {options.output}:")
    for path in files:
        print(f"  {path.name:24} {path.stat().st_size:9,} bytes")
    for one in exported:
        print(
            f"{one.manifest.wake_word}: detected above {one.manifest.cutoff:g} over "
            f"{one.manifest.window} scores, in an arena of {one.manifest.arena:,} bytes"
        )
    return 0


ESPHOME = Form("esphome", "wake words for ESPHome and microWakeWord, a folder", _configure, _run)
