/* Log-mel front end in integers; see kws_front_end.h.
 *
 * How a frame is made, and what each number is worth:
 *   samples    are shifted up by as many bits as the loudest one leaves free (block floating point),
 *              times the window, so that 1.0 shifted up is 2^28;
 *   transform  a real one of KWS_FRONT_END_FFT points by a complex one of half as many, in place:
 *              one exact radix-4 stage, then radix-2 stages that halve, rounded once each;
 *   offset     what the 0 Hz bins of the latest frames have in common is that of a constant, and the
 *              spectrum of this constant is taken away;
 *   energies   of the bins below the bands, 64 bits, or their roots with 16 more bits;
 *   bands      neighbouring triangles add up to 1: a bin gives one band its share, the next the rest;
 *   logarithm  to base 2 with 24 bits behind the point, by a table and a straight line between.
 * The bounds in the comments hold for any samples.
 */
#include "kws_front_end.h"

#include <string.h>

enum {
    WINDOW = KWS_FRONT_END_WINDOW,
    HOP = KWS_FRONT_END_HOP,
    FFT = KWS_FRONT_END_FFT,
    POINTS = KWS_FRONT_END_FFT / 2 /* of the complex transform */
};

/* C leaves it to the compiler what >> does to a negative number: this code needs the sign kept. */
typedef char kws_front_end_needs_arithmetic_shift[(-1 >> 1) == -1 ? 1 : -1];

/* Returns the value / 2^32, rounded. |value| < 2^63 - 2^31. */
static int32_t high(int64_t value)
{
    return (int32_t)((value + INT64_C(0x80000000)) >> 32);
}

static int64_t product(int32_t a, int32_t b)
{
    return (int64_t)a * b;
}

/* Returns the number of zero bits above the highest one. */
static unsigned leading_zeros(uint64_t value)
{
    uint32_t word = (uint32_t)(value >> 32);
    unsigned zeros = 0;
    if (word == 0) {
        word = (uint32_t)value;
        zeros = 32;
    }
    if (word < 0x10000u) {
        word <<= 16;
        zeros += 16;
    }
    if (word < 0x1000000u) {
        word <<= 8;
        zeros += 8;
    }
    if (word < 0x10000000u) {
        word <<= 4;
        zeros += 4;
    }
    if (word < 0x40000000u) {
        word <<= 2;
        zeros += 2;
    }
    return word < 0x80000000u ? zeros + 1 : zeros;
}

/* Returns by how many bits the samples can be shifted up and still fit 16, or -1 for silence. */
static int headroom(const int16_t *samples)
{
    int used = 0, bits = 15;
    size_t n;
    for (n = 0; n < WINDOW; n++) {
        const int sample = samples[n];
        used |= (sample < 0 ? ~sample : sample) | (sample != 0);
    }
    if (used == 0) {
        return -1;
    }
    while (used != 0) {
        used >>= 1;
        bits--;
    }
    return bits < KWS_FRONT_END_MOST_SHIFT ? bits : KWS_FRONT_END_MOST_SHIFT;
}

/* Returns sample n under the window, |result| <= 2^28; factor is 2^(15 + shift). */
static int32_t windowed(const int16_t *samples, size_t n, int32_t factor)
{
    if (n >= WINDOW) {
        return 0;
    }
    /* the window is symmetric: w[n] = w[WINDOW - n] */
    return high(product(samples[n] * factor,
                        kws_front_end_window[n <= WINDOW / 2 ? n : WINDOW - n]));
}

/* Puts the windowed samples where the transform wants them: pairs, by their number's bits reversed. */
static void load(int32_t *z, const int16_t *samples, int shift)
{
    const int32_t factor = (int32_t)1 << (15 + shift);
    size_t n, bit, reversed = 0;
    for (n = 0; n < POINTS; n++) {
        z[2 * reversed] = windowed(samples, 2 * n, factor);
        z[2 * reversed + 1] = windowed(samples, 2 * n + 1, factor);
        for (bit = POINTS / 2; (reversed & bit) != 0; bit >>= 1) {
            reversed ^= bit;
        }
        reversed |= bit;
    }
}

