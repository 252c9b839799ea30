/* Lines of text on stdout and stderr, written whole. */
#ifndef KWS_TEXT_H
#define KWS_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* A line that is being written. What does not fit goes out before its end. */
typedef struct {
    intptr_t file;
    size_t length;
    int failed; /* 1: something could not be written */
    char bytes[1024];
} kws_text;

void kws_text_put(kws_text *self, const char *text);

/* Puts a string of JSON, with its quotes: ASCII alone, as Python writes it. What is no UTF-8 becomes
 * U+FFFD. */
void kws_text_json(kws_text *self, const char *text);

/* Puts a number of 0 .. 2^40 with so many digits behind the point, rounded as C and Python round it:
 * to the nearest, by its exact value. Behind spaces, if it has fewer characters than the width. With
 * `shortest`, zeros at its end are left out, but for the first. */
void kws_text_number(kws_text *self, double value, int digits, int width, int shortest);

/* Spaces, until a text has so many characters. */
void kws_text_pad(kws_text *self, const char *text, int width);

/* Ends the line. */
void kws_text_end(kws_text *self);

#endif
