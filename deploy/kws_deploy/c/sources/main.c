/* Spots keywords in 16-bit mono PCM from stdin, at the model's rate, and prints one line for each:
 * start and end in seconds, keyword, score, with tabs between.
 *
 *   ./kws < recording.raw
 *   arecord -t raw -f S16_LE -r 16000 -c 1 | ./kws
 */
#include <stdio.h>
#include <string.h>

#include "kws_detector.h"
#include "kws_front_end.h"
#include "kws_model.h"
#include "kws_network.h"

static kws_front_end front_end;
static kws_network network;
static kws_detector detector;
static int8_t frames[KWS_STEP_FRAMES][KWS_BANDS];
static int16_t levels[KWS_STEP_FRAMES];
static int held; /* frames that wait for their step */

static void step(void)
{
    int8_t logits[KWS_COLUMNS * KWS_LABELS];
    kws_detection found[KWS_MOST_DETECTIONS];
    kws_network_step(&network, frames[0], logits);
    const int count = kws_detector_push(&detector, levels, logits, found);
    for (int n = 0; n < count; n++) {
        printf("%.2f\t%.2f\t%s\t%.3f\n", (double)found[n].start / KWS_SAMPLE_RATE,
               (double)found[n].end / KWS_SAMPLE_RATE, kws_labels[found[n].label],
               (double)found[n].score);
    }
    if (count > 0) {
        fflush(stdout);
    }
}

static void take(const int16_t *samples, size_t count)
{
    while (kws_front_end_push(&front_end, &samples, &count, frames[held])) {
        levels[held] = front_end.level;
        if (++held == KWS_STEP_FRAMES) {
            held = 0;
            step();
        }
    }
}

int main(int count, char **arguments)
{
    unsigned char bytes[2 * KWS_HOP];
    int16_t samples[KWS_HOP];
    size_t read;
    if (count > 1) {
        fprintf(stderr, "usage: %s < recording.raw   (16-bit mono PCM at %d Hz on stdin)\n",
                arguments[0], KWS_SAMPLE_RATE);
        return 2;
    }
    kws_front_end_reset(&front_end);
    kws_network_reset(&network);
    kws_detector_reset(&detector);
    while ((read = fread(bytes, 2, KWS_HOP, stdin)) > 0) {
        for (size_t n = 0; n < read; n++) {
            const int value = bytes[2 * n] | bytes[2 * n + 1] << 8; /* little-endian */
            samples[n] = (int16_t)(value < 32768 ? value : value - 65536);
        }
        take(samples, read);
    }
    if (ferror(stdin)) {
        perror("kws: stdin cannot be read");
        return 1;
    }
    /* silence until nothing of the recording is left to be found */
    memset(samples, 0, sizeof samples);
    for (int n = 0; n < KWS_RECEPTIVE_FIELD; n++) {
        take(samples, KWS_HOP);
    }
    return 0;
}