/* Fills in the cosine and sine of 2 pi k / FFT, 0 <= k <= FFT / 2, from a quarter of a wave. */
static void turn(size_t k, int32_t *cosine, int32_t *sine)
{
    if (k <= FFT / 4) {
        *cosine = kws_front_end_cosine[k];
        *sine = kws_front_end_cosine[FFT / 4 - k];
    } else {
        *cosine = -kws_front_end_cosine[FFT / 2 - k];
        *sine = kws_front_end_cosine[k - FFT / 4];
    }
}

/* The complex transform of POINTS points, / 2^(log2(POINTS) - 2).
 * The first two stages take 2^28 to 2^30 and lose nothing. The others halve: no point's modulus
 * grows beyond the largest, sqrt(2) * 2^30. */
static void transform(int32_t *z)
{
    size_t i, j, k, half;
    for (i = 0; i < FFT; i += 8) {
        int32_t *p = z + i;
        const int32_t sum_r = p[0] + p[2], sum_i = p[1] + p[3];
        const int32_t difference_r = p[0] - p[2], difference_i = p[1] - p[3];
        const int32_t other_r = p[4] + p[6], other_i = p[5] + p[7];
        const int32_t turned_r = p[5] - p[7], turned_i = p[6] - p[4]; /* times -i */
        p[0] = sum_r + other_r;
        p[1] = sum_i + other_i;
        p[2] = difference_r + turned_r;
        p[3] = difference_i + turned_i;
        p[4] = sum_r - other_r;
        p[5] = sum_i - other_i;
        p[6] = difference_r - turned_r;
        p[7] = difference_i - turned_i;
    }
    for (half = 4; half < POINTS; half *= 2) {
        for (j = 0; j < half; j++) {
            int32_t c, s;
            turn(j * (POINTS / half), &c, &s);
            for (k = j; k < POINTS; k += 2 * half) {
                int32_t *a = z + 2 * k, *b = a + 2 * half;
                /* b (c - i s) and a, both times 2^31 */
                const int64_t br = product(b[0], c) + product(b[1], s);
                const int64_t bi = product(b[1], c) - product(b[0], s);
                const int64_t ar = (int64_t)a[0] * INT64_C(0x80000000);
                const int64_t ai = (int64_t)a[1] * INT64_C(0x80000000);
                a[0] = high(ar + br);
                a[1] = high(ai + bi);
                b[0] = high(ar - br);
                b[1] = high(ai - bi);
            }
        }
    }
}

#if KWS_FRONT_END_MAGNITUDE
/* Returns the root of a value below 2^62, times 2^16: one over the root by a table and a straight
 * line, then one step of Newton's, good to 2^-25 of the result. */
static uint64_t root(uint64_t value)
{
    unsigned even;
    uint32_t x, below, inverse, guess;
    int64_t missing;
    if (value == 0) {
        return 0;
    }
    even = leading_zeros(value) & ~1u;
    x = (uint32_t)((value << even) >> 32); /* 1 <= x / 2^30 < 4 */
    below = kws_front_end_inverse_root[(x >> 25) - 32];
    inverse = (below << 16) - (below - kws_front_end_inverse_root[(x >> 25) - 31])
                                  * ((x & 0x1FFFFFFu) >> 9); /* times 2^32 */
    guess = (uint32_t)(((uint64_t)x * inverse) >> 32);       /* the root times 2^30 */
    missing = INT64_C(0x40000000) - (int64_t)(((uint64_t)guess * inverse) >> 32);
    return ((uint64_t)(2 * (int64_t)guess + ((guess * missing) >> 30)) << 16)
           >> (even / 2);
}
#endif

#if KWS_FRONT_END_DC_FRAMES
/* Takes the 0 Hz bin of samples that were shifted up, |bin| <= 2^30, and returns the part of it that
 * is an offset: the nearest to zero of the latest frames, or zero where their signs differ. It is
 * thus between 0 and the bin, so that no bin's modulus grows beyond 2^30 when its share is taken
 * away: the mean distance to a number between 0 and the mean is the largest at one of the two. */
