"""From a model file to its variants: calibrated, mended where int8 loses, compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any, Literal

import numpy as np

from kws.arrays import Float32, Int16
from kws.metadata import DetectorDefaults, Metadata, StreamingContract
from kws.modelfile import ModelFile, network_digest, pack, parse_model
from kws_training.data.dataset import Clip
from kws_training.evaluation.evaluate import open_model
from kws_training.evaluation.operating import join_clips, operating_points
from kws_training.networks.tflite import TFLiteError, read_graph
from kws_training.networks.tflite_objects import unpack
from kws_training.progress import Progress

from .dequantize import QuantizationError, to_float
from .graph import activations, named, operators_of
from .layers import Layer, layer_noise, logits_of, noise_of
from .mend import MOST_SEGMENTS, equalise, widen
from .ranges import Range, measure_ranges
from .representative import Representative
from .table import Variant, VariantData, judge, posteriors
from .variants import PRECISIONS, TYPES, Precision, check_types, quantize

Mend = Literal["auto", "none", "equalise", "mixed"]
#: Accuracy that int8 may lose before it is mended, in shares: 0.3 points.
MOST_LOST = 0.003
#: Seconds of the calibration recordings on which layers are compared: a minute of speech has
#: every sound of a language, and each step of it shows every tensor twice.
LAYER_SECONDS = 60.0
#: Steps that variants are compared on, at least.
LEAST_STEPS = 10


@dataclass(frozen=True)
class Source:
    """A model as float32, whatever it was.

    Attributes
    ----------
    given : ModelFile
        The model as it was given.
    network : bytes
        Float32, with named tensors.
    dequantized : bool
        Whether the file was quantized: its float form is the quantized weights' own, not the
        one that they were rounded from.
    """

    given: ModelFile
    network: bytes
    dequantized: bool

    @property
    def metadata(self) -> Metadata:
        """The contract of the file that was given."""
        return self.given.metadata


def open_source(model: ModelFile) -> Source:
    """Take a model file apart.

    Parameters
    ----------
    model : ModelFile
        A model of any precision.

    Raises
    ------
    QuantizationError
        If its network is damaged or of a kind that is not known.
    """
    try:
        tensors = read_graph(model.network).tensors
        quantized = any(len(one.scales) or one.type == "FLOAT16" for one in tensors)
        return Source(model, named(to_float(model.network)), quantized)
    except (QuantizationError, TFLiteError) as error:
        raise QuantizationError(f"{model.path}: {error}") from None


@dataclass(frozen=True)
class Attempt:
    """One way of mending int8, and what it gave.

    Attributes
    ----------
    way : str
        What was done.
    snr : float
        Signal-to-noise ratio of the logits against float, in decibels, on the calibration
        recordings.
    accuracy : float or None
        On labelled recordings, where there are some.
    network : bytes
        The network in int8 that it gave.
    details : dict
        For the provenance.
    """

    way: str
    snr: float
    accuracy: float | None
    network: bytes
    details: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as plain JSON values."""
        return {"way": self.way, "snr_db": self.snr, "accuracy": self.accuracy, **self.details}


@dataclass(frozen=True)
class QuantizeOptions:
    """What a user decides.

    Attributes
    ----------
    to : str or None
        The precision that is wanted; None makes the table alone.
    input_type, output_type : str or None
        Of the wanted one; see `variants.TYPES`.
    mend : {"auto", "none", "equalise", "mixed"}
        auto: both, if int8 loses more than `MOST_LOST` on labelled recordings.
    layers : bool
        Whether to compare int8 with float layer by layer.
    seed : int
        Seed of the augmentation and of the pauses between recordings.
    recipe : str
        Name of the augmentation, for the provenance.
    """

    to: Precision | None
    input_type: str | None
    output_type: str | None
    mend: Mend
    layers: bool
    seed: int
    recipe: str


@dataclass(frozen=True)
class Quantized:
    """All that came out.

    Attributes
    ----------
    variants : tuple of Variant
        Float32 first.
    reasons : dict of str to str
        Why a precision is missing.
    attempts : tuple of Attempt
        How int8 was mended, as it came first; empty if it was left alone.
    kept : str
        The way of the attempt that int8 is now.
    layers : tuple of Layer
        The worst first, of plain int8; empty unless asked for.
    wanted : ModelFile or None
        What is to be written.
    points : str
        What became of the operating points, for people.
    """

    variants: tuple[Variant, ...]
    reasons: dict[str, str]
    attempts: tuple[Attempt, ...]
    kept: str
    layers: tuple[Layer, ...]
    wanted: ModelFile | None
    points: str


