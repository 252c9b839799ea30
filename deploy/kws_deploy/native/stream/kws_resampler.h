/* Streaming sample-rate conversion to KWS_SAMPLE_RATE: floats of any usual rate in, 16-bit samples
 * out.
 *
 * The filter of kws/resample.py: a windowed sinc (Kaiser), pass band up to 0.9 of the lower Nyquist
 * frequency, stop band from 1.0 on, 80 dB down. Output k is the input at time k / KWS_SAMPLE_RATE
 * exactly; positions are integers, so that time stamps do not drift. Samples that are at the rate
 * already are rounded to 16 bits and nothing else.
 */
#ifndef KWS_RESAMPLER_H
#define KWS_RESAMPLER_H

#include <stddef.h>
#include <stdint.h>

#include "kws_model.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Rates that are taken, in Hz. */
#define KWS_LOWEST_RATE 4000
#define KWS_HIGHEST_RATE 384000

/* The largest number of input samples per output sample, and what the filter takes at most: 51
 * samples of the lower rate on each side, at 256 offsets between two of these. */
#define KWS_RESAMPLER_RATIO ((KWS_HIGHEST_RATE + KWS_SAMPLE_RATE - 1) / KWS_SAMPLE_RATE)
#define KWS_RESAMPLER_TAPS (2 * (51 * KWS_RESAMPLER_RATIO + 1))
#define KWS_RESAMPLER_TABLE (26500 + 202 * KWS_RESAMPLER_RATIO)
/* Input samples that are held beside those. */
#define KWS_RESAMPLER_ROOM 512

typedef struct {
    int32_t up, down;  /* output and input rate without common divisor */
    int32_t taps;      /* input samples that an output weighs; 0: the rates are equal */
    int32_t offsets;   /* rows of the table, less one */
    int64_t position;  /* of the next output in the samples that are held, in 1 / up */
    int32_t held;
    int64_t taken;     /* since the reset */
    int64_t given;
    float samples[KWS_RESAMPLER_TAPS + KWS_RESAMPLER_ROOM];
    float table[KWS_RESAMPLER_TABLE];
} kws_resampler;

/* Begins a stream at a rate; returns 0 if it is none of KWS_LOWEST_RATE .. KWS_HIGHEST_RATE. */
int kws_resampler_open(kws_resampler *self, int32_t rate);

/* Begins another stream at the same rate. */
void kws_resampler_reset(kws_resampler *self);

/* Takes samples (-1 .. 1; what is not finite counts as 0) until `most` outputs are made or none are
 * left, and moves *samples and *count on. Returns how many it wrote: call it again until that is 0
 * and none are left. */
size_t kws_resampler_push(kws_resampler *self, const float **samples, size_t *count, int16_t *out,
                          size_t most);

/* Ends the stream: returns how many outputs it wrote of those that are left, at most `most`; call it
 * until that is 0. Then as many came out as the input is long. */
size_t kws_resampler_flush(kws_resampler *self, int16_t *out, size_t most);

#ifdef __cplusplus
}
#endif

#endif