static int32_t shared(kws_front_end *self, int32_t bin, int shift)
{
    const int32_t sum = (bin + (((int32_t)1 << shift) >> 1)) >> shift;
    int32_t least = sum, most = sum;
    size_t n;
    if (self->oldest == KWS_FRONT_END_DC_FRAMES) { /* at the beginning the frames so far count */
        for (n = 0; n < KWS_FRONT_END_DC_FRAMES; n++) {
            self->sums[n] = sum;
        }
        self->oldest = 0;
    }
    self->sums[self->oldest] = sum;
    self->oldest = self->oldest + 1 < KWS_FRONT_END_DC_FRAMES ? self->oldest + 1 : 0;
    for (n = 0; n < KWS_FRONT_END_DC_FRAMES; n++) {
        least = self->sums[n] < least ? self->sums[n] : least;
        most = self->sums[n] > most ? self->sums[n] : most;
    }
    return (least > 0 ? least : most < 0 ? most : 0) * ((int32_t)1 << shift);
}
#endif

/* Returns the energy of bin k of the real signal, 0 < k < POINTS, from the transform of its pairs:
 * X[k] = E + exp(-2 pi i k / FFT) O, where E and O are the transforms of the even and odd samples.
 * The window's mean is a half, so that |E| and |O| <= 2^29 and |X| <= 2^30.
 * Of a constant whose 0 Hz bin is offset the spectrum is taken away. */
static uint64_t energy(const int32_t *z, size_t k, int32_t offset)
{
    const int32_t *p = z + 2 * k, *q = z + 2 * (POINTS - k);
    const int32_t even_r = p[0] + q[0], even_i = p[1] - q[1]; /* 2 E */
    const int32_t odd_r = p[1] + q[1], odd_i = q[0] - p[0];   /* 2 O */
    int32_t c, s, r, i;
    turn(k, &c, &s);
    r = high((int64_t)even_r * INT64_C(0x80000000) + product(odd_r, c) + product(odd_i, s));
    i = high((int64_t)even_i * INT64_C(0x80000000) + product(odd_i, c) - product(odd_r, s));
#if KWS_FRONT_END_DC_FRAMES
    if (offset != 0) {
        const int32_t *constant = kws_front_end_constant + 2 * (k - KWS_FRONT_END_FIRST_BIN);
        r -= high(2 * product(offset, constant[0]));
        i -= high(2 * product(offset, constant[1]));
    }
#else
    (void)offset;
#endif
#if KWS_FRONT_END_MAGNITUDE
    return root((uint64_t)(product(r, r) + product(i, i)));
#else
    return (uint64_t)(product(r, r) + product(i, i));
#endif
}

/* Returns the value times weight / 2^32, rounded down. */
static uint64_t share(uint64_t value, uint32_t weight)
{
    return (value >> 32) * weight + (((value & 0xFFFFFFFFu) * weight) >> 32);
}

/* Returns the logarithm to base 2 of a value that is not 0, times 2^24. */
static int32_t logarithm(uint64_t value)
{
    const unsigned zeros = leading_zeros(value);
    const uint32_t top = (uint32_t)((value << zeros) >> 32);
    const uint32_t *at = kws_front_end_logarithm + ((top >> 23) & 0xFFu);
    const uint32_t between = ((at[1] - at[0]) * ((top >> 8) & 0x7FFFu)) >> 15;
    return (int32_t)(((63u - zeros) << 24) + at[0] + between);
}

/* Returns the logarithm of a band's sum, not 0, in steps of the network's input from its zero point
 * on, times 2^KWS_FRONT_END_GAIN_BITS. */
static int64_t steps(uint64_t sum, int shift)
{
    int64_t value;
#if KWS_FRONT_END_HAS_OFFSET
    sum += KWS_FRONT_END_OFFSET >> (KWS_FRONT_END_PER_SHIFT * (KWS_FRONT_END_MOST_SHIFT - shift));
#endif
    value = logarithm(sum);
    value -= (int64_t)(KWS_FRONT_END_EXPONENT + KWS_FRONT_END_PER_SHIFT * shift) * 0x1000000;
    return value * KWS_FRONT_END_GAIN;
}

