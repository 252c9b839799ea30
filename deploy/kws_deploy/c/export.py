"""A model as a folder of C for microcontrollers: `export_c`."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from kws.errors import ModelError
from kws.frontend import LogMelConfig
from kws.metadata import DetectorDefaults
from kws.micro_frontend import MicroConfig
from kws.modelfile import ModelFile
from kws.network import StreamingNetwork

from ..folders import check_folder, write_folder
from ..stages import check_one_stage
from . import header
from .front_end import front_end_sources
from .graph import read_graph
from .network import generate
from .silence import after_silence
from .tensor_arena import tensor_arena

#: Files that are the same for every model.
SHIPPED = (
    "README.txt",
    "Makefile",
    "kws_detector.c",
    "kws_detector.h",
    "kws_front_end.c",
    "kws_front_end.h",
    "kws_kernels.c",
    "kws_kernels.h",
    "kws_network.h",
    "main.c",
    "main_tflm.cc",
)
#: Those that people fill in and change.
EXAMPLES = ("Makefile", "main.c", "main_tflm.cc")
#: A larger network is refused before its text, several times as long, takes memory.
MOST_BYTES = 2**23
#: Files that are made for one model.
MADE = (
    "kws_front_end_tables.c",
    "kws_front_end_tables.h",
    "kws_model.c",
    "kws_model.h",
    "kws_model_data.c",
    "kws_model_data.h",
    "kws_network.c",
)


def export_c(model: ModelFile, folder: Path) -> list[Path]:
    """Write a model as C: whole, or nothing.

    Parameters
    ----------
    model : ModelFile
        An int8 model of the task commands or wake-words, with one front end.
    folder : Path
        Made, or replaced if it holds nothing but an earlier export.

    Returns
    -------
    list of Path
        The files, by name.

    Raises
    ------
    ModelError
        If the model cannot be exported; says why and what to do.
    KwsError
        If the folder cannot be written, or holds other files.
    """
    ours = {*SHIPPED, *MADE, "kws"}
    check_folder(
        folder,
        lambda name: name in ours or name.endswith(".o"),
        {name: _shipped(name).encode() for name in EXAMPLES},
    )
    files = {name: text.encode() for name, text in c_sources(model).items()}
    return write_folder(folder, files)


def c_sources(model: ModelFile) -> dict[str, str]:
    """Return the text of each file of the folder; see `export_c`.

    Parameters
    ----------
    model : ModelFile
        A model for commands or wake words, its network in int8.
    """
    check_one_stage(model)
    metadata = model.metadata
    front_end, detector = metadata.front_end, metadata.detector
    if not isinstance(detector, DetectorDefaults):
        raise ModelError(
            f"{model.path}: its task is {metadata.task}: export to C is for commands and "
            "wake-words; run sounds with kws spot"
        )
    if metadata.enrolled:
        raise ModelError(
            f"{model.path}: keywords that were enrolled are compared in float and not exported "
            "to C: train the phrase with kws train --wake-word, from the same recordings"
        )
    if isinstance(front_end, MicroConfig):
        raise ModelError(
            f"{model.path}: its front end is that of microWakeWord, which is not exported to C: "
            "export it with --to esphome"
        )
    if not isinstance(front_end, LogMelConfig):
        raise ModelError(
            f"{model.path}: its front ends are joined, too much for a microcontroller: export a "
            "student of it (kws distill)"
        )
    if len(model.network) > MOST_BYTES:
        raise ModelError(
            f"{model.path}: a network of {len(model.network)} bytes is for no microcontroller, at "
            f"most {MOST_BYTES} are exported: make a smaller student (kws distill)"
        )
    graph = read_graph(model.network, model.path)
    if any(graph.tensors[number].type != "INT8" for number in (*graph.inputs, *graph.outputs)):
        raise ModelError(
            f"{model.path}: its inputs and outputs are not all int8: run kws quantize --to int8, "
            "then export what it wrote"
        )
    columns = StreamingNetwork(model).columns  # refuses what does not hold what kws.json says
    frames = graph.tensors[graph.named(metadata.streaming.input, graph.inputs)]
    logits = graph.tensors[graph.named(metadata.streaming.output, graph.outputs)]
    names = [graph.tensors[number].name for number in (*graph.inputs, *graph.outputs)]
    if len(set(names)) != len(names) or logits.size != columns * len(metadata.labels):
        raise ModelError(f"{model.path}: inputs or outputs share a name: the file is damaged")
    try:
        network = generate(graph, metadata.streaming)
        tables = front_end_sources(front_end, float(frames.scale), frames.zero_point)
    except ModelError as error:
        raise ModelError(f"{model.path}: {error}") from None
    silence = (
        after_silence(model, graph, reference=False),
        after_silence(model, graph, reference=True),
    )
    need = tensor_arena(model.network, graph)
    files = {name: _shipped(name) for name in SHIPPED}
    files |= tables
    files |= {
        "kws_model.h": header.model_header(model, front_end, detector, graph, network, need),
        "kws_model.c": header.model_source(model, graph, network, silence),
        "kws_model_data.h": header.DATA_HEADER,
        "kws_model_data.c": header.data_source(model.network),
        "kws_network.c": network.source,
    }
    return files


def _shipped(name: str) -> str:
    return resources.files(__package__).joinpath("sources", name).read_text(encoding="utf-8")
