/* The functions of libm that the chain calls, for programs without a C library: see bare.c. */
#ifndef KWS_BARE_MATH_H
#define KWS_BARE_MATH_H

float expf(float x);
float tanhf(float x);
double sin(double x);
double ceil(double x);

/* To the nearest whole number, halves to even; for |x| <= 2^22: what is added leaves no bit for a
 * fraction. */
static inline long lrintf(float x)
{
    const float most = 12582912.0f; /* 1.5 * 2^23 */
    return (long)(x + most - most);
}

#endif
