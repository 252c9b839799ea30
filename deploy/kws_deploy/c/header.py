"""What the C files know of a model: labels, thresholds, sizes, quantization, states."""

from __future__ import annotations

import math
import textwrap

import numpy as np
import numpy.typing as npt

from kws.frontend import LogMelConfig
from kws.metadata import DetectorDefaults
from kws.modelfile import ModelFile, network_digest
from kws_training.networks.tflite import Graph

from . import literals
from .front_end import LEVEL_BITS, quantized_level
from .network import Network
from .tensor_arena import Need

#: What a label that is no keyword has for a threshold: no score is as high.
NEVER = 2.0

#: Methods of TFLM's MicroMutableOpResolver (tensorflow/lite/micro/micro_mutable_op_resolver.h).
TFLM_METHODS = {
    "ADD": "AddAdd",
    "AVERAGE_POOL_2D": "AddAveragePool2D",
    "CONCATENATION": "AddConcatenation",
    "CONV_2D": "AddConv2D",
    "DEPTHWISE_CONV_2D": "AddDepthwiseConv2D",
    "EXPAND_DIMS": "AddExpandDims",
    "FULLY_CONNECTED": "AddFullyConnected",
    "MAX_POOL_2D": "AddMaxPool2D",
    "MEAN": "AddMean",
    "MUL": "AddMul",
    "PAD": "AddPad",
    "QUANTIZE": "AddQuantize",
    "RELU": "AddRelu",
    "RESHAPE": "AddReshape",
    "SLICE": "AddSlice",
    "SPLIT": "AddSplit",
    "SPLIT_V": "AddSplitV",
    "SQUEEZE": "AddSqueeze",
    "STRIDED_SLICE": "AddStridedSlice",
    "SUB": "AddSub",
}


