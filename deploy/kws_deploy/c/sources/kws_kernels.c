/* The int8 operators of a student: see kws_kernels.h. */
#include "kws_kernels.h"

#include <math.h>
#include <string.h>

static int32_t clamp(int32_t value, int32_t low, int32_t high)
{
    return value < low ? low : value > high ? high : value;
}

/* a * b / 2^31, to the nearest, halves upwards (gemmlowp's SaturatingRoundingDoublingHighMul;
 * b is a multiplier of 2^30 and above, so that nothing saturates). */
static int32_t high_product(int32_t a, int32_t b)
{
    const int64_t product = (int64_t)a * b;
    const int64_t half = product >= 0 ? (int64_t)1 << 30 : 1 - ((int64_t)1 << 30);
    return (int32_t)((product + half) / ((int64_t)1 << 31));
}

/* value / 2^exponent, to the nearest, halves away from 0 (gemmlowp's RoundingDivideByPOT). */
static int32_t rounding_shift(int32_t value, int32_t exponent)
{
    const int32_t mask = (int32_t)(((int64_t)1 << exponent) - 1);
    const int32_t threshold = (mask >> 1) + (value < 0);
    /* >> of a negative number keeps its sign with every compiler that there is */
    return (value >> exponent) + ((value & mask) > threshold);
}

/* value * multiplier / 2^31 * 2^shift (TFLite's MultiplyByQuantizedMultiplier: it rounds twice) */
static int32_t multiply(int32_t value, int32_t multiplier, int32_t shift)
{
    if (shift > 0) {
        return high_product(value * ((int32_t)1 << shift), multiplier);
    }
    return rounding_shift(high_product(value, multiplier), -shift);
}

#ifdef KWS_REFERENCE_KERNELS

static int8_t scaled(int32_t sum, kws_scale scale, int32_t zero, int32_t low, int32_t high)
{
    return (int8_t)clamp(multiply(sum, scale.multiplier, scale.shift) + zero, low, high);
}

#else

/* As XNNPACK: in float, limited first, so that what is rounded is small; halves to even. */
static int8_t scaled(int32_t sum, kws_scale scale, int32_t zero, int32_t low, int32_t high)
{
    const float least = (float)(low - zero), most = (float)(high - zero);
    float value = (float)sum * scale;
    value = value < least ? least : value > most ? most : value;
    return (int8_t)(lrintf(value) + zero);
}

#endif

void kws_conv_2d(const kws_convolution *self, const int8_t *in, int8_t *out)
{
    const int32_t channels = self->in_channels;
    const int32_t row_size = self->in_columns * channels;
    const int32_t kernel_size = self->kernel_rows * self->kernel_columns * channels;
    for (int32_t row = 0; row < self->out_rows; row++) {
        const int32_t top = row * self->stride_rows - self->pad_rows;
        for (int32_t column = 0; column < self->out_columns; column++) {
            const int32_t left = column * self->stride_columns - self->pad_columns;
            for (int32_t channel = 0; channel < self->out_channels; channel++) {
                const int8_t *w = self->weights + channel * kernel_size;
                int32_t sum = self->bias[channel];
                for (int32_t i = 0; i < self->kernel_rows; i++) {
                    const int32_t y = top + i * self->dilation_rows;
                    for (int32_t j = 0; j < self->kernel_columns; j++, w += channels) {
                        const int32_t x = left + j * self->dilation_columns;
                        if (y < 0 || y >= self->in_rows || x < 0 || x >= self->in_columns) {
                            continue; /* padding is the zero point: it adds nothing */
                        }
                        const int8_t *v = in + y * row_size + x * channels;
                        for (int32_t k = 0; k < channels; k++) {
                            sum += (v[k] - self->in_zero) * w[k];
                        }
                    }
                }
                *out++ = scaled(sum, self->scales[channel], self->out_zero, self->low, self->high);
            }
        }
    }
}

