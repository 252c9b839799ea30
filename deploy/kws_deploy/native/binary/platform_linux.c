/* Linux without a C library: the few system calls that a program needs. */
#include "platform.h"

#define AT_FDCWD (-100)
#define EINTR 4

#if defined(__x86_64__)

enum { READ = 0, WRITE = 1, CLOSE = 3, EXIT = 231, OPENAT = 257, LARGE = 0 };
__asm__(".globl _start\n_start:\n xor %ebp, %ebp\n mov %rsp, %rdi\n and $-16, %rsp\n"
        " call kws_start\n");

static long call(long number, long a, long b, long c)
{
    register long r10 __asm__("r10") = 0;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10)
                     : "rcx", "r11", "memory");
    return result;
}

#elif defined(__aarch64__)

enum { READ = 63, WRITE = 64, CLOSE = 57, EXIT = 94, OPENAT = 56, LARGE = 0 };
__asm__(".globl _start\n_start:\n mov x29, #0\n mov x30, #0\n mov x0, sp\n and sp, x0, #-16\n"
        " bl kws_start\n");

static long call(long number, long a, long b, long c)
{
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = 0;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
    return x0;
}

#elif defined(__arm__)

/* LARGE lets files be longer than 2 GiB. */
enum { READ = 3, WRITE = 4, CLOSE = 6, EXIT = 248, OPENAT = 322, LARGE = 0x20000 };
__asm__(".globl _start\n_start:\n mov fp, #0\n mov lr, #0\n mov r0, sp\n bic r1, sp, #7\n"
        " mov sp, r1\n bl kws_start\n");

static long call(long number, long a, long b, long c)
{
    register long r7 __asm__("r7") = number;
    register long r0 __asm__("r0") = a;
    register long r1 __asm__("r1") = b;
    register long r2 __asm__("r2") = c;
    register long r3 __asm__("r3") = 0;
    __asm__ volatile("svc 0" : "+r"(r0) : "r"(r7), "r"(r1), "r"(r2), "r"(r3) : "memory");
    return r0;
}

#elif defined(__riscv) && __riscv_xlen == 64

enum { READ = 63, WRITE = 64, CLOSE = 57, EXIT = 94, OPENAT = 56, LARGE = 0 };
__asm__(".globl _start\n_start:\n .option push\n .option norelax\n la gp, __global_pointer$\n"
        " .option pop\n mv a0, sp\n andi sp, sp, -16\n call kws_start\n");

static long call(long number, long a, long b, long c)
{
    register long a7 __asm__("a7") = number;
    register long a0 __asm__("a0") = a;
    register long a1 __asm__("a1") = b;
    register long a2 __asm__("a2") = c;
    register long a3 __asm__("a3") = 0;
    __asm__ volatile("ecall" : "+r"(a0) : "r"(a7), "r"(a1), "r"(a2), "r"(a3) : "memory");
    return a0;
}

#else
#error "say here how this processor calls the system"
#endif

intptr_t kws_open_file(const char *path)
{
    const long file = call(OPENAT, AT_FDCWD, (long)path, LARGE);
    return file < 0 ? -1 : file;
}

long kws_read(intptr_t file, void *bytes, size_t count)
{
    long done;
    do {
        done = call(READ, file, (long)bytes, (long)count);
    } while (done == -EINTR);
    return done < 0 ? -1 : done;
}

int kws_write(intptr_t file, const void *bytes, size_t count)
{
    const char *at = bytes;
    while (count > 0) {
        const long done = call(WRITE, file, (long)at, (long)count);
        if (done < 0 && done != -EINTR) {
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
    call(CLOSE, file, 0, 0);
}

/* The number of arguments lies on the stack, and behind it where they are. */
__attribute__((used, noreturn)) void kws_start(long *stack)
{
    const int status = kws_main((int)stack[0], (char **)(stack + 1));
    for (;;) {
        call(EXIT, status, 0, 0);
    }
}