def quantize_model(
    source: Source,
    representative: Representative,
    clips: Sequence[Clip],
    audio: Sequence[Int16],
    options: QuantizeOptions,
    progress: Progress,
) -> Quantized:
    """Make every variant of a model, and compare them.

    Parameters
    ----------
    source : Source
        The model as float32.
    representative : Representative
        Calibrates int8 and int16x8; its plain recordings are what variants are compared on.
    clips, audio
        Labelled recordings as `read_clips` gives them; without any, labels are the float
        network's own.
    options : QuantizeOptions
        What the user decides.
    progress : callable
        Shows how far the work is: `kws_training.progress.bar`, or what does the same.

    Raises
    ------
    QuantizationError
        If the wanted precision cannot be made.
    """
    if options.to is not None:
        check_types(options.to, options.input_type, options.output_type)
    contract = source.metadata.streaming
    representative = _long_enough(representative, contract)
    ranges = _ranges(source.network, source.metadata, representative.frames)
    float_model = _with(source, quantize(source.network, contract, "float32", {}), {})
    truth = posteriors(float_model, representative.plain)
    data = VariantData(representative.plain, truth, clips, audio)
    reference = judge("float32", float_model, data, progress)
    variants = [reference]
    reasons: dict[str, str] = {}
    if source.dequantized:
        variants.append(judge("as given", source.given, data, progress))

    attempts: list[Attempt] = []
    kept = ""
    wanted = None
    if options.to == "float32":
        facts = _facts(source, representative, options, {}) if source.dequantized else {}
        wanted = _with(source, float_model.network, facts)
    for precision in PRECISIONS[1:]:
        types = (
            (options.input_type, options.output_type) if precision == options.to else (None,) * 2
        )
        try:
            network = quantize(
                source.network,
                contract,
                precision,
                ranges,
                input_type=types[0],
                output_type=types[1],
            )
        except QuantizationError as error:
            if precision == options.to:
                raise
            reasons[precision] = str(error)
            continue
        variant = judge(precision, _with(source, network, {}), data, progress)
        details: dict[str, Any] = {}
        variants.append(variant)
        if precision == "int8" and _loses(variant, reference, options.mend):
            least = None
            if reference.report is not None:
                least = reference.report.accuracy - MOST_LOST
            attempts = _mend(source, representative, ranges, network, options, types, data, least)
            best = _best(attempts, least)
            kept = best.way
            details = {"mended": {"way": best.way, **best.details}} if best.details else {}
            if best.details:
                model = _with(source, best.network, {})
                variants.append(judge("int8 mended", model, data, progress))
                network = best.network
        if precision == options.to:
            facts = _facts(source, representative, options, details)
            wanted = _with(source, network, facts)
    points = "kept as they are: the network is the same"
    if wanted is not None and not (options.to == "float32" and not source.dequantized):
        wanted, points = _measured(wanted, clips, audio, options.seed)
    layers: list[Layer] = []
    if options.layers:
        layers = layer_noise(source.network, contract, ranges, _some(source, representative))
    return Quantized(tuple(variants), reasons, tuple(attempts), kept, tuple(layers), wanted, points)