void kws_depthwise_conv_2d(const kws_convolution *self, const int8_t *in, int8_t *out)
{
    const int32_t channels = self->in_channels;
    const int32_t multiplier = self->out_channels / channels;
    const int32_t row_size = self->in_columns * channels;
    for (int32_t row = 0; row < self->out_rows; row++) {
        const int32_t top = row * self->stride_rows - self->pad_rows;
        for (int32_t column = 0; column < self->out_columns; column++) {
            const int32_t left = column * self->stride_columns - self->pad_columns;
            for (int32_t channel = 0; channel < self->out_channels; channel++) {
                const int8_t *w = self->weights + channel;
                const int8_t *v = in + channel / multiplier;
                int32_t sum = self->bias[channel];
                for (int32_t i = 0; i < self->kernel_rows; i++) {
                    const int32_t y = top + i * self->dilation_rows;
                    for (int32_t j = 0; j < self->kernel_columns; j++, w += self->out_channels) {
                        const int32_t x = left + j * self->dilation_columns;
                        if (y < 0 || y >= self->in_rows || x < 0 || x >= self->in_columns) {
                            continue;
                        }
                        sum += (v[y * row_size + x * channels] - self->in_zero) * *w;
                    }
                }
                *out++ = scaled(sum, self->scales[channel], self->out_zero, self->low, self->high);
            }
        }
    }
}

void kws_average_pool_2d(const kws_pool *self, const int8_t *in, int8_t *out)
{
    const int32_t row_size = self->in_columns * self->channels;
    for (int32_t row = 0; row < self->out_rows; row++) {
        const int32_t top = row * self->stride_rows - self->pad_rows;
        for (int32_t column = 0; column < self->out_columns; column++) {
            const int32_t left = column * self->stride_columns - self->pad_columns;
            for (int32_t channel = 0; channel < self->channels; channel++) {
                int32_t sum = 0, count = 0;
                for (int32_t y = top; y < top + self->kernel_rows; y++) {
                    for (int32_t x = left; x < left + self->kernel_columns; x++) {
                        if (y < 0 || y >= self->in_rows || x < 0 || x >= self->in_columns) {
                            continue;
                        }
                        sum += in[y * row_size + x * self->channels + channel];
                        count++;
                    }
                }
                sum = sum > 0 ? (sum + count / 2) / count : (sum - count / 2) / count;
                *out++ = (int8_t)clamp(sum, self->low, self->high);
            }
        }
    }
}

void kws_max_pool_2d(const kws_pool *self, const int8_t *in, int8_t *out)
{
    const int32_t row_size = self->in_columns * self->channels;
    for (int32_t row = 0; row < self->out_rows; row++) {
        const int32_t top = row * self->stride_rows - self->pad_rows;
        for (int32_t column = 0; column < self->out_columns; column++) {
            const int32_t left = column * self->stride_columns - self->pad_columns;
            for (int32_t channel = 0; channel < self->channels; channel++) {
                int32_t most = INT8_MIN;
                for (int32_t y = top; y < top + self->kernel_rows; y++) {
                    for (int32_t x = left; x < left + self->kernel_columns; x++) {
                        if (y < 0 || y >= self->in_rows || x < 0 || x >= self->in_columns) {
                            continue;
                        }
                        const int32_t value = in[y * row_size + x * self->channels + channel];
                        most = value > most ? value : most;
                    }
                }
                *out++ = (int8_t)clamp(most, self->low, self->high);
            }
        }
    }
}

/* The sum of two values, each brought to a common scale. */
static int8_t sum_of(const kws_sum *self, int32_t a, int32_t b)
{
    a -= self->a_zero;
    b -= self->b_zero;
#ifdef KWS_REFERENCE_KERNELS
    a = multiply(a * ((int32_t)1 << 20), self->a_multiplier, self->a_shift);
    b = multiply(b * ((int32_t)1 << 20), self->b_multiplier, self->b_shift);
    const int32_t sum = multiply(a + b, self->out_multiplier, self->out_shift);
#else
    const int32_t half = (int32_t)1 << (self->out_shift - 1);
    const int32_t sum = (a * self->a_multiplier + b * self->b_multiplier + half) >> self->out_shift;
#endif
    return (int8_t)clamp(sum + self->out_zero, self->low, self->high);
}

void kws_add(const kws_sum *self, const int8_t *a, const int8_t *b, int8_t *out)
{
    const int32_t *n = self->shape, *p = self->a_strides, *q = self->b_strides;
    for (int32_t i = 0; i < n[0]; i++) {
        for (int32_t j = 0; j < n[1]; j++) {
            for (int32_t k = 0; k < n[2]; k++) {
                const int8_t *left = a + i * p[0] + j * p[1] + k * p[2];
                const int8_t *right = b + i * q[0] + j * q[1] + k * q[2];
                for (int32_t m = 0; m < n[3]; m++) {
                    *out++ = sum_of(self, left[m * p[3]], right[m * q[3]]);
                }
            }
        }
    }
}

