/* Windows: its kernel alone, no C library. */
#include "platform.h"

#define UTF8 65001
#define GENERIC_READ 0x80000000u
#define SHARE_READ 1u
#define OPEN_EXISTING 3u
#define BROKEN_PIPE 109u
#define MOST_ARGUMENTS 1024

typedef void *handle;
typedef unsigned long dword;

__declspec(dllimport) handle GetStdHandle(dword which);
__declspec(dllimport) handle CreateFileA(const char *path, dword access, dword share, void *security,
                                         dword how, dword flags, handle pattern);
__declspec(dllimport) int ReadFile(handle file, void *bytes, dword count, dword *done, void *later);
__declspec(dllimport) int WriteFile(handle file, const void *bytes, dword count, dword *done,
                                    void *later);
__declspec(dllimport) int CloseHandle(handle file);
__declspec(dllimport) dword GetLastError(void);
__declspec(dllimport) char *GetCommandLineA(void);
__declspec(dllimport) int SetConsoleOutputCP(unsigned page);
__declspec(dllimport) void ExitProcess(unsigned status);

/* The compiler wants it where floats are used. */
int _fltused = 0;

static handle handle_of(intptr_t file)
{
    /* stdin, stdout and stderr are -10, -11 and -12 */
    return file >= KWS_STDIN && file <= KWS_STDERR ? GetStdHandle((dword)(-10 - file))
                                                   : (handle)file;
}

intptr_t kws_open_file(const char *path)
{
    return (intptr_t)CreateFileA(path, GENERIC_READ, SHARE_READ, 0, OPEN_EXISTING, 0, 0);
}

long kws_read(intptr_t file, void *bytes, size_t count)
{
    dword done = 0;
    if (ReadFile(handle_of(file), bytes, (dword)count, &done, 0)) {
        return (long)done;
    }
    return GetLastError() == BROKEN_PIPE ? 0 : -1; /* the other end is done */
}

int kws_write(intptr_t file, const void *bytes, size_t count)
{
    const char *at = bytes;
    while (count > 0) {
        dword done = 0;
        if (!WriteFile(handle_of(file), at, (dword)count, &done, 0)) {
            return 0;
        }
        at += done;
        count -= done;
    }
    return 1;
}

void kws_close_file(intptr_t file)
{
    CloseHandle((handle)file);
}

/* Cuts the command line into its arguments, in place: spaces part them, but not between quotes. */
static int cut(char *line, char **arguments)
{
    int count = 0;
    while (count < MOST_ARGUMENTS) {
        char *to;
        int quoted = 0;
        while (*line == ' ' || *line == '\t') {
            line++;
        }
        if (*line == '\0') {
            break;
        }
        arguments[count++] = to = line;
        while (*line != '\0' && (quoted || (*line != ' ' && *line != '\t'))) {
            if (*line == '"') {
                quoted = !quoted;
                line++;
            } else {
                *to++ = *line++;
            }
        }
        if (*line != '\0') {
            line++;
        }
        *to = '\0';
    }
    return count;
}

void wWinMainCRTStartup(void)
{
    static char *arguments[MOST_ARGUMENTS];
    SetConsoleOutputCP(UTF8);
    ExitProcess((unsigned)kws_main(cut(GetCommandLineA(), arguments), arguments));
}
