"""The verb quantize: a model in other number formats, compared with float."""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kws.arrays import Int16
from kws.cli.arguments import MODEL_HELP, add_output, check_output
from kws.cli.verb import Verb
from kws.errors import KwsError
from kws.installing import install_extra
from kws.metadata import WAKE_WORDS
from kws.modelfile import ModelFile, write_model
from kws.packaged import find_model
from kws_training.cli.arguments import add_data, add_seed

if TYPE_CHECKING:  # what these import is not needed to print --help
    from kws_training.data.dataset import Clip, Skipped

    from ..quantization.pipeline import Quantized, Source
    from ..quantization.representative import Representative

PRECISIONS = ("float32", "float16", "dynamic", "int16x8", "int8")
TYPES = ("float32", "int8", "int16")
#: Layers, and recordings with the same reason, that are printed.
MOST_LAYERS = 15
MOST_FILES = 5


def _configure_quantize(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model",
        type=Path,
        metavar="MODEL",
        help=f"{MODEL_HELP}; best one in float32, as another is dequantized first",
    )
    parser.add_argument(
        "--to",
        choices=PRECISIONS,
        help="what to write; without it, all variants are compared and nothing is written",
    )
    parser.add_argument(
        "--calibration",
        type=Path,
        nargs="+",
        action="extend",
        required=True,
        metavar="DIR",
        help="folders of recordings like those that the device will hear, without labels",
    )
    add_output(parser, required=False, what="the model file to write; with --to")
    add_data(parser, required=False)
    parser.add_argument(
        "--recipe",
        default="light",
        metavar="NAME|FILE.toml",
        help="how calibration recordings are augmented: light, heavy, or a file of your own",
    )
    parser.add_argument("--input-type", choices=TYPES, help="int8, int16x8: type of the frames")
    parser.add_argument("--output-type", choices=TYPES, help="int8, int16x8: type of the logits")
    parser.add_argument(
        "--mend",
        choices=("auto", "none", "equalise", "mixed"),
        default="auto",
        help="what to do where int8 loses: scale channels, widen layers to 16 bits, or both where "
        "it loses more than 0.3 points on --data",
    )
    parser.add_argument(
        "--layers",
        action="store_true",
        help="say where int8 loses, layer by layer",
    )
    parser.add_argument(
        "--layers-picture",
        type=Path,
        metavar="FILE.png",
        help="draw it, from first to last",
    )
    add_seed(parser)
    parser.add_argument("--json", action="store_true", help="the figures as one JSON object")


def _check(options: argparse.Namespace, model: ModelFile) -> None:
    """Find out before the work what cannot work."""
    if (options.to is None) != (options.output is None):
        missing = "--to says what to write" if options.to is None else "--output names the file"
        raise KwsError(f"{missing}: give both, or none to compare the variants")
    if options.to is None and (options.input_type or options.output_type):
        raise KwsError("--input-type and --output-type are of what is written: give --to")
    if options.mend in ("equalise", "mixed") and options.to not in (None, "int8"):
        raise KwsError(f"--mend {options.mend}: mends int8, not {options.to}")
    if options.data and model.metadata.task == WAKE_WORDS:
        raise KwsError("--data: is for labels that compete; a wake word is judged by kws evaluate")
    if options.output is not None:
        check_output(options.output)
    if options.layers_picture is not None:
        check_output(options.layers_picture)
        import matplotlib  # noqa: F401  (missing: said before the work, not after it)


def _run_quantize(options: argparse.Namespace) -> int:
    model = find_model(options.model)
    _check(options, model)
    from ..quantization.variants import check_types

    if options.to is not None:
        check_types(options.to, options.input_type, options.output_type)
    try:
        import ai_edge_quantizer  # noqa: F401  (missing: said before the work, not after it)
    except ImportError:
        raise KwsError(
            f"quantize needs the ai-edge-quantizer package: {install_extra('deploy')}"
        ) from None
    from kws.console import note
    from kws_training.augmentation.recipe import read_recipe
    from kws_training.progress import bar

    from ..quantization.layers import draw
    from ..quantization.pipeline import QuantizeOptions, open_source, quantize_model
    from ..quantization.representative import read_representative

    source = open_source(model)
    clips, audio, skipped = _labelled(options, model)
    representative = read_representative(
        options.calibration,
        model.metadata.front_end,
        read_recipe(options.recipe),
        options.seed,
        bar,
    )
    result = quantize_model(
        source,
        representative,
        clips,
        audio,
        QuantizeOptions(
            to=options.to,
            input_type=options.input_type,
            output_type=options.output_type,
            mend=options.mend,
            layers=options.layers or options.layers_picture is not None,
            seed=options.seed,
            recipe=str(options.recipe),
        ),
        bar,
    )
    if options.layers_picture is not None:
        draw(result.layers, options.layers_picture)
    if result.wanted is not None:
        write_model(options.output, result.wanted.network, result.wanted.metadata)
    _say_skipped([*representative.skipped, *skipped])
    if options.json:
        print(json.dumps(_figures(options, source, representative, result), indent=1))
    else:
        _print(source, representative, result, len(clips))
    if result.wanted is not None:
        size = options.output.stat().st_size / 1000
        note(f"operating points: {result.points}")
        note(f"wrote {options.output} ({size:.0f} kB, {options.to})")
    return 0