void kws_mul(const kws_product *self, const int8_t *a, const int8_t *b, int8_t *out)
{
    const int32_t *n = self->shape, *p = self->a_strides, *q = self->b_strides;
    for (int32_t i = 0; i < n[0]; i++) {
        for (int32_t j = 0; j < n[1]; j++) {
            for (int32_t k = 0; k < n[2]; k++) {
                const int8_t *left = a + i * p[0] + j * p[1] + k * p[2];
                const int8_t *right = b + i * q[0] + j * q[1] + k * q[2];
                for (int32_t m = 0; m < n[3]; m++) {
                    const int32_t product =
                        (left[m * p[3]] - self->a_zero) * (right[m * q[3]] - self->b_zero);
                    *out++ = scaled(product, self->scale, self->out_zero, self->low, self->high);
                }
            }
        }
    }
}

/* RELU, which XNNPACK leaves to a kernel of TFLite's own; and the reference kernels' QUANTIZE. */
void kws_relu(const kws_requantization *self, const int8_t *in, int8_t *out)
{
    for (int32_t i = 0; i < self->size; i++) {
        const int32_t value = multiply(in[i] - self->in_zero, self->multiplier, self->shift);
        out[i] = (int8_t)clamp(value + self->out_zero, self->low, self->high);
    }
}

void kws_requantize(const kws_requantization *self, const int8_t *in, int8_t *out)
{
#ifdef KWS_REFERENCE_KERNELS
    kws_relu(self, in, out);
#else
    for (int32_t i = 0; i < self->size; i++) {
        const int32_t value = ((in[i] - self->in_zero) * self->rough + 128) >> 8;
        out[i] = (int8_t)clamp(value + self->out_zero, self->low, self->high);
    }
#endif
}

/* The element of a walk over four dimensions, the last one fastest. */
static int32_t offset_of(int32_t index, const int32_t *shape, const int32_t *strides)
{
    int32_t offset = 0;
    for (int32_t axis = 3; axis >= 0; axis--) {
        offset += index % shape[axis] * strides[axis];
        index /= shape[axis];
    }
    return offset;
}

static int8_t mean_of_sum(const kws_mean *self, int32_t sum)
{
#ifdef KWS_REFERENCE_KERNELS
    sum -= self->count * self->in_zero;
    return scaled(sum, self->scale, self->out_zero, INT8_MIN, INT8_MAX);
#else
    /* XNNPACK rounds a mean with its zero point, and so do we: halves to even */
    const float product = (float)sum * self->scale;
    const float value = product + self->bias;
    return (int8_t)lrintf(value < -128.0f ? -128.0f : value > 127.0f ? 127.0f : value);
#endif
}

void kws_mean_of(const kws_mean *self, const int8_t *in, int8_t *out)
{
    const int32_t *n = self->kept;
    const int32_t size = n[0] * n[1] * n[2] * n[3];
    for (int32_t i = 0; i < size; i++) {
        const int8_t *first = in + offset_of(i, self->kept, self->kept_strides);
        int32_t sum = 0;
        for (int32_t j = 0; j < self->count; j++) {
            sum += first[offset_of(j, self->reduced, self->reduced_strides)];
        }
        out[i] = mean_of_sum(self, sum);
    }
}

void kws_copy(const kws_move *self, const int8_t *in, int8_t *out)
{
    const int32_t *n = self->shape, *p = self->in_strides, *q = self->out_strides;
    in += self->in_start;
    out += self->out_start;
    for (int32_t i = 0; i < n[0]; i++) {
        for (int32_t j = 0; j < n[1]; j++) {
            for (int32_t k = 0; k < n[2]; k++) {
                const int8_t *from = in + i * p[0] + j * p[1] + k * p[2];
                int8_t *to = out + i * q[0] + j * q[1] + k * q[2];
                if (p[3] == 1 && q[3] == 1) {
                    memcpy(to, from, (size_t)n[3]);
                    continue;
                }
                for (int32_t m = 0; m < n[3]; m++) {
                    to[m * q[3]] = from[m * p[3]];
                }
            }
        }
    }
}
