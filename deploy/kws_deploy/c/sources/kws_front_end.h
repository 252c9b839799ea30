/* Log-mel front end: 16-bit samples in, frames of the network's 8-bit input out.
 *
 * Integers alone, no allocation, nothing but string.h; all state is in the caller's struct, so that
 * several streams can run side by side. The parameters and tables are in kws_front_end_tables.h,
 * which is made for one model. Frames are those of kws/frontend.py, rounded as the network's input
 * asks: of 16-bit samples, taken as -1 .. 1, mono, at KWS_FRONT_END_SAMPLE_RATE.
 *
 * Frame k is of the KWS_FRONT_END_WINDOW samples from k * KWS_FRONT_END_HOP on, counted from the
 * reset: nothing is padded, so the first frame comes with sample number KWS_FRONT_END_WINDOW.
 */
#ifndef KWS_FRONT_END_H
#define KWS_FRONT_END_H

#include <stddef.h>
#include <stdint.h>

#include "kws_front_end_tables.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    size_t held;                           /* samples that are waiting for their frame */
    int16_t samples[KWS_FRONT_END_WINDOW];
    int32_t spectrum[KWS_FRONT_END_FFT];   /* real and imaginary parts, in turn */
    int16_t level;                         /* of the latest frame: its loudest band, as in the frame
                                              times 2^KWS_FRONT_END_LEVEL_BITS, for kws_detector */
#if KWS_FRONT_END_DC_FRAMES
    int32_t sums[KWS_FRONT_END_DC_FRAMES]; /* of the samples under the window, latest frames */
    size_t oldest;                         /* of these; KWS_FRONT_END_DC_FRAMES: there is none */
#endif
} kws_front_end;

/* Begins a stream. Must be called before the first samples. */
void kws_front_end_reset(kws_front_end *self);

/* Takes samples until one frame is made or none are left, and moves *samples and *count on.
 * Returns 1 if it made a frame: frame[KWS_FRONT_END_BANDS] is filled; call again for the rest.
 * Returns 0 if it wants more samples. */
int kws_front_end_push(kws_front_end *self, const int16_t **samples, size_t *count, int8_t *frame);

#ifdef __cplusplus
}
#endif

#endif
