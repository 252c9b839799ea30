"""A model file as manifests and networks for ESPHome: `export_esphome`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws.errors import KwsError, ModelError
from kws.files import whole_file
from kws.metadata import WAKE_WORDS, DetectorDefaults
from kws.micro_frontend import MicroConfig
from kws.modelfile import ModelFile
from kws.network import StreamingNetwork
from kws_training.networks.tflite import Graph, read_graph

from ..c.tensor_arena import Need, tensor_arena
from ..stages import check_one_stage
from ..wake_words.teachers import language_of
from .manifest import Manifest
from .network import esphome_network

#: Bytes of the arena beyond what the network takes here: kernels for ESP32 take scratch memory,
#: and later versions more (esphome/esphome, issue 15603).
SPARE = 8192
#: The highest threshold: scores have 8 bits, and none is above 255 / 256.
HIGHEST_THRESHOLD = 0.99
#: Characters of a file's name, at most.
LONGEST_NAME = 60


@dataclass(frozen=True)
class ExportedWakeWord:
    """One wake word as two files.

    Attributes
    ----------
    manifest : Manifest
        What the ``.json`` holds.
    network : bytes
        The ``.tflite`` beside it.
    arena : str
        How the size of the arena was found, as a sentence.
    """

    manifest: Manifest
    network: bytes
    arena: str


def export_esphome(model: ModelFile, author: str) -> list[ExportedWakeWord]:
    """Return a manifest and a network for each wake word of a model.

    Parameters
    ----------
    model : ModelFile
        Wake words on the front end of microWakeWord, in int8.
    author : str
        Who made the model.

    Raises
    ------
    ModelError
        If the model is of another task or front end, is not int8, or has what ESPHome cannot run.
    """
    check_one_stage(model)
    metadata = model.metadata
    detector = metadata.detector
    if metadata.task != WAKE_WORDS or not isinstance(detector, DetectorDefaults):
        raise ModelError(
            f"{model.path}: its task is {metadata.task}: ESPHome runs wake words: train one with "
            "kws train --wake-word, then kws distill --frontend micro"
        )
    if not isinstance(metadata.front_end, MicroConfig):
        raise ModelError(
            f"{model.path}: its front end is not that of microWakeWord: make a student of it with "
            "kws distill --frontend micro, and export that"
        )
    graph = read_graph(model.network)
    if any(graph.tensors[number].type != "INT8" for number in (*graph.inputs, *graph.outputs)):
        raise ModelError(
            f"{model.path}: its inputs and outputs are not all int8: export what kws distill "
            "--frontend micro wrote to --output"
        )
    stream = StreamingNetwork(model)  # refuses what does not hold what kws.json says
    if stream.columns != 1:
        raise ModelError(f"{model.path}: a step must give one score, not {stream.columns}")
    step_seconds = stream.frames * metadata.front_end.hop_seconds
    names = _file_names(metadata.labels)
    language = language_of(model)
    exported: list[ExportedWakeWord] = []
    need: Need | None = None
    for number, label in enumerate(metadata.labels):
        threshold = detector.thresholds[label]
        if threshold > HIGHEST_THRESHOLD:
            raise ModelError(
                f"{model.path}: the threshold of {label!r} is {threshold:.4g}, and the 8 bits of "
                f"ESPHome's scores tell {HIGHEST_THRESHOLD} at most: choose a lower one with kws "
                "calibrate"
            )
        try:
            network = esphome_network(
                model.network,
                metadata.streaming.input,
                metadata.streaming.output,
                _states(model, graph, stream),
                number,
            )
        except ModelError as error:
            raise ModelError(f"{model.path}: {error}") from None
        if need is None:  # all are as large
            need = tensor_arena(network, graph)
        manifest = Manifest(
            wake_word=label,
            author=author,
            languages=() if language is None else (language,),
            model=f"{names[number]}.tflite",
            cutoff=round(threshold, 4),
            window=max(1, round(detector.smoothing / step_seconds)),
            arena=need.size + SPARE,
        )
        exported.append(ExportedWakeWord(manifest, network, need.how))
    return exported


def write_wake_words(exported: list[ExportedWakeWord], folder: Path) -> list[Path]:
    """Write manifests and networks into a folder, beside those of other wake words there.

    Parameters
    ----------
    exported : list of ExportedWakeWord
        What `export_esphome` gave.
    folder : Path
        It is made where it is missing; files of the same names are replaced.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    KwsError
        If one cannot be written.
    """
    written = []
    try:
        folder.mkdir(exist_ok=True)
        for one in exported:
            network = folder / one.manifest.model
            # the network first: a manifest names what is there
            for path, content in (
                (network, one.network),
                (network.with_suffix(".json"), one.manifest.text().encode()),
            ):
                with whole_file(path) as stream:
                    stream.write(content)
                written.append(path)
    except ValueError:
        raise KwsError(f"{str(folder)!r}: is not a path: take out the null byte") from None
    except FileExistsError:
        raise KwsError(f"{folder}: is no folder: name a new one") from None
    except OSError as error:
        raise KwsError(
            f"{folder}: cannot be written ({error.strerror}): name a folder whose parent is there "
            "and writable"
        ) from None
    return written


def _states(
    model: ModelFile, graph: Graph, stream: StreamingNetwork
) -> list[tuple[str, str, npt.NDArray[np.int8]]]:
    """Return each state's tensors, and the values that endless silence leaves in it."""
    found = []
    for (before, after), values in zip(
        model.metadata.streaming.states, stream.silence, strict=True
    ):
        shape = graph.tensors[graph.named(before, graph.inputs)].shape
        found.append((before, after, np.asarray(values, np.int8).reshape(shape)))
    return found


def _file_names(labels: tuple[str, ...]) -> list[str]:
    """Return a name for the files of each wake word: letters and digits, no two the same."""
    names: list[str] = []
    for label in labels:
        plain = "".join(one if one.isalnum() else " " for one in label.lower())
        name = "_".join(plain.split())[:LONGEST_NAME] or "wake_word"
        names.append(name if name not in names else f"{name}_{len(names) + 1}")
    return names
