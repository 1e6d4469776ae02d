/* Lets one process believe that the machine was started anew: the kernel's id of this start is read from BOOT_ID. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char instead[PATH_MAX];

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("BOOT_ID");
    if (path)
        snprintf(instead, sizeof instead, "%s", path);
    unsetenv("BOOT_ID");
    unsetenv("LD_PRELOAD");
}

#define REAL(name) ((__typeof__(name) *)dlsym(RTLD_NEXT, #name))

#define OPEN(name)                                                      \
    int name(const char *path, int flags, ...)                          \
    {                                                                   \
        va_list more;                                                   \
        va_start(more, flags);                                          \
        int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, int) : 0; \
        va_end(more);                                                   \
        if (instead[0] && !strcmp(path, "/proc/sys/kernel/random/boot_id")) \
            path = instead;                                             \
        return REAL(name)(path, flags, mode);                           \
    }
OPEN(open)
OPEN(open64)