/* Returns a value to the nearest of its lowest bits that are kept, halves up. */
static int64_t nearest(int64_t value, int bits)
{
    return (value + (INT64_C(1) << (bits - 1))) >> bits;
}

/* Returns the network's input for a band's sum. */
static int8_t quantized(uint64_t sum, int shift)
{
    int64_t value;
    if (sum == 0) {
        return KWS_FRONT_END_SILENCE;
    }
    value = nearest(steps(sum, shift), KWS_FRONT_END_GAIN_BITS) + KWS_FRONT_END_ZERO;
    if (value < KWS_FRONT_END_SILENCE) { /* no sum is less than silence's */
        return KWS_FRONT_END_SILENCE;
    }
    return (int8_t)(value < KWS_FRONT_END_HIGHEST ? value : KWS_FRONT_END_HIGHEST);
}

/* Returns the level of a frame whose loudest band has a sum. */
static int16_t level_of(uint64_t sum, int shift)
{
    int64_t value;
    if (sum == 0) {
        return KWS_FRONT_END_SILENCE_LEVEL;
    }
    value = nearest(steps(sum, shift), KWS_FRONT_END_GAIN_BITS - KWS_FRONT_END_LEVEL_BITS);
    value += KWS_FRONT_END_ZERO * (1 << KWS_FRONT_END_LEVEL_BITS);
    if (value < KWS_FRONT_END_SILENCE_LEVEL) {
        return KWS_FRONT_END_SILENCE_LEVEL;
    }
    return (int16_t)(value < INT16_MAX ? value : INT16_MAX);
}

/* Fills the frame of the samples that are held. */
static void make_frame(kws_front_end *self, int8_t *frame)
{
    const int shift = headroom(self->samples);
    const uint32_t *weight = kws_front_end_weights;
    size_t edge, k = KWS_FRONT_END_FIRST_BIN;
    uint64_t rest = 0, loudest = 0;
    int32_t offset = 0;
    if (shift < 0) {
#if KWS_FRONT_END_DC_FRAMES
        shared(self, 0, 0);
#endif
        memset(frame, KWS_FRONT_END_SILENCE, KWS_FRONT_END_BANDS);
        self->level = KWS_FRONT_END_SILENCE_LEVEL;
        return;
    }
    load(self->spectrum, self->samples, shift);
    transform(self->spectrum);
#if KWS_FRONT_END_DC_FRAMES
    offset = shared(self, self->spectrum[0] + self->spectrum[1], shift);
#endif
    /* between two edges, band `edge` rises and the one before it falls */
    for (edge = 0; edge <= KWS_FRONT_END_BANDS; edge++) {
        uint64_t rising = 0, falling = rest;
        unsigned bins = kws_front_end_bins[edge];
        for (; bins > 0; bins--) {
            const uint64_t whole = energy(self->spectrum, k++, offset);
            const uint64_t part = share(whole, *weight++);
            rising += part;
            falling += whole - part;
        }
        if (edge > 0) {
            frame[edge - 1] = quantized(falling, shift);
            loudest = falling > loudest ? falling : loudest;
        }
        rest = rising;
    }
    self->level = level_of(loudest, shift);
}

void kws_front_end_reset(kws_front_end *self)
{
    self->held = 0;
#if KWS_FRONT_END_DC_FRAMES
    self->oldest = KWS_FRONT_END_DC_FRAMES;
#endif
}

int kws_front_end_push(kws_front_end *self, const int16_t **samples, size_t *count, int8_t *frame)
{
    const size_t wanted = WINDOW - self->held;
    const size_t taken = *count < wanted ? *count : wanted;
    if (taken > 0) {
        memcpy(self->samples + self->held, *samples, taken * sizeof **samples);
        *samples += taken;
        *count -= taken;
        self->held += taken;
    }
    if (self->held < WINDOW) {
        return 0;
    }
    make_frame(self, frame);
    self->held = WINDOW - HOP;
    memmove(self->samples, self->samples + HOP, self->held * sizeof *self->samples);
    return 1;
}