def _long_enough(representative: Representative, contract: StreamingContract) -> Representative:
    """Repeat recordings that end before the network has heard all that one result depends on."""
    wanted = contract.receptive_field + LEAST_STEPS * contract.frames
    times = -(-wanted // len(representative.plain))
    if times <= 1:
        return representative
    return replace(representative, plain=np.tile(representative.plain, (times, 1)))


def _ranges(network: bytes, metadata: Metadata, frames: Float32) -> dict[str, Range]:
    return measure_ranges(network, metadata.streaming, frames, activations(unpack(network)))


def _some(source: Source, representative: Representative) -> Float32:
    count = round(LAYER_SECONDS / source.metadata.front_end.hop_seconds)
    return representative.plain[: count + source.metadata.streaming.receptive_field]


def _with(source: Source, network: bytes, facts: dict[str, Any]) -> ModelFile:
    """Return the model with another network; the runtime's own reader has checked it."""
    provenance = {**source.metadata.provenance, **facts}
    metadata = replace(source.metadata, provenance=provenance)
    return parse_model(pack(network, metadata), "the quantized model")


def _facts(
    source: Source,
    representative: Representative,
    options: QuantizeOptions,
    details: dict[str, Any],
) -> dict[str, Any]:
    """Return what the provenance gains."""
    if options.to is None:
        return {}
    return {
        "quantization": {
            "precision": options.to,
            "input_type": options.input_type or TYPES[options.to][0],
            "output_type": options.output_type or TYPES[options.to][0],
            "from_sha256": network_digest(source.given),
            "dequantized_first": source.dequantized,
            "calibration": {
                "recordings": representative.recordings,
                "seconds": round(representative.seconds, 1),
                "recipe": options.recipe,
                "seed": options.seed,
            },
            **details,
            "versions": {"ai-edge-quantizer": version("ai-edge-quantizer")},
        }
    }


def _loses(variant: Variant, reference: Variant, mend: Mend) -> bool:
    """Whether int8 is to be mended: on request, or because it loses too much."""
    if mend in ("equalise", "mixed"):
        return True
    if mend == "none" or variant.report is None or reference.report is None:
        return False
    return reference.report.accuracy - variant.report.accuracy > MOST_LOST


def _mend(
    source: Source,
    representative: Representative,
    ranges: dict[str, Range],
    plain: bytes,
    options: QuantizeOptions,
    types: tuple[str | None, str | None],
    data: VariantData,
    least: float | None,
) -> list[Attempt]:
    """Try what can be done; the first attempt is plain int8.

    By itself it goes on to wider layers only while the accuracy is below the least.
    """
    contract = source.metadata.streaming
    frames = _some(source, representative)
    truth = logits_of(source.network, contract, frames)

    def attempt(way: str, network: bytes, details: dict[str, Any]) -> Attempt:
        accuracy = None
        if data.clips:
            spotter = open_model(_with(source, network, {}))
            heard = [spotter.classify(one).label for one in data.audio]
            right = [a == clip.label for a, clip in zip(heard, data.clips, strict=True)]
            accuracy = sum(right) / len(right)
        snr = noise_of(truth, logits_of(network, contract, frames))
        return Attempt(way, snr, accuracy, network, details)

    def good(one: Attempt) -> bool:
        return least is not None and one.accuracy is not None and one.accuracy >= least

    attempts = [attempt("plain", plain, {})]
    network, now = source.network, ranges
    done: dict[str, Any] = {}
    if options.mend in ("auto", "equalise"):
        equal, pairs = equalise(source.network, contract, representative.frames)
        if pairs:
            equal_ranges = _ranges(equal, source.metadata, representative.frames)
            content = quantize(
                equal, contract, "int8", equal_ranges, input_type=types[0], output_type=types[1]
            )
            facts = {"equalised_pairs": pairs}
            attempts.append(attempt(f"equalised {pairs} pairs of layers", content, facts))
            if attempts[-1].snr > attempts[0].snr:
                network, now, done = equal, equal_ranges, facts
    if options.mend == "mixed" or (options.mend == "auto" and not good(attempts[-1])):
        higher: list[str] = []
        numbers = {one.outputs[0]: n for n, one in enumerate(operators_of(network))}
        for widened in widen(network, contract, now, frames, MOST_SEGMENTS):
            higher += widened.segment.results
            content = quantize(
                network, contract, "int8", now, higher, input_type=types[0], output_type=types[1]
            )
            operators = sorted(numbers[name] for name in higher if name in numbers)
            wider = {**done, "int16_operators": operators}
            way = f"16 bits in operators {_spans(operators)}"
            if done:
                way = f"equalised, and {way}"
            attempts.append(attempt(way, content, wider))
    return attempts


def _best(attempts: Sequence[Attempt], least: float | None) -> Attempt:
    """Return the attempt that changes least of those with the least accuracy.

    Without labelled recordings, or if none of them has it, the one with the best logits: to
    choose the best accuracy on the recordings that are stated would flatter it.
    """
    if least is not None:
        for one in attempts:
            if one.details and one.accuracy is not None and one.accuracy >= least:
                return one
    return max(attempts, key=lambda one: one.snr)


def _spans(numbers: Sequence[int]) -> str:
    """Write whole numbers with their spans: 3-7, 9."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ", ".join(f"{a}-{b}" if a != b else f"{a}" for a, b in spans)


def _measured(
    model: ModelFile, clips: Sequence[Clip], audio: Sequence[Int16], seed: int
) -> tuple[ModelFile, str]:
    """State what the thresholds give now, on labelled recordings; else say that nobody knows.

    The thresholds stay: none of them was chosen on these recordings.
    """
    metadata = model.metadata
    if clips and metadata.exclusive and isinstance(metadata.detector, DetectorDefaults):
        stream = join_clips(clips, audio, metadata.front_end.sample_rate, seed)
        points = operating_points(open_model(model), stream)
        text = f"measured again on the {len(clips)} recordings of --data, at the same thresholds"
    elif not metadata.operating_points:
        points, text = (), "none, as before"
    else:
        points = ()
        text = (
            "taken out, since they were measured with another network; the thresholds are kept "
            "(--data measures those of commands again)"
        )
    content = pack(model.network, replace(metadata, operating_points=points))
    return parse_model(content, "the quantized model"), text
