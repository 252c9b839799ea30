/* What a program asks of the system that it runs on: one of platform_*.c does it. */
#ifndef KWS_PLATFORM_H
#define KWS_PLATFORM_H

#include <stddef.h>
#include <stdint.h>

#define KWS_STDIN 0
#define KWS_STDOUT 1
#define KWS_STDERR 2

/* Opens a file to read; -1 if it cannot be. */
intptr_t kws_open_file(const char *path);

/* Reads what is there, up to `count` bytes: 0 at the end, -1 after an error. */
long kws_read(intptr_t file, void *bytes, size_t count);

/* Writes all bytes; returns 0 if it could not. */
int kws_write(intptr_t file, const void *bytes, size_t count);

void kws_close_file(intptr_t file);

/* What platform_*.c calls; returns the exit status. */
int kws_main(int count, char **arguments);

#endif
