/* Reads WAV files and 16-bit PCM, forwards only, as mono floats. What a header says is not trusted:
 * no memory is taken by it. */
#ifndef KWS_WAV_H
#define KWS_WAV_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Most channels that are taken: their mean is given. */
#define KWS_WAV_CHANNELS 64

/* Reads up to `count` bytes, fewer only at the end. */
typedef size_t kws_wav_source(void *context, unsigned char *bytes, size_t count);

typedef struct {
    kws_wav_source *source;
    void *context;
    int32_t rate;     /* Hz; 0: of the model, since PCM does not say it */
    int32_t channels;
    int32_t width;    /* bytes of a sample of one channel */
    int32_t floats;   /* 1: floats, 0: integers */
    int32_t endless;  /* 1: the header does not know the length */
    uint32_t left;    /* bytes of samples to come, unless endless */
    unsigned char ahead[4]; /* read to see what it is, and not used yet */
    int32_t waiting;  /* of these */
} kws_wav;

/* Reads a header. What does not begin with RIFF or RF64 is 16-bit mono PCM, little-endian, unless it
 * begins as FLAC, OGG or an MP3 with tags. Returns NULL, or what is wrong with the file. */
const char *kws_wav_open(kws_wav *self, kws_wav_source *source, void *context);

/* Returns how many samples it wrote, -1 .. 1, at most `most`; 0 at the end. */
size_t kws_wav_read(kws_wav *self, float *samples, size_t most);

#ifdef __cplusplus
}
#endif

#endif
