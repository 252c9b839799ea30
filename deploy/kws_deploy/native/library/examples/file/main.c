/* Spots keywords in a WAV file of any rate: kws-file recording.wav */
#include <stdio.h>

#include "kws.h"
#include "kws_resampler.h"
#include "kws_wav.h"

static void heard(const kws_event *event, void *context)
{
    (void)context;
    printf("%.2f\t%.2f\t%s\t%.2f\n", event->start, event->end, event->keyword,
           (double)event->score);
}

static size_t source(void *context, unsigned char *bytes, size_t count)
{
    return fread(bytes, 1, count, (FILE *)context);
}

int main(int count, char **arguments)
{
    static kws_resampler resampler; /* 0.2 MB: too much for a stack */
    kws_wav wav;
    float samples[512];
    int16_t at_rate[512];
    size_t read, made;
    FILE *file = count == 2 ? fopen(arguments[1], "rb") : NULL;
    const char *wrong = file == NULL ? "give one WAV file that is there, and readable" : kws_wav_open(&wav, source, file);
    kws *spotter = kws_open();
    if (wrong != NULL || spotter == NULL) {
        fprintf(stderr, "kws-file: %s\n", wrong != NULL ? wrong : "no memory");
        return 2;
    }
    kws_resampler_open(&resampler, wav.rate != 0 ? wav.rate : kws_sample_rate());
    while ((read = kws_wav_read(&wav, samples, 512)) > 0) {
        const float *at = samples;
        while ((made = kws_resampler_push(&resampler, &at, &read, at_rate, 512)) > 0) {
            kws_process(spotter, at_rate, made, heard, NULL);
        }
    }
    while ((made = kws_resampler_flush(&resampler, at_rate, 512)) > 0) {
        kws_process(spotter, at_rate, made, heard, NULL);
    }
    kws_flush(spotter, heard, NULL);
    kws_close(spotter);
    fclose(file);
    return 0;
}
