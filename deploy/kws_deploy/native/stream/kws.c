/* The chain of one stream: see kws.h. */
#include "kws.h"

#ifndef KWS_NO_HEAP
#include <stdlib.h>
#endif
#include <string.h>

#include "kws_stream.h"

/* What a threshold is above that no score reaches: labels with it are no keywords. */
#define HIGHEST_THRESHOLD 1.0f

#ifndef KWS_NO_HEAP
kws *kws_open(void)
{
    kws *self = (kws *)malloc(sizeof *self);
    if (self != NULL) {
        kws_reset(self);
    }
    return self;
}

void kws_close(kws *self)
{
    free(self);
}
#endif

void kws_reset(kws *self)
{
    kws_front_end_reset(&self->front_end);
    kws_network_reset(&self->network);
    kws_detector_reset(&self->detector);
    self->held = 0;
}

static void step(kws *self, kws_callback *heard, void *context)
{
    int8_t logits[KWS_COLUMNS * KWS_LABELS];
    kws_detection found[KWS_MOST_DETECTIONS];
    int count, n;
    kws_network_step(&self->network, self->frames[0], logits);
    count = kws_detector_push(&self->detector, self->levels, logits, found);
    for (n = 0; n < count && heard != NULL; n++) {
        kws_event event;
        event.keyword = kws_labels[found[n].label];
        event.label = found[n].label;
        event.score = found[n].score;
        event.start = (double)found[n].start / KWS_SAMPLE_RATE;
        event.end = (double)found[n].end / KWS_SAMPLE_RATE;
        heard(&event, context);
    }
}

void kws_process(kws *self, const int16_t *samples, size_t count, kws_callback *heard,
                 void *context)
{
    while (kws_front_end_push(&self->front_end, &samples, &count, self->frames[self->held])) {
        self->levels[self->held] = self->front_end.level;
        if (++self->held == KWS_STEP_FRAMES) {
            self->held = 0;
            step(self, heard, context);
        }
    }
}

void kws_flush(kws *self, kws_callback *heard, void *context)
{
    int16_t silence[KWS_HOP];
    int n;
    memset(silence, 0, sizeof silence);
    for (n = 0; n < KWS_RECEPTIVE_FIELD; n++) {
        kws_process(self, silence, KWS_HOP, heard, context);
    }
}

int32_t kws_sample_rate(void)
{
    return KWS_SAMPLE_RATE;
}

const char *kws_keyword(int32_t n)
{
    int32_t label;
    for (label = 0; label < KWS_LABELS; label++) {
        if (kws_thresholds[label] <= HIGHEST_THRESHOLD && n-- == 0) {
            return kws_labels[label];
        }
    }
    return NULL;
}
