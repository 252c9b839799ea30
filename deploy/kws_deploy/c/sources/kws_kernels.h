/* The int8 operators of a student, in plain C99: no allocation, no dependency but libm's lrintf.
 *
 * They give, bit for bit, what TFLite's interpreter gives on a Linux board or a PC, where XNNPACK
 * runs int8 networks: products are scaled by a float and rounded to the nearest even. With
 * -DKWS_REFERENCE_KERNELS they give what TensorFlow Lite for Microcontrollers gives by TFLite's
 * reference kernels: products are scaled by a 32-bit fixed-point multiplier, and no float is used.
 *
 * Tensors are (rows, columns, channels), channels innermost; the batch is one.
 */
#ifndef KWS_KERNELS_H
#define KWS_KERNELS_H

#include <stdint.h>

/* How the sum of products becomes an output. KWS_SCALE(scale, multiplier, shift) writes one: the
 * scale is multiplier / 2^31 * 2^shift, rounded either way. */
#ifdef KWS_REFERENCE_KERNELS
typedef struct {
    int32_t multiplier;
    int32_t shift;
} kws_scale;
#define KWS_SCALE(scale, multiplier, shift) {multiplier, shift}
#else
typedef float kws_scale;
#define KWS_SCALE(scale, multiplier, shift) scale
#endif

/* CONV_2D, DEPTHWISE_CONV_2D and FULLY_CONNECTED. */
typedef struct {
    int32_t in_rows, in_columns, in_channels;
    int32_t out_rows, out_columns, out_channels;
    int32_t kernel_rows, kernel_columns;
    int32_t stride_rows, stride_columns;
    int32_t dilation_rows, dilation_columns;
    int32_t pad_rows, pad_columns; /* before the first row, before the first column */
    int32_t in_zero, out_zero;     /* zero points */
    int32_t low, high;             /* least and largest output: the fused activation */
    const int8_t *weights; /* (out, rows, columns, in), or depthwise (rows, columns, out) */
    const int32_t *bias;
    const kws_scale *scales; /* one per output channel */
} kws_convolution;

void kws_conv_2d(const kws_convolution *self, const int8_t *in, int8_t *out);
void kws_depthwise_conv_2d(const kws_convolution *self, const int8_t *in, int8_t *out);

/* AVERAGE_POOL_2D and MAX_POOL_2D: input and output have one scale and one zero point. */
typedef struct {
    int32_t in_rows, in_columns, channels;
    int32_t out_rows, out_columns;
    int32_t kernel_rows, kernel_columns;
    int32_t stride_rows, stride_columns;
    int32_t pad_rows, pad_columns;
    int32_t low, high;
} kws_pool;

void kws_average_pool_2d(const kws_pool *self, const int8_t *in, int8_t *out);
void kws_max_pool_2d(const kws_pool *self, const int8_t *in, int8_t *out);

/* ADD, SUB, MUL, with broadcasting: an operand's stride is 0 along what it is repeated over. */
typedef struct {
    int32_t shape[4];
    int32_t a_strides[4], b_strides[4];
    int32_t a_zero, b_zero, out_zero;
    int32_t low, high;
    int32_t a_multiplier, b_multiplier; /* of a sum */
    int32_t a_shift, b_shift, out_multiplier, out_shift;
} kws_sum;

#ifdef KWS_REFERENCE_KERNELS
#define KWS_SUM(a, b, shift, ra, ras, rb, rbs, rout, routs) ra, rb, ras, rbs, rout, routs
#else
#define KWS_SUM(a, b, shift, ra, ras, rb, rbs, rout, routs) a, b, 0, 0, 0, shift
#endif

typedef struct {
    int32_t shape[4];
    int32_t a_strides[4], b_strides[4];
    int32_t a_zero, b_zero, out_zero;
    int32_t low, high;
    kws_scale scale;
} kws_product;

void kws_add(const kws_sum *self, const int8_t *a, const int8_t *b, int8_t *out);
void kws_mul(const kws_product *self, const int8_t *a, const int8_t *b, int8_t *out);

/* QUANTIZE and RELU: from one scale to another. */
typedef struct {
    int32_t size;
    int32_t in_zero, out_zero;
    int32_t low, high;
    int32_t rough;             /* the ratio of the scales in 1/256, as XNNPACK has it */
    int32_t multiplier, shift; /* the same in fixed point */
} kws_requantization;

void kws_requantize(const kws_requantization *self, const int8_t *in, int8_t *out);
void kws_relu(const kws_requantization *self, const int8_t *in, int8_t *out);

/* MEAN: over `reduced`, for each of `kept`. */
typedef struct {
    int32_t kept[4], reduced[4];
    int32_t kept_strides[4], reduced_strides[4];
    int32_t count; /* of the reduced */
    int32_t in_zero, out_zero;
    kws_scale scale;
    float bias; /* the output of a sum of 0, as XNNPACK has it */
} kws_mean;

void kws_mean_of(const kws_mean *self, const int8_t *in, int8_t *out);

/* What moves values: CONCATENATION, slices, SPLIT, RESHAPE, the inside of PAD. */
typedef struct {
    int32_t shape[4];
    int32_t in_strides[4], out_strides[4];
    int32_t in_start, out_start;
} kws_move;

void kws_copy(const kws_move *self, const int8_t *in, int8_t *out);

#endif
