/* What kws.js calls: one spotter, all of its memory at fixed places, nothing imported. */
#include <stdint.h>

#include "kws_resampler.h"
#include "kws_stream.h"

#define EXPORT(name) __attribute__((export_name(#name)))

/* Samples that kws.js puts down at once. */
#define INPUT 4096
/* Samples at the model's rate that are made at once, and detections that these can complete. */
#define BLOCK KWS_HOP
/* Most of these for one call: of the input at the lowest rate, or of the end of a stream. */
#define SAMPLES \
    ((int64_t)INPUT * KWS_SAMPLE_RATE / KWS_LOWEST_RATE + KWS_RECEPTIVE_FIELD * KWS_HOP)
#define EVENTS ((SAMPLES / (KWS_HOP * KWS_STEP_FRAMES) + 2) * KWS_MOST_DETECTIONS)

/* As kws.js reads it. */
typedef struct {
    double start, end, score;
    int32_t label, unused;
} event;

static float input[INPUT];
static event events[EVENTS];
static int32_t count;
static kws_resampler resampler;
static struct kws spotter;

static void keep(const kws_event *heard, void *context)
{
    (void)context;
    if (count < EVENTS) {
        events[count].start = heard->start;
        events[count].end = heard->end;
        events[count].score = (double)heard->score;
        events[count].label = heard->label;
        count++;
    }
}

EXPORT(input) float *kws_web_input(void)
{
    return input;
}

EXPORT(capacity) int32_t kws_web_capacity(void)
{
    return INPUT;
}

EXPORT(events) const event *kws_web_events(void)
{
    return events;
}

EXPORT(sampleRate) int32_t kws_web_sample_rate(void)
{
    return KWS_SAMPLE_RATE;
}

/* UTF-8 that ends with a 0, or 0 behind the last one. */
EXPORT(label) const char *kws_web_label(int32_t n)
{
    return n >= 0 && n < KWS_LABELS ? kws_labels[n] : 0;
}

/* The same of the keywords. */
EXPORT(keyword) const char *kws_web_keyword(int32_t n)
{
    return kws_keyword(n);
}

/* Smoothed score of a label at present, 0 .. 1: what is compared with its threshold. */
EXPORT(score) double kws_web_score(int32_t label)
{
    const int known = label >= 0 && label < KWS_LABELS;
    return known ? (double)kws_detector_score(&spotter.detector, label) : 0.0;
}

/* Returns 0 if the rate is none that is taken. */
EXPORT(open) int32_t kws_web_open(int32_t rate)
{
    kws_reset(&spotter);
    return kws_resampler_open(&resampler, rate);
}

EXPORT(reset) void kws_web_reset(void)
{
    kws_resampler_reset(&resampler);
    kws_reset(&spotter);
}

/* Takes so many samples of the input; returns how many detections they complete. */
EXPORT(process) int32_t kws_web_process(int32_t samples)
{
    const float *at = input;
    size_t left = samples < 0 ? 0 : samples < INPUT ? (size_t)samples : INPUT;
    int16_t block[BLOCK];
    size_t made;
    count = 0;
    while ((made = kws_resampler_push(&resampler, &at, &left, block, BLOCK)) > 0) {
        kws_process(&spotter, block, made, keep, 0);
    }
    return count;
}

/* Ends the stream, as a recording ends. */
EXPORT(flush) int32_t kws_web_flush(void)
{
    int16_t block[BLOCK];
    size_t made;
    count = 0;
    while ((made = kws_resampler_flush(&resampler, block, BLOCK)) > 0) {
        kws_process(&spotter, block, made, keep, 0);
    }
    kws_flush(&spotter, keep, 0);
    return count;
}
