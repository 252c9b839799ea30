/* The functions on memory that the chain calls, for programs without a C library: see bare.c. */
#ifndef KWS_BARE_STRING_H
#define KWS_BARE_STRING_H

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t count);
void *memmove(void *to, const void *from, size_t count);
void *memset(void *to, int value, size_t count);
int memcmp(const void *a, const void *b, size_t count);
size_t strlen(const char *text);
char *strchr(const char *text, int character);

#endif
