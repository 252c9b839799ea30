"""A front end's parameters and tables in fixed point, as C for `sources/kws_front_end.c`."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from kws.errors import ModelError
from kws.frontend import (
    FrontEnd,
    JoinedConfig,
    LogMel,
    LogMelConfig,
    constant_spectrum,
    mel_axis,
)
from kws.micro_frontend import MicroConfig

from .literals import array

#: Names of the two generated files.
HEADER, TABLES = "kws_front_end_tables.h", "kws_front_end_tables.c"

#: The transform is by a complex one of half as many points, whose first stage is radix 4.
SMALLEST_FFT = 8
#: Scales for which the gain has 30 bits and its product with a logarithm fits 64.
SMALLEST_SCALE, LARGEST_SCALE = 1e-4, 100.0

#: Bits by which a frame's level is finer than the network's input. 10 are left for whole steps, of
#: which the input has 8.
LEVEL_BITS = 6

#: Bits that a 16-bit sample other than 0 can be shifted up.
_MOST_SHIFT = 14
#: A windowed sample of 1.0, before its shift, is 2**28 (`kws_front_end.c`).
_ONE = 28
#: Bits behind the point of a magnitude.
_ROOT_BITS = 16
#: Bits behind the point of a logarithm to base 2, and intervals of its table.
_LOG_BITS, _LOG_INTERVALS = 24, 256
#: Intervals of the table of 1 / sqrt(x) between 1 and 4: 32 per unit.
_ROOT_INTERVALS = 96


def front_end_sources(front_end: FrontEnd, scale: float, zero_point: int) -> dict[str, str]:
    """Return the parameters and tables that `kws_front_end.c` needs for one model.

    Parameters
    ----------
    front_end : LogMelConfig
        The model's front end; its FFT a power of two of at least `SMALLEST_FFT`.
    scale : float
        Scale of the network's int8 input, natural logarithm per step:
        `SMALLEST_SCALE` to `LARGEST_SCALE`.
    zero_point : int
        Zero point of that input, -128 to 127.

    Returns
    -------
    dict of str to str
        Text by file name: `HEADER` and `TABLES`.

    Raises
    ------
    ModelError
        If the front end is joined of several, or a number is out of these ranges.
    """
    if isinstance(front_end, JoinedConfig):
        raise ModelError(
            f"front end: {len(front_end.parts)} are joined, and the C front end makes one: "
            "export a model with a single front end, such as a student from kws distill"
        )
    if isinstance(front_end, MicroConfig):
        raise ModelError(
            "front end: that of microWakeWord is not there in C: export with --to esphome"
        )
    if front_end.fft < SMALLEST_FFT or front_end.fft & (front_end.fft - 1):
        raise ModelError(
            f"front end: fft is {front_end.fft}: the C front end needs a power of two "
            f"of at least {SMALLEST_FFT}"
        )
    if not SMALLEST_SCALE <= scale <= LARGEST_SCALE:  # nor NaN
        raise ModelError(
            f"scale of the network's input is {scale}: the C front end needs "
            f"{SMALLEST_SCALE} to {LARGEST_SCALE:g}"
        )
    if not -128 <= zero_point <= 127:
        raise ModelError(f"zero point of the network's input is {zero_point}: must be -128 to 127")
    return {
        HEADER: _header(front_end, float(scale), int(zero_point)),
        TABLES: _tables(front_end),
    }


def quantize(frames: npt.ArrayLike, scale: float, zero_point: int) -> npt.NDArray[np.int8]:
    """Return frames as the network's int8 input, as `kws.network.StreamingNetwork.step` does.

    Parameters
    ----------
    frames : float32 (frames, bands)
        Log-mel frames.
    scale : float
        Scale of the network's input.
    zero_point : int
        Zero point of the network's input.
    """
    steps = np.rint(np.multiply(np.asarray(frames, np.float32), np.float32(1.0 / scale)))
    return np.clip(steps + np.float32(zero_point), -128, 127).astype(np.int8)


def quantized_level(level: float, scale: float, zero_point: int) -> int:
    """Return a frame's level as the detector in C takes it: 16 bits.

    Parameters
    ----------
    level : float
        Natural logarithm.
    scale : float
        Scale of the network's input.
    zero_point : int
        Zero point of the network's input.
    """
    steps = (level / scale + zero_point) * 2**LEVEL_BITS
    return int(np.clip(np.rint(steps), -(2**15), 2**15 - 1))


def band_weights(config: LogMelConfig) -> tuple[int, list[int], npt.NDArray[np.float64]]:
    """Return the mel filters of `kws.frontend.mel_filters` with one weight per bin.

    Neighbouring triangles share their edges and add up to 1 between them, so that a bin between
    edges ``e`` and ``e + 1`` (of ``bands + 2``) gives the share ``w`` to band ``e``, which rises,
    and ``1 - w`` to band ``e - 1``, which falls.

    Parameters
    ----------
    config : LogMelConfig
        The front end.

    Returns
    -------
    first : int
        The lowest bin with a weight; never 0, which belongs to no band.
    counts : list of int (bands + 1,)
        Bins between each edge and the next.
    weights : float64 (sum(counts),)
        ``w``, 0 to 1.
    """
    bins, edges = mel_axis(config)
    bins = bins[1 : config.fft // 2]
    below = np.searchsorted(edges, bins, side="right") - 1
    inside = (below >= 0) & (below <= config.bands)
    bins, lower = bins[inside], below[inside]
    counts = np.bincount(lower, minlength=config.bands + 1)
    first = 1 + int(inside.argmax())
    return first, counts.tolist(), (bins - edges[lower]) / (edges[lower + 1] - edges[lower])


def _shifts(config: LogMelConfig) -> tuple[int, int]:
    """Return bits that a band's sum grows by per bit of the samples' shift, and the most of these.

    With an offset, loud enough that it fits 63 bits: below it nothing is to be heard.
    """
    if config.spectrum == "magnitude":
        return 1, _MOST_SHIFT
    if config.offset == 0:
        return 2, _MOST_SHIFT
    most = (62 - math.ceil(math.log2(config.offset)) - _exponent(config)) // 2
    return 2, min(most, _MOST_SHIFT)


def _exponent(config: LogMelConfig) -> int:
    """Return n: a band's sum of 1.0 is 2**n in C, of samples that are not shifted.

    The transform of ``fft / 2`` points is divided by ``fft / 8``: two stages do not halve.
    """
    bits = _ONE - (config.fft.bit_length() - 4)
    return bits + _ROOT_BITS if config.spectrum == "magnitude" else 2 * bits


def _header(config: LogMelConfig, scale: float, zero_point: int) -> str:
    per_shift, most_shift = _shifts(config)
    exponent = _exponent(config)
    first, counts, _ = band_weights(config)
    silence = LogMel(config, block=1).push(np.zeros(config.window, np.float32))[0, 0]
    lowest, highest = quantize([silence, config.ceiling], scale, zero_point)
    gain = math.log(2) / scale
    gain_bits = 30 - math.frexp(gain)[1]  # 2**29 <= gain * 2**gain_bits < 2**30
    offset = round(config.offset * 2.0 ** (exponent + per_shift * most_shift))
    magnitude = int(config.spectrum == "magnitude")
    spacing = "1127 ln(1 + Hz / 700)" if config.mel_scale == "htk" else "Slaney's scale"
    return f"""\
