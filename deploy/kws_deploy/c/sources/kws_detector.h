/* From logits to detections: posteriors, smoothing, threshold, refractory period, and where the
 * word is. The same as kws/detector.py and kws/spotter.py, so that thresholds mean the same.
 */
#ifndef KWS_DETECTOR_H
#define KWS_DETECTOR_H

#include <stdint.h>

#include "kws_model.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A keyword was said. Times are in samples since the reset. */
typedef struct {
    int32_t label; /* of kws_labels */
    float score;   /* smoothed posterior, 0 .. 1 */
    int64_t start, end;
} kws_detection;

typedef struct {
    float scores[KWS_SMOOTHING_COLUMNS][KWS_LABELS]; /* a ring: posteriors of the last columns */
    int64_t blocked_until[KWS_LABELS];               /* column from which a label may be detected */
    uint8_t armed[KWS_LABELS];
    int16_t levels[KWS_LEVEL_FRAMES]; /* a ring: of the last frames */
    int64_t columns, steps;
#if KWS_EXCLUSIVE
    int32_t delays[KWS_LABELS];  /* frames from a word's beginning to its detection */
    int32_t lengths[KWS_LABELS]; /* its frames */
    int64_t spoken_until;       /* end of the last detection, in samples */
#endif
} kws_detector;

/* Forget the past. Call it before the first step, and together with the network's. */
void kws_detector_reset(kws_detector *self);

/* Take one step: the level of each of its KWS_STEP_FRAMES frames, as kws_front_end has it, and what
 * kws_network_step gave. Returns how many keywords it completes, at most KWS_MOST_DETECTIONS, and
 * fills as many of `found`. */
int kws_detector_push(kws_detector *self, const int16_t *levels, const int8_t *logits,
                      kws_detection *found);

/* Smoothed score of a label after the latest step, 0 .. 1: what is compared with its threshold. */
float kws_detector_score(const kws_detector *self, int label);

#ifdef __cplusplus
}
#endif

#endif