def _labelled(
    options: argparse.Namespace, model: ModelFile
) -> tuple[list[Clip], list[Int16], list[Skipped]]:
    """Read the recordings of --data, where there are some."""
    from kws_training.data.clips import read_clips
    from kws_training.data.dataset import DataError, find_clips
    from kws_training.evaluation.evaluate import known_clips
    from kws_training.progress import bar

    if not options.data:
        return [], [], []
    found = find_clips(options.data, model.metadata.keywords, options.speaker_rule)
    found, left_out = known_clips(found, model.metadata.labels)
    clips, audio, skipped = read_clips(found, bar)
    if not clips:
        raise DataError(f"none of the {len(found)} recordings could be read: {skipped[0].reason}")
    return clips, audio, [*skipped, *left_out]


def _say_skipped(skipped: Sequence[Skipped]) -> None:
    """Name the recordings that were left out, by reason."""
    from kws.console import note

    by_reason = defaultdict(list)
    for skip in dict.fromkeys(skipped):  # a file may calibrate and judge
        by_reason[skip.reason].append(str(skip.path))
    for reason, paths in by_reason.items():
        more = f" and {len(paths) - MOST_FILES} more" if len(paths) > MOST_FILES else ""
        note(f"skipped: {', '.join(paths[:MOST_FILES])}{more}: {reason}")


def _print(source: Source, representative: Representative, result: Quantized, clips: int) -> None:
    from ..quantization.table import lines

    if source.dequantized:
        print(f"{source.given.path} is quantized: float32 below is what its rounded weights say\n")
    print("\n".join(lines(result.variants, result.reasons)))
    judged = f"accuracy: {clips} recordings of --data; " if clips else ""
    print(
        f"\n{judged}same label and worst difference of a score: against float32, "
        f"{representative.recordings} calibration recordings; step: this machine, one thread, "
        "median"
    )
    if result.attempts:
        print("\nint8 mended (signal to noise of the logits against float32):")
        for one in result.attempts:
            accuracy = "" if one.accuracy is None else f", accuracy {one.accuracy:.2%}"
            kept = "  <- kept" if one.way == result.kept else ""
            print(f"  {one.way}: {one.snr:.1f} dB{accuracy}{kept}")
        if len(result.attempts) == 1:
            print("  no pair of layers can be equalised, and no layer gains by 16 bits")
    if result.layers:
        first = max(result.layers, key=lambda layer: layer.lost)
        print(
            f"\nint8 against float32: operator {first.number}, {first.kind}, loses most by itself, "
            f"{first.lost:.1f} dB; layer by layer, the worst first:"
        )
        print("  number  signal to noise  lost here  operator")
        for layer in result.layers[:MOST_LAYERS]:
            print(
                f"  {layer.number:6}  {layer.snr:12.1f} dB  {layer.lost:6.1f} dB  {layer.kind}"
                f" {layer.name}"
            )


def _figures(
    options: argparse.Namespace, source: Source, representative: Representative, result: Quantized
) -> dict[str, object]:
    return {
        "model": str(options.model),
        "dequantized_first": source.dequantized,
        "calibration": {
            "recordings": representative.recordings,
            "seconds": representative.seconds,
            "skipped": [str(skip.path) for skip in representative.skipped],
        },
        "variants": [variant.to_dict() for variant in result.variants],
        "missing": result.reasons,
        "mending": [one.to_dict() | {"kept": one.way == result.kept} for one in result.attempts],
        "layers": [vars(layer) for layer in result.layers],
        "written": None if options.output is None else str(options.output),
        "operating_points": result.points if options.output is not None else None,
    }


QUANTIZE = Verb(
    "quantize",
    "a model in other number formats, compared with float",
    "kws quantize model.tflite --to int8 --calibration recordings --output small.tflite",
    _configure_quantize,
    _run_quantize,
)
