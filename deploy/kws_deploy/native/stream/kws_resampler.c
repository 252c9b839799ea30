/* Windowed-sinc resampling: see kws_resampler.h. */
#include "kws_resampler.h"

#include <math.h>
#include <string.h>

#define PI 3.14159265358979323846
/* Centre of the transition band, in lower Nyquist frequencies: the band is 0.9 to 1.0. */
#define CUTOFF 0.95
/* Kaiser's formulas for 80 dB and that band: the window's shape, and half its length in samples of
 * the lower rate. */
#define BETA (0.1102 * (80.0 - 8.7))
#define HALF ((80.0 - 7.95) / (2.285 * 0.1 * PI) / 2.0)
/* Offsets in the table per sample of the lower rate. */
#define OFFSETS 256

static int32_t common_divisor(int32_t a, int32_t b)
{
    while (b != 0) {
        const int32_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* The modified Bessel function of order 0, of the root of a square: its power series. */
static double bessel(double square)
{
    double term = 1.0, sum = 1.0;
    int n;
    for (n = 1; n < 60; n++) {
        term *= square / (4.0 * n * n);
        sum += term;
    }
    return sum;
}

static double sinc(double x)
{
    return x == 0.0 ? 1.0 : sin(PI * x) / (PI * x);
}

/* Fills in a row of the table: the weights of an output that lies a fraction after an input sample.
 * They add up to 1, so that a constant stays what it is. */
static void fill(float *row, int32_t taps, double fraction, double scale)
{
    double sum = 0.0;
    int pass;
    for (pass = 0; pass < 2; pass++) {
        int32_t n;
        for (n = 0; n < taps; n++) {
            const double time = ((double)(n + 1 - taps / 2) - fraction) / scale;
            const double share = time / HALF, inside = 1.0 - share * share;
            const double weight =
                inside < 0.0 ? 0.0 : sinc(CUTOFF * time) * bessel(BETA * BETA * inside);
            if (pass == 0) {
                sum += weight;
            } else {
                row[n] = (float)(weight / sum);
            }
        }
    }
}

int kws_resampler_open(kws_resampler *self, int32_t rate)
{
    double scale;
    int32_t divisor, n;
    if (rate < KWS_LOWEST_RATE || rate > KWS_HIGHEST_RATE) {
        return 0;
    }
    divisor = common_divisor(rate, KWS_SAMPLE_RATE);
    self->up = KWS_SAMPLE_RATE / divisor;
    self->down = rate / divisor;
    self->taps = 0;
    if (self->up != self->down) {
        scale = self->down > self->up ? (double)self->down / self->up : 1.0;
        self->taps = 2 * (int32_t)ceil(HALF * scale);
        self->offsets = (int32_t)ceil(OFFSETS / scale);
        for (n = 0; n <= self->offsets; n++) {
            fill(self->table + n * self->taps, self->taps, (double)n / self->offsets, scale);
        }
    }
    kws_resampler_reset(self);
    return 1;
}

void kws_resampler_reset(kws_resampler *self)
{
    self->held = self->taps > 0 ? self->taps / 2 - 1 : 0;
    memset(self->samples, 0, (size_t)self->held * sizeof *self->samples);
    self->position = 0;
    self->taken = 0;
    self->given = 0;
}

/* To the nearest 16-bit sample, halves to even. */
static int16_t rounded(float value)
{
    value *= 32768.0f;
    value = value < -32768.0f ? -32768.0f : value > 32767.0f ? 32767.0f : value;
    return (int16_t)lrintf(value);
}

static float or_silence(float value)
{
    return value - value == 0.0f ? value : 0.0f;
}

/* Sum of products; four sums side by side take half the time of one. */
static float product(const float *samples, const float *weights, int32_t count)
{
    float sums[4] = {0.0f, 0.0f, 0.0f, 0.0f};
    int32_t n;
    for (n = 0; n + 4 <= count; n += 4) {
        sums[0] += samples[n] * weights[n];
        sums[1] += samples[n + 1] * weights[n + 1];
        sums[2] += samples[n + 2] * weights[n + 2];
        sums[3] += samples[n + 3] * weights[n + 3];
    }
    for (; n < count; n++) {
        sums[0] += samples[n] * weights[n];
    }
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

/* The next output, of samples that are held. */
static int16_t output(kws_resampler *self)
{
    const float *at = self->samples + self->position / self->up;
    const int64_t place = self->position % self->up * self->offsets;
    const float *weights = self->table + place / self->up * self->taps;
    const float share = (float)(place % self->up) / (float)self->up;
    float value = product(at, weights, self->taps);
    if (share > 0.0f) {
        value += share * (product(at, weights + self->taps, self->taps) - value);
    }
    self->position += self->down;
    self->given++;
    return rounded(value);
}

/* Lets go of the samples before the next output. */
static void let_go(kws_resampler *self)
{
    int64_t done = self->position / self->up;
    done = done < self->held ? done : self->held;
    self->held -= (int32_t)done;
    self->position -= done * self->up;
    memmove(self->samples, self->samples + done, (size_t)self->held * sizeof *self->samples);
}

size_t kws_resampler_push(kws_resampler *self, const float **samples, size_t *count, int16_t *out,
                          size_t most)
{
    size_t made = 0;
    if (self->taps == 0) {
        for (; made < most && *count > 0; made++, (*count)--) {
            out[made] = rounded(or_silence(*(*samples)++));
        }
        return made;
    }
    while (made < most) {
        if (self->position / self->up + self->taps <= self->held) {
            out[made++] = output(self);
            continue;
        }
        let_go(self);
        if (*count == 0) {
            break;
        }
        while (*count > 0 && self->held < self->taps + KWS_RESAMPLER_ROOM) {
            self->samples[self->held++] = or_silence(*(*samples)++);
            (*count)--;
            self->taken++;
        }
    }
    return made;
}

size_t kws_resampler_flush(kws_resampler *self, int16_t *out, size_t most)
{
    /* what is to come out: the length of the input at the other rate, rounded up */
    const int64_t wanted = (self->taken * self->up + self->down - 1) / self->down;
    static const float silence[1] = {0.0f};
    size_t made = 0;
    if (self->taps == 0) {
        return 0;
    }
    while (made < most && self->given < wanted) {
        const int64_t taken = self->taken;
        const float *at = silence;
        size_t count = 1;
        made += kws_resampler_push(self, &at, &count, out + made, 1);
        self->taken = taken; /* silence is no input */
    }
    return made;
}
