/* The network in plain C: frames in, logits out, state carried in `self`. One step of it equals
 * one Invoke() of the interpreter that runs kws_model_data.c: see kws_kernels.h for which one.
 */
#ifndef KWS_NETWORK_H
#define KWS_NETWORK_H

#include <stdint.h>

#include "kws_model.h"

#ifdef __cplusplus
extern "C" {
#endif

/* All the memory that it takes: no allocation, nothing on the heap. */
typedef struct {
    int8_t states[KWS_STATE_BYTES];
    int8_t arena[KWS_ARENA_BYTES]; /* what lies between input and output */
} kws_network;

/* Forget the past: as if there had been endless silence. Call it before the first step. */
void kws_network_reset(kws_network *self);

/* One step: frames are int8[KWS_STEP_FRAMES][KWS_BANDS], logits
 * int8[KWS_COLUMNS][KWS_LABELS] with KWS_LOGITS_SCALE and KWS_LOGITS_ZERO_POINT. */
void kws_network_step(kws_network *self, const int8_t *frames, int8_t *logits);

#ifdef __cplusplus
}
#endif

#endif
