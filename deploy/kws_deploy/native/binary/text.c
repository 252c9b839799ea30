/* Text: see text.h. */
#include "text.h"

#include <string.h>

#include "platform.h"

static void flush(kws_text *self)
{
    if (self->length > 0 && !kws_write(self->file, self->bytes, self->length)) {
        self->failed = 1;
    }
    self->length = 0;
}

static void put(kws_text *self, char byte)
{
    if (self->length == sizeof self->bytes) {
        flush(self);
    }
    self->bytes[self->length++] = byte;
}

void kws_text_put(kws_text *self, const char *text)
{
    while (*text != '\0') {
        put(self, *text++);
    }
}

void kws_text_end(kws_text *self)
{
    put(self, '\n');
    flush(self);
}

/* Returns the character that a text begins with, and moves on: one byte, if it is no UTF-8. */
static uint32_t character(const unsigned char **text)
{
    static const uint32_t least[4] = {0, 0x80, 0x800, 0x10000};
    const unsigned char *at = *text;
    const uint32_t first = *at;
    const int more = first < 0x80 ? 0 : first >> 5 == 6 ? 1 : first >> 4 == 14 ? 2 : 3;
    uint32_t value = more == 0 ? first : first & (0x3Fu >> more);
    int n;
    *text = at + 1;
    if (first >= 0x80 && (first < 0xC2 || first > 0xF4)) {
        return 0xFFFD;
    }
    for (n = 1; n <= more; n++) {
        if ((at[n] & 0xC0) != 0x80) {
            return 0xFFFD;
        }
        value = value << 6 | (at[n] & 0x3Fu);
    }
    if (value < least[more] || value > 0x10FFFF || (value >= 0xD800 && value < 0xE000)) {
        return 0xFFFD;
    }
    *text = at + 1 + more;
    return value;
}

static void escape(kws_text *self, uint32_t unit)
{
    int shift;
    kws_text_put(self, "\\u");
    for (shift = 12; shift >= 0; shift -= 4) {
        put(self, "0123456789abcdef"[unit >> shift & 15]);
    }
}

void kws_text_json(kws_text *self, const char *text)
{
    static const char short_forms[] = "\"\"\\\\\nn\tt\rr\bb\ff";
    const unsigned char *at = (const unsigned char *)text;
    put(self, '"');
    while (*at != '\0') {
        const uint32_t value = character(&at);
        size_t n = 0;
        while (short_forms[n] != '\0' && (uint32_t)short_forms[n] != value) {
            n += 2;
        }
        if (short_forms[n] != '\0') {
            put(self, '\\');
            put(self, short_forms[n + 1]);
        } else if (value >= 0x10000) {
            escape(self, 0xD800 + ((value - 0x10000) >> 10));
            escape(self, 0xDC00 + ((value - 0x10000) & 0x3FF));
        } else if (value < 0x20 || value >= 0x80) {
            escape(self, value);
        } else {
            put(self, (char)value);
        }
    }
    put(self, '"');
}

/* Returns value * scale to the nearest whole number, by the exact value; halves to even. The scale
 * is 10^4 at most; the value is one of a float then, whose few bits leave room for it. */
static uint64_t scaled(double value, uint32_t scale)
{
    uint64_t bits, mantissa, half, rest, whole;
    int exponent;
    memcpy(&bits, &value, sizeof bits);
    exponent = (int)(bits >> 52 & 0x7FF) - 1075; /* value = mantissa * 2^exponent */
    mantissa = (bits & ((UINT64_C(1) << 52) - 1)) | UINT64_C(1) << 52;
    while (mantissa % 2 == 0) {
        mantissa /= 2;
        exponent++;
    }
    if (exponent < -63 || exponent > 10) {
        return 0; /* 0, and what is no time and no score */
    }
    if (exponent >= 0) {
        return (mantissa << exponent) * scale;
    }
    whole = mantissa * scale >> -exponent;
    rest = mantissa * scale - (whole << -exponent);
    half = UINT64_C(1) << (-exponent - 1);
    return whole + (rest > half || (rest == half && whole % 2 == 1));
}

void kws_text_number(kws_text *self, double value, int digits, int width, int shortest)
{
    char text[32];
    uint32_t scale = 1;
    uint64_t number;
    int n, at = sizeof text;
    for (n = 0; n < digits; n++) {
        scale *= 10;
    }
    number = scaled(value, scale);
    while (shortest && digits > 1 && number % 10 == 0) {
        number /= 10;
        digits--;
    }
    text[--at] = '\0';
    for (n = 0; n <= digits || number > 0; n++) {
        if (n == digits && digits > 0) {
            text[--at] = '.';
        }
        text[--at] = (char)('0' + number % 10);
        number /= 10;
    }
    for (n = (int)sizeof text - 1 - at; n < width; n++) {
        put(self, ' ');
    }
    kws_text_put(self, text + at);
}

void kws_text_pad(kws_text *self, const char *text, int width)
{
    const unsigned char *at = (const unsigned char *)text;
    for (; *at != '\0'; width--) {
        character(&at);
    }
    for (; width > 0; width--) {
        put(self, ' ');
    }
}
