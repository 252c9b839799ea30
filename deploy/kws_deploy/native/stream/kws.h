/* A keyword spotter for an app: 16-bit samples in, keywords with their times out.
 *
 *   static void heard(const kws_event *event, void *context)
 *   {
 *       printf("%s at %.2f s\n", event->keyword, event->start);
 *   }
 *
 *   kws *spotter = kws_open();
 *   kws_process(spotter, samples, count, heard, NULL);    again and again, any number of samples
 *   kws_close(spotter);
 *
 * Samples are mono, KWS_SAMPLE_RATE (kws_model.h) of them a second: kws_sample_rate() says it too.
 * Spotters are independent of each other; one of them is for one thread at a time.
 */
#ifndef KWS_H
#define KWS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A stream of audio and what is known of it. */
typedef struct kws kws;

/* A keyword was said. Times are in seconds since kws_open or kws_reset. */
typedef struct {
    const char *keyword; /* UTF-8; stays */
    int32_t label;       /* its number among the model's labels */
    float score;         /* smoothed posterior, 0 .. 1 */
    double start, end;
} kws_event;

/* Is called for each detection, from within kws_process or kws_flush. */
typedef void kws_callback(const kws_event *event, void *context);

#ifndef KWS_NO_HEAP
/* Begins a stream; NULL where there is no memory. Where there is no heap (-DKWS_NO_HEAP): declare a
 * `struct kws` of kws_stream.h, and begin with kws_reset. */
kws *kws_open(void);

/* Ends a stream and gives its memory back. NULL is no harm. */
void kws_close(kws *self);
#endif

/* Forgets the past: the next sample is at time 0. Call it after a gap in the audio. */
void kws_reset(kws *self);

/* Takes any number of samples, and calls for each keyword that they complete. The context is handed
 * on; the callback may be NULL. */
void kws_process(kws *self, const int16_t *samples, size_t count, kws_callback *heard,
                 void *context);

/* At the end of a recording: follows it with silence until nothing of it is left to be found. Call
 * kws_reset before the next recording. */
void kws_flush(kws *self, kws_callback *heard, void *context);

/* Samples per second. */
int32_t kws_sample_rate(void);

/* The n-th keyword, or NULL behind the last one. */
const char *kws_keyword(int32_t n);

#ifdef __cplusplus
}
#endif

#endif
