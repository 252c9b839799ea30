"""The numbers by which the int8 kernels bring a sum to its output's scale, in both roundings.

"Float" is what XNNPACK does, which TFLite's interpreter runs int8 networks by on a board or a PC
(google/XNNPACK: ``src/microparams-init.c`` and ``src/operators``); "fixed" is what TFLite's
reference kernels and TensorFlow Lite for Microcontrollers do (tensorflow/lite/kernels:
``internal/quantization_util.cc``, ``kernel_util.cc``).
"""

from __future__ import annotations

import math

import numpy as np

from kws.errors import ModelError

#: Sums are 32 bits wide.
LARGEST_SUM = 2**31 - 1
#: Ratios of scales that XNNPACK takes: it leaves others to kernels that round differently.
PRODUCT_RATIOS = 2.0**-32, 2.0**8
SUM_RATIOS = 2.0**-10, 2.0**8
COPY_RATIOS = 2.0**-8, 2.0**7


def fixed(real: float) -> tuple[int, int]:
    """Return a factor as (multiplier, shift): ``multiplier / 2**31 * 2**shift``.

    TFLite's ``QuantizeMultiplier``: a multiplier of 2**30 to 2**31 - 1, or 0 of what is too small.

    Parameters
    ----------
    real : float
        A factor above 0.
    """
    mantissa, shift = math.frexp(real)
    multiplier = math.floor(mantissa * 2**31 + 0.5)
    if multiplier == 2**31:
        multiplier //= 2
        shift += 1
    return (0, 0) if shift < -31 else (multiplier, shift)


def check_ratio(ratio: float, bounds: tuple[float, float]) -> None:
    """Refuse scales whose ratio the kernels do not take.

    Parameters
    ----------
    ratio : float
        Quotient of two scales.
    bounds : tuple of float
        The smallest and the largest that the kernel takes.

    Raises
    ------
    ModelError
        If it lies outside.
    """
    if not bounds[0] <= ratio < bounds[1]:
        raise ModelError(
            f"scales of a ratio of {ratio:.3g} cannot be exported: calibrate on audio like the "
            "device's and quantize again"
        )


def check_sum(largest: int, shift: int) -> None:
    """Refuse sums of products that may not fit into 32 bits, before or after a left shift.

    Parameters
    ----------
    largest : int
        The largest sum of products that can occur, without its sign.
    shift : int
        Bits by which the sum is shifted left.

    Raises
    ------
    ModelError
        If it does not fit.
    """
    if largest << max(0, shift) > LARGEST_SUM:
        raise ModelError("weights or biases are so large that sums overflow: quantize again")


def product_scale(a: np.float32, b: np.float32, out: np.float32) -> tuple[np.float32, int, int]:
    """Return the scale of a product of two inputs: float, and fixed as TFLite's reference has it.

    Parameters
    ----------
    a, b : float32
        Scales of the two factors.
    out : float32
        Scale of the product.

    Raises
    ------
    ModelError
        If it is out of range.
    """
    ratio = np.float32(np.float32(a * b) / out)
    check_ratio(float(ratio), PRODUCT_RATIOS)
    return (ratio, *fixed(float(a) * float(b) / float(out)))


def sum_factors(
    a: np.float32, b: np.float32, out: np.float32
) -> tuple[tuple[int, int, int], tuple[int, ...]]:
    """Return what an addition multiplies its inputs by.

    Parameters
    ----------
    a, b : float32
        Scales of the two summands.
    out : float32
        Scale of the sum.

    Returns
    -------
    (a, b, shift) : ints
        Float's: ``(x a + y b + 2**(shift - 1)) >> shift``; 21 bits of the larger factor.
    (a, a shift, b, b shift, out, out shift) : ints
        Fixed: of inputs that were shifted to the left by 20 bits.

    Raises
    ------
    ModelError
        If a ratio is out of range.
    """
    ratios = np.float32(a / out), np.float32(b / out)
    for ratio in ratios:
        check_ratio(float(ratio), SUM_RATIOS)
    exponent = math.frexp(float(max(ratios)))[1] - 1
    shift = 20 - exponent
    factors = [round(math.ldexp(float(ratio), shift)) for ratio in ratios]  # halves to even
    twice = 2.0 * float(max(a, b))
    wide = fixed(float(a) / twice), fixed(float(b) / twice), fixed(twice / (2**20 * float(out)))
    return (factors[0], factors[1], shift), tuple(n for pair in wide for n in pair)


def mean_factor(source: np.float32, out: np.float32, count: int) -> tuple[int, int]:
    """Return what the reference kernels multiply a sum of ``count`` values by: fixed.

    TFLite's ``QuantizedMeanOrSum`` divides the multiplier of the scales' ratio by the count.

    Parameters
    ----------
    source, out : float32
        Scales of the input and of the mean.
    count : int
        Number of values that are averaged.
    """
    multiplier, shift = fixed(float(source) / float(out))
    extra = min(count.bit_length() - 1, 32, 31 + shift)
    return (multiplier << extra) // count, shift - extra


def activation_range(kind: int, scale: np.float32, zero_point: int) -> tuple[int, int]:
    """Return the least and largest int8 output after a fused activation.

    Parameters
    ----------
    kind : int
        The fused activation, by the number in TFLite's schema.
    scale : float32
        Scale of the output.
    zero_point : int
        Zero point of the output.

    Raises
    ------
    ModelError
        If it is none of ReLU, ReLU6 and ReLU between -1 and 1.
    """

    def quantized(value: float) -> int:
        exact = float(np.float32(value) / scale)
        return zero_point + int(math.copysign(math.floor(abs(exact) + 0.5), exact))

    low, high = {
        0: (-128, 127),
        1: (zero_point, 127),
        2: (quantized(-1.0), quantized(1.0)),
        3: (zero_point, quantized(6.0)),
    }.get(kind, (None, None))
    if low is None or high is None:
        raise ModelError(f"fused activation {kind} cannot be exported: use ReLU or ReLU6")
    return max(-128, low), min(127, high)