/* Generated by kws export: parameters of kws_front_end.c.
 * Bands of {config.spectrum} from {config.low_hz:g} to {config.high_hz:g} Hz, \
equally wide in mel, {spacing}. */
#ifndef KWS_FRONT_END_TABLES_H
#define KWS_FRONT_END_TABLES_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {{
#endif

#define KWS_FRONT_END_SAMPLE_RATE {config.sample_rate}
#define KWS_FRONT_END_WINDOW {config.window} /* samples under a frame */
#define KWS_FRONT_END_HOP {config.hop} /* samples from one frame to the next */
#define KWS_FRONT_END_FFT {config.fft}
#define KWS_FRONT_END_BANDS {config.bands}
#define KWS_FRONT_END_MAGNITUDE {magnitude} /* 1: the bands weigh |X|; 0: |X|^2 */
#define KWS_FRONT_END_FIRST_BIN {first} /* the lowest in a band */
#define KWS_FRONT_END_WEIGHTS {max(1, sum(counts))} /* bins in bands */
#define KWS_FRONT_END_DC_FRAMES {config.dc_frames} /* that share an offset; 0: it stays */

/* Bits that the samples are shifted up at most, those that a band's sum grows by for each, and the
 * sum that stands for 1.0 without a shift, as a power of two. */
#define KWS_FRONT_END_MOST_SHIFT {most_shift}
#define KWS_FRONT_END_PER_SHIFT {per_shift}
#define KWS_FRONT_END_EXPONENT {exponent}

/* What is added before the logarithm, {config.offset:g}, in a band's sum at the most shift. */
#define KWS_FRONT_END_HAS_OFFSET {int(offset > 0)}
#define KWS_FRONT_END_OFFSET UINT64_C({offset})

/* The network's input: natural logarithm / {scale!r} + zero, from silence to the ceiling.
 * The gain, ln 2 / scale = {gain:.6g}, is for logarithms to base 2, Q{_LOG_BITS}. */
