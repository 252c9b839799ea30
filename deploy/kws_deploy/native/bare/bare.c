/* What the chain needs of a C library, so that programs need none, and give the same numbers on every
 * system: functions of libm differ between C libraries in the last bit.
 *
 * The mathematical ones are for the arguments that they get, not for all: see each.
 */
#include <stddef.h>
#include <stdint.h>

#include "math.h"
#include "string.h"

#define LN2_HIGH 6.93147180369123816490e-01
#define LN2_LOW 1.90821492927058770002e-10
#define PI 3.14159265358979323846

/* To the nearest whole number, halves to even: what is added leaves no bit for a fraction. */
static double nearest(double x)
{
    const double most = 6755399441055744.0; /* 1.5 * 2^52 */
    return x + most - most;
}

/* e to the x, in double: for -700 <= x <= 700. */
static double exponential(double x)
{
    const double n = nearest(x / (LN2_HIGH + LN2_LOW));
    const double r = x - n * LN2_HIGH - n * LN2_LOW; /* |r| <= ln 2 / 2 */
    const uint64_t bits = (uint64_t)(1023 + (int32_t)n) << 52;
    double term = 1.0, sum = 1.0, power;
    int k;
    for (k = 1; k <= 14; k++) {
        term *= r / k;
        sum += term;
    }
    memcpy(&power, &bits, sizeof power);
    return sum * power;
}

/* For x <= 88. */
float expf(float x)
{
    return x < -150.0f ? 0.0f : (float)exponential((double)x);
}

/* For |x| <= 300. */
float tanhf(float x)
{
    return (float)(1.0 - 2.0 / (exponential(2.0 * (double)x) + 1.0));
}

/* For |x| <= 2^20: x is brought to a half turn, where the series has 12 terms. */
double sin(double x)
{
    const double half_turns = nearest(x / PI);
    const double r = x - half_turns * 3.14159265160560607910 - half_turns * 1.98418714791870343106e-9;
    double term = r, sum = r;
    int k;
    for (k = 1; k <= 12; k++) {
        term *= -r * r / (double)(2 * k * (2 * k + 1));
        sum += term;
    }
    return (int32_t)half_turns % 2 == 0 ? sum : -sum;
}

/* For |x| <= 2^31. */
double ceil(double x)
{
    const double whole = nearest(x);
    return whole < x ? whole + 1.0 : whole;
}

void *memcpy(void *restrict to, const void *restrict from, size_t count)
{
    unsigned char *out = to;
    const unsigned char *in = from;
    while (count-- > 0) {
        *out++ = *in++;
    }
    return to;
}

void *memmove(void *to, const void *from, size_t count)
{
    unsigned char *out = to;
    const unsigned char *in = from;
    if (out < in) {
        while (count-- > 0) {
            *out++ = *in++;
        }
    } else {
        while (count-- > 0) {
            out[count] = in[count];
        }
    }
    return to;
}

void *memset(void *to, int value, size_t count)
{
    unsigned char *out = to;
    while (count-- > 0) {
        *out++ = (unsigned char)value;
    }
    return to;
}

int memcmp(const void *a, const void *b, size_t count)
{
    const unsigned char *left = a, *right = b;
    for (; count > 0; count--, left++, right++) {
        if (*left != *right) {
            return *left - *right;
        }
    }
    return 0;
}

size_t strlen(const char *text)
{
    size_t length = 0;
    while (text[length] != '\0') {
        length++;
    }
    return length;
}

char *strchr(const char *text, int character)
{
    for (; *text != (char)character; text++) {
        if (*text == '\0') {
            return NULL;
        }
    }
    return (char *)text;
}