def model_header(
    model: ModelFile,
    front_end: LogMelConfig,
    detector: DetectorDefaults,
    graph: Graph,
    network: Network,
    need: Need,
) -> str:
    """Return the text of ``kws_model.h``.

    Parameters
    ----------
    model : ModelFile
        The model that is exported.
    front_end : LogMelConfig
        Its front end.
    detector : DetectorDefaults
        Its thresholds and times.
    graph : Graph
        Its network, read.
    network : Network
        Its network, in C.
    need : Need
        Memory that TensorFlow Lite for Microcontrollers needs for it.
    """
    metadata = model.metadata
    contract = metadata.streaming
    frames = graph.tensors[graph.named(contract.input, graph.inputs)]
    logits = graph.tensors[graph.named(contract.output, graph.outputs)]
    columns = logits.size // len(metadata.labels)
    column_seconds = contract.frames * front_end.hop_seconds / columns
    # as kws.detector.Detector and kws.spotter.KeywordSpotter count them
    smoothing = max(1, round(detector.smoothing / column_seconds))
    refractory = math.ceil(round(detector.refractory / column_seconds, 6))
    longest = max(1, round(detector.longest / front_end.hop_seconds))
    history = max(contract.receptive_field, longest + 50)
    kinds = sorted({operator.kind for operator in graph.operators})
    values: list[tuple[str, object, str]] = [
        ("KWS_SAMPLE_RATE", front_end.sample_rate, "samples per second, 16 bits, mono"),
        ("KWS_HOP", front_end.hop, "samples from frame to frame"),
        ("KWS_WINDOW", front_end.window, "samples under a frame"),
        ("KWS_BANDS", front_end.bands, "values of a frame"),
        ("KWS_STEP_FRAMES", contract.frames, "frames of a step of the network"),
        ("KWS_RECEPTIVE_FIELD", contract.receptive_field, "frames that a result depends on"),
        ("KWS_LABELS", len(metadata.labels), ""),
        ("KWS_COLUMNS", columns, "columns of logits that a step gives"),
        ("KWS_EXCLUSIVE", int(metadata.exclusive), "labels compete: softmax, else sigmoids"),
        ("", "", ""),
        (
            "KWS_INPUT_SCALE",
            literals.floating(frames.scale),
            "frames: real = (int8 - zero) * scale",
        ),
        ("KWS_INPUT_ZERO_POINT", f"({frames.zero_point})", ""),
        ("KWS_LEVEL_BITS", LEVEL_BITS, "by which levels of frames are finer than int8"),
        (
            "KWS_SILENCE_LEVEL",
            f"({quantized_level(front_end.silence, float(frames.scale), frames.zero_point)})",
            "of a frame of digital silence",
        ),
        ("KWS_LOGITS_SCALE", literals.floating(logits.scale), ""),
        ("KWS_LOGITS_ZERO_POINT", f"({logits.zero_point})", ""),
        ("", "", ""),
        ("KWS_SMOOTHING_COLUMNS", smoothing, f"{detector.smoothing:g} s"),
        ("KWS_REFRACTORY_COLUMNS", refractory, f"{detector.refractory:g} s"),
        ("KWS_LONGEST_FRAMES", longest, f"no keyword is longer: {detector.longest:g} s"),
        (
            "KWS_LEVEL_FRAMES",
            -(-history // contract.frames) * contract.frames,
            "frames in which the detector looks for the word",
        ),
        ("KWS_DECIBEL", _decibel(front_end), "of a frame's level, natural logarithm"),
        (
            "KWS_MOST_DETECTIONS",
            columns * (1 if metadata.exclusive else len(metadata.labels)),
            "that one step can give",
        ),
        ("", "", ""),
        ("KWS_STATES", len(contract.states), ""),
        ("KWS_STATE_BYTES", max(1, network.state_bytes), "of all states"),
        ("KWS_ARENA_BYTES", max(1, network.arena), "of kws_network.c, beside the states"),
        ("KWS_INPUT", graph.inputs.index(graph.named(contract.input, graph.inputs)), "of TFLM"),
        ("KWS_LOGITS", graph.outputs.index(graph.named(contract.output, graph.outputs)), "of TFLM"),
        ("KWS_TFLM_OPERATORS", len(kinds), "kinds of operators"),
    ]
    lines = [
        f"#define {name} {value}" + (f" /* {note} */" if note else "") if name else ""
        for name, value, note in values
    ]
    added = " \\\n".join(f"    (resolver).{TFLM_METHODS[kind]}();" for kind in kinds)
    return _HEADER.format(
        path=literals.comment(model.path),
        task=literals.comment(metadata.task),
        digest=network_digest(model),
        points=_points(model),
        values="\n".join(lines),
        need=need.size,
        how=_wrapped(need.how),
        added=added,
        states=max(1, len(contract.states)),
    )


def _decibel(front_end: LogMelConfig) -> str:
    return repr(math.log(10) / (10 if front_end.spectrum == "power" else 20))


def _wrapped(sentence: str) -> str:
    return "\n".join(
        textwrap.wrap(literals.comment(sentence), 94, initial_indent=" * ", subsequent_indent=" * ")
    )


def _points(model: ModelFile) -> str:
    """Return the operating points as lines of a comment."""
    lines = []
    for point in model.metadata.operating_points:
        low, high = point.false_accepts_per_hour_interval
        misses = "misses not measured"
        if point.miss_rate is not None:
            few, many = point.miss_rate_interval
            misses = (
                f"misses {100 * point.miss_rate:.1f} % ({100 * few:.1f} to {100 * many:.1f}) "
                f"of {point.recordings}"
            )
        keyword = literals.comment(point.keyword)
        lines.append(
            f" *   {keyword} at {point.threshold:g}: {point.false_accepts_per_hour:.2f} "
            f"({low:.2f} to {high:.2f}) per hour over {point.hours:.1f} h, {misses}"
        )
    return "\n".join(lines) or " *   none were measured"


def model_source(
    model: ModelFile,
    graph: Graph,
    network: Network,
    silence: tuple[npt.NDArray[np.int8], npt.NDArray[np.int8]],
) -> str:
    """Return the text of ``kws_model.c``.

    Parameters
    ----------
    silence : (int8 array, int8 array)
        The states after endless silence: of the interpreter as it comes, of the reference kernels.
    """
    metadata = model.metadata
    thresholds = metadata.detector.thresholds
    states = [
        f"{{{graph.inputs.index(old)}, {graph.outputs.index(new)}, {graph.tensors[old].size}, "
        f"{offset}, {literals.floating(graph.tensors[old].scale)}, "
        f"{graph.tensors[old].zero_point}}},"
        for old, new, offset in (
            (graph.named(before, graph.inputs), graph.named(after, graph.outputs), offset)
            for (before, after), offset in zip(
                metadata.streaming.states, network.states, strict=True
            )
        )
    ]
    interpreter, reference = (
        literals.array(values if len(values) else np.zeros(1, np.int8)) for values in silence
    )
    return _SOURCE.format(
        labels="\n".join(f"    {literals.text(label)}," for label in metadata.labels),
        thresholds="\n".join(
            f"    {literals.floating(thresholds.get(label, NEVER))}, /* {comment} */"
            for label, comment in zip(
                metadata.labels, map(literals.comment, metadata.labels), strict=True
            )
        ),
        states="\n".join(f"    {state}" for state in states) or "    {0, 0, 0, 0, 0.0f, 0},",
        interpreter=interpreter,
        reference=reference,
    )


def data_source(network: bytes) -> str:
    """Return the text of ``kws_model_data.c``: the network as an array.

    Parameters
    ----------
    network : bytes
        A TFLite flatbuffer.
    """
    values = np.frombuffer(network, np.uint8)
    return _DATA.format(values=literals.array(values), size=len(values))


_HEADER = """\
/* Written by kws export from {path}. Task: {task}.
 * SHA-256 of the network: {digest}
 *
 * What the thresholds gave on recordings that they were not chosen on: false accepts and misses,
 * each with its 95 % interval:
{points}
 */
#ifndef KWS_MODEL_H
#define KWS_MODEL_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {{
#endif

{values}

/* Bytes of the tensor arena of TensorFlow Lite for Microcontrollers.
{how} */
#define KWS_TENSOR_ARENA_BYTES {need}

/* Tells TensorFlow Lite for Microcontrollers of the operators that the network has. */
#define KWS_TFLM_ADD_OPERATORS(resolver) \\
{added}

/* A state: which input takes it, which output replaces it, where it is among all states. */
typedef struct {{
    int16_t input, output; /* numbers, as MicroInterpreter counts them */
    int32_t bytes, offset;
    float scale;
    int32_t zero_point;
}} kws_state;

/* UTF-8; those in underscores are no keywords. */
extern const char *const kws_labels[KWS_LABELS];
/* Smoothed score from which each keyword is detected; above 1 for what is none. */
extern const float kws_thresholds[KWS_LABELS];
extern const kws_state kws_states[{states}];
/* What the states are before the first sample: as if there had been endless silence. */
extern const int8_t kws_states_after_silence[KWS_STATE_BYTES];

#ifdef __cplusplus
}}
#endif

#endif
"""

_SOURCE = """\
/* Written by kws export: see kws_model.h. */
#include "kws_model.h"

const char *const kws_labels[KWS_LABELS] = {{
{labels}
}};

const float kws_thresholds[KWS_LABELS] = {{
{thresholds}
}};

const kws_state kws_states[] = {{
{states}
}};

const int8_t kws_states_after_silence[KWS_STATE_BYTES] = {{
#ifdef KWS_REFERENCE_KERNELS
{reference}
#else
{interpreter}
#endif
}};
"""

DATA_HEADER = """\
/* Written by kws export: the network, for TensorFlow Lite for Microcontrollers. */
#ifndef KWS_MODEL_DATA_H
#define KWS_MODEL_DATA_H

#ifdef __cplusplus
extern "C" {
#endif

/* The .tflite file without what kws appends to it. Aligned to 16 bytes. */
extern const unsigned char kws_model_data[];
extern const unsigned int kws_model_data_len;

#ifdef __cplusplus
}
#endif

#endif
"""

_DATA = """\
/* Written by kws export: see kws_model_data.h. */
#include "kws_model_data.h"

#if defined(__GNUC__) || defined(__clang__)
#define KWS_ALIGNED __attribute__((aligned(16)))
#elif defined(__ICCARM__) || defined(__CC_ARM)
#define KWS_ALIGNED __align(16)
#else
#error "say here how this compiler aligns an array to 16 bytes"
#endif

KWS_ALIGNED const unsigned char kws_model_data[] = {{
{values}
}};
const unsigned int kws_model_data_len = {size};
"""