#define KWS_FRONT_END_GAIN {round(gain * 2.0**gain_bits)}
#define KWS_FRONT_END_GAIN_BITS {gain_bits + _LOG_BITS}
#define KWS_FRONT_END_ZERO ({zero_point})
#define KWS_FRONT_END_SILENCE ({lowest}) /* {silence:.6g} */
#define KWS_FRONT_END_HIGHEST ({highest}) /* {config.ceiling:.6g} */

/* Levels are finer by so many bits, and not limited to 8: the edges of words are found by them. */
#define KWS_FRONT_END_LEVEL_BITS {LEVEL_BITS}
#define KWS_FRONT_END_SILENCE_LEVEL ({quantized_level(silence, scale, zero_point)})

extern const int32_t kws_front_end_window[KWS_FRONT_END_WINDOW / 2 + 1];
extern const int32_t kws_front_end_cosine[KWS_FRONT_END_FFT / 4 + 1];
extern const uint16_t kws_front_end_bins[KWS_FRONT_END_BANDS + 1];
extern const uint32_t kws_front_end_weights[KWS_FRONT_END_WEIGHTS];
extern const uint32_t kws_front_end_logarithm[{_LOG_INTERVALS + 1}];
#if KWS_FRONT_END_MAGNITUDE
extern const uint16_t kws_front_end_inverse_root[{_ROOT_INTERVALS + 1}];
#endif
#if KWS_FRONT_END_DC_FRAMES
extern const int32_t kws_front_end_constant[2 * KWS_FRONT_END_WEIGHTS];
#endif

#ifdef __cplusplus
}}
#endif

#endif
"""


def _tables(config: LogMelConfig) -> str:
    n = np.arange(config.window // 2 + 1)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * n / config.window)
    cosine = np.cos(2 * np.pi * np.arange(config.fft // 4 + 1) / config.fft)
    first, counts, weights = band_weights(config)
    axis = "mel" if config.mel_scale == "htk" else "Hz"
    logarithm = np.log2(1 + np.arange(_LOG_INTERVALS + 1) / _LOG_INTERVALS)
    parts = [
        f'/* Generated by kws export: tables of kws_front_end.c. */\n#include "{HEADER}"\n',
        "/* First half of a periodic Hann window, 0.5 - 0.5 cos(2 pi n / WINDOW), Q30. */",
        _table("int32_t", "window", "KWS_FRONT_END_WINDOW / 2 + 1", window, 30),
        "/* A quarter of a cosine, cos(2 pi k / FFT), Q31; 1 is the largest number below. */",
        _table("int32_t", "cosine", "KWS_FRONT_END_FFT / 4 + 1", cosine, 31),
        "/* Bins from each edge of the triangular bands to the next. */",
        _table("uint16_t", "bins", "KWS_FRONT_END_BANDS + 1", counts, 0),
        f"/* Each bin's share for the band that rises there, ({axis} - edge) / (next - edge), Q32.",
        " * The rest is for the band that falls. */",
        _table("uint32_t", "weights", "KWS_FRONT_END_WEIGHTS", weights if sum(counts) else [0], 32),
        f"/* log2(1 + i / {_LOG_INTERVALS}), Q{_LOG_BITS}. */",
        _table("uint32_t", "logarithm", str(_LOG_INTERVALS + 1), logarithm, _LOG_BITS),
    ]
    if config.spectrum == "magnitude":
        root = 1 / np.sqrt(1 + np.arange(_ROOT_INTERVALS + 1) * (3 / _ROOT_INTERVALS))
        parts.append(f"/* 1 / sqrt(1 + i / {_ROOT_INTERVALS // 3}), Q16. */")
        parts.append(_table("uint16_t", "inverse_root", str(_ROOT_INTERVALS + 1), root, 16))
    if config.dc_frames:
        last = first + max(1, sum(counts))
        bins = constant_spectrum(config)[first:last].view(np.float64)
        parts.append(
            "/* Spectrum of a constant, by its 0 Hz bin: real and imaginary, in turn, Q31. */"
        )
        parts.append(_table("int32_t", "constant", "2 * KWS_FRONT_END_WEIGHTS", bins, 31))
    return "\n".join(parts)


def _table(kind: str, name: str, size: str, values: npt.ArrayLike, bits: int) -> str:
    """Return the definition of an array of numbers with so many bits behind the point."""
    largest = np.iinfo(kind.removesuffix("_t")).max
    numbers = np.minimum(np.rint(np.asarray(values, np.float64) * 2.0**bits), largest)
    suffix = "u" if kind.startswith("u") else ""
    elements = array([f"{int(number)}{suffix}" for number in numbers])
    return f"const {kind} kws_front_end_{name}[{size}] = {{\n{elements}\n}};\n"
