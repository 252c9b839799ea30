/* WAV files and PCM: see kws_wav.h. */
#include "kws_wav.h"

#include <string.h>

/* Chunks of a file that are looked through for its samples. */
#define MOST_CHUNKS 1000
/* Bytes of a format chunk that are read: the extensible form has 40. */
#define FORMAT_BYTES 40
#define PCM 1
#define FLOAT 3
#define EXTENSIBLE 0xFFFE

static uint32_t number(const unsigned char *bytes, int count)
{
    uint32_t value = 0;
    while (count-- > 0) {
        value = value << 8 | bytes[count];
    }
    return value;
}

static size_t take(kws_wav *self, unsigned char *bytes, size_t count)
{
    size_t taken = 0;
    while (self->waiting > 0 && taken < count) {
        bytes[taken++] = self->ahead[4 - self->waiting--];
    }
    return taken + (taken < count ? self->source(self->context, bytes + taken, count - taken) : 0);
}

static int skip(kws_wav *self, uint64_t count)
{
    unsigned char bytes[512];
    while (count > 0) {
        const size_t part = count < sizeof bytes ? (size_t)count : sizeof bytes;
        if (take(self, bytes, part) < part) {
            return 0;
        }
        count -= part;
    }
    return 1;
}

/* Takes the numbers of a format chunk; returns what is wrong. */
static const char *format(kws_wav *self, const unsigned char *bytes, uint32_t size)
{
    static const unsigned char tail[14] = {0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71};
    const uint32_t rate = number(bytes + 4, 4), channels = number(bytes + 2, 2);
    const uint32_t block = number(bytes + 12, 2), bits = number(bytes + 14, 2);
    uint32_t tag = number(bytes, 2), width;
    if (size < 16) {
        return "the WAV header is cut off: copy or convert it again";
    }
    if (tag == EXTENSIBLE && size >= 40 && memcmp(bytes + 26, tail, sizeof tail) == 0) {
        tag = number(bytes + 24, 2);
    }
    if (tag != PCM && tag != FLOAT) {
        return "holds compressed audio: convert it to a WAV file of 16-bit PCM";
    }
    if (channels < 1 || channels > KWS_WAV_CHANNELS) {
        return "has no channel, or more than 64: convert it to one";
    }
    width = block / channels;
    if (block % channels != 0 || bits < 1 || bits > 8 * width ||
        (tag == FLOAT ? (width != 4 && width != 8) || bits != 8 * width : width > 4)) {
        return "its samples have a size that WAV files do not have: convert it to 16-bit PCM";
    }
    if (rate < 4000 || rate > 384000) {
        return "its sample rate is not in 4000 .. 384000 Hz: convert it again";
    }
    self->rate = (int32_t)rate;
    self->channels = (int32_t)channels;
    self->width = (int32_t)width;
    self->floats = tag == FLOAT;
    return NULL;
}

/* Returns whether a file begins as FLAC, OGG or MP3 with tags, which would be noise as PCM. */
static int is_compressed(const unsigned char *bytes)
{
    return memcmp(bytes, "fLaC", 4) == 0 || memcmp(bytes, "OggS", 4) == 0 ||
           memcmp(bytes, "ID3", 3) == 0;
}

const char *kws_wav_open(kws_wav *self, kws_wav_source *source, void *context)
{
    unsigned char bytes[FORMAT_BYTES];
    size_t begun;
    int chunk;
    memset(self, 0, sizeof *self);
    self->source = source;
    self->context = context;
    begun = source(context, bytes, 4);
    if (begun == 4 && is_compressed(bytes)) {
        return "holds compressed audio: convert it to a WAV file";
    }
    if (begun < 4 || (memcmp(bytes, "RIFF", 4) != 0 && memcmp(bytes, "RF64", 4) != 0)) {
        memcpy(self->ahead + 4 - begun, bytes, begun);
        self->waiting = (int32_t)begun;
        self->channels = 1;
        self->width = 2;
        self->endless = 1;
        return NULL;
    }
    if (take(self, bytes, 8) < 8 || memcmp(bytes + 4, "WAVE", 4) != 0) {
        return "is no WAV file: convert it to one";
    }
    for (chunk = 0; chunk < MOST_CHUNKS && take(self, bytes, 8) == 8; chunk++) {
        const uint32_t size = number(bytes + 4, 4);
        uint32_t known = 0;
        if (memcmp(bytes, "data", 4) == 0) {
            if (self->rate == 0) {
                break;
            }
            /* 0, about 2 GiB and about 4 GiB stand for an unknown length */
            self->endless = size == 0 || (size >= 0x7FFFF000u && size <= 0x80000000u) ||
                            size >= 0xFFFFF000u;
            self->left = size;
            return NULL;
        }
        if (memcmp(bytes, "fmt ", 4) == 0) {
            const char *wrong;
            known = size < FORMAT_BYTES ? size : FORMAT_BYTES;
            memset(bytes, 0, sizeof bytes);
            wrong = format(self, bytes, (uint32_t)take(self, bytes, known));
            if (wrong != NULL) {
                return wrong;
            }
        }
        if (!skip(self, (uint64_t)size - known + size % 2)) {
            break;
        }
    }
    return "has no samples: the WAV file is cut off";
}

static double sample(const kws_wav *self, const unsigned char *bytes)
{
    const uint32_t low = number(bytes, self->width < 4 ? self->width : 4);
    if (self->floats && self->width == 4) {
        float value;
        memcpy(&value, &low, sizeof value);
        return (double)value;
    }
    if (self->floats) {
        const uint64_t whole = (uint64_t)number(bytes + 4, 4) << 32 | low;
        double value;
        memcpy(&value, &whole, sizeof value);
        return value;
    }
    if (self->width == 1) { /* the one size without a sign */
        return ((double)low - 128.0) / 128.0;
    }
    /* to the top of 32 bits, then down again with its sign */
    return (double)(int32_t)(low << (32 - 8 * self->width)) / 2147483648.0;
}

size_t kws_wav_read(kws_wav *self, float *samples, size_t most)
{
    unsigned char bytes[8 * KWS_WAV_CHANNELS];
    const size_t block = (size_t)(self->width * self->channels);
    size_t made = 0;
    while (made < most && (self->endless || self->left >= block)) {
        double sum = 0.0;
        int32_t channel;
        if (take(self, bytes, block) < block) {
            self->endless = 0;
            self->left = 0;
            break;
        }
        self->left -= self->endless ? 0 : (uint32_t)block;
        for (channel = 0; channel < self->channels; channel++) {
            sum += sample(self, bytes + channel * self->width);
        }
        samples[made++] = (float)(sum / self->channels);
    }
    return made;
}
