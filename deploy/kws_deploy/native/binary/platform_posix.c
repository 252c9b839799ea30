/* Systems with a C library, such as macOS. */
#include "platform.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

intptr_t kws_open_file(const char *path)
{
    return open(path, O_RDONLY);
}

long kws_read(intptr_t file, void *bytes, size_t count)
{
    long done;
    do {
        done = read((int)file, bytes, count);
    } while (done < 0 && errno == EINTR);
    return done;
}

int kws_write(intptr_t file, const void *bytes, size_t count)
{
    const char *at = bytes;
    while (count > 0) {
        const long done = write((int)file, at, count);
        if (done < 0 && errno != EINTR) {
            return 0;
        }
        if (done > 0) {
            at += done;
            count -= (size_t)done;
        }
    }
    return 1;
}

void kws_close_file(intptr_t file)
{
    close((int)file);
}

int main(int count, char **arguments)
{
    return kws_main(count, arguments);
}
