/* The C of a model under libFuzzer: samples, frames, states, logits and WAV files of any content.
 * scripts/fuzz_c.py compiles it with the sanitizers. The first byte says which way the rest comes
 * in; what comes out must be a detection that can be, or the process ends. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kws_resampler.h"
#include "kws_stream.h"
#include "kws_wav.h"

static struct kws spotter;
static kws_resampler resampler;
static unsigned long long frames; /* that the network or the detector took */

typedef struct {
    const uint8_t *data;
    size_t size;
} bytes;

static void must(int holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "broken: %s\n", what);
        abort();
    }
}

static void report(void)
{
    fprintf(stderr, "frames: %llu\n", frames);
}

static uint32_t take(bytes *left, size_t count)
{
    uint32_t value = 0;
    for (; count > 0 && left->size > 0; count--, left->size--) {
        value = value << 8 | *left->data++;
    }
    return value;
}

static void check(float score, double start, double end, int32_t label)
{
    must(score >= 0.0f && score <= 1.0f, "a score that is none");
    must(start <= end && end >= 0.0, "a detection that ends before it begins");
    must(label >= 0 && label < KWS_LABELS, "a label that is none");
}

static void heard(const kws_event *event, void *context)
{
    (void)context;
    must(event->keyword != NULL, "a keyword without a name");
    check(event->score, event->start, event->end, event->label);
}

/* Samples as they are given, then noise of every loudness, in chunks of every length. */
static void samples(bytes left)
{
    int16_t chunk[1024];
    uint32_t state = take(&left, 4) | 1u;
    const size_t most = 16u * KWS_HOP * (1 + take(&left, 1));
    size_t done = 0;
    kws_reset(&spotter);
    while (done < most) {
        const size_t count = 1 + (state >> 9) % 1024;
        for (size_t n = 0; n < count; n++) {
            state = state * 1664525u + 1013904223u;
            chunk[n] = left.size > 1 ? (int16_t)take(&left, 2)
                                     : (int16_t)((int32_t)(state >> 16) - 32768);
            if (state >> 30 && left.size <= 1) {
                chunk[n] = (int16_t)(chunk[n] >> (state >> 10) % 16);
            }
        }
        kws_process(&spotter, chunk, count, heard, NULL);
        done += count;
    }
    kws_flush(&spotter, heard, NULL);
    frames += done / KWS_HOP + KWS_RECEPTIVE_FIELD;
}

/* States, frames, levels and logits that no audio gives. */
static void steps(bytes left)
{
    static kws_network network;
    static kws_detector detector;
    kws_detection found[KWS_MOST_DETECTIONS];
    int8_t input[KWS_STEP_FRAMES * KWS_BANDS], logits[KWS_COLUMNS * KWS_LABELS];
    int16_t levels[KWS_STEP_FRAMES];
    uint32_t state = take(&left, 4) | 1u;
    const int count = 1 + (int)take(&left, 1);
    kws_network_reset(&network);
    kws_detector_reset(&detector);
    for (size_t n = 0; n < sizeof network.states; n++) {
        state = state * 1664525u + 1013904223u;
        network.states[n] = (int8_t)(state >> 24);
    }
    for (int step = 0; step < count; step++) {
        for (size_t n = 0; n < sizeof input; n++) {
            state = state * 1664525u + 1013904223u;
            input[n] = (int8_t)(left.size > 0 ? take(&left, 1) : state >> 24);
        }
        for (int n = 0; n < KWS_STEP_FRAMES; n++) {
            state = state * 1664525u + 1013904223u;
            levels[n] = (int16_t)(state >> 16);
        }
        kws_network_step(&network, input, logits);
        for (size_t n = 0; state >> 31 && n < sizeof logits; n++) {
            state = state * 1664525u + 1013904223u;
            logits[n] = (int8_t)(state >> 24);
        }
        const int detected = kws_detector_push(&detector, levels, logits, found);
        must(detected >= 0 && detected <= KWS_MOST_DETECTIONS, "too many detections");
        for (int n = 0; n < detected; n++) {
            check(found[n].score, (double)found[n].start, (double)found[n].end, found[n].label);
        }
    }
    frames += (unsigned long long)count * KWS_STEP_FRAMES;
}

static size_t source(void *context, unsigned char *out, size_t count)
{
    bytes *left = context;
    count = count < left->size ? count : left->size;
    memcpy(out, left->data, count);
    left->data += count;
    left->size -= count;
    return count;
}

/* A recording, as the program reads it: header, any rate, any kind of numbers. */
static void recording(bytes left)
{
    static kws_wav wav;
    float block[256];
    int16_t out[256];
    size_t count, done, given = 0;
    memset(&wav, 0, sizeof wav);
    if (kws_wav_open(&wav, source, &left) != NULL) {
        return;
    }
    if (!kws_resampler_open(&resampler, wav.rate ? wav.rate : KWS_SAMPLE_RATE)) {
        return;
    }
    kws_reset(&spotter);
    while ((count = kws_wav_read(&wav, block, 256)) > 0) {
        const float *at = block;
        must(count <= 256, "more samples than were asked for");
        while ((done = kws_resampler_push(&resampler, &at, &count, out, 256)) > 0) {
            given += done;
            if (given > 1u << 18) { /* of the lowest rate one sample becomes four */
                return;
            }
            kws_process(&spotter, out, done, heard, NULL);
        }
    }
    while ((done = kws_resampler_flush(&resampler, out, 256)) > 0) {
        given += done;
        kws_process(&spotter, out, done, heard, NULL);
    }
    frames += given / KWS_HOP;
}

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
    (void)count;
    (void)arguments;
    atexit(report);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bytes left = {data, size};
    const uint32_t way = take(&left, 1) % 4;
    if (way == 0) {
        samples(left);
    } else if (way == 1) {
        steps(left);
    } else {
        recording(left);
    }
    return 0;
}
